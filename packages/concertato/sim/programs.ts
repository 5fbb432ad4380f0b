/** Random programs as data, the agents that interpret them, and what their outputs must look like. */
import { human } from "../src/agents/human.ts";
import { tool, type ToolOptions } from "../src/agents/tool.ts";
import { workflow } from "../src/agents/workflow.ts";
import type { Agent } from "../src/runtime/agent.ts";
import { ledgerOf } from "./ledger.ts";
import type { Random } from "./random.ts";
import { vocabularyOf, words } from "./vocabulary.ts";
import { type Call, type Deed, deeds } from "./words/effects.ts";
import type { Program, Soil, Stage } from "./words/word.ts";

/** Trees do not grow deeper. */
const deepest = 5;

/** A random tree of about `size` calls; with 0 one call that has to be tried again and again. */
export function randomProgram(random: Random, size: number, generation: number): Program {
  if (size === 0) return { do: random.pick(["flaky", "insist", "insist"]), id: 0 } as Call;
  const { leaves, trees } = vocabularyOf(generation);
  let ids = 0;
  const soil: Soil = {
    random,
    id: () => ids++,
    leaf: () => word(random.pick(leaves)).grow(soil, 1, deepest),
    grow: (left, depth) =>
      left <= 1 || depth > deepest ? soil.leaf() : word(random.pick(trees)).grow(soil, left, depth),
  };
  return soil.grow(Math.max(1, size), 0);
}

function word(name: string) {
  const found = words[name];
  if (found === undefined) throw new Error(`There is no word ${name}.`);
  return found;
}

const trees = new Map<number, Agent<unknown, unknown>>();

/** The interpreter of programs in one revision of the code. It acts outside through the ledger of the process that runs it. */
export function treeAgent(revision: number): Agent<unknown, unknown> {
  const known = trees.get(revision) ?? makeTree(revision);
  trees.set(revision, known);
  return known;
}

function makeTree(revision: number): Agent<unknown, unknown> {
  const tools = Object.fromEntries(Object.entries(deeds).map(([name, deed]) => [name, deedTool(name, deed)]));
  const person = human({ name: "person", output: anything<string>() });
  const undo = tool({
    name: "undo",
    description: "",
    effect: "write",
    input: anything<string>(),
    output: anything<number>(),
    retry: { attempts: 30, backoff: 20, maxBackoff: 100 },
    execute: (mark, attempt) => ledgerOf(attempt).undo(mark, attempt),
  });
  const stage: Stage = {
    revision,
    tools,
    person,
    undo,
    get tree() {
      return tree;
    },
    act: (program, ctx) => word(program.do).act(program, ctx, stage),
  };
  const tree: Agent<unknown, unknown> = workflow(
    { name: "tree", uses: [...Object.values(tools), person, undo] as Agent[] },
    (program, ctx) => stage.act(program as Program, ctx),
  );
  return tree;
}

function deedTool(name: string, deed: Deed): Agent<number, number> {
  const { effect, act, probe, retry, timeout } = deed;
  const options: ToolOptions<Anything<number>, Anything<number>> = {
    name,
    description: "",
    effect,
    input: anything<number>(),
    output: anything<number>(),
    execute: act,
    ...(probe === undefined ? {} : { probe }),
    ...(retry === undefined ? {} : { retry }),
    ...(timeout === undefined ? {} : { timeout }),
  };
  return tool(options);
}

interface Anything<T> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: "sim";
    readonly validate: (value: unknown) => { value: T };
    readonly types: { readonly input: T; readonly output: T };
  };
}

/** A schema that takes everything: the simulation checks outputs itself. */
function anything<T>(): Anything<T> {
  // The cast is the point: nothing is checked here.
  return {
    "~standard": { version: 1, vendor: "sim", validate: (value) => ({ value: value as T }), types: undefined as never },
  };
}

/** Whether an output is one that the program may have. Null when it is, else what is wrong. */
export function misfit(program: Program, output: unknown): string | null {
  return word(program.do).misfit(program, output, misfit);
}
