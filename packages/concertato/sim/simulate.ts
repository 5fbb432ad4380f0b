/** One seed: an app of several processes on one failing disk, its clients, its crashes; then calm, then the checkers. */
import { hash } from "node:crypto";
import { Checkers } from "./checkers.ts";
import { Client, type Commission } from "./client.ts";
import { Disk } from "./fault-store.ts";
import { Effects } from "./ledger.ts";
import { Node } from "./node.ts";
import { randomProgram, treeAgent } from "./programs.ts";
import type { RunRow } from "../src/journal/store.ts";
import { Random } from "./random.ts";
import { differentReplays } from "./replay-check.ts";
import { Schedule } from "./schedule.ts";
import { presentGeneration } from "./vocabulary.ts";

/** What a seed showed. */
export interface Verdict {
  readonly seed: number;
  readonly generation: number;
  readonly events: number;
  readonly crashes: number;
  /** Processes with an engine of their own. */
  readonly engines: number;
  readonly runs: number;
  readonly entries: number;
  readonly violations: readonly string[];
  /** Fingerprint of all journals: the same for the same seed. Empty when it was not asked for. */
  readonly digest: string;
  /** What happened, when asked for. */
  readonly trace: readonly string[];
}

/** Virtual time after which faults stop, and until when everything must have ended. */
const stormMs = 3_000;
const patienceMs = 90_000;
/** Virtual time after the last end, in which processes find out what they do not hold any more. */
const restMs = 5_000;

/** A seed is worth its name with so many events; calm ones are given more to do. */
const leastEvents = 150;
const leastCrashes = 2;
/** Of so many seeds one is replayed, run by run: that costs a third of a seed. */
const replayedOf = 4;
/** A seed that has gone through so many has something in it that never rests. */
const mostEvents = 50_000;

/** How a seed is run. */
export interface SimulationOptions {
  readonly trace?: boolean;
  /** Takes the fingerprint of all journals. Default true. */
  readonly digest?: boolean;
  /** Which words programs and plans are made of; default: the present ones. */
  readonly generation?: number;
}

/** Runs one seed. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Verdict> {
  const { trace = false, digest = true, generation = presentGeneration } = options;
  const simulation = new Simulation(seed, { trace, digest, generation });
  const { stackTraceLimit } = Error;
  // Effects are refused all the time, and a stack costs more than its error; a trace shows one line of it in a report.
  Error.stackTraceLimit = trace ? 1 : 0;
  try {
    await simulation.run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return simulation.verdict();
}

class Simulation {
  readonly #seed: number;
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #disk: Disk;
  readonly #effects: Effects;
  readonly #nodes: Node[] = [];
  readonly #client: Client;
  readonly #checkers: Checkers;
  readonly #trace: string[] = [];
  readonly #tracing: boolean;
  readonly #summing: boolean;
  readonly #generation: number;
  readonly #zombies: boolean;
  readonly #jumps: boolean;
  readonly #powerCuts: boolean;
  /** Many small runs at once, so that there is always something resting, due, leaving and coming. */
  readonly #crowd: boolean;
  /** Chance that a signal is sent to a run that does not wait for one. */
  readonly #strays: number;
  readonly #deployed = { revision: 1 };
  #crashes = 0;

  constructor(seed: number, { trace, digest, generation }: Required<SimulationOptions>) {
    this.#seed = seed;
    this.#tracing = trace;
    this.#summing = digest;
    const random = new Random(seed);
    this.#random = random;
    // Since the second generation what is planned and programmed does not depend on how often the kernel asks a store.
    const apart = generation > 1;
    this.#generation = generation;
    this.#schedule = new Schedule(apart ? new Random(seed + 0x10000000) : random);
    this.#zombies = random.chance(0.2);
    this.#jumps = random.chance(0.2);
    this.#powerCuts = random.chance(0.3);
    if (apart) this.#schedule.turnMs = random.pick([0, 0.4]);
    this.#crowd = apart && random.chance(0.15);
    this.#strays = apart ? 0.3 : 1;
    const faults = {
      errors: random.chance(0.3) ? 0.05 : 0,
      synchronous: random.chance(0.5),
      slow: random.pick([0, 2, 20]),
      lateReads: generation < 7 ? 1 : random.pick([0.2, 0.5, 1]),
    };
    this.#disk = new Disk(this.#schedule, faults, random.chance(0.3) ? "full" : "normal");
    this.#checkers = new Checkers(this.#schedule, this.#disk, {
      zombies: this.#zombies,
      clockJumps: this.#jumps,
      powerCuts: this.#powerCuts,
    });
    this.#effects = new Effects(this.#disk);
    const setup = {
      schedule: this.#schedule,
      disk: this.#disk,
      effects: this.#effects,
      warmBytes: random.pick(apart ? [0, 1_000, 2_000, 4_000, 1_000_000] : [0, 2_000, 1_000_000]),
      chances: { refusals: random.pick([0, 0.2]), late: generation < 8 ? 0 : random.pick([0, 0.8]) },
      maxActive: generation < 4 ? 1_000 : random.pick([1, 2, 1_000, 1_000]),
      pollMs: generation < 7 ? 100 : random.pick([100, 200, 400]),
      largeFrom: generation < 4 ? 32_768 : random.pick([100, 400, 32_768]),
      deployed: this.#deployed,
      onReport: (error: unknown) =>
        this.#checkers.violate(
          "report",
          error instanceof Error ? `${error.message} ${error.stack?.split("\n")[1]?.trim() ?? ""}` : String(error),
        ),
    };
    for (let index = 0; index < 2 + random.below(2); index++) this.#nodes.push(new Node(`n${index}`, setup));
    const write = (count: number, size: number): Commission => {
      const pen = apart ? new Random(seed * 64 + count) : random;
      const program = randomProgram(pen, size, generation);
      if (generation < 4) return { program, tenant: "sim", priority: 5 };
      return { program, tenant: pen.pick(["sim", "other"]), priority: pen.pick([1, 5, 5, 9]) };
    };
    this.#client = new Client(this.#schedule, this.#disk, this.#effects, this.#nodes, write);
  }

  async run(): Promise<void> {
    try {
      await this.#live();
    } catch (error) {
      // What wakes itself for ever is stopped, so that the next seed has its turn.
      for (const node of this.#nodes) node.crash();
      this.#checkers.violate("no-rest", error instanceof Error ? error.message : String(error));
    }
  }

  async #live(): Promise<void> {
    for (const node of this.#nodes) node.start();
    await this.#schedule.settle();
    this.#plan();
    while (this.#schedule.now < stormMs) if (!(await this.#schedule.step())) break;
    await this.#calm();
    this.#checkers.atEnd(this.#client, this.#effects);
    if (this.#seed % replayedOf === 0) await this.#replay();
  }

  /** With the code of now: a journal says which flags of it were passed. */
  async #replay(): Promise<void> {
    const tree = treeAgent(this.#deployed.revision);
    for (const { runId, status, firstDivergence, failure } of await differentReplays(this.#disk.truth, tree)) {
      const what = failure?.message ?? JSON.stringify(firstDivergence);
      this.#checkers.violate("replay", `run ${runId} ${status}: ${what}`);
    }
  }

  #note(what: string): void {
    if (this.#tracing) this.#trace.push(`${this.#schedule.now.toFixed(1).padStart(8)} ${what}`);
  }

  #at(delay: number, what: string, act: () => void): void {
    this.#schedule.after(delay, null, () => {
      this.#note(what);
      act();
    });
  }

  /** The storm: starts, messages, cancels, crashes, pauses, cuts, at random moments. */
  #plan(): void {
    const random = this.#random;
    const moment = () => random.next() * stormMs;
    const runs = 2 + random.below(4);
    for (let index = 0; index < runs; index++)
      this.#at(index === 0 ? 0 : moment() / 2, "start", () => this.#client.start(2 + random.below(9)));
    if (this.#crowd)
      for (let index = 0; index < 12; index++) this.#at(random.next() * 200, "start", () => this.#client.start(0));
    for (let index = 0; index < 8; index++) this.#at(moment(), "message", () => this.#message());
    if (random.chance(0.3)) this.#at(moment(), "cancel", () => this.#cancel());
    if (this.#generation > 3) this.#planMore(moment);
    if (this.#generation > 4) this.#planForks(moment);
    for (let index = 0; index < 2 + random.below(3); index++) this.#at(moment(), "crash", () => this.#crash());
    if (this.#zombies) this.#at(moment(), "pause", () => this.#pause());
    if (this.#jumps)
      for (let index = 0; index < 2; index++)
        this.#at(moment(), "jump", () =>
          random.pick(this.#nodes).jump(random.pick([3_600_000, -7_200_000, 500, -500])),
        );
    if (this.#powerCuts) this.#at(moment(), "power cut", () => this.#cutPower());
  }

  /** What the first three generations did not have. */
  #planMore(moment: () => number): void {
    const random = this.#random;
    if (random.chance(0.4)) this.#at(moment(), "deploy", () => this.#deploy());
    for (let index = random.below(3); index > 0; index--)
      this.#at(moment(), "prioritise", () => {
        const open = this.#client.openRuns();
        if (open.length > 0) this.#client.prioritise(random.pick(open).runId, random.below(10));
      });
  }

  /** What the first four did not have. */
  #planForks(moment: () => number): void {
    const random = this.#random;
    for (let index = random.chance(0.3) ? 2 : 0; index > 0; index--)
      this.#at(moment(), "fork", () => {
        const rows = this.#disk.truth.runs({ limit: 100 });
        if (rows.length === 0) return;
        const { id, seq } = random.pick(rows);
        this.#client.fork(id, 1 + random.below(seq));
      });
  }

  /** All processes end, and start again with the next revision of the code. */
  #deploy(): void {
    this.#deployed.revision = 2;
    for (const node of this.#nodes) {
      if (node.alive) this.#crashes++;
      node.crash();
      this.#schedule.after(this.#random.next() * 200, null, () => this.#restart(node));
    }
  }

  #message(): void {
    const open = this.#client.openRuns();
    if (open.length === 0) return;
    const { runId, waiting } = this.#random.pick(open);
    const asked = waiting.filter((wait) => wait.kind === "answer" || wait.kind === "in-doubt");
    if (asked.length > 0 && this.#random.chance(0.6)) this.#client.answer(runId, this.#random.pick(asked));
    // What nobody waits for is kept, and wakes its run all the same; too much of it would hide that a run was forgotten.
    else if (waiting.some(({ kind }) => kind === "signal") || this.#random.chance(this.#strays))
      this.#client.signal(runId, `s${this.#random.below(2)}`);
  }

  #cancel(): void {
    const open = this.#client.openRuns();
    if (open.length > 0) this.#client.cancel(this.#random.pick(open).runId);
  }

  #crash(): void {
    const alive = this.#nodes.filter((node) => node.alive);
    if (alive.length === 0) return this.#at(50, "crash", () => this.#crash());
    const node = this.#random.pick(alive);
    this.#note(`crash ${node.name}`);
    node.crash();
    this.#crashes++;
    this.#schedule.after(this.#random.next() * 400, null, () => this.#restart(node));
  }

  #renew(node: Node): void {
    this.#note(`crash ${node.name}`);
    node.crash();
    this.#crashes++;
    this.#restart(node);
  }

  #restart(node: Node): void {
    if (node.alive) return;
    this.#note(`restart ${node.name}`);
    node.start();
  }

  #pause(): void {
    const node = this.#random.pick(this.#nodes);
    node.pause(this.#schedule.now + 200 + this.#random.next() * 800);
  }

  #cutPower(): void {
    for (const node of this.#nodes) node.crash();
    this.#crashes++;
    this.#disk.cutPower();
    if (this.#disk.durability === "normal") this.#client.forget();
    for (const node of this.#nodes) this.#schedule.after(this.#random.next() * 400, null, () => this.#restart(node));
  }

  /** Faults stop; everything open is served until all runs have ended or patience has. */
  async #calm(): Promise<void> {
    this.#note("calm");
    this.#disk.faults.errors = 0;
    // Deadlines that were set on a clock ahead of the others come due too, and so do moments that one of them is past.
    const ahead = this.#generation > 2 ? Math.max(...this.#nodes.map(({ skew }) => skew)) : null;
    if (this.#jumps) for (const node of this.#nodes) node.jump(20_000_000 + (ahead === null ? 0 : ahead - node.skew));
    for (const node of this.#nodes) this.#restart(node);
    // A storm whose crashes met processes that were down already is no storm.
    for (const node of this.#nodes) if (this.#generation > 1 && this.#crashes < leastCrashes) this.#renew(node);
    let stopServing = false;
    const serve = () => {
      if (stopServing) return;
      this.#client.serve();
      this.#client.repeatStarts();
      this.#schedule.after(200, null, serve);
    };
    serve();
    const deadline = this.#schedule.now + patienceMs;
    while (this.#schedule.now < deadline && this.#schedule.count < mostEvents) {
      if (this.#quiet()) {
        if (this.#schedule.count >= leastEvents) break;
        this.#client.start(this.#generation < 7 ? 8 : 3);
      }
      if (!(await this.#schedule.step())) break;
    }
    await this.#rest();
    stopServing = true;
    for (const node of this.#nodes) node.crash();
  }

  /** Where every run has ended, none takes a place in any process once all had time to look: others could not come. */
  async #rest(): Promise<void> {
    const open = this.#disk.truth.runs({ status: ["queued", "running", "waiting"], limit: 1 });
    if (open.length > 0) return;
    const working = () => this.#nodes.flatMap(({ atWork }) => atWork);
    const deadline = this.#schedule.now + restMs;
    while (working().length > 0 && this.#schedule.now < deadline) if (!(await this.#schedule.step())) break;
    for (const what of working()) this.#checkers.violate("place-kept", what);
  }

  #quiet(): boolean {
    if (this.#schedule.count % 16 !== 0) return false;
    // Asked of a process that stood still, it may come long after the storm.
    if (this.#client.forking) return false;
    if (this.#client.starts.some((start) => start.acknowledged === null)) return false;
    return this.#disk.truth.runs({ status: ["queued", "running", "waiting"], limit: 1 }).length === 0;
  }

  verdict(): Verdict {
    const rows = this.#disk.truth.runs({ limit: 100_000 });
    let entries = 0;
    for (const { key } of rows) entries += this.#disk.truth.journal(key).length;
    if (this.#tracing) this.#traceJournals(rows);
    return {
      seed: this.#seed,
      generation: this.#generation,
      events: this.#schedule.count,
      crashes: this.#crashes,
      engines: this.#nodes.length,
      runs: rows.length,
      entries,
      violations: this.#checkers.violations,
      digest: this.#summing ? this.#digest(rows) : "",
      trace: this.#trace,
    };
  }

  #digest(rows: readonly RunRow[]): string {
    let journals = "";
    for (const { id, key } of rows)
      for (const { seq, kind, op, at, meta, body } of this.#disk.truth.journal(key))
        journals += `${id} ${seq} ${kind} ${op} ${at} ${meta} ${String(body)}\n`;
    return hash("sha1", journals).slice(0, 8);
  }

  #traceJournals(rows: readonly RunRow[]): void {
    for (const { id, key } of rows)
      for (const { seq, kind, scope, op, name, at, meta, body } of this.#disk.truth.journal(key))
        this.#trace.push(
          `${id.slice(0, 12)} ${seq} kind ${kind} scope ${scope} op ${op} ${name} at ${at} ${meta ?? ""} ${String(body ?? "").slice(0, 100)}`,
        );
  }
}
