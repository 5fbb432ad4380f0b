/** `concertato fork`: a new run that begins as another one did. It goes on where its agents run. */
import type { ForkEffects, ForkMode, Json } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "../cli.ts";
import { findRun } from "../find-run.ts";

export interface ForkCommand {
  readonly at?: string;
  readonly input?: string;
  readonly state?: string;
  readonly live?: string;
  readonly elsewhere?: string;
  readonly stub?: readonly string[];
}

const classes = ["read", "write", "irreversible", "people", "time"] as const;
type Class = (typeof classes)[number];

export async function forkRun(context: CommandContext, typed: string, command: ForkCommand): Promise<void> {
  const { app, display, json } = context;
  const { at, input, state } = command;
  const options = {
    ...(at === undefined ? {} : { at: entryNumber(at) }),
    ...(input === undefined ? {} : { input: parsed("--input", input) }),
    ...(state === undefined ? {} : { state: parsed("--state", state) }),
    effects: effectsOf(command),
  };
  const { runId } = await findRun(context, typed);
  const fork = await app.fork(runId, options);
  if (json) return display.out(JSON.stringify({ runId: fork.runId, forkedFrom: runId }));
  const { out, paint, marks } = display;
  const from = at === undefined ? "from its beginning" : `at entry ${at}`;
  out(`${paint("good", marks.done)} Run ${paint("strong", fork.runId)} is a fork of ${runId}, ${from}.`);
  out(paint("quiet", "It goes on where its agents run. Beside its original:"));
  out(`  ${context.command(`compare ${runId} ${fork.runId}`)}`);
}

function effectsOf({ live, elsewhere, stub = [] }: ForkCommand): ForkEffects {
  const modes: { -readonly [Each in Class]?: ForkMode } = {};
  for (const name of live === undefined ? [] : live.split(",")) modes[classNamed(name.trim())] = "live";
  const stubs = Object.fromEntries(stub.map(stubOf));
  return { ...modes, ...(elsewhere === undefined ? {} : { elsewhere: elsewhereNamed(elsewhere) }), stubs };
}

function classNamed(name: string): Class {
  const found = classes.find((each) => each === name);
  if (found === undefined) throw new CliError(exitCodes.usage, `--live takes ${classes.join(", ")}, not ${name}.`);
  return found;
}

function elsewhereNamed(text: string): "live" | "stop" {
  if (text === "live" || text === "stop") return text;
  throw new CliError(exitCodes.usage, `--elsewhere takes live or stop, not ${text}.`);
}

function stubOf(text: string): readonly [name: string, value: Json] {
  const cut = text.indexOf("=");
  if (cut < 1) throw new CliError(exitCodes.usage, `--stub takes name=JSON, not ${text}.`);
  return [text.slice(0, cut), parsed(`--stub ${text.slice(0, cut)}`, text.slice(cut + 1)) as Json];
}

function entryNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new CliError(exitCodes.usage, `--at takes the number of an entry, from 1, not ${text}.`);
}

function parsed(option: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CliError(exitCodes.usage, `${option} takes JSON, and this is none: ${text}. Write strings in quotes.`);
  }
}
