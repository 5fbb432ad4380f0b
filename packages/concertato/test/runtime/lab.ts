/**
 * Where runtime tests happen: one store, one virtual clock, and processes that live and die on them. Time moves only
 * when a test says so.
 */
import { expect } from "vitest";
import { App, type Job, type StartOptions } from "../../src/app.ts";
import { isQuestion, type WaitSummary } from "../../src/run-summary.ts";
import { ConcertatoError } from "../../src/kernel/errors.ts";
import { clearCodec } from "../../src/store/clear-codec.ts";
import type { Entry, EntryKind, StoredEntry } from "../../src/journal/entry.ts";
import { EntryReader } from "../../src/journal/entry-reader.ts";
import type { RunRow, Store } from "../../src/journal/store.ts";
import type { Agent } from "../../src/runtime/agent.ts";
import { Engine } from "../../src/runtime/engine.ts";
import type { World } from "../../src/kernel/world.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { type VirtualWorld, virtualWorld } from "../../src/testing/virtual-world.ts";

export interface LifeOptions {
  /** Bytes of waiting runs kept in memory; 0 evicts whatever rests. */
  readonly warmBytes?: number;
  /** Runs at work at once. */
  readonly maxActive?: number;
  /** Attempts under way at once. */
  readonly maxAttempts?: number;
  /** How often another process's writes are noticed. Default: never, for one process at a time. */
  readonly pollMs?: number;
  /** Dies right after so many committed entries. */
  readonly crashAfter?: number;
  /** Default: the lab's own. */
  readonly store?: Store;
  /** Default: the lab's own. */
  readonly world?: World;
}

/** One process, from its start to its death. */
export interface Life {
  readonly app: App;
  readonly engine: Engine;
  readonly dead: boolean;
  /** kill -9: nothing more happens here, and the operating system frees its lock. */
  crash(): void;
}

/** A store, a clock, and the processes on them. */
export class Lab {
  readonly store: MemoryStore = new MemoryStore();
  readonly world: VirtualWorld;
  #last: Life | null = null;

  constructor(startMs?: number) {
    this.world = virtualWorld(startMs);
  }

  /** A process that knows these agents. */
  async open(agents: readonly Agent[], options: LifeOptions = {}): Promise<Life> {
    const { store, world } = this;
    const engine = new Engine({
      store: options.store ?? store,
      world: options.world ?? world,
      codec: clearCodec,
      pollMs: options.pollMs ?? 0,
      sweepMs: 500,
      ...(options.warmBytes === undefined ? {} : { warmBytes: options.warmBytes }),
      ...(options.maxActive === undefined ? {} : { maxActive: options.maxActive }),
      ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
    });
    for (const agent of agents) engine.register(agent);
    const app = new App(engine, { tenant: "acme", principal: "tester", worker: true });
    const life = new LifeOf(app, engine, store);
    if (options.crashAfter !== undefined) life.crashAfter(options.crashAfter);
    await engine.ownership.join();
    this.#last = life;
    return life;
  }

  /** The process opened last. */
  get app(): App {
    if (this.#last === null) throw new Error("No process was opened.");
    return this.#last.app;
  }

  /** Starts in a first process that knows the agent and what it uses, and lets it run until it rests. */
  async begin<Input, Output>(
    agent: Agent<Input, Output>,
    input: NoInfer<Input>,
    options: StartOptions & LifeOptions = {},
  ): Promise<{ readonly life: Life; readonly job: Job<Output> }> {
    const life = await this.open([agent as Agent], options);
    const job = await life.app.start(agent, input, options);
    await this.world.settle();
    return { life, job };
  }

  row(runId: string): RunRow {
    const row = this.store.run(runId);
    if (row === undefined) throw new Error(`There is no run ${runId}.`);
    return row;
  }

  /** The whole journal of a run, as the store has it. */
  journal(runId: string): readonly Entry[] {
    const stored = this.store.entries(this.row(runId).key, 0, 100_000);
    const text = (entry: StoredEntry) => (entry.body === null ? null : String(entry.body));
    const reader = new EntryReader(text, (seq) => stored[seq - 1]);
    // What is fetched is there at once, and then so is the entry.
    return stored.map((entry) => reader.read(entry) as Entry);
  }

  kinds(runId: string): readonly EntryKind[] {
    return this.journal(runId).map(({ kind }) => kind);
  }

  /** What a run waits for, as lists show it. */
  async waits(runId: string): Promise<readonly WaitSummary[]> {
    return (await this.app.describe(runId)).run.waiting;
  }

  /** Address of the one question that is open. */
  async question(runId: string): Promise<string> {
    const waiting = (await this.waits(runId)).filter(isQuestion);
    expect(waiting).toHaveLength(1);
    return waiting[0]?.waitId ?? "";
  }

  /** Answers the one open question and lets everything follow. */
  async answer(runId: string, value: unknown): Promise<void> {
    await this.app.answer(runId, await this.question(runId), value);
    await this.world.settle();
  }
}

class LifeOf implements Life {
  readonly app: App;
  readonly engine: Engine;
  readonly #store: MemoryStore;
  dead = false;

  constructor(app: App, engine: Engine, store: MemoryStore) {
    this.app = app;
    this.engine = engine;
    this.#store = store;
  }

  crash(): void {
    if (this.dead) return;
    this.dead = true;
    this.engine.halt();
    this.#store.leave(this.engine.ownership.owner);
  }

  crashAfter(entries: number): void {
    let left = entries;
    this.engine.listeners.add(() => {
      if (--left === 0) this.crash();
    });
  }
}

/** Runs one agent in a lab of its own, letting time pass as needed, and returns its output. */
export async function runToEnd<Input, Output>(
  agent: Agent<Input, Output>,
  input: NoInfer<Input>,
  advanceMs = 0,
): Promise<Output> {
  const lab = new Lab();
  const { job } = await lab.begin(agent, input);
  await lab.world.advance(advanceMs);
  return job.result();
}

/** The failure a promise is rejected with. */
export async function failure(promise: PromiseLike<unknown>): Promise<ConcertatoError> {
  const thrown: unknown = await promise.then(
    (value) => new Error(`Expected a failure, got ${JSON.stringify(value)}.`),
    (error: unknown) => error,
  );
  if (!ConcertatoError.is(thrown)) throw thrown;
  return thrown;
}

/** A store that does some things in its own way. */
export function altered(store: Store, own: Partial<Store>): Store {
  return new Proxy<Store>(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(own, key) ?? Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** What a store throws that did not answer: nobody knows what it has done. */
export function away(): ConcertatoError {
  return new ConcertatoError({ code: "store/unavailable", message: "The disk was away for a moment." });
}

/** A promise that a test settles when it wants. */
export interface Gate<T> {
  readonly promise: Promise<T>;
  readonly open: (value: T) => void;
  readonly fail: (error: unknown) => void;
}

export function gate<T = void>(): Gate<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { promise, open: resolve, fail: reject };
}

/** Counts calls by name. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string): number {
    const count = this.of(name) + 1;
    this.#counts.set(name, count);
    return count;
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  get names(): readonly string[] {
    return [...this.#counts.keys()];
  }
}
