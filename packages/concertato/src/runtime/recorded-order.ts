/**
 * Ends that are known beforehand, written one at a time in the order in which they were recorded: each when everything
 * that followed from the one before it is done. So a race that was won by A is won by A again. It decides nothing else.
 */
import type { RecordedEnd } from "../journal/recording.ts";
import type { LiveRun } from "./live-run.ts";

interface Held {
  readonly end: RecordedEnd;
  readonly write: () => void;
}

export class RecordedOrder {
  readonly #run: LiveRun;
  /** Wait for attempts and checks under way too: nothing of this run is live. */
  readonly #patient: boolean;
  #held: Held[] = [];
  #releasing = false;

  constructor(run: LiveRun, patient: boolean) {
    this.#run = run;
    this.#patient = patient;
  }

  /** An end is being written right now: it is not to be held a second time. */
  get releasing(): boolean {
    return this.#releasing;
  }

  hold(end: RecordedEnd, write: () => void): void {
    const run = this.#run;
    this.#held.push({ end, write });
    // The run is at work until it is written.
    run.held++;
    run.engine.directed.add(run);
    run.engine.wake();
  }

  releaseNext(): boolean {
    const run = this.#run;
    const [first, ...others] = this.#held;
    if (first === undefined || !this.#atRest()) return false;
    let next = first;
    for (const held of others) if (held.end.seq < next.end.seq) next = held;
    this.#held = this.#held.filter((held) => held !== next);
    if (this.#held.length === 0) run.engine.directed.delete(run);
    run.held--;
    // As long as everything is recorded, so is the time; the first thing that happens anew brings the present.
    if (run.pinnedAt !== null) run.pinnedAt = next.end.at;
    this.#releasing = true;
    try {
      next.write();
    } finally {
      this.#releasing = false;
    }
    run.engine.settled(run);
    return true;
  }

  #atRest(): boolean {
    const run = this.#run;
    if (run.dead || run.finished || run.committing || run.recovering > 0) return false;
    if (run.queuedScopes > 0 || run.out.length > 0) return false;
    return !this.#patient || run.attempts === 0;
  }
}
