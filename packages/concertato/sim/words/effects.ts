/** Calls that reach outside: reads, writes, payments, those that fail or hang often; as tools, and as steps in place. */
import type { Effect } from "../../src/journal/entry.ts";
import type { AttemptContext, ProbeAnswer, RetryPolicy } from "../../src/runtime/agent.ts";
import { ledgerOf } from "../ledger.ts";
import { attempt, type Program, shown, type Word } from "./word.ts";

/** How a call reaches outside. */
export interface Deed {
  readonly effect: Effect;
  readonly act: (id: number, attempt: AttemptContext) => Promise<number>;
  readonly probe?: (id: number, attempt: AttemptContext) => Promise<ProbeAnswer<number>>;
  readonly retry?: RetryPolicy;
  /** Per attempt, in ms. */
  readonly timeout?: number;
}

const patient: RetryPolicy = { attempts: 20, backoff: 50, maxBackoff: 200 };

export const deeds: Readonly<Record<string, Deed>> = {
  read: { effect: "read", act: (id, attempted) => ledgerOf(attempted).read(id) },
  write: { effect: "write", act: (id, attempted) => ledgerOf(attempted).effect("write", id, attempted) },
  pay: {
    effect: "irreversible",
    act: (id, attempted) => ledgerOf(attempted).effect("pay", id, attempted),
    probe: (_id, attempted) => ledgerOf(attempted).probe(attempted),
  },
  blind: { effect: "irreversible", act: (id, attempted) => ledgerOf(attempted).effect("blind", id, attempted) },
  flaky: { effect: "read", retry: patient, act: (id, attempted) => ledgerOf(attempted).flaky(id) },
  insist: { effect: "write", retry: patient, act: (id, attempted) => ledgerOf(attempted).insist(id, attempted) },
  hang: { effect: "read", retry: patient, timeout: 60, act: (id, attempted) => ledgerOf(attempted).hang(id) },
};

export interface Call extends Program {
  readonly id: number;
}

/** A call of the tool of this name. */
export function call(name: string): Word<Call> {
  return {
    grow: (soil) => ({ do: name, id: soil.id() }),
    act: ({ id }, ctx, { tools }) => {
      const tool = tools[name];
      if (tool === undefined) throw new Error(`There is no tool ${name}.`);
      return attempt(() => ctx.run(tool, id));
    },
    misfit: ({ id }, output) => doubled(name, id, output),
  };
}

function doubled(name: string, id: number, output: unknown): string | null {
  if (output === id * 2 || (output === "failed" && name !== "read")) return null;
  return `${name} ${id} gave ${shown(output)}`;
}

interface Step extends Program {
  readonly deed: string;
  readonly id: number;
}

/** Work in place: after a restart only its body knows what it does. */
export const step: Word<Step> = {
  grow: (soil) => ({ do: "step", deed: soil.random.pick(Object.keys(deeds)), id: soil.id() }),
  act: ({ deed, id }, ctx) => {
    const how = deeds[deed];
    if (how === undefined) throw new Error(`There is no deed ${deed}.`);
    const { act, probe, ...options } = how;
    const probing = probe === undefined ? {} : { probe: (attempted: AttemptContext) => probe(id, attempted) };
    return attempt(() => ctx.step(deed, (attempted) => act(id, attempted), { ...options, ...probing }));
  },
  misfit: ({ deed, id }, output) => doubled(deed, id, output),
};

interface Reads extends Program {
  readonly ids: readonly number[];
  readonly concurrency: number;
}

/** A map over a tool. */
export const reads: Word<Reads> = {
  grow: (soil) => ({
    do: "reads",
    ids: Array.from({ length: 1 + soil.random.below(5) }, () => soil.id()),
    concurrency: 1 + soil.random.below(4),
  }),
  act: ({ ids, concurrency }, ctx, { tools }) => {
    if (tools["read"] === undefined) throw new Error("There is no tool read.");
    return ctx.map([...ids], tools["read"], { concurrency });
  },
  misfit: ({ ids }, output) =>
    JSON.stringify(output) === JSON.stringify(ids.map((id) => id * 2)) ? null : `reads gave ${shown(output)}`,
};
