/** What a word of the random programs is: how it grows, what it does as a body, and which outputs it may have. */
import type { Agent } from "../../src/runtime/agent.ts";
import type { Context } from "../../src/runtime/context.ts";
import type { Random } from "../random.ts";

/** A tree of ctx calls, as data: the input of a simulated run. */
export interface Program {
  readonly do: string;
}

/** What a tree grows from. */
export interface Soil {
  readonly random: Random;
  /** A number of its own for the next call that reaches outside. */
  readonly id: () => number;
  /** A random tree of about `size` calls, `depth` deep in the whole. */
  readonly grow: (size: number, depth: number) => Program;
  /** A single call. */
  readonly leaf: () => Program;
}

/** What a body acts with, in processes that run one revision of the code. */
export interface Stage {
  /** Which revision of the code this is. */
  readonly revision: number;
  /** The agents that reach outside, by name. */
  readonly tools: Readonly<Record<string, Agent<number, number>>>;
  readonly person: Agent<unknown, string>;
  /** Takes back what its mark names. */
  readonly undo: Agent<string, number>;
  /** The interpreter itself, as a workflow. */
  readonly tree: Agent<unknown, unknown>;
  readonly act: (program: Program, ctx: Context) => Promise<unknown>;
}

/** Says what is wrong with an output of a program; null when nothing is. */
export type Fits = (program: Program, output: unknown) => string | null;

export interface Word<P extends Program> {
  /** A random call of this word. Leaves ignore `size`. */
  grow(soil: Soil, size: number, depth: number): P;
  act(program: P, ctx: Context, stage: Stage): Promise<unknown>;
  /** Null when the program may have this output, else what is wrong. */
  misfit(program: P, output: unknown, fits: Fits): string | null;
}

/** A value in a message. */
export function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 120) ?? "nothing";
}

/** Null when the output is the one wanted. */
export function same(what: string, output: unknown, wanted: unknown): string | null {
  return JSON.stringify(output) === JSON.stringify(wanted) ? null : `${what} gave ${shown(output)}`;
}

/** An effect was refused; somebody cancelled a run, or it ended before a letter came; runs would wait in a circle. */
const expected = new Set(["agent/failed", "run/cancelled", "run/already-finished", "run/not-found", "claim/deadlock"]);

/** A failed effect is an outcome here, so that trees go on. */
export async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (expected.has(code)) return "failed";
    throw error;
  }
}

/** Several programs, sharing the size among them. */
export function parts(soil: Soil, size: number, depth: number): Program[] {
  const count = 2 + soil.random.below(Math.min(3, size));
  return Array.from({ length: count }, () => soil.grow(Math.floor(size / count), depth + 1));
}

/** The same, by name. */
export function named(programs: readonly Program[]): Record<string, Program> {
  return Object.fromEntries(programs.map((program, index) => [`b${index}`, program]));
}

/** Outputs of several programs, in order. */
export function misfits(programs: readonly Program[], outputs: unknown, fits: Fits): string | null {
  if (!Array.isArray(outputs) || outputs.length !== programs.length)
    return `expected ${programs.length} outputs, got ${shown(outputs)}`;
  for (const [index, program] of programs.entries()) {
    const wrong = fits(program, outputs[index]);
    if (wrong !== null) return wrong;
  }
  return null;
}
