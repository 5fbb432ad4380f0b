/**
 * A list that only grows, for the state of a loop: what a turn appends is all that the turn stores, so a loop's thousandth
 * turn costs what its first did. Values share one array; each sees as much of it as it had when it was made.
 */
import { decodeJson, encodeJson } from "./json.ts";

/** An append-only list. Its items are as a journal stores them (JSON), and frozen. */
export interface History<Item> extends Iterable<Item> {
  readonly length: number;
  /** The item at `index`, from 0; from the end when negative; `undefined` where there is none. */
  at(index: number): Item | undefined;
  /**
   * A history with `item` at its end; this one stays as it is. Constant time, except on a history that was appended to
   * before: that copies it.
   * @throws ConcertatoError `codec/unstorable`, `codec/too-large`
   */
  append(item: Item): History<Item>;
  /** The items, where a history becomes part of a stored value: an input, an output. There it is a plain list. */
  toJSON(): readonly Item[];
}

/**
 * A history, to be a loop's state or a property of it: `ctx.loop({ messages: history<Message>() }, …)`.
 * @param items what it begins with. Default: nothing
 * @throws ConcertatoError `codec/unstorable`, `codec/too-large`
 */
export function history<Item>(items: Iterable<Item> = []): History<Item> {
  return new SharedHistory(Array.from(items, stored), undefined);
}

/**
 * A history with `item` at its end, where the item is made of what came out of a journal: it is JSON already, and is not
 * written and read once more to become so. It is frozen.
 */
export function appendStored<Item>(to: History<Item>, item: Item): History<Item> {
  freeze(item);
  return (to as SharedHistory<Item>).extended(to.length, [item]);
}

/** A history of items that come from a journal. */
export function storedHistory(
  base: History<unknown> | undefined,
  from: number,
  items: readonly unknown[],
): History<unknown> {
  for (const item of items) freeze(item);
  if (base === undefined || from === 0) return new SharedHistory([...items], undefined);
  return shared(base).extended(from, items);
}

/** Whether a value is a history. */
export function isHistory(value: unknown): value is History<unknown> {
  return value instanceof SharedHistory;
}

/** How many items at their beginning two histories have in common. */
export function commonLength(one: History<unknown>, other: History<unknown>): number {
  return shared(one).common(shared(other));
}

/** The items of a history from `index` on. */
export function itemsFrom(from: History<unknown>, index: number): readonly unknown[] {
  return shared(from).slice(index);
}

/** There is one implementation; the interface keeps its inside from users. */
function shared(value: History<unknown>): SharedHistory<unknown> {
  return value as SharedHistory<unknown>;
}

class SharedHistory<Item> implements History<Item> {
  /** Longer than this history where a later one appended to it. */
  readonly #items: Item[];
  readonly length: number;

  constructor(items: Item[], length: number | undefined) {
    this.#items = items;
    this.length = length ?? items.length;
  }

  at(index: number): Item | undefined {
    const place = index < 0 ? this.length + index : index;
    return place >= 0 && place < this.length ? this.#items[place] : undefined;
  }

  append(item: Item): History<Item> {
    return this.extended(this.length, [stored(item)]);
  }

  /** The first `from` items and then these. The array is shared as long as nobody else has gone on from there. */
  extended(from: number, items: readonly Item[]): SharedHistory<Item> {
    const grown = this.#items.length === from ? this.#items : this.#items.slice(0, from);
    for (const item of items) grown.push(item);
    return new SharedHistory(grown, undefined);
  }

  slice(from: number): readonly Item[] {
    return this.#items.slice(from, this.length);
  }

  common(other: SharedHistory<Item>): number {
    const most = Math.min(this.length, other.length);
    if (this.#items === other.#items) return most;
    let same = 0;
    while (same < most && this.#items[same] === other.#items[same]) same++;
    return same;
  }

  *[Symbol.iterator](): Generator<Item, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.#items[index] as Item;
  }

  toJSON(): readonly Item[] {
    return this.slice(0);
  }
}

/** What a replay will see, so that nothing else is seen before. An absent item is null, as in any JSON list. */
function stored<Item>(item: Item): Item {
  const text = encodeJson(item, "item of a history");
  return freeze(text === null ? null : decodeJson(text)) as Item;
}

/** Frozen with all inside: an item is shared by every later state. */
function freeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const key in value) freeze((value as Record<string, unknown>)[key]);
  return Object.freeze(value);
}
