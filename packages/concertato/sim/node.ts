/** A simulated process that runs engines: it starts, crashes, pauses, starts again, on one shared disk. */
import { App } from "../src/app.ts";
import { clearCodec } from "../src/store/clear-codec.ts";
import { ConcertatoError } from "../src/kernel/errors.ts";
import type { Agent } from "../src/runtime/agent.ts";
import { Engine } from "../src/runtime/engine.ts";
import { type Disk, FaultStore } from "./fault-store.ts";
import { type Chances, type Effects, Ledger, ledgerService } from "./ledger.ts";
import { treeAgent } from "./programs.ts";
import type { Process, Schedule } from "./schedule.ts";

/** How a node's engine is set up. */
export interface NodeSetup {
  readonly schedule: Schedule;
  readonly disk: Disk;
  readonly effects: Effects;
  readonly warmBytes: number;
  readonly chances: Chances;
  readonly maxActive: number;
  readonly pollMs: number;
  readonly largeFrom: number;
  /** The revision of the code that processes start with from now on. */
  readonly deployed: { readonly revision: number };
  readonly onReport: (error: unknown) => void;
}

/** One life of a process. */
interface Life {
  readonly process: Process;
  readonly store: FaultStore;
  readonly engine: Engine;
  readonly app: App;
  readonly tree: Agent<unknown, unknown>;
}

export class Node {
  readonly name: string;
  readonly #setup: NodeSetup;
  #life: Life | null = null;
  #lives = 0;
  skew = 0;

  constructor(name: string, setup: NodeSetup) {
    this.name = name;
    this.#setup = setup;
  }

  get app(): App | null {
    return this.#life?.app ?? null;
  }

  /** The agent that runs are started with, as this process has it. */
  get tree(): Agent<unknown, unknown> | null {
    return this.#life?.tree ?? null;
  }

  get process(): Process | null {
    return this.#life?.process ?? null;
  }

  /** What takes a place in this process, where anything does. */
  get atWork(): readonly string[] {
    if (this.#life === null) return [];
    const { ownership, runs } = this.#life.engine;
    return ownership.active === 0
      ? []
      : [`${this.name}: ${ownership.active} of ${[...runs.values()].map(({ id }) => id).join(" ")}`];
  }

  get alive(): boolean {
    return this.#life !== null;
  }

  start(): void {
    const { schedule, disk, effects, warmBytes, chances, maxActive, pollMs, largeFrom, onReport } = this.#setup;
    const process: Process = { name: `${this.name}.${++this.#lives}`, alive: true, pausedUntil: 0, skew: this.skew };
    const store = new FaultStore(disk, process);
    const world = schedule.world(process, (error) => {
      if (!ConcertatoError.is(error, "store/unavailable")) onReport(error);
    });
    const engine = new Engine({
      store,
      world,
      codec: clearCodec,
      services: new Map([[ledgerService, new Ledger(effects, schedule, process, chances)]]),
      warmBytes,
      maxActive,
      largeFrom,
      pollMs,
      sweepMs: 3 * pollMs,
    });
    const tree = treeAgent(this.#setup.deployed.revision);
    engine.register(tree as Agent);
    const app = new App(engine, { tenant: "sim", principal: "client", worker: true });
    this.#life = { process, store, engine, app, tree };
    engine.ownership.join().catch(onReport);
  }

  /** kill -9: nothing more of this life happens; the operating system frees its lock. */
  crash(): void {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    life.process.alive = false;
    life.engine.halt();
    life.store.died();
    const { owner } = life.engine.ownership;
    if (owner !== 0) this.#setup.disk.apply((store) => store.leave(owner));
  }

  /** The process stands still, and the others are told that it is dead. It comes back and does not know. */
  pause(until: number): void {
    const life = this.#life;
    if (life === null) return;
    life.process.pausedUntil = until;
    const { owner } = life.engine.ownership;
    if (owner !== 0) this.#setup.disk.apply((store) => store.leave(owner));
  }

  /** The wall clock jumps. */
  jump(ms: number): void {
    this.skew += ms;
    if (this.#life !== null) this.#life.process.skew = this.skew;
  }
}
