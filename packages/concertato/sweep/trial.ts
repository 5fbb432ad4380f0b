/**
 * One trial: a scenario from its start to its end on a virtual clock, with at most one store call that goes wrong, then the
 * checks. People answer truly; whoever's call fails asks again, as people do.
 */
import type { StoredEntry } from "../src/journal/entry.ts";
import { openPayload, readBlobs } from "../src/journal/large-payload.ts";
import type { RunRow, Store } from "../src/journal/store.ts";
import { isFinalStatus } from "../src/run-summary.ts";
import { clearCodec } from "../src/store/clear-codec.ts";
import { MemoryStore } from "../src/store/memory-store.ts";
import { type VirtualWorld, virtualWorld } from "../src/testing/virtual-world.ts";
import { violationsOf } from "./checks.ts";
import { CallCounter, type Fault } from "./faults.ts";
import { castOf, Outside } from "./outside.ts";
import { SweepProcess } from "./process.ts";
import type { Scenario } from "./scenarios.ts";

/** How a trial ended. */
export interface Verdict {
  /** Store calls that were made. */
  readonly calls: number;
  /** Name of the call that went wrong; null when there were fewer calls. */
  readonly failed: string | null;
  /** Statuses and last words of all runs, oldest first. */
  readonly outcome: string;
  readonly done: readonly string[];
  readonly violations: readonly string[];
}

/** A store for one trial. */
export interface TrialStore {
  readonly store: Store;
  /** Tells it that a process is gone, as the operating system does. */
  readonly leave: (owner: number) => void;
  /** Lets real work (threads, files) go on while virtual time stands. */
  readonly breathe?: () => Promise<void>;
}

/** The store in memory: the reference. */
export function memoryTrialStore(): TrialStore {
  const store = new MemoryStore();
  return { store, leave: (owner) => store.leave(owner) };
}

/** Virtual time after which a run that has not ended counts as stuck, in ms. */
const patienceMs = 30_000;
const tickMs = 10;

/** Runs a scenario once. */
export async function trial(
  scenario: Scenario,
  fault: Fault | null,
  made: TrialStore = memoryTrialStore(),
): Promise<Verdict> {
  const running = new Trial(scenario, new CallCounter(fault), made);
  return running.run();
}

class Trial {
  readonly #scenario: Scenario;
  readonly #counter: CallCounter;
  readonly #made: TrialStore;
  readonly #world: VirtualWorld = virtualWorld(0);
  readonly #outside = new Outside();
  readonly #violations: string[] = [];
  #process: SweepProcess | null = null;

  constructor(scenario: Scenario, counter: CallCounter, made: TrialStore) {
    this.#scenario = scenario;
    this.#counter = counter;
    this.#made = made;
  }

  async run(): Promise<Verdict> {
    while (this.#world.clock.now() < patienceMs && !(await this.#over())) {
      const process = await this.#alive();
      if (process === null) continue;
      await this.#act(process, () => process.app.start(process.agent, 0, { key: "job" }));
      await this.#serve(process);
      await this.#pass(tickMs);
    }
    await this.#close();
    const runs = await this.#runs();
    for (const { row } of runs)
      if (!isFinalStatus(row.status)) this.#violations.push(`stuck: ${row.agent} is ${row.status} ${row.note ?? ""}`);
    this.#violations.push(...violationsOf(runs, this.#outside));
    const { calls, failed } = this.#counter;
    const outcome = await Promise.all(
      runs.map(async ({ row, entries }) => `${row.agent} ${row.status} ${await this.#lastWord(row, entries)}`),
    );
    return {
      calls,
      failed,
      outcome: masked(outcome.join("\n")),
      done: this.#outside.done(),
      violations: this.#violations,
    };
  }

  /** The process that lives; a dead one is followed by another. Null while it could not be opened. */
  async #alive(): Promise<SweepProcess | null> {
    const present = this.#process;
    if (present !== null && !present.dead) return present;
    if (present !== null) this.#violations.push(...present.violations(false));
    const { warmBytes, largeFrom, agent } = this.#scenario;
    const next = new SweepProcess({
      store: this.#made.store,
      world: this.#world,
      counter: this.#counter,
      agent: (world) => agent(castOf(this.#outside, world)),
      warmBytes,
      largeFrom,
      onDeath: this.#made.leave,
    });
    this.#process = next;
    if (await this.#act(next, () => next.join())) return next;
    // It could not come up: whoever started it starts another.
    next.die();
    return null;
  }

  /** Does something and lets time pass until it is done. False when it failed, or its process died. */
  async #act(process: SweepProcess, act: () => Promise<unknown>): Promise<boolean> {
    let ended: boolean | null = null;
    act().then(
      () => (ended = true),
      () => (ended = false),
    );
    for (let wait = 0; ended === null && !process.dead && wait < 100; wait++) await this.#pass(wait === 0 ? 0 : 5);
    return ended === true;
  }

  async #pass(ms: number): Promise<void> {
    await this.#made.breathe?.();
    await this.#world.advance(ms);
  }

  /** Answers what is asked, truly; what fails is asked again. */
  async #serve(process: SweepProcess): Promise<void> {
    if (process.dead) return;
    let questions: Awaited<ReturnType<typeof process.app.waiting>> = [];
    await this.#act(process, async () => {
      questions = await process.app.waiting();
    });
    const { app } = process;
    for (const { runId, waitId, kind, name } of questions) {
      if (process.dead) return;
      await this.#act(process, () => {
        if (name === "canceller") return app.cancel(runId);
        if (name === "terminator") return app.terminate(runId);
        if (kind === "signal")
          return name === "go" ? app.signal(runId, name, "gone", { key: "go" }) : Promise.resolve();
        const truth = () => this.#outside.truth(runId, waitId.split("@")[0] ?? "");
        return app.answer(runId, waitId, kind === "in-doubt" ? truth() : `said to ${name}`);
      });
    }
  }

  async #over(): Promise<boolean> {
    const rows = await this.#made.store.runs({ limit: 100 });
    return rows.length > 0 && rows.every(({ status }) => isFinalStatus(status));
  }

  async #runs() {
    const rows: readonly RunRow[] = await this.#made.store.runs({ limit: 100 });
    const oldest = [...rows].reverse();
    return Promise.all(
      oldest.map(async (row) => ({ row, entries: await this.#made.store.entries(row.key, 0, 10_000) })),
    );
  }

  async #lastWord(row: RunRow, entries: readonly StoredEntry[]): Promise<string> {
    const last = entries.at(-1);
    if (last === undefined) return "";
    return openPayload(clearCodec, row, last, await readBlobs(this.#made.store, clearCodec, row, [last])) ?? "";
  }

  /** A process that is closed holds nothing. */
  async #close(): Promise<void> {
    const process = this.#process;
    if (process === null || process.dead) return;
    const closed = await this.#act(process, () => process.app.close());
    if (!closed && !process.dead) this.#violations.push("close: did not end");
    this.#violations.push(...process.violations(closed));
  }
}

/** Without what differs from trial to trial: ids, and numbers of entries. */
function masked(outcome: string): string {
  return outcome.replaceAll(/run_[a-z0-9]+/g, "run").replaceAll(/"registered":\d+/g, '"registered":0');
}
