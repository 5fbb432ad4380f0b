/** The deadlines of one engine on one timer of its world: fired in order, never early. */
import type { StopTimer, World } from "../kernel/world.ts";
import { type TimerEntry, TimerHeap } from "./timer-heap.ts";

/** Longest time one timer of the world is set for, in ms: platforms cut longer ones short. */
const longestMs = 3_600_000;

export class Deadlines {
  readonly #world: World;
  readonly #heap = new TimerHeap();
  #armed: { readonly due: number; readonly stop: StopTimer } | null = null;
  #stopped = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Calls `fire` when the monotonic clock has reached `dueMonotonic`. */
  at(dueMonotonic: number, fire: () => void): TimerEntry {
    const entry = this.#heap.add(dueMonotonic, fire);
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
    const delay = Math.min(Math.max(0, next.dueMonotonic - this.#world.clock.monotonic()), longestMs);
    this.#armed = { due: next.dueMonotonic, stop: this.#world.timer(delay, this.#fireDue) };
  }

  readonly #fireDue = (): void => {
    this.#armed = null;
    if (this.#stopped) return;
    const now = this.#world.clock.monotonic();
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
