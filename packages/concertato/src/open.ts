/** The composition root: puts store, world, codec and engine together. The only place that knows a store by name. */
import type { World } from "./kernel/world.ts";
import type { Durability, PayloadCodec, Store } from "./journal/store.ts";
import { modelsService } from "./agents/models.ts";
import { type Fetch, fetchService } from "./agents/remote.ts";
import { App } from "./app.ts";
import { AppModels, type ModelOptions } from "./app-models.ts";
import { realWorld } from "./real-world.ts";
import type { Agent, Argument } from "./runtime/agent.ts";
import { Engine } from "./runtime/engine.ts";
import { clearCodec } from "./store/clear-codec.ts";
import { Retention, type RetentionOptions } from "./retention.ts";
import { MemoryStore } from "./store/memory-store.ts";

/** How an app is opened. Everything has a default. */
export interface OpenOptions extends ModelOptions {
  /** Agents this process may execute; those they use come along. */
  readonly agents?: readonly Agent[];
  /** `client` reads, starts, answers and cancels, and executes nothing. Default `worker`. */
  readonly role?: "worker" | "client";
  /** What an acknowledged commit survives: `normal` the death of the process, `full` the loss of power. Default `normal`; effects are always declared with `full`. */
  readonly durability?: Durability;
  /** 32 bytes: payloads are stored encrypted under it. */
  readonly key?: Uint8Array;
  /** Whose data it is, where a start does not say. Default "default". */
  readonly tenant?: string;
  /** Who acts, where a call does not say. */
  readonly principal?: string;
  /** Bytes that waiting runs may take in memory. Default 64 MiB. */
  readonly warmBytes?: number;
  /** Runs at work at once; more stay in the store until some rest, the urgent ones first. Default 1,000. */
  readonly maxActive?: number;
  /** Finished runs are deleted by themselves after so long. Default: never. Only workers do it. */
  readonly retention?: RetentionOptions;
  /** Attempts (of tools and steps) under way at once in this process; more wait, the urgent ones first. Default 1,000. */
  readonly maxAttempts?: number;
  /** Told of faults that belong to no run. Default: one line on standard error. */
  readonly onReport?: (error: unknown) => void;
  readonly world?: World;
  readonly store?: Store;
}

/**
 * Opens an app on a file, or in memory without a path.
 * @param path database file; made when absent
 * @throws ConcertatoError `store/not-a-database`, `store/newer-schema`, `store/upgrade-blocked`, `store/locked`, `store/unavailable`,
 *   `store/network-disk`, `codec/key-missing`, `runtime/duration` for a retention that is none
 */
export async function open(path?: string, options: OpenOptions = {}): Promise<App> {
  const world = options.world ?? realWorld(options.onReport);
  const store = options.store ?? (await openStore(path, options, world));
  const tenant = options.tenant ?? "default";
  const codec = await openCodec(store, options, tenant);
  const own = path === undefined && options.store === undefined;
  const engine = new Engine({
    store,
    world,
    codec,
    services: new Map<string, unknown>([
      [modelsService, new AppModels(options)],
      [fetchService, network],
    ]),
    ...(own ? { pollMs: 0 } : {}),
    ...(options.warmBytes === undefined ? {} : { warmBytes: options.warmBytes }),
    ...(options.maxActive === undefined ? {} : { maxActive: options.maxActive }),
    ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
  });
  for (const agent of options.agents ?? []) engine.register(agent);
  const worker = options.role !== "client";
  const retention = options.retention === undefined || !worker ? undefined : new Retention(engine, options.retention);
  const app = new App(engine, { tenant, principal: options.principal, worker, retention });
  if (worker) await engine.ownership.join();
  retention?.start();
  return app;
}

/** The platform's own way to the network. */
const network: Fetch = (url, request) => fetch(url, request);

async function openStore(path: string | undefined, options: OpenOptions, world: World): Promise<Store> {
  if (path === undefined || path === ":memory:") return new MemoryStore();
  const { openSqliteStore } = await import("./store/sqlite-store.ts");
  return openSqliteStore({ path, durability: options.durability ?? "normal", report: world.report });
}

async function openCodec(store: Store, options: OpenOptions, tenant: string): Promise<PayloadCodec> {
  if (options.key === undefined) return clearCodec;
  const { openEnvelopeCodec } = await import("./store/envelope-codec.ts");
  return openEnvelopeCodec({ kek: options.key, store, tenants: [tenant] });
}

/**
 * Runs one agent in memory and returns its output: nothing to set up, nothing kept.
 * @throws AgentFailure when it fails
 */
export async function run<Input, Output>(agent: Agent<Input, Output>, ...[input]: Argument<Input>): Promise<Output> {
  const app = await open();
  try {
    // An agent that takes no input is given none.
    const job = await app.start(agent, input as NoInfer<Input>);
    return await job.result();
  } finally {
    await app.close();
  }
}
