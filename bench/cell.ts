/**
 * A cell: one workload done by one contestant (a floor or Concertato), measured in a process of its own. A cell knows
 * how to do its work and how to read back what it left behind; it never measures itself.
 */

/** What a cell's checker found. It throws when anything is wrong, so a verdict is always a good one. */
export interface Verdict {
  /** Journal entries (or rows, or results) that were read back and compared. */
  readonly entries: number;
  /** Bytes of the database file after closing; absent when nothing is kept. */
  readonly keptBytes?: number;
}

/** An open cell. */
export interface Cell {
  /** Untimed; before every repetition, also the warm-up ones. */
  readonly prepare?: () => Promise<void>;
  /** One repetition. Answers how many units (steps, or runs of a map) it did, with their time where it knows better. */
  readonly repeat: () => Promise<number | Timed>;
  /** Closes, and reads back what all repetitions left behind. */
  readonly check: () => Promise<Verdict>;
  /** Further figures, taken after the check. */
  readonly figures?: () => Promise<Readonly<Record<string, number>>>;
}

/** Units of a repetition that took place in another process, in all. */
export interface Timed {
  readonly units: number;
  readonly wallUs: number;
  readonly cpuUs: number;
}

/** How a cell is measured. */
export interface CellSpec {
  readonly warmups: number;
  /** Measured repetitions; the median of these is the result. */
  readonly repetitions: number;
  /** Imports what it needs only when asked, so that a floor's memory is its own. */
  readonly open: (folder: string) => Promise<Cell>;
}

/** Ends a cell whose results are not what they must be: a fast wrong answer is no result. */
export function assertEqual(found: unknown, expected: unknown, what: string): void {
  if (found === expected) return;
  throw new Error(
    `The checker found ${what} ${String(found)} where ${String(expected)} is right. The cell's figures are void.`,
  );
}
