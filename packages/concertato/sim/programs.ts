/** Random workflow trees as data, the agents that interpret them, and what their outputs must look like. */
import type { Agent, AttemptContext } from "../src/runtime/agent.ts";
import { type Context, done, next } from "../src/runtime/context.ts";
import { history } from "../src/kernel/history.ts";
import type { Json } from "../src/kernel/json.ts";
import { human } from "../src/agents/human.ts";
import { tool } from "../src/agents/tool.ts";
import { workflow } from "../src/agents/workflow.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";

/** A tree of ctx calls. */
export type Program =
  | { readonly do: "read" | "write" | "pay" | "blind" | "flaky" | "insist"; readonly id: number }
  | { readonly do: "hops"; readonly count: number; readonly of: Program }
  | { readonly do: "sleep"; readonly ms: number }
  | { readonly do: "wait"; readonly name: string }
  | { readonly do: "ask"; readonly id: number }
  | { readonly do: "sequence"; readonly of: readonly Program[] }
  | { readonly do: "scope"; readonly of: Program }
  | { readonly do: "start"; readonly of: Program }
  | { readonly do: "map"; readonly of: readonly Program[]; readonly concurrency: number }
  | { readonly do: "reads"; readonly ids: readonly number[]; readonly concurrency: number }
  | { readonly do: "all"; readonly of: Readonly<Record<string, Program>> }
  | { readonly do: "race"; readonly of: Readonly<Record<string, Program>> }
  | { readonly do: "loop"; readonly turns: number; readonly of: Program };

/**
 * What random trees are made of, by generation: a kept seed tells the story it was kept for only with the words of its
 * day. A new word means a new generation as soon as a seed of the present one is kept.
 */
export interface Words {
  readonly leaves: readonly ("read" | "write" | "pay" | "blind" | "flaky" | "insist" | "sleep" | "wait" | "ask")[];
  readonly trees: readonly (
    | "sequence"
    | "scope"
    | "start"
    | "map"
    | "reads"
    | "all"
    | "race"
    | "loop"
    | "hops"
    | "contest"
    | "attempts"
  )[];
}

const firstWords: Words = {
  leaves: ["read", "read", "write", "pay", "blind", "flaky", "sleep", "wait", "ask"],
  trees: ["sequence", "sequence", "scope", "start", "map", "reads", "all", "race", "loop", "hops", "contest"],
};

const presentWords: Words = {
  leaves: [...firstWords.leaves, "insist"],
  trees: [...firstWords.trees, "attempts"],
};

/** The generation of trees and plans that new seeds are made with. */
export const presentGeneration = 2;

function wordsOf(generation: number): Words {
  return generation === 1 ? firstWords : presentWords;
}

/** A random tree of about `size` calls; with 0 one call that has to be tried again and again. */
export function randomProgram(random: Random, size: number, generation: number): Program {
  if (size === 0) return { do: random.pick(["flaky", "insist", "insist"] as const), id: 0 };
  return grow({ random, words: wordsOf(generation), ids: 0 }, Math.max(1, size), 0);
}

/** What a tree grows from. */
interface Soil {
  readonly random: Random;
  readonly words: Words;
  ids: number;
}

function grow(soil: Soil, size: number, depth: number): Program {
  const { random, words } = soil;
  if (size <= 1 || depth > 5) return leaf(soil);
  const kind = random.pick(words.trees);
  const parts = () => {
    const count = 2 + random.below(Math.min(3, size));
    return Array.from({ length: count }, () => grow(soil, Math.floor(size / count), depth + 1));
  };
  const named = () => Object.fromEntries(parts().map((part, index) => [`b${index}`, part]));
  switch (kind) {
    case "sequence":
      return { do: "sequence", of: parts() };
    case "scope":
    case "start":
      return { do: kind, of: grow(soil, size - 1, depth + 1) };
    case "map":
      return { do: "map", of: parts(), concurrency: 1 + random.below(3) };
    case "reads":
      return {
        do: "reads",
        ids: Array.from({ length: 1 + random.below(5) }, () => soil.ids++),
        concurrency: 1 + random.below(4),
      };
    case "all":
    case "race":
      return { do: kind, of: named() };
    case "loop":
      return { do: "loop", turns: 1 + random.below(4), of: grow(soil, Math.floor(size / 3), depth + 1) };
    case "contest":
      return contest(soil);
    case "attempts":
      return attempts(soil);
    case "hops":
      return { do: "hops", count: random.below(8), of: grow(soil, size - 1, depth + 1) };
  }
}

/** A race of short loops and chains, close enough that several end in one commit, and then something to wait for. */
function contest(soil: Soil): Program {
  const { random } = soil;
  const read = (): Program => ({ do: "read", id: soil.ids++ });
  const branch = (): Program =>
    random.chance(0.6)
      ? { do: "loop", turns: 2 + random.below(3), of: read() }
      : { do: "sequence", of: Array.from({ length: 1 + random.below(4) }, read) };
  const race: Program = { do: "race", of: { b0: branch(), b1: branch(), b2: branch() } };
  return { do: "sequence", of: [race, leaf(soil), leaf(soil)] };
}

/** Reads and effects that are tried again and again side by side: runs rest and are stirred by deadlines all the time. */
function attempts(soil: Soil): Program {
  const { random } = soil;
  const one = (): Program => ({ do: random.pick(["flaky", "insist"] as const), id: soil.ids++ });
  return { do: "map", of: Array.from({ length: 2 + random.below(3) }, one), concurrency: 1 + random.below(3) };
}

function leaf(soil: Soil): Program {
  const { random, words } = soil;
  const kind = random.pick(words.leaves);
  if (kind === "sleep") return { do: "sleep", ms: random.below(400) };
  if (kind === "wait") return { do: "wait", name: `s${random.below(2)}` };
  return { do: kind, id: soil.ids++ };
}

/** The interpreter of trees, of one simulated process: the same code, acting on the outside world through that process. */
export function treeAgent(ledger: Ledger): Agent<unknown, unknown> {
  const effects = {
    read: leafTool("read", "read", (id, attempt) => ledger.read(id, attempt)),
    write: leafTool("write", "write", (id, attempt) => ledger.effect("write", id, attempt)),
    pay: leafTool(
      "pay",
      "irreversible",
      (id, attempt) => ledger.effect("pay", id, attempt),
      (_id, attempt) => ledger.probe(attempt),
    ),
    blind: leafTool("blind", "irreversible", (id, attempt) => ledger.effect("blind", id, attempt)),
    flaky: tool({
      name: "flaky",
      description: "",
      effect: "read",
      input: anything<number>(),
      output: anything<number>(),
      retry: { attempts: 20, backoff: 50, maxBackoff: 200 },
      execute: (id, attempt) => ledger.flaky(id, attempt),
    }),
    insist: tool({
      name: "insist",
      description: "",
      effect: "write",
      input: anything<number>(),
      output: anything<number>(),
      retry: { attempts: 20, backoff: 50, maxBackoff: 200 },
      execute: (id, attempt) => ledger.insist(id, attempt),
    }),
  };
  const person = human({ name: "person", output: anything<string>() });
  const body = (program: unknown, ctx: Context) => interpret(program as Program, ctx, { effects, person, nested });
  const nested: Agent<unknown, unknown> = workflow(
    { name: "tree", uses: [...Object.values(effects), person] as Agent[] },
    body,
  );
  return nested;
}

function leafTool(
  name: string,
  effect: "read" | "write" | "irreversible",
  execute: (id: number, attempt: AttemptContext) => Promise<number>,
  probe?: (
    id: number,
    attempt: AttemptContext,
  ) => Promise<{ kind: "happened"; output: number } | { kind: "did-not-happen" }>,
): Agent<number, number> {
  return tool({
    name,
    description: "",
    effect,
    input: anything<number>(),
    output: anything<number>(),
    execute,
    ...(probe === undefined ? {} : { probe }),
  });
}

/** A schema that takes everything: the simulation checks outputs itself. */
function anything<T>(): {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: "sim";
    readonly validate: (value: unknown) => { value: T };
    readonly types: { readonly input: T; readonly output: T };
  };
} {
  // The cast is the point: nothing is checked here.
  return {
    "~standard": { version: 1, vendor: "sim", validate: (value) => ({ value: value as T }), types: undefined as never },
  };
}

interface Cast {
  readonly effects: Readonly<Record<"read" | "write" | "pay" | "blind" | "flaky" | "insist", Agent<number, number>>>;
  readonly person: Agent<unknown, string>;
  readonly nested: Agent<unknown, unknown>;
}

async function interpret(program: Program, ctx: Context, cast: Cast): Promise<unknown> {
  switch (program.do) {
    case "read":
    case "write":
    case "pay":
    case "blind":
    case "flaky":
    case "insist":
      return attempt(() => ctx.run(cast.effects[program.do], program.id));
    case "hops":
      for (let hop = 0; hop < program.count; hop++) await Promise.resolve();
      return interpret(program.of, ctx, cast);
    case "sleep":
      await ctx.sleep(program.ms);
      return "slept";
    case "wait":
      return ctx.waitFor(program.name);
    case "ask":
      return ctx.run(cast.person, { id: program.id });
    case "sequence": {
      const outputs: unknown[] = [];
      for (const part of program.of) outputs.push(await interpret(part, ctx, cast));
      return outputs;
    }
    case "scope":
      return ctx.run(cast.nested, program.of);
    case "start": {
      const child = await ctx.start(cast.nested, program.of);
      return attempt(() => child.outcome());
    }
    case "map":
      return ctx.map(program.of, cast.nested, { concurrency: program.concurrency });
    case "reads":
      return ctx.map([...program.ids], cast.effects.read, { concurrency: program.concurrency });
    case "all":
      return ctx.all(branchesOf(program.of, cast));
    case "race":
      return ctx.race(branchesOf(program.of, cast));
    case "loop": {
      if (program.turns % 2 === 0) return chronicle(program, ctx, cast);
      const start: { turn: number; outputs: Json[] } = { turn: 0, outputs: [] };
      return ctx.loop(start, async (state, turn) => {
        if (state.turn === program.turns) return done(state.outputs);
        const output = (await interpret(program.of, turn, cast)) as Json;
        return next({ turn: state.turn + 1, outputs: [...state.outputs, output] });
      });
    }
  }
}

/** The same loop with its outputs in a history. */
async function chronicle(
  program: Extract<Program, { do: "loop" }>,
  ctx: Context,
  cast: Cast,
): Promise<readonly Json[]> {
  const outputs = await ctx.loop({ outputs: history<Json>() }, async (state, turn) => {
    if (state.outputs.length === program.turns) return done(state.outputs);
    return next({ outputs: state.outputs.append((await interpret(program.of, turn, cast)) as Json) });
  });
  return [...outputs];
}

function branchesOf(
  programs: Readonly<Record<string, Program>>,
  cast: Cast,
): Record<string, (branch: Context) => Promise<unknown>> {
  return Object.fromEntries(
    Object.entries(programs).map(([name, program]) => [name, (branch: Context) => interpret(program, branch, cast)]),
  );
}

/** A failed effect is an outcome here, so that trees go on. */
async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (code === "agent/failed" || code === "run/cancelled") return "failed";
    throw error;
  }
}

/** Whether an output is one that the program may have. Null when it is, else what is wrong. */
export function misfit(program: Program, output: unknown): string | null {
  switch (program.do) {
    case "read":
      return output === program.id * 2 ? null : `read ${program.id} gave ${text(output)}`;
    case "flaky":
    case "insist":
    case "write":
    case "pay":
    case "blind":
      return output === program.id * 2 || output === "failed"
        ? null
        : `${program.do} ${program.id} gave ${text(output)}`;
    case "hops":
      return misfit(program.of, output);
    case "sleep":
      return output === "slept" ? null : `sleep gave ${text(output)}`;
    case "wait":
      return typeof output === "string" && output.startsWith(`${program.name}:`)
        ? null
        : `wait ${program.name} gave ${text(output)}`;
    case "ask":
      return output === "yes" ? null : `ask gave ${text(output)}`;
    case "sequence":
    case "map":
      return misfits(program.of, output);
    case "scope":
      return misfit(program.of, output);
    case "start":
      return output === "failed" ? null : misfit(program.of, output);
    case "reads":
      return JSON.stringify(output) === JSON.stringify(program.ids.map((id) => id * 2))
        ? null
        : `reads gave ${text(output)}`;
    case "all": {
      const names = Object.keys(program.of);
      if (typeof output !== "object" || output === null) return `all gave ${text(output)}`;
      const got = output as Record<string, unknown>;
      if (JSON.stringify(Object.keys(got)) !== JSON.stringify(names)) return `all gave keys ${text(Object.keys(got))}`;
      return misfits(Object.values(program.of), Object.values(got));
    }
    case "race": {
      const winner = output as { branch: string; value: unknown };
      const branch = program.of[winner?.branch];
      return branch === undefined ? `race gave ${text(output)}` : misfit(branch, winner.value);
    }
    case "loop":
      return misfits(
        Array.from({ length: program.turns }, () => program.of),
        output,
      );
  }
}

function misfits(programs: readonly Program[], outputs: unknown): string | null {
  if (!Array.isArray(outputs) || outputs.length !== programs.length)
    return `expected ${programs.length} outputs, got ${text(outputs)}`;
  for (const [index, program] of programs.entries()) {
    const wrong = misfit(program, outputs[index]);
    if (wrong !== null) return wrong;
  }
  return null;
}

function text(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 120) ?? "nothing";
}
