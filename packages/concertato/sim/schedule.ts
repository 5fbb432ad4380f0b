/**
 * Virtual time: one queue of events in order of (time, random tie-break). After each event every microtask and every
 * drain of every engine runs out before the next. Nothing here waits for real time.
 */
import type { World } from "../src/kernel/world.ts";
import type { Random } from "./random.ts";

/** A simulated process; events of a dead one are dropped, of a paused one postponed. */
export interface Process {
  readonly name: string;
  alive: boolean;
  pausedUntil: number;
  /** Added to true time by its wall clock. */
  skew: number;
}

interface Event {
  readonly at: number;
  readonly tie: number;
  readonly process: Process | null;
  run: (() => void) | null;
}

/** A drain that a process asked for; without a process it is the schedule's own look whether all is at rest. */
interface Drain {
  readonly owner: Process | null;
  readonly run: () => void;
}

/** Rounds of microtasks and drains that one event may set off. */
const mostRounds = 10_000;

const resolved = Promise.resolve();

export class Schedule {
  readonly random: Random;
  now = 0;
  /** What each turn of a process's loop costs, in virtual ms: with it a loop is cut in slices, and things pile up between them. */
  turnMs = 0;
  /** Events run so far. */
  count = 0;
  #heap: Event[] = [];
  /** Drains in the order they were asked for, from `#nextDrain` on. */
  #drains: Drain[] = [];
  #nextDrain = 0;
  /** So many of them are at their turn as soon as no microtask is left. */
  #ripe = 0;
  #touched = false;
  #rounds = 0;
  #rested: Rest | null = null;
  #ended: string | null = null;

  constructor(random: Random) {
    this.random = random;
  }

  /** Runs `run` after `delay` of virtual ms, unless its process is dead by then. */
  after(delay: number, process: Process | null, run: () => void): () => void {
    const event: Event = { at: this.now + delay, tie: this.random.next(), process, run };
    this.#push(event);
    return () => {
      event.run = null;
    };
  }

  /** Nothing happens any more: the next step throws the reason. */
  end(reason: string): void {
    this.#ended = reason;
  }

  /**
   * Runs the next event and all that follows from it without time passing. False when there is none.
   * @throws Error what the event threw, or that it never comes to rest
   */
  step(): boolean | Promise<boolean> {
    if (this.#ended !== null) throw new Error(this.#ended);
    const event = this.#pop();
    if (event === undefined) return false;
    if (event.run === null || (event.process !== null && !event.process.alive)) return true;
    this.now = Math.max(this.now, event.at);
    if (event.process !== null && event.process.pausedUntil > this.now) {
      this.#push({ ...event, at: event.process.pausedUntil });
      return true;
    }
    this.count++;
    event.run();
    return this.settle();
  }

  /** Waits until no microtask and no drain is left. @throws Error when that never comes: something wakes itself for ever */
  settle(): Promise<true> {
    this.#rounds = 0;
    return new Promise((resolve, reject) => {
      this.#rested = { resolve, reject };
      this.#lookAgain();
    });
  }

  #lookAgain(): void {
    this.#touched = false;
    this.#drain(null, this.#look);
  }

  /** At rest when no drain was run since the last look and none was asked for. */
  readonly #look = (): void => {
    if (!this.#touched && this.#nextDrain === this.#drains.length) return this.#rested?.resolve(true);
    if (++this.#rounds < mostRounds) return this.#lookAgain();
    this.#rested?.reject(new Error(`No rest after ${mostRounds} rounds at ${this.now}.`));
  };

  /** The World of one simulated process. */
  world(owner: Process, report: (error: unknown) => void): World {
    return {
      clock: { now: () => 1_000_000_000 + Math.floor(this.now + owner.skew), monotonic: () => this.now },
      timer: (delay, fn) => this.after(delay + this.random.below(3), owner, fn),
      drain: (fn) => this.#drain(owner, fn),
      yield: (fn) => void this.after(0, owner, fn),
      id: () =>
        Math.floor(this.random.next() * 2 ** 48).toString(36) + Math.floor(this.random.next() * 2 ** 48).toString(36),
      random: () => this.random.next(),
      exit: (reason) => report(new Error(reason)),
      report,
    };
  }

  /** Like the drain of a real process: a tick queued from a microtask. All drains share one queue and one tick. */
  #drain(owner: Process | null, run: () => void): void {
    this.#drains.push({ owner, run });
    void resolved.then(this.#ripen);
  }

  readonly #ripen = (): void => {
    if (this.#ripe++ === 0) process.nextTick(this.#runRipe);
  };

  /** What these ask for comes after the microtasks that they leave behind. */
  readonly #runRipe = (): void => {
    for (; this.#ripe > 0; this.#ripe--) this.#runDrain();
    if (this.#nextDrain < this.#drains.length) return;
    this.#drains.length = 0;
    this.#nextDrain = 0;
  };

  #runDrain(): void {
    const drain = this.#drains[this.#nextDrain++];
    if (drain === undefined) return;
    const { owner, run } = drain;
    if (owner !== null) this.#touched = true;
    if (owner?.alive === false) return;
    if (owner !== null) this.now += this.turnMs;
    run();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(event, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, left)) child++;
      const smaller = heap[child];
      if (smaller === undefined || !before(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

/** Whoever waits until all is at rest. */
interface Rest {
  readonly resolve: (rested: true) => void;
  readonly reject: (error: unknown) => void;
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.tie < b.tie);
}
