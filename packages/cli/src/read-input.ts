/** The input of a run: JSON or text as an argument, from a file, or from standard input. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { text as textOf } from "node:stream/consumers";
import type { Agent } from "concertato";
import { CliError, exitCodes } from "./cli-error.ts";
import type { CliWorld } from "./shell.ts";

export interface InputChoice {
  /** What was typed: JSON, text, or `-` for standard input. */
  readonly typed: string | undefined;
  /** The file of --input; `-` for standard input. */
  readonly file: string | undefined;
}

/** @throws CliError for a file that cannot be read, and for text that begins as JSON and is none */
export async function readInput(world: CliWorld, agent: Agent, { typed, file }: InputChoice): Promise<unknown> {
  if (typed !== undefined && file !== undefined)
    throw new CliError(exitCodes.usage, "Give the input as an argument or with --input, not both.");
  if (typed === "-" || file === "-") return valueOf(agent, await textOf(world.stdin), "Standard input");
  if (file !== undefined) return valueOf(agent, readText(resolve(world.directory, file)), file);
  return typed === undefined ? undefined : valueOf(agent, typed, "The input");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(exitCodes.usage, `The input file cannot be read: ${(error as Error).message}`);
  }
}

/** JSON where it is, and fits; else the text itself, where that fits: an agent that takes text may be asked "42?". */
async function valueOf(agent: Agent, text: string, what: string): Promise<unknown> {
  const line = text.replace(/\r?\n$/, "");
  const json = jsonOf(line);
  if (json !== undefined && (await fits(agent, json.value))) return json.value;
  if (await fits(agent, line)) return line;
  if (json !== undefined) return json.value;
  if (!/^\s*[[{"]/.test(line)) return line;
  try {
    JSON.parse(line);
  } catch (error) {
    throw new CliError(exitCodes.usage, `${what} begins as JSON and is none: ${(error as Error).message}`);
  }
  return line;
}

function jsonOf(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

async function fits(agent: Agent, value: unknown): Promise<boolean> {
  if (agent.input === undefined) return typeof value !== "string";
  const result = await agent.input["~standard"].validate(value);
  return result.issues === undefined;
}
