/** Deadlines by one clock, on one timer of the world: fired in order, never early by that clock. */
import type { StopTimer, World } from "../kernel/world.ts";
import { type TimerEntry, TimerHeap } from "./timer-heap.ts";

/** Longest time one timer of the world is set for, in ms: platforms cut longer ones short. */
const longestMs = 3_600_000;

export class Deadlines {
  readonly #world: World;
  readonly #clock: () => number;
  readonly #longestMs: number;
  readonly #heap = new TimerHeap();
  #armed: { readonly due: number; readonly stop: StopTimer } | null = null;
  #stopped = false;

  /**
   * @param clock what deadlines are in, in ms. Default: the monotonic clock
   * @param lookMs longest time between two looks at the clock. Default: as long as platforms allow
   */
  constructor(world: World, clock: () => number = () => world.clock.monotonic(), lookMs: number = longestMs) {
    this.#world = world;
    this.#clock = clock;
    this.#longestMs = lookMs;
  }

  /** Calls `fire` when the clock has reached `due`. */
  at(due: number, fire: () => void): TimerEntry {
    const entry = this.#heap.add(due, fire);
    this.#arm();
    return entry;
  }

  /** Nothing fires any more. */
  stop(): void {
    this.#stopped = true;
    this.#armed?.stop();
    this.#armed = null;
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (next === undefined || this.#stopped) return;
    if (this.#armed !== null && this.#armed.due <= next.dueMonotonic) return;
    this.#armed?.stop();
    const delay = Math.min(Math.max(0, next.dueMonotonic - this.#clock()), this.#longestMs);
    this.#armed = { due: next.dueMonotonic, stop: this.#world.timer(delay, this.#fireDue) };
  }

  readonly #fireDue = (): void => {
    this.#armed = null;
    if (this.#stopped) return;
    const now = this.#clock();
    for (let due = this.#heap.takeDue(now); due !== undefined; due = this.#heap.takeDue(now)) {
      this.#fire(due);
      if (this.#stopped) return;
    }
    this.#arm();
  };

  /** A deadline that goes wrong is its own affair: those due with it, and the next, are served all the same. */
  #fire(due: TimerEntry): void {
    const { fire } = due;
    due.fire = null;
    try {
      fire?.();
    } catch (error) {
      this.#world.report(error);
    }
  }
}
