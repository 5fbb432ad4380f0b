/**
 * Moments of the wall clock that somebody waits for. The clock may be set while the process lives, so it is looked at
 * again and again while there is such a moment; never fired early by it, and late by one look at most.
 */
import type { StopTimer, World } from "../kernel/world.ts";
import { type TimerEntry, TimerHeap } from "./timer-heap.ts";

/** Longest time between two looks at a clock that may have been set, in ms. */
const lookMs = 1_000;

export class WallDeadlines {
  readonly #world: World;
  /** Ordered by the wall clock here. */
  readonly #heap = new TimerHeap();
  #armed: { readonly due: number; readonly stop: StopTimer } | null = null;
  #stopped = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Calls `fire` when the wall clock shows `dueWall` or later. */
  at(dueWall: number, fire: () => void): TimerEntry {
    const entry = this.#heap.add(dueWall, fire);
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
    const delay = Math.min(Math.max(0, next.dueMonotonic - this.#world.clock.now()), lookMs);
    this.#armed = { due: next.dueMonotonic, stop: this.#world.timer(delay, this.#look) };
  }

  readonly #look = (): void => {
    this.#armed = null;
    if (this.#stopped) return;
    const now = this.#world.clock.now();
    for (let due = this.#heap.takeDue(now); due !== undefined; due = this.#heap.takeDue(now)) {
      this.#fire(due);
      if (this.#stopped) return;
    }
    this.#arm();
  };

  /** A moment that goes wrong is its own affair. */
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
