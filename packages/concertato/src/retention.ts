/**
 * Deleting finished runs, on request and by itself: in pages, with a pause after each, so that runs at work notice nothing.
 * Of the processes that share a store, the oldest one alive does it by itself; if two did for a moment, that does no harm.
 */
import { durationMs } from "./kernel/duration.ts";
import { ConcertatoError } from "./kernel/errors.ts";
import type { StopTimer, World } from "./kernel/world.ts";
import type { FinalStatus } from "./journal/entry.ts";
import type { PruneQuery, Store } from "./journal/store.ts";
import type { Engine } from "./runtime/engine.ts";
import type { Duration } from "./runtime/context.ts";

/** Which finished runs are deleted. */
export interface PruneOptions {
  /** Only runs that ended at least so long ago. */
  readonly olderThan: Duration;
  /** Default: every way a run can end. */
  readonly status?: FinalStatus | readonly FinalStatus[];
  /** Only runs of this agent, by name without version. */
  readonly agent?: string;
  readonly tenant?: string;
  /** The newest so many of the runs meant stay, however old they are. Default 0. */
  readonly keepLast?: number;
  /** At most so many are deleted by this call. Default: all. */
  readonly limit?: number;
}

export interface Pruned {
  /** How many runs were deleted. */
  readonly runs: number;
  /** `limit` was reached, and there may be more. */
  readonly more: boolean;
}

/** How long finished runs are kept, by the way they ended. What is not named is kept for ever. */
export interface RetentionOptions {
  readonly completed?: Duration;
  readonly failed?: Duration;
  readonly cancelled?: Duration;
  readonly stopped?: Duration;
  /** Of each of them, the newest so many stay, however old they are. Default 0. */
  readonly keepLast?: number;
  /** How often it looks. Default one hour. */
  readonly every?: Duration;
}

const finalStatuses: readonly FinalStatus[] = ["completed", "failed", "cancelled", "stopped"];

/** Runs deleted in one transaction. */
const page = 50;

/** Pause after each transaction, in ms: most of the time belongs to the runs at work. */
const pauseMs = 4;

/** Between two looks, unless said otherwise. */
const defaultEveryMs = 3_600_000;

/** How a pruning goes about it. */
interface Manner {
  /** It must not keep the process alive. */
  readonly background: boolean;
  /** Asked between pages; true ends it there, and what is deleted stays deleted. */
  readonly stopped: () => boolean;
}

/**
 * Deletes what the options say and gives its space back.
 * @throws ConcertatoError `runtime/duration` for an age that is none
 */
export async function prune(store: Store, world: World, options: PruneOptions, manner: Manner): Promise<Pruned> {
  const endedBefore = world.clock.now() - durationMs(options.olderThan) + 1;
  const limit = wholeOr(options.limit, Number.POSITIVE_INFINITY, "limit");
  const statuses = options.status === undefined ? finalStatuses : [options.status].flat();
  const what = {
    ...(options.agent === undefined ? {} : { agent: options.agent }),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
  };
  const kept = await keptFrom(store, { ...what, status: statuses }, wholeOr(options.keepLast, 0, "keepLast"));
  let runs = 0;
  for (const status of statuses) {
    let after: number | null = kept === 0 ? null : 0;
    while (after !== null && runs < limit && !manner.stopped()) {
      const size = Math.min(page, limit - runs);
      const query: PruneQuery = { ...what, status, endedBefore, after, limit: size };
      const done = await store.prune(kept === undefined ? query : { ...query, keepFrom: kept });
      runs += done.runs;
      after = done.next;
      await pause(world, manner);
    }
  }
  await reclaim(store, world, manner);
  return { runs, more: runs >= limit };
}

/** What deleted runs have left, in slices. Also what a process that died had not finished. */
async function reclaim(store: Store, world: World, manner: Manner): Promise<void> {
  while (!manner.stopped() && (await store.reclaim())) await pause(world, manner);
}

/** The key from which on runs stay; undefined when none does for being new, 0 when there are no others. */
async function keptFrom(
  store: Store,
  query: { readonly agent?: string; readonly tenant?: string; readonly status: readonly FinalStatus[] },
  keepLast: number,
): Promise<number | undefined> {
  if (keepLast === 0) return undefined;
  const newest = await store.runs({ ...query, limit: keepLast });
  return newest.length < keepLast ? 0 : newest.at(-1)?.key;
}

function pause(world: World, { background }: Manner): Promise<void> {
  return new Promise((resolve) => {
    world.timer(pauseMs, resolve, background);
  });
}

function wholeOr(value: number | undefined, otherwise: number, name: string): number {
  if (value === undefined) return otherwise;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ConcertatoError({
    code: "agent/input-invalid",
    message: `prune() was given ${name}: ${String(value)}, which is not a whole number from 0.`,
    details: { name },
  });
}

/** Prunes by itself for as long as its engine runs. */
export class Retention {
  readonly #engine: Engine;
  readonly #rules: readonly PruneOptions[];
  readonly #everyMs: number;
  #timer: StopTimer | null = null;
  #stopped = false;

  /** @throws ConcertatoError `runtime/duration` */
  constructor(engine: Engine, options: RetentionOptions) {
    this.#engine = engine;
    this.#everyMs = Math.max(1_000, options.every === undefined ? defaultEveryMs : durationMs(options.every));
    this.#rules = finalStatuses.flatMap((status) => {
      const olderThan = options[status];
      if (olderThan === undefined) return [];
      return [{ status, olderThan: durationMs(olderThan), keepLast: options.keepLast ?? 0 }];
    });
  }

  /** Looks now, and again and again. */
  start(): void {
    this.#look()
      .catch((error: unknown) => this.#engine.world.report(error))
      .finally(() => {
        if (!this.#stopped) this.#timer = this.#engine.world.timer(this.#everyMs, () => this.start(), true);
      });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
  }

  async #look(): Promise<void> {
    if (!(await this.#oldest())) return;
    const manner: Manner = { background: true, stopped: () => this.#stopped };
    for (const rule of this.#rules) await prune(this.#engine.store, this.#engine.world, rule, manner);
  }

  async #oldest(): Promise<boolean> {
    const owners = await this.#engine.store.owners();
    return owners.find(({ alive }) => alive)?.id === this.#engine.ownership.owner;
  }
}
