/**
 * Everything the runtime needs from outside itself, passed in: time, randomness, ids, the microtask drain, exit.
 * The real world is built in open.ts; the simulator builds its own. Nothing here touches a global.
 */

/** Two clocks: `now` may jump, `monotonic` never does. Both in milliseconds. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  now(): number;
  /** Milliseconds since an arbitrary moment; never goes back. */
  monotonic(): number;
}

/** Stops a timer; calling it again does nothing. */
export type StopTimer = () => void;

export interface World {
  readonly clock: Clock;
  /** Calls `fn` once after `delayMs` of monotonic time. Must not keep the process alive on its own account when `background`. */
  timer(delayMs: number, fn: () => void, background?: boolean): StopTimer;
  /**
   * Calls `fn` when the microtask queue is empty. The delivery rule rests on it: one result, then everything that
   * follows from it, then the next.
   */
  drain(fn: () => void): void;
  /** Calls `fn` after the event loop has had a turn. */
  yield(fn: () => void): void;
  /** A fresh unguessable id, without prefix. */
  id(): string;
  /** In [0, 1): spreads retries, so that what failed together does not come back together. Never decides anything recorded. */
  random(): number;
  /** Ends the process at once: the store breaks its contract, and going on would write on a wrong memory of it. */
  exit(reason: string): void;
  /** Reports a fault that belongs to no run (sweep failed, listener threw). */
  readonly report: (error: unknown) => void;
}
