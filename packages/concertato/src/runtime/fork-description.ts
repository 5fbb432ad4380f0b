/** What was decided when a run was forked: the payload of the `forked` entry. Kept for ever, so fields are only added. */
import type { Json } from "../kernel/json.ts";

/** `recorded`: what the original recorded is taken over. `live`: it is done anew. `stub`: only given values count. */
export type ForkMode = "recorded" | "live" | "stub";

/** What happens where nothing fitting is recorded: do it anew, or stop the run. */
export type ForkElsewhere = "live" | "stop";

/** By effect; `read` includes `pure`. */
export interface ByEffect<T> {
  readonly read: T;
  readonly write: T;
  readonly irreversible: T;
}

export interface ForkDescription {
  /** The run, the last entry taken over, and the last entry that may be taken over later. */
  readonly from: { readonly run: string; readonly at: number; readonly until: number };
  readonly effects: ByEffect<ForkMode>;
  readonly elsewhere: ByEffect<ForkElsewhere>;
  /** Answers and signals. */
  readonly people: ForkMode;
  /** Sleeps. */
  readonly time: ForkMode;
  /** Values of the run's own `ctx.state`, other than the original's at that point. */
  readonly values?: { readonly [name: string]: Json };
  /** Values by name of tool, step or person. */
  readonly stubs: { readonly [name: string]: Json };
  /** Names whose stub is a function of the process that forked. */
  readonly functions: readonly string[];
  /** It is a failed run that was put back: see dead-letter.ts. */
  readonly retry?: RetriedRun;
}

/** What a failed run that was put back does again; everything else it takes over. */
export interface RetriedRun {
  /** The run whose idempotency keys go on: to the outside world this is one more attempt of it. */
  readonly keys: string;
  /** Addresses of the failures that ended it. */
  readonly anew: readonly string[];
  /** Addresses of scopes that were undone: all inside is done again, under keys of its own. */
  readonly undone: readonly string[];
}

/** Whether a fork may change anything outside by itself. */
export function actsOutside({ effects, elsewhere }: ForkDescription): boolean {
  return [effects.write, effects.irreversible, elsewhere.write, elsewhere.irreversible].includes("live");
}

/** Stubs that are functions; they live in one process. */
export type StubFunctions = { readonly [name: string]: (input: unknown) => unknown };
