/**
 * How a loop's state is stored and read back. Histories in it are stored as what was appended since the turn before; the
 * rest is stored whole. The body of a `loop-advanced` entry is the state as JSON, with a history's new items in its place;
 * `meta.appends` says how many items of the turn before come first.
 */
import { ConcertatoError } from "../kernel/errors.ts";
import { commonLength, type History, isHistory, itemsFrom, storedHistory } from "../kernel/history.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";

/** By property; "" where the state itself is a history. */
export type Appends = Readonly<Record<string, number>>;

/** A state as it is stored. */
export interface StoredState {
  readonly text: string | null;
  /** Null: no history in it, the state is whole. */
  readonly appends: Appends | null;
}

/** Some of the state stands in the turn before, so a replay must not pass over that one. */
export function needsTurnBefore(appends: Appends | null): boolean {
  if (appends === null) return false;
  for (const name in appends) if (appends[name] !== 0) return true;
  return false;
}

type Histories = ReadonlyMap<string, History<unknown>>;

const none: Histories = new Map();

/** What a turn stored after items that only the caller's own state has, as read from a journal. */
interface Tail {
  readonly from: number;
  readonly items: unknown[];
}

export class StoredStates {
  /** Histories of the state stored last. */
  #last: Histories = none;
  /** And of the one before. */
  #before: Histories = none;
  /** What they continued. */
  #appends: Appends | null = null;
  /** Read from a journal, and waiting for the state that the loop began with. */
  #read: Map<string, Tail> | null = null;

  /** The state that the loop's caller gives: what its first turn appends to. */
  begin(state: unknown): void {
    this.#last = historiesOf(state);
  }

  /** @throws ConcertatoError `codec/unstorable`, `codec/too-large` */
  encode(state: unknown, where: string): StoredState {
    const histories = historiesOf(state);
    this.#before = this.#last;
    if (histories.size === 0) {
      const whole = encodeJson(state, where, refuseHistory);
      this.#last = none;
      this.#appends = null;
      return { text: whole, appends: null };
    }
    const appends: Record<string, number> = {};
    const added: Record<string, unknown> = {};
    for (const [name, found] of histories) {
      const from = continuedFrom(this.#last.get(name), found);
      appends[name] = from;
      added[name] = itemsFrom(found, from);
    }
    const text = encodeJson("" in added ? added[""] : { ...(state as object), ...added }, where, refuseHistory);
    this.#last = histories;
    this.#appends = appends;
    return { text, appends };
  }

  /** The state of a text that `encode` made last, or that was read last: what the next turn is given. */
  decode(text: string | null): unknown {
    const state = decodeJson(text);
    const appends = this.#appends;
    if (appends === null) {
      this.#last = none;
      return state;
    }
    this.#join();
    if ("" in appends) return this.#last.get("");
    const whole = state as Record<string, unknown>;
    for (const name of Object.keys(appends)) whole[name] = this.#last.get(name);
    return whole;
  }

  /** What was recorded counts, and not what `encode` was given last: the next turn continues the recorded state. */
  replace(text: string | null, appends: Appends | null): void {
    this.#last = this.#before;
    this.#read = null;
    this.read(text, appends);
  }

  /** Takes note of a stored turn while a journal is read; the state that the loop began with is not known yet. */
  read(text: string | null, appends: Appends | null): void {
    const before = this.#read;
    this.#read = null;
    this.#appends = appends;
    if (appends === null) return;
    const state = decodeJson(text);
    this.#read = new Map();
    for (const [name, from] of Object.entries(appends)) {
      const items = (name === "" ? state : (state as Record<string, unknown>)[name]) as unknown[];
      const tail = from === 0 ? undefined : before?.get(name);
      this.#read.set(name, tail === undefined ? { from, items } : joined(tail, from, items));
    }
  }

  /** Puts what was read behind what the loop began with. */
  #join(): void {
    if (this.#read === null) return;
    const last = new Map<string, History<unknown>>();
    for (const [name, { from, items }] of this.#read) {
      const base = this.#last.get(name);
      if (from > (base?.length ?? 0)) throw shorter(name, from, base?.length ?? 0);
      last.set(name, storedHistory(base, from, items));
    }
    this.#last = last;
    this.#read = null;
  }
}

/** A turn may have gone back before it went on: then the items that it left out are dropped. */
function joined(tail: Tail, from: number, items: readonly unknown[]): Tail {
  if (from < tail.from) return { from, items: [...items] };
  tail.items.length = Math.min(tail.items.length, from - tail.from);
  for (const item of items) tail.items.push(item);
  return tail;
}

/**
 * How many items need not be stored again. A history that is mostly new is stored whole, so that a replay can begin
 * there: one that was summarised may still begin with the same instructions.
 */
function continuedFrom(before: History<unknown> | undefined, found: History<unknown>): number {
  if (before === undefined) return 0;
  const common = commonLength(before, found);
  return common === before.length || 2 * common >= found.length ? common : 0;
}

function historiesOf(state: unknown): Histories {
  if (typeof state !== "object" || state === null) return none;
  if (isHistory(state)) return new Map([["", state]]);
  let found: Map<string, History<unknown>> | null = null;
  for (const name in state) {
    const value = (state as Record<string, unknown>)[name];
    if (isHistory(value)) (found ??= new Map<string, History<unknown>>()).set(name, value);
  }
  return found ?? none;
}

/** It would come back as a plain list, and the next turn would find no `append` on it. */
function refuseHistory(value: object, where: string, path: string): void {
  if (!isHistory(value)) return;
  throw new ConcertatoError({
    code: "codec/unstorable",
    message: `The ${where} holds a history at ${path}. Make it the state itself or a property of it; deeper it would be stored whole at every turn.`,
    details: { where, path, what: "a history" },
  });
}

function shorter(name: string, from: number, length: number): ConcertatoError {
  return new ConcertatoError({
    code: "journal/divergence",
    message: `The journal continues ${name === "" ? "a loop's history" : `the history "${name}" of a loop`} after ${from} items, and the loop began with ${length}. Restore the code the run was started with, or start a new version of the agent for new runs.`,
    details: { property: name, from, length },
  });
}
