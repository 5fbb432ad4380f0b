/**
 * A stretch of a journal that will be superseded by one entry: the inside of a scope, a map, a loop's past iterations.
 * When the whole stretch belongs to the container, its end entry may `jump` over it, so that a later replay does not
 * even read it. A container never decides anything; it counts.
 */

import type { Account } from "./account.ts";

export class Container {
  readonly parent: Container | null;
  /** What was used inside; null while nothing was. */
  account: Account | null = null;
  /** Seq of the entry just before the first one inside; -1 while nothing was written. */
  beforeSeq = -1;
  /** Reference of that entry; -1 until it is known, that is, until the first one inside is committed. */
  beforeRef = -1;
  #inside = 0;
  #pinned = false;

  constructor(parent: Container | null) {
    this.parent = parent;
  }

  /** Counts an entry, or a stretch of entries that a jump passes over, as inside this and every enclosing container. */
  static count(innermost: Container | null, seq: number, covers = 1): void {
    for (let container = innermost; container !== null; container = container.parent) {
      if (container.beforeSeq === -1) container.beforeSeq = seq - covers;
      container.#inside += covers;
    }
  }

  /** Records where the first entry inside begins, when its reference is known. */
  static locate(innermost: Container | null, seq: number, previousRef: number): void {
    for (let container = innermost; container !== null; container = container.parent) {
      if (container.beforeRef === -1 && container.beforeSeq === seq - 1) container.beforeRef = previousRef;
    }
  }

  /** Keeps the stretch readable: it admitted messages, whose marks against repetition a replay must see. */
  static pin(innermost: Container | null): void {
    for (let container = innermost; container !== null; container = container.parent) container.#pinned = true;
  }

  /** Reference that an end entry with sequence number `seq` may jump to, or null when others wrote in between. */
  jumpFrom(seq: number): number | null {
    if (this.#pinned || this.beforeRef <= 0 || this.#inside === 0) return null;
    return seq - 1 - this.beforeSeq === this.#inside ? this.beforeRef : null;
  }
}
