/**
 * The same scenario in memory and on a SQLite file: processes that come and go on one store, one virtual clock. A
 * process in memory shares the store; on a file each has its own connection, as real ones do.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe } from "vitest";
import { App } from "../../src/app.ts";
import { clearCodec } from "../../src/store/clear-codec.ts";
import type { RunRow, Store } from "../../src/journal/store.ts";
import type { Agent } from "../../src/runtime/agent.ts";
import { Engine, type EngineOptions } from "../../src/runtime/engine.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { type VirtualWorld, virtualWorld } from "../../src/testing/virtual-world.ts";

export interface ProcessOptions extends Partial<Pick<EngineOptions, "warmBytes" | "maxActive" | "maxAttempts">> {
  readonly tenant?: string;
}

/** One process on the store. */
export interface Process {
  readonly app: App;
  readonly engine: Engine;
  /** Ends in good order. */
  close(): Promise<void>;
  /** kill -9: nothing more happens here, and its lock is free. */
  crash(): Promise<void>;
}

/** One store and the clock of everything on it. */
export class Place {
  readonly world: VirtualWorld = virtualWorld();
  readonly #open: () => Promise<{ store: Store; leave: (owner: number) => Promise<void> }>;
  readonly #processes = new Set<Process>();
  readonly reader: Store;

  constructor(open: () => Promise<{ store: Store; leave: (owner: number) => Promise<void> }>, reader: Store) {
    this.#open = open;
    this.reader = reader;
  }

  /** A process that runs these agents. */
  async open(agents: readonly Agent[], { tenant, ...more }: ProcessOptions = {}): Promise<Process> {
    const { store, leave } = await this.#open();
    const engine = new Engine({ store, world: this.world, codec: clearCodec, pollMs: 50, sweepMs: 500, ...more });
    for (const agent of agents) engine.register(agent);
    const app = new App(engine, { tenant: tenant ?? "acme", principal: "tester", worker: true });
    await engine.ownership.join();
    const ended = (how: () => Promise<void>) => async () => {
      if (this.#processes.delete(process)) await how();
    };
    const process: Process = {
      app,
      engine,
      close: ended(() => app.close()),
      crash: ended(async () => {
        engine.halt();
        await leave(engine.ownership.owner);
      }),
    };
    this.#processes.add(process);
    return process;
  }

  /** A client: it starts, asks and steers, and runs nothing. */
  async client(): Promise<App> {
    const { store } = await this.#open();
    const engine = new Engine({ store, world: this.world, codec: clearCodec, pollMs: 50, sweepMs: 500 });
    return new App(engine, { tenant: "acme", principal: "client", worker: false });
  }

  async row(runId: string): Promise<RunRow> {
    const row = await this.reader.run(runId);
    if (row === undefined) throw new Error(`There is no run ${runId}.`);
    return row;
  }

  /** Lets time pass until something is so; the disk answers in its own time. */
  async until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
    // Bounded by real time: a sync of a busy disk takes as long as it takes.
    const deadline = performance.now() + 10_000;
    while (performance.now() < deadline) {
      await this.world.advance(1);
      if (await is()) return;
    }
    throw new Error(`It never came to be: ${what}. Reports: ${this.world.reports.map(String).join("; ")}`);
  }

  async dispose(): Promise<void> {
    for (const process of this.#processes) await process.close();
  }
}

/** Registers tests for both stores. */
export function onBothStores(name: string, tests: (place: () => Place) => void): void {
  describe.each(["memory", "SQLite"] as const)(`${name}, in %s`, (kind) => {
    let place: Place;
    let folder: string;
    let opened: Store[];

    beforeEach(async () => {
      opened = [];
      folder = mkdtempSync(join(tmpdir(), "concertato-both-"));
      place = kind === "memory" ? inMemory() : await onFile();
    });
    afterEach(async () => {
      await place.dispose();
      for (const store of opened) await store.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    });

    function inMemory(): Place {
      const store = new MemoryStore();
      const open = async () => ({
        store: leaving(store),
        leave: async (owner: number) => store.leave(owner),
      });
      return new Place(open, store);
    }

    async function onFile(): Promise<Place> {
      const connect = async (): Promise<Store> => {
        const store = await openSqliteStore({ path: join(folder, "desk.db"), report: () => undefined });
        opened.push(store);
        return store;
      };
      const open = async () => {
        const store = await connect();
        return { store, leave: async () => store.close() };
      };
      return new Place(open, await connect());
    }

    tests(() => place);
  });
}

/** The shared store as one process sees it: closing it is that process's end, not the store's. */
function leaving(store: MemoryStore): Store {
  let owner = 0;
  return new Proxy<Store>(store, {
    get: (target, key) => {
      if (key === "join") return () => (owner = store.join());
      if (key === "close") return () => store.leave(owner);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
