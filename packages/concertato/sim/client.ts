/**
 * The people and systems around a simulated app: they start runs, send signals (also twice), answer questions, cancel.
 * They note what was acknowledged; what was not may or may not have happened.
 */
import type { App } from "../src/app.ts";
import type { WaitSummary } from "../src/run-summary.ts";
import { summaryOf } from "../src/run-summary.ts";
import type { Disk } from "./fault-store.ts";
import type { Effects } from "./ledger.ts";
import type { Node } from "./node.ts";
import type { Program } from "./words/word.ts";
import type { Schedule } from "./schedule.ts";

/** What a run is started with. */
export interface Commission {
  readonly program: Program;
  readonly tenant: string;
  readonly priority: number;
}

/** A start and what became known of it. */
export interface StartRecord extends Commission {
  readonly key: string;
  acknowledged: string | null;
}

/** A message under way or acknowledged. */
interface SentSignal {
  readonly key: string;
  readonly runId: string;
  readonly name: string;
  readonly value: string;
  acknowledged: boolean;
}

export class Client {
  readonly starts: StartRecord[] = [];
  readonly signals = new Map<string, SentSignal>();
  /** Acknowledged answers by run and address. */
  readonly answers = new Set<string>();
  /** Run id to entries in its journal when its cancel was acknowledged. */
  readonly cancels = new Map<string, number>();
  /** The process that each fork was asked of and has not answered for. */
  readonly #forks = new Set<{ readonly node: Node; readonly app: App }>();
  readonly #schedule: Schedule;
  readonly #disk: Disk;
  readonly #effects: Effects;
  readonly #nodes: readonly Node[];
  readonly #write: (count: number, size: number) => Commission;

  /** @param write what the run with this number is to do */
  constructor(
    schedule: Schedule,
    disk: Disk,
    effects: Effects,
    nodes: readonly Node[],
    write: (count: number, size: number) => Commission,
  ) {
    this.#schedule = schedule;
    this.#disk = disk;
    this.#effects = effects;
    this.#nodes = nodes;
    this.#write = write;
  }

  /** Acknowledgements of plain durability do not bind over a power cut. */
  forget(): void {
    this.answers.clear();
    this.cancels.clear();
    for (const start of this.starts) start.acknowledged = null;
    for (const signal of this.signals.values()) signal.acknowledged = false;
  }

  #node(): Node | undefined {
    const alive = this.#nodes.filter((node) => node.alive);
    return alive.length === 0 ? undefined : this.#schedule.random.pick(alive);
  }

  start(size: number): void {
    const record: StartRecord = {
      key: `k${this.starts.length}`,
      ...this.#write(this.starts.length, size),
      acknowledged: null,
    };
    this.starts.push(record);
    this.#submitStart(record);
  }

  /** Starts again by the same key what was not acknowledged. */
  repeatStarts(): void {
    for (const record of this.starts) if (record.acknowledged === null) this.#submitStart(record);
  }

  #submitStart(record: StartRecord): void {
    const node = this.#node();
    if (!node?.app || !node.tree) return;
    const { program, key, tenant, priority } = record;
    node.app.start(node.tree, program, { key, tenant, priority }).then(
      (job) => {
        record.acknowledged = job.runId;
      },
      () => undefined,
    );
  }

  /** Forks a run at some entry; by default a fork does nothing outside that changes anything. */
  fork(runId: string, at: number): void {
    const node = this.#node();
    if (!node?.app) return;
    const asked = { node, app: node.app };
    this.#forks.add(asked);
    const answered = () => void this.#forks.delete(asked);
    asked.app.fork(runId, { at }).then(answered, answered);
  }

  /** A fork may still come into being: a process that was asked for one lives and has not answered. */
  get forking(): boolean {
    for (const { node, app } of this.#forks) if (node.app === app) return true;
    return false;
  }

  prioritise(runId: string, priority: number): void {
    this.#node()
      ?.app?.prioritise(runId, priority)
      .catch(() => undefined);
  }

  /** Runs that have not ended, by the truth of the disk. */
  openRuns(): { readonly runId: string; readonly seq: number; readonly waiting: readonly WaitSummary[] }[] {
    const rows = this.#disk.truth.runs({ status: ["queued", "running", "waiting"], limit: 1_000 });
    return rows
      .filter((row) => !row.cancelling)
      .map((row) => ({ runId: row.id, seq: row.seq, waiting: summaryOf(row).waiting }));
  }

  /** Sends a signal; with some chance one that was sent before, once more. */
  signal(runId: string, name: string): void {
    const { random } = this.#schedule;
    const sent = [...this.signals.values()].filter((one) => one.runId === runId);
    if (sent.length > 0 && random.chance(0.4)) return this.#deliver(random.pick(sent));
    const key = `m${this.signals.size}`;
    const signal: SentSignal = { key, runId, name, value: `${name}:${key}`, acknowledged: false };
    this.signals.set(key, signal);
    this.#deliver(signal);
  }

  #deliver(signal: SentSignal): void {
    const app = this.#node()?.app;
    if (!app) return;
    app.signal(signal.runId, signal.name, signal.value, { key: signal.key }).then(
      () => {
        signal.acknowledged = true;
      },
      () => undefined,
    );
  }

  /** Answers a question or resolves a doubt, truly. */
  answer(runId: string, wait: WaitSummary): void {
    const app = this.#node()?.app;
    if (!app || this.answers.has(`${runId} ${wait.waitId} ${wait.since}`)) return;
    const value = wait.kind === "in-doubt" ? this.#truth(runId, wait.waitId) : "yes";
    app.answer(runId, wait.waitId, value, { by: "person" }).then(
      () => this.answers.add(`${runId} ${wait.waitId} ${wait.since}`),
      () => undefined,
    );
  }

  #truth(runId: string, waitId: string): { happened: boolean; output?: number } {
    const path = waitId.split("@")[0];
    for (const record of this.#effects.byKey.values()) {
      if (record.runId === runId && record.path === path && record.happened > 0)
        return { happened: true, output: record.output };
    }
    return { happened: false };
  }

  cancel(runId: string): void {
    const app = this.#node()?.app;
    if (!app) return;
    app.cancel(runId).then(
      () => {
        const row = this.#disk.truth.run(runId);
        if (row !== undefined) this.cancels.set(runId, row.status === "cancelled" ? row.seq - 1 : row.seq);
      },
      () => undefined,
    );
  }

  /** What a patient operator does: answers everything that is open, and sends what is waited for, once. */
  serve(): void {
    for (const { runId, waiting } of this.openRuns()) {
      for (const wait of waiting) {
        if (wait.kind === "answer" || wait.kind === "in-doubt") this.answer(runId, wait);
        if (wait.kind === "signal") this.#provide(runId, wait.name);
        if (wait.kind === "mail" && this.#orphaned(runId)) this.cancel(runId);
      }
    }
  }

  /** Nobody is left who would write to it. */
  #orphaned(runId: string): boolean {
    const parent = this.#disk.truth.run(runId)?.parent;
    const status = parent == null ? undefined : this.#disk.truth.run(parent)?.status;
    return status !== "queued" && status !== "running" && status !== "waiting";
  }

  /** One signal at a time: an acknowledged one that is lost leaves the run waiting, and that is seen. */
  #provide(runId: string, name: string): void {
    const pending = [...this.signals.values()].filter(
      (one) => one.runId === runId && one.name === name && !this.#admitted(one),
    );
    if (pending.some((one) => one.acknowledged)) return;
    const unknown = pending[0];
    if (unknown !== undefined) return this.#deliver(unknown);
    const key = `m${this.signals.size}`;
    const signal: SentSignal = { key, runId, name, value: `${name}:${key}`, acknowledged: false };
    this.signals.set(key, signal);
    this.#deliver(signal);
  }

  #admitted(signal: SentSignal): boolean {
    const row = this.#disk.truth.run(signal.runId);
    if (row === undefined) return true;
    const mark = JSON.stringify([`key:${signal.key}`, 1]);
    return this.#disk.truth.journal(row.key).some((entry) => entry.meta?.includes(mark) === true);
  }
}
