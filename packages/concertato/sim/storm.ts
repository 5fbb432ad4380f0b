/**
 * Many seeds over all cores, for minutes or hours: worker processes are given blocks of seeds. One that grows too large is
 * replaced between two blocks; one that dies, or says nothing for too long, is replaced and its block run again seed by
 * seed, so that the seed at which it dies is known and counted as a failure, and the others are run all the same.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { FailingSeed } from "./failing-seeds.ts";
import type { Block, Failure, Word } from "./storm-worker.ts";
import { presentGeneration } from "./vocabulary.ts";

/** What a storm consists of. */
export interface StormOptions {
  readonly from: number;
  readonly seeds: number;
  /** No block begins after so much real time. */
  readonly seconds: number;
  readonly workers: number;
  /** Run before all others. */
  readonly kept: readonly Pick<FailingSeed, "seed" | "generation">[];
  /** The program of a worker. Default: `storm-worker.ts`; tests give one that dies. */
  readonly program?: URL;
  /** Silence after which a worker is put an end to, in ms of real time. Default: two minutes. */
  readonly silenceMs?: number;
  /** A worker that takes more memory is replaced. Default: 700 MB; one takes about 200. */
  readonly mostBytes?: number;
}

/** How far a storm is. */
export interface Tally {
  seeds: number;
  events: number;
  crashes: number;
  readonly failures: Failure[];
  /** Workers that died or hung. */
  died: number;
  /** Workers that were replaced because they had grown. */
  replaced: number;
}

/** A storm in figures; seconds of real time. */
export interface StormSummary extends Omit<Tally, "failures"> {
  readonly failures: number;
  readonly seconds: number;
  readonly seedsPerSecond: number;
}

/** Seeds in a block: about a second of work, less towards the end. */
const blockSeeds = 250;
const leastSeeds = 10;

/** With what a worker runs TypeScript from its source, whatever this process was started with. */
const execArgv = ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"];

/** So many that die before they begin mean that none can. */
const mostUnstarted = 5;

/** Nobody reads more of them; a kernel that breaks a rule at every seed shows it sooner. */
const mostFailures = 200;

export class Storm {
  readonly tally: Tally = { seeds: 0, events: 0, crashes: 0, failures: [], died: 0, replaced: 0 };
  readonly #options: StormOptions;
  readonly #startedAt = performance.now();
  /** Blocks to be run before the next new one. */
  readonly #waiting: Block[];
  #next: number;
  /** Workers that died before they had told of a seed. */
  #unstarted = 0;

  constructor(options: StormOptions) {
    this.#options = options;
    this.#next = options.from;
    this.#waiting = options.kept.map(({ seed, generation }) => ({ from: seed, seeds: 1, generation, careful: false }));
  }

  /** Resolves when all seeds were run or the time is up. @throws Error when no worker can be started */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#serve()));
  }

  summary(): StormSummary {
    const { failures, ...rest } = this.tally;
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    return {
      ...rest,
      failures: failures.length,
      seconds: Math.round(seconds * 10) / 10,
      seedsPerSecond: Math.round(rest.seeds / seconds),
    };
  }

  /** One worker after the other, in one place. */
  async #serve(): Promise<void> {
    let worker: StormWorker | null = null;
    try {
      for (let block = this.#take(); block !== null; block = this.#take()) {
        worker ??= new StormWorker(this.#options);
        const end = await worker.run(block);
        if (end.kind === "died") {
          this.#died(block, end);
          worker = null;
          continue;
        }
        this.#count(block, end);
        if (end.memory < (this.#options.mostBytes ?? 700e6)) continue;
        this.tally.replaced++;
        await worker.dismiss();
        worker = null;
      }
    } finally {
      await worker?.dismiss();
    }
  }

  #take(): Block | null {
    const { from, seeds, seconds } = this.#options;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting;
    const left = from + seeds - this.#next;
    const late = performance.now() - this.#startedAt > seconds * 1_000;
    if (left <= 0 || late || this.tally.failures.length >= mostFailures) return null;
    // The last ones are shared, so that the workers end together.
    const share = Math.min(left, blockSeeds, Math.max(leastSeeds, Math.ceil(left / this.#options.workers)));
    const block = { from: this.#next, seeds: share, generation: presentGeneration, careful: false };
    this.#next += share;
    return block;
  }

  #count({ seeds }: Block, { events, crashes, failures }: Done): void {
    this.tally.seeds += seeds;
    this.tally.events += events;
    this.tally.crashes += crashes;
    this.tally.failures.push(...failures);
  }

  /** The block is run again carefully; where the seed is known, it is a failure, and what stands around it is run. */
  #died(block: Block, { seed, how }: Died): void {
    this.tally.died++;
    if (seed === null && block.careful && ++this.#unstarted === mostUnstarted)
      throw new Error(`No worker of the storm can be started: it ${how}.`);
    if (seed === null) return void this.#waiting.unshift({ ...block, careful: true });
    this.tally.seeds++;
    this.tally.failures.push({ seed, generation: block.generation, violations: [`died: its process ${how}`] });
    const after = { ...block, from: seed + 1, seeds: block.from + block.seeds - seed - 1 };
    const before = { ...block, seeds: seed - block.from };
    for (const part of [after, before]) if (part.seeds > 0) this.#waiting.unshift(part);
  }
}

type Done = Extract<Word, { kind: "done" }>;

interface Died {
  readonly kind: "died";
  /** The seed that it had begun, when it told. */
  readonly seed: number | null;
  readonly how: string;
}

/** One worker process, with one block at a time. */
class StormWorker {
  readonly #process: ChildProcess;
  readonly #silenceMs: number;

  constructor({ program = new URL("storm-worker.ts", import.meta.url), silenceMs = 120_000 }: StormOptions) {
    this.#process = fork(program, { execArgv });
    this.#silenceMs = silenceMs;
  }

  run(block: Block): Promise<Done | Died> {
    const child = this.#process;
    return new Promise((resolve) => {
      let seed: number | null = null;
      let hung = false;
      const silence = setTimeout(() => {
        hung = true;
        child.kill("SIGKILL");
      }, this.#silenceMs);
      const end = (ending: Done | Died) => {
        clearTimeout(silence);
        child.removeAllListeners();
        resolve(ending);
      };
      child.on("message", (word: Word) => {
        silence.refresh();
        if (word.kind === "begins") seed = word.seed;
        else end(word);
      });
      child.once("error", (error) => end({ kind: "died", seed, how: `could not be reached (${error.message})` }));
      child.once("exit", (code, signal) => {
        const how = hung ? "hung" : signal === null ? `ended with ${code}` : `was ended by ${signal}`;
        end({ kind: "died", seed, how });
      });
      if (child.connected) child.send(block);
    });
  }

  /** Ends it; it has no block. */
  async dismiss(): Promise<void> {
    const child = this.#process;
    child.removeAllListeners();
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await gone;
  }
}
