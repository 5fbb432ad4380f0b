/**
 * A World whose time moves only when a test says so: no test waits for a clock. Microtasks and drains are real, so
 * bodies run as they do live.
 */
import type { StopTimer, World } from "../kernel/world.ts";

interface VirtualTimer {
  readonly at: number;
  readonly order: number;
  readonly background: boolean;
  readonly fire: () => void;
}

/** A virtual World and the hand on its clock. */
export interface VirtualWorld extends World {
  /** Lets `ms` pass: timers fire in order, each with everything that follows from it, none early. */
  advance(ms: number): Promise<void>;
  /** Lets time pass up to the next timer that somebody waits for. False when there is none: only polls and the like. */
  skip(): Promise<boolean>;
  /** Moves the wall clock alone, as an operator or a time server does. */
  jump(ms: number): void;
  /** Runs until nothing is left to do at the present time. */
  settle(): Promise<void>;
  /** Faults that belong to no run, in order. */
  readonly reports: readonly unknown[];
}

/** @param startMs the wall clock at the beginning, in ms since 1970. Default 2026-01-01T00:00:00Z */
export function virtualWorld(startMs: number = Date.UTC(2026, 0, 1)): VirtualWorld {
  let monotonic = 0;
  let wall = startMs;
  let order = 0;
  let ids = 0;
  let pending = 0;
  const timers = new Set<VirtualTimer>();
  const reports: unknown[] = [];

  const settle = async () => {
    do {
      // A turn of the real event loop lets stores and schemas that answer asynchronously do so.
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (pending > 0);
  };
  const later = (schedule: (run: () => void) => void, fn: () => void) => {
    pending++;
    schedule(() => {
      pending--;
      fn();
    });
  };
  const earliest = (until: number): VirtualTimer | undefined => {
    let found: VirtualTimer | undefined;
    for (const timer of timers) {
      if (timer.at > until) continue;
      if (found === undefined || timer.at < found.at || (timer.at === found.at && timer.order < found.order))
        found = timer;
    }
    return found;
  };
  const moveTo = (at: number) => {
    wall += at - monotonic;
    monotonic = at;
  };

  const advance = async (ms: number) => {
    const until = monotonic + ms;
    await settle();
    for (let due = earliest(until); due !== undefined; due = earliest(until)) {
      timers.delete(due);
      if (due.at > monotonic) moveTo(due.at);
      due.fire();
      await settle();
    }
    if (until > monotonic) moveTo(until);
    await settle();
  };

  return {
    clock: { now: () => wall, monotonic: () => monotonic },
    timer: (delayMs: number, fire: () => void, background = false): StopTimer => {
      const timer = { at: monotonic + delayMs, order: order++, background, fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    drain: (fn) => later((run) => queueMicrotask(() => process.nextTick(run)), fn),
    yield: (fn) => later((run) => void setImmediate(run), fn),
    id: () => `virtual${(++ids).toString().padStart(6, "0")}`,
    random: () => 0.5,
    exit: (reason) => {
      throw new Error(`The world was asked to end: ${reason}`);
    },
    report: (error) => void reports.push(error),
    reports,
    settle,
    jump: (ms) => {
      wall += ms;
    },
    skip: async () => {
      let next: VirtualTimer | undefined;
      for (const timer of timers) if (!timer.background && (next === undefined || timer.at < next.at)) next = timer;
      if (next === undefined) return false;
      await advance(Math.max(0, next.at - monotonic));
      return true;
    },
    advance,
  };
}
