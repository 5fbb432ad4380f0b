/**
 * The supervisor: starts the outside world, workers and the load, kills workers at random moments, lets everything
 * finish, and hands what is left to the checker.
 *
 *   under load   workers live and die; runs are started, signalled, answered, cancelled
 *   calm         nothing is killed or started; everything open is answered until every run has ended
 *   judged       workers have closed; a fresh client reads everything from the file
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, open } from "concertato";
import { check, type Violation } from "./checker.ts";
import { Child } from "./child-process.ts";
import { Client } from "./client.ts";
import { type Evidence, type Fault, type RunEvidence, readRuns } from "./evidence.ts";
import { History, type Operation, startedRun } from "./history.ts";
import { Outside } from "./outside.ts";
import { People } from "./people.ts";
import { type PlantName, plants } from "./plants.ts";
import { Random } from "./random.ts";
import { Witness } from "./witness.ts";
import { WorkerEar } from "./worker-ear.ts";
import type { WorkerOptions } from "./worker-options.ts";
import { castOf } from "./workflows.ts";

export interface TortureOptions {
  readonly kills: number;
  /** Workers at once on one file. */
  readonly processes: number;
  readonly seed: string;
  /** Mean time between two kills. */
  readonly secondsPerKill: number;
  readonly plant: PlantName | null;
  /** Keeps the folder with database, ledger and history. */
  readonly keep: boolean;
  /** How long nothing may end before what is left counts as stuck, in ms. */
  readonly stuckMs: number;
  /** Most runs that the client keeps open. */
  readonly open: number;
}

/** How far it is. */
export interface Progress {
  readonly phase: "load" | "calm" | "judging";
  readonly kills: number;
  readonly runs: number;
  readonly open: number;
  readonly doubts: number;
  readonly seconds: number;
}

export interface TortureReport {
  readonly options: TortureOptions;
  readonly kills: number;
  readonly seconds: number;
  /** Runs by how they ended. */
  readonly runs: Readonly<Record<string, number>>;
  readonly entries: number;
  readonly acknowledged: number;
  readonly effects: number;
  /** Calls that repeated an effect under its own key, which changed nothing. */
  readonly retakes: number;
  readonly probes: number;
  readonly doubts: number;
  /** Payments or mails that happened more often than once. */
  readonly repeated: number;
  /** Faults that workers reported and got over, by code. */
  readonly reports: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  readonly folder: string | null;
}

/** What a torture leaves behind: the report, and the evidence for it. */
export interface Ended {
  readonly report: TortureReport;
  readonly evidence: Evidence;
}

/** @param signal ends it early: everything it started is killed, and the folder removed */
export async function torture(
  options: TortureOptions,
  watch: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), "concertato-torture-"));
  const chamber = new Chamber(options, folder, watch, signal);
  try {
    return await chamber.run();
  } finally {
    await chamber.dispose();
    if (!options.keep) rmSync(folder, { recursive: true, force: true });
  }
}

/** Given to a child that should close by itself. */
const closeMs = 10_000;

class Chamber {
  readonly #options: TortureOptions;
  readonly #folder: string;
  readonly #watch: (progress: Progress) => void;
  readonly #signal: AbortSignal;
  readonly #random: Random;
  readonly #history: History;
  readonly #children = new Set<Child>();
  readonly #workers: Child[] = [];
  readonly #faults: Fault[] = [];
  readonly #reports: Record<string, number> = {};
  readonly #began = performance.now();
  #phase: Progress["phase"] = "load";
  #spawned = 0;
  #ledgerPort = 0;
  #outside: Outside | null = null;
  #app: App | null = null;
  #client: Client | null = null;
  #people: People | null = null;
  #ending = false;

  constructor(options: TortureOptions, folder: string, watch: (progress: Progress) => void, signal: AbortSignal) {
    this.#options = options;
    this.#folder = folder;
    this.#watch = watch;
    this.#signal = signal;
    this.#random = new Random(options.seed);
    this.#history = new History(join(folder, "history.jsonl"));
  }

  async run(): Promise<Ended> {
    const ticker = setInterval(() => this.#tell(), 250);
    try {
      const { app, outside, client, people, witness } = await this.#open();
      for (let index = 0; index < this.#options.processes; index++) this.#spawnWorker();
      client.begin();
      people.begin();
      await this.#killAll();
      await this.#calmDown(app, outside, client, people);
      await this.#close(app, client, people);
      return await this.#judge(outside, client, people, witness);
    } finally {
      clearInterval(ticker);
    }
  }

  /** Kills what is left. */
  async dispose(): Promise<void> {
    this.#ending = true;
    for (const child of this.#children) child.kill();
    await Promise.all([...this.#children].map((child) => child.gone));
    await this.#client?.end();
    await this.#people?.end();
    await this.#app?.close();
    this.#outside?.close();
  }

  // --- under load -------------------------------------------------------------------------------------------------

  async #open() {
    const { seed, plant, open: most } = this.#options;
    const ledger = this.#spawn("ledger", "ledger.ts", [join(this.#folder, "ledger.jsonl"), seed]);
    this.#ledgerPort = Number(await ledger.line(""));
    const outside = new Outside(this.#ledgerPort, "supervisor");
    const report = (error: unknown) =>
      this.#reported(
        "client",
        error instanceof Error && "code" in error ? String(error.code) : "unknown",
        String(error),
      );
    const app = await this.#openClient(report);
    const witness = new Witness(app);
    const cast = castOf({ effect: never, probe: never, look: never });
    const history = this.#history;
    const client = new Client({ app, cast, history, witness, plant, random: this.#random.for("client"), open: most });
    const people = new People({ app, history, outside, plant, random: this.#random.for("people") });
    this.#outside = outside;
    this.#app = app;
    this.#client = client;
    this.#people = people;
    return { app, outside, client, people, witness };
  }

  #openClient(onReport: (error: unknown) => void): Promise<App> {
    const key = this.#key === null ? {} : { key: Buffer.from(this.#key, "hex") };
    return open(this.#file, { role: "client", onReport, ...key });
  }

  get #file(): string {
    return join(this.#folder, "torture.db");
  }

  /** Half of all seeds encrypt what they store. */
  get #key(): string | null {
    return this.#random.for("key").chance(0.5) ? "5a".repeat(32) : null;
  }

  async #killAll(): Promise<void> {
    const random = this.#random.for("kills");
    while (this.#history.kills < this.#options.kills) {
      const worker = random.pick(this.#workers);
      await this.#moment(random, worker);
      this.#signal.throwIfAborted();
      // Now and then one stands still for a while, and goes on as if nothing had been.
      if (random.chance(0.06)) {
        worker.freeze();
        await pause(random.between(200, 1_500), this.#signal);
        worker.thaw();
        continue;
      }
      // Once in a while one closes properly in the middle of its work, which must be no different.
      if (random.chance(0.08)) {
        await this.#reopen(worker, random.chance(0.5));
        continue;
      }
      this.#history.kills++;
      await this.#replace(worker);
    }
  }

  /** When to kill: mostly under load, sometimes while it still opens the file, sometimes while it recovers. */
  async #moment(random: Random, worker: Child): Promise<void> {
    const mean = this.#options.secondsPerKill * 1000;
    const roll = random.next();
    if (roll >= 0.08) await worker.line('{"say":"ready"').catch(() => undefined);
    if (roll < 0.08) await pause(random.between(20, 150), this.#signal);
    else if (roll < 0.25) await pause(random.between(0, 30), this.#signal);
    else await pause(random.between(mean * 0.3, mean * 1.2), this.#signal);
  }

  async #replace(worker: Child): Promise<void> {
    worker.kill();
    // One that ended by itself meanwhile has its successor already.
    if (this.#workers.includes(worker)) this.#spawnWorker(worker);
    await worker.gone;
  }

  async #reopen(worker: Child, asked: boolean): Promise<void> {
    if (asked) await worker.terminate(closeMs);
    else await worker.close(closeMs);
    if (this.#workers.includes(worker)) this.#spawnWorker(worker);
  }

  #spawnWorker(instead?: Child): void {
    const { seed, plant } = this.#options;
    const name = `w${this.#spawned++}`;
    const shared = { file: this.#file, ledgerPort: this.#ledgerPort, seed, key: this.#key, plant };
    const options: WorkerOptions = { name, starts: this.#phase === "load", ...shared };
    const worker = this.#spawn(
      name,
      "worker.ts",
      [JSON.stringify(options)],
      new WorkerEar(this.#history, this.#started, this.#reported).hear,
    );
    const index = instead === undefined ? -1 : this.#workers.indexOf(instead);
    if (index >= 0) this.#workers[index] = worker;
    else this.#workers.push(worker);
    // A worker that ends by itself is a finding; the work goes on with another, unless nothing else happens.
    void worker.gone.then((reason) => {
      if (reason !== null && !this.#ending && this.#faults.length < 5) this.#spawnWorker(worker);
    });
  }

  #spawn(name: string, script: string, args: readonly string[], onLine?: (line: string) => void): Child {
    const child = new Child({
      name,
      script,
      args,
      cache: join(this.#folder, "cache"),
      ...(onLine === undefined ? {} : { onLine }),
    });
    this.#children.add(child);
    void child.gone.then((reason) => {
      this.#children.delete(child);
      if (reason !== null) this.#faults.push({ where: name, message: reason });
    });
    return child;
  }

  readonly #started = (operation: Operation): void => {
    const { key, plan } = operation;
    if (plan !== undefined) this.#client?.adopt(key, startedRun(operation), plan);
  };

  /** A store that is busy or a commit that was lost is reported and got over; a journal that does not fit is not. */
  readonly #reported = (where: string, code: string, message: string): void => {
    this.#reports[code] = (this.#reports[code] ?? 0) + 1;
    if (!code.startsWith("store/")) this.#faults.push({ where, message: `${code} ${message}` });
  };

  // --- calm and judgement -----------------------------------------------------------------------------------------

  async #calmDown(app: App, outside: Outside, client: Client, people: People): Promise<void> {
    this.#phase = "calm";
    for (const worker of this.#workers) worker.say("calm");
    await outside.calm();
    client.calm();
    people.calm();
    let left = Number.POSITIVE_INFINITY;
    let since = performance.now();
    while (performance.now() - since < this.#options.stuckMs) {
      const now = await unfinished(app, client);
      if (now === 0) return;
      if (now !== left) since = performance.now();
      left = now;
      await pause(50, this.#signal);
    }
  }

  /** Everybody goes home; a worker that cannot close is a finding. */
  async #close(app: App, client: Client, people: People): Promise<void> {
    this.#ending = true;
    await client.end();
    await people.end();
    await Promise.all(this.#workers.map((worker) => worker.close(closeMs)));
    for (const fault of [...client.faults, ...people.faults])
      this.#faults.push({ where: "client", message: String(fault) });
    await app.close();
  }

  async #judge(outside: Outside, client: Client, people: People, witness: Witness): Promise<Ended> {
    this.#phase = "judging";
    const ledger = await outside.records();
    const app = await this.#openClient((error) => this.#faults.push({ where: "checker", message: String(error) }));
    const runs = this.#altered(await readRuns(app));
    await app.close();
    const { operations } = this.#history;
    const evidence: Evidence = {
      runs,
      operations,
      ledger,
      sights: witness.sights,
      changes: witness.changes,
      withheld: client.withheld,
      faults: this.#faults,
    };
    const violations = check(evidence);
    return { evidence, report: this.#report(evidence, violations, people.doubts) };
  }

  /** The plant that alters what was read last. */
  #altered(runs: Map<string, RunEvidence>): Map<string, RunEvidence> {
    if (this.#options.plant !== "altered-entry") return runs;
    for (const [runId, run] of runs) {
      const entries = run.entries.map((entry) =>
        entry.kind === "result" ? { ...entry, name: `${entry.name}?` } : entry,
      );
      runs.set(runId, { ...run, entries });
    }
    return runs;
  }

  #report({ runs, operations, ledger }: Evidence, violations: readonly Violation[], doubts: number): TortureReport {
    const byStatus: Record<string, number> = {};
    for (const { summary } of runs.values()) byStatus[summary.status] = (byStatus[summary.status] ?? 0) + 1;
    const made = ledger.calls.filter(({ again }) => !again);
    return {
      options: this.#options,
      kills: this.#history.kills,
      seconds: (performance.now() - this.#began) / 1000,
      runs: byStatus,
      entries: [...runs.values()].reduce((sum, { entries }) => sum + entries.length, 0),
      acknowledged: operations.filter(({ end }) => end === "ok").length,
      effects: made.length,
      retakes: ledger.calls.length - made.length,
      probes: ledger.probes,
      doubts,
      repeated: made.length - new Set(made.map(({ label }) => label)).size,
      reports: this.#reports,
      violations,
      folder: this.#options.keep ? this.#folder : null,
    };
  }

  #tell(): void {
    this.#watch({
      phase: this.#phase,
      kills: this.#history.kills,
      runs: this.#history.operations.filter(({ kind, end }) => kind === "start" && end === "ok").length,
      open: this.#client?.open ?? 0,
      doubts: this.#people?.doubts ?? 0,
      seconds: (performance.now() - this.#began) / 1000,
    });
  }
}

/** Runs that have not ended, beside those that are left waiting on purpose, and things the client still has to say. */
async function unfinished(app: App, client: Client): Promise<number> {
  const rows = await app.runs({ status: ["queued", "running", "waiting"], limit: 1_000 });
  const { withheld } = client;
  return rows.filter(({ runId }) => !withheld.has(runId)).length + client.open + (client.said ? 0 : 1);
}

/** Real time between two moments; ends early when the torture does. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** The client in the supervisor knows the agents and performs none of them. */
function never(): Promise<never> {
  throw new Error("The supervisor performs nothing.");
}

/** True when the plant's own rule noticed it. */
export function plantCaught(report: TortureReport): boolean {
  const { plant } = report.options;
  return plant !== null && report.violations.some(({ rule }) => rule === plants[plant].rule);
}
