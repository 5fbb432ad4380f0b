/**
 * Reads a run's journal in order and puts the inputs back that stand in earlier entries: a step's input is mostly the
 * output of the step before, and is then stored once.
 */
import type { Entry, StoredEntry } from "./entry.ts";
import { readEntry } from "./read-entry.ts";
import type { Awaitable } from "./store.ts";

/** Bodies at hand; others are fetched. Chains name the entry just before, branches the start of their scope. */
const remembered = 64;

/** Larger payloads are not kept, in characters, so that a reader's memory stays small whatever it reads. */
const largest = 16 * 1024;

export class EntryReader {
  readonly #payload: (stored: StoredEntry) => Awaitable<string | null>;
  readonly #fetch: (seq: number) => Awaitable<StoredEntry | undefined>;
  readonly #bodies = new Map<number, unknown>();

  /**
   * @param payload the payload of an entry in clear, both lines
   * @param fetch one entry of this run by its seq
   */
  constructor(
    payload: (stored: StoredEntry) => Awaitable<string | null>,
    fetch: (seq: number) => Awaitable<StoredEntry | undefined>,
  ) {
    this.#payload = payload;
    this.#fetch = fetch;
  }

  /** Answers at once when nothing has to be fetched. */
  read(stored: StoredEntry): Awaitable<Entry> {
    return after(this.#payload(stored), (text) => this.#resolved(this.#remembered(stored, text)));
  }

  #resolved(entry: Entry): Awaitable<Entry> {
    const { inputOf } = entry;
    if (inputOf === undefined) return entry;
    if (this.#bodies.has(inputOf)) return { ...entry, input: this.#bodies.get(inputOf) };
    return after(this.#fetch(inputOf), (stored) => {
      if (stored === undefined) return entry;
      return after(this.#payload(stored), (text) => ({ ...entry, input: this.#remembered(stored, text).body }));
    });
  }

  #remembered(stored: StoredEntry, text: string | null): Entry {
    const entry = readEntry(stored, text);
    if (entry.body === undefined || text === null || text.length > largest) return entry;
    if (this.#bodies.size >= remembered) {
      const [oldest] = this.#bodies.keys();
      if (oldest !== undefined) this.#bodies.delete(oldest);
    }
    this.#bodies.set(stored.seq, entry.body);
    return entry;
  }
}

function after<A, B>(value: Awaitable<A>, then: (value: A) => Awaitable<B>): Awaitable<B> {
  return value instanceof Promise ? value.then(then) : then(value);
}
