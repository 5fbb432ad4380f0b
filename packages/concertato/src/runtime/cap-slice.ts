/**
 * A process's slice of a cap in one window: what it holds of the store, and what its attempts have reserved of that. It
 * exists in memory; the store has the same as a lease, which goes with the process.
 *
 *   held = free + reserved by attempts + settled and not yet confirmed
 *
 * The store's lease is never smaller than `held`: what a settlement takes leaves here when the store has said so. It may be larger
 * when an answer got lost; the next question sets that right, because it names what is held.
 */
import type { CapRow } from "../journal/cap.ts";
import type { Pass } from "./attempt-gate.ts";

/** An attempt that waits for a slice. */
export interface CapWait {
  readonly pass: Pass;
  /** What it may use; at least 1. */
  readonly need: number;
  /** Refused as things stand. */
  refused: boolean;
}

export class CapSlice {
  row: CapRow;
  readonly since: number;
  readonly until: number | null;
  held = 0;
  reserved = 0;
  unconfirmed = 0;
  /** Attempts that it was reserved for. */
  users = 0;
  /** A question is on its way. */
  asking = false;
  waiting: CapWait[] = [];
  /** Monotonic clock of its last use. */
  usedAt = 0;

  constructor(row: CapRow, since: number, until: number | null) {
    this.row = row;
    this.since = since;
    this.until = until;
  }

  get free(): number {
    return Math.max(0, this.held - this.reserved - this.unconfirmed);
  }

  /** Nothing of it is in use. */
  get idle(): boolean {
    return this.users === 0 && this.unconfirmed === 0 && !this.asking;
  }

  /** Settlements are on their way to the store, or never came there, or may be there. */
  confirm(used: number, outcome: "stored" | "lost"): void {
    this.unconfirmed -= used;
    if (outcome === "stored") this.held = Math.max(0, this.held - used);
  }
}
