/**
 * The one lane for transactions of this process: in order, at once when it can, waiting its turn when it cannot.
 *
 *   open    work runs in the caller's turn when nobody waits
 *   held    a checkpoint has the writer's place; work waits
 *   down    the disk failed; work is refused until the file was opened again
 *   closed  for good
 *
 * open -> held -> open (checkpoint) · open | held -> down -> open (repair) · any -> closed
 */
import { setImmediate } from "node:timers/promises";
import { busyLimitMs, pauseBeforeRetry } from "./busy-retry.ts";
import { isBusy } from "./sqlite-errors.ts";
import type { Awaitable } from "../journal/store.ts";

/** Waiting work runs for so long before the event loop gets a turn. */
const turnMs = 1;

interface Waiting {
  /** Runs the work and settles its promise. Throws only when busy. */
  readonly attempt: () => void;
  readonly refuse: (error: unknown) => void;
  readonly since: number;
}

export class WriteLane {
  readonly #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #hold: PromiseWithResolvers<void> | undefined;
  #holds = 0;
  #refusal: (() => Error) | undefined;
  readonly #tooLong: (busy: unknown) => unknown;

  /** @param tooLong the error for work that stayed busy for `busyLimitMs` */
  constructor(tooLong: (busy: unknown) => unknown) {
    this.#tooLong = tooLong;
  }

  /**
   * Runs a whole transaction. `work` must leave nothing behind when it throws, because a busy one is run again.
   * Answers without a promise when it ran at once.
   */
  run<T>(work: () => T): Awaitable<T> {
    if (this.#refusal !== undefined) throw this.#refusal();
    if (this.#hold === undefined && this.#draining === undefined) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    }
    return this.#enqueue(work);
  }

  #enqueue<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const attempt = (): void => {
      try {
        resolve(work());
      } catch (error) {
        if (isBusy(error)) throw error;
        reject(error);
      }
    };
    this.#waiting.push({ attempt, refuse: reject, since: performance.now() });
    this.#draining ??= this.#drain();
    return promise;
  }

  /** Never rejects: every failure belongs to the work that caused it. */
  async #drain(): Promise<void> {
    let turnEnds = performance.now() + turnMs;
    for (let tries = 1; this.#waiting.length > 0; ) {
      await this.#hold?.promise;
      const [next] = this.#waiting;
      if (next === undefined) break;
      try {
        next.attempt();
        this.#waiting.shift();
        tries = 1;
      } catch (busy) {
        if (performance.now() - next.since > busyLimitMs) this.#waiting.shift()?.refuse(this.#tooLong(busy));
        else await pauseBeforeRetry(tries++);
      }
      if (performance.now() > turnEnds) {
        await setImmediate();
        turnEnds = performance.now() + turnMs;
      }
    }
    // In the same turn as the last look at the queue: work that came between would wait for ever.
    this.#draining = undefined;
  }

  /** Keeps all work waiting until `during` has settled. Holds may overlap; the last one to end lets the work go on. */
  async holdFor(during: () => Promise<void>): Promise<void> {
    this.#holds++;
    this.#hold ??= Promise.withResolvers();
    try {
      await during();
    } finally {
      this.#holds--;
      if (this.#holds === 0) {
        this.#hold.resolve();
        this.#hold = undefined;
      }
    }
  }

  /** Refuses what waits and what comes, with an error made anew for each. */
  refuse(refusal: () => Error): void {
    this.#refusal = refusal;
    for (const { refuse } of this.#waiting.splice(0)) refuse(refusal());
  }

  /** Takes work again. */
  reopen(): void {
    this.#refusal = undefined;
  }

  /** Waits until nothing waits. */
  async idle(): Promise<void> {
    await this.#draining;
  }
}
