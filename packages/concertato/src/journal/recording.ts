/**
 * A fold: what a journal says became of each operation, by its path. It tells a fork which results it may take over, a
 * replay what to hand to the code, and a divergence report what stood around the place. Pure; it reads nothing itself.
 */
import type { EntryKind, EntryMeta, StoredEntry, Verb } from "./entry.ts";
import { entryKindName } from "./entry.ts";
import { referredSeq } from "./read-entry.ts";

/** An entry that handed something to a body. */
export interface RecordedEnd {
  readonly seq: number;
  readonly at: number;
  readonly failed: boolean;
  /** Payload in clear. */
  readonly text: string | null;
  /** Whoever forked put the payload there: no code gives it. */
  readonly edited: boolean;
  /** Of a loop's turn whose state has histories: how many items of the turn before come first. */
  readonly appends: Readonly<Record<string, number>> | null;
}

/** One operation of a journal. */
export interface RecordedOperation {
  readonly path: string;
  /** Of its first entry. */
  readonly seq: number;
  readonly verb: Verb;
  readonly name: string;
  /** `name@version`, "" for steps, timers and waits. */
  readonly agent: string;
  /** Text of the input it was called with; undefined where the journal does not have it. */
  readonly input: string | null | undefined;
  /** Revision of the library code of the scope it called; 1 where none is recorded. */
  readonly revision: number;
  /** Undefined while it was under way, and for loops, whose ends are not recorded. */
  readonly end: RecordedEnd | undefined;
}

type Draft = { -readonly [K in keyof RecordedOperation]: RecordedOperation[K] };

/** Kinds whose payload is what the operation was called with. */
const asks: ReadonlySet<EntryKind> = new Set(["scope-started", "intent", "wait-opened", "in-doubt", "send-opened"]);

/** Kinds that concern an operation or scope and are none: a replay without them asks for the same. */
const asides: ReadonlySet<EntryKind> = new Set(["patched", "budget-exhausted", "budget-raised", "at-risk", "steered"]);

/** Kinds that end an operation. */
const ends: ReadonlySet<EntryKind> = new Set(["result", "scope-ended", "child-started"]);

export class Recording {
  readonly operations: ReadonlyMap<string, RecordedOperation>;
  /** What each turn of a loop ended with, by `path#turn`. */
  readonly turns: ReadonlyMap<string, RecordedEnd>;
  /** Why each scope failed in which something was undone then, by its path. */
  readonly undone: ReadonlyMap<string, RecordedEnd>;
  /** How the run's own body ended; undefined while it had not, and when the run was ended from outside. */
  readonly end: RecordedEnd | undefined;
  readonly #flags: ReadonlySet<string>;
  /** Paths of operations that were given up: they had lost a race, or what they belonged to had ended. */
  readonly #givenUp: ReadonlySet<string>;

  /**
   * @param entries a whole journal, or its beginning, in order of seq
   * @param textOf the payload of an entry in clear, both lines
   */
  constructor(entries: readonly StoredEntry[], textOf: (entry: StoredEntry) => string | null) {
    const fold = new Fold(entries, textOf);
    for (const entry of entries) fold.add(entry);
    this.operations = fold.operations;
    this.turns = fold.turns;
    this.undone = fold.undone;
    this.#givenUp = fold.givenUp;
    this.end = fold.end;
    this.#flags = fold.flags;
  }

  /** Whether the code of a scope was found patched there. */
  hasFlag(scope: string, owner: string, flag: string): boolean {
    return this.#flags.has(`${scope}\n${owner}\n${flag}`);
  }

  /**
   * Whether something is inside of what was given up. How far that got before it was told is no matter of the code: after a
   * crash the scopes and items of a run go on each by itself, some further and some less far than they come when everything
   * is handed over in the recorded order.
   */
  isInGivenUp(path: string): boolean {
    return this.#givenUp.size > 0 && enclosing(path).some((outer) => this.#givenUp.has(outer));
  }

  /** The same, or the operation itself was. */
  wasGivenUp(path: string): boolean {
    return this.#givenUp.has(path) || this.isInGivenUp(path);
  }
}

/** Paths of everything that an operation is inside of. */
function enclosing(path: string): string[] {
  return [...path.matchAll(/[./]/g)].map(({ index }) => path.slice(0, index));
}

class Fold {
  readonly operations = new Map<string, Draft>();
  readonly turns = new Map<string, RecordedEnd>();
  readonly undone = new Map<string, RecordedEnd>();
  readonly givenUp = new Set<string>();
  end: RecordedEnd | undefined;
  readonly flags = new Set<string>();
  readonly #entries: readonly StoredEntry[];
  readonly #textOf: (entry: StoredEntry) => string | null;
  /** Paths of scopes by the seq of their start. */
  readonly #scopes = new Map<number, string>([[1, "0"]]);
  /** Items of maps by the map's path: their operations do not repeat them. */
  readonly #items = new Map<string, readonly unknown[]>();

  constructor(entries: readonly StoredEntry[], textOf: (entry: StoredEntry) => string | null) {
    this.#entries = entries;
    this.#textOf = textOf;
  }

  add(entry: StoredEntry): void {
    const kind = entryKindName(entry.kind);
    if (kind === undefined) return;
    const meta = (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
    if (kind === "run-ended") {
      if (meta.status === "completed" || meta.status === "failed") this.end = this.#ended(entry, meta);
      return;
    }
    if (kind === "continued") this.#scopes.set(entry.seq, `0~${meta.count ?? 2}`);
    const scope = this.#scopes.get(entry.scope);
    if (scope === undefined) return;
    if (kind === "compensating") this.undone.set(scope, this.#ended(entry, meta));
    if (kind === "patched") this.flags.add(`${scope}\n${entry.op}\n${entry.name}`);
    if (asides.has(kind) || entry.op === "") return;
    const path = `${scope}.${entry.op}`;
    const operation = this.operations.get(path) ?? this.#begin(path, entry, meta);
    if (kind === "scope-started") this.#scopes.set(entry.seq, path);
    if (kind === "map-started") this.#mapStarted(operation, entry);
    if (asks.has(kind) && entry.body !== null) operation.input = this.#textOf(entry);
    if (kind === "op-cancelled") this.givenUp.add(path);
    if (kind === "loop-advanced") this.turns.set(`${path}#${meta.count ?? 0}`, this.#ended(entry, meta));
    if (kind === "result" && operation.verb === "map") this.#items.delete(path);
    if (ends.has(kind)) this.#ends(operation, entry, meta);
  }

  #begin(path: string, entry: StoredEntry, meta: EntryMeta): Draft {
    const verb = meta.verb ?? "run";
    const operation: Draft = {
      path,
      seq: entry.seq,
      verb,
      name: entry.name,
      agent: verb === "step" ? "" : (meta.agent ?? ""),
      input: this.#itemAt(path),
      revision: meta.revision ?? 1,
      end: undefined,
    };
    this.operations.set(path, operation);
    return operation;
  }

  #mapStarted(operation: Draft, entry: StoredEntry): void {
    operation.input = this.#textOf(entry);
    if (operation.input === null) return;
    this.#items.set(operation.path, JSON.parse(operation.input) as readonly unknown[]);
  }

  #itemAt(path: string): string | undefined {
    const cut = path.lastIndexOf("/");
    const items = cut < 0 ? undefined : this.#items.get(path.slice(0, cut));
    return items === undefined ? undefined : JSON.stringify(items[Number(path.slice(cut + 1))] ?? null);
  }

  #ends(operation: Draft, entry: StoredEntry, meta: EntryMeta): void {
    const [, input] = this.#lines(entry);
    if (input !== undefined) operation.input = this.#resolved(input);
    operation.end = this.#ended(entry, meta);
  }

  /** An input may stand in an earlier entry. */
  #resolved(input: string): string | null | undefined {
    const seq = referredSeq(input);
    if (seq === undefined) return input;
    const entry = this.#entries[seq - 1];
    return entry === undefined ? undefined : this.#lines(entry)[0];
  }

  #ended(entry: StoredEntry, meta: EntryMeta): RecordedEnd {
    const [text] = this.#lines(entry);
    return {
      seq: entry.seq,
      at: entry.at,
      failed: meta.failed === true,
      text,
      edited: meta.edited === true,
      appends: meta.appends ?? null,
    };
  }

  #lines(entry: StoredEntry): readonly [text: string | null, input: string | undefined] {
    const both = this.#textOf(entry);
    if (both === null) return [null, undefined];
    const cut = both.indexOf("\n");
    const text = cut < 0 ? both : both.slice(0, cut);
    return [text === "" ? null : text, cut < 0 ? undefined : both.slice(cut + 1)];
  }
}
