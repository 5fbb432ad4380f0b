/** `concertato fork`: a new run that begins as another one did. It goes on where its agents run. */
import type { Command } from "commander";
import type { ForkEffects, ForkMode, Json } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun } from "../find-run.ts";
import { type CommandContext, oneOf, parsedJson, type Shell, wholeNumber } from "../shell.ts";

interface ForkCommand {
  readonly at?: string;
  readonly input?: string;
  readonly state?: string;
  readonly live?: string;
  readonly elsewhere?: string;
  readonly stub?: readonly string[];
}

const classes = ["read", "write", "irreversible", "people", "time"] as const;
type Class = (typeof classes)[number];

export function addFork(program: Command, shell: Shell): void {
  program
    .command("fork")
    .argument("<run>", "the run's id, or its beginning or end")
    .description("start a run that begins as another did, doing nothing twice")
    .option("--at <n>", "the last entry to take over (default: only the start)")
    .option("--input <json>", "another input, from the start")
    .option("--state <json>", "another state, at the beginning of a loop's turn")
    .option("--live <what>", `do anew: ${classes.join(", ")}; several with commas`)
    .option("--elsewhere <how>", "where nothing is recorded: live or stop (default: reads live, all else stop)")
    .option("--stub <name=json...>", "answer for a tool, a step or a person")
    .addHelpText(
      "after",
      `
Examples:
  concertato fork 9x2k4ab1 --at 12
  concertato fork 9x2k4ab1 --input '{"item":"desk"}' --stub 'manager={"approved":true}'`,
    )
    .action((run: string, options: ForkCommand) => shell.inApp((context) => forkRun(context, run, options)));
}

async function forkRun(context: CommandContext, typed: string, command: ForkCommand): Promise<void> {
  const { app, display, json } = context;
  const { at, input, state } = command;
  const options = {
    ...(at === undefined ? {} : { at: wholeNumber("--at", at) }),
    ...(input === undefined ? {} : { input: parsedJson("--input", input) }),
    ...(state === undefined ? {} : { state: parsedJson("--state", state) }),
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
  for (const name of live === undefined ? [] : live.split(","))
    modes[oneOf("What --live takes", classes, name)] = "live";
  const stubs = Object.fromEntries(stub.map(stubOf));
  return {
    ...modes,
    ...(elsewhere === undefined
      ? {}
      : { elsewhere: oneOf("What --elsewhere takes", ["live", "stop"] as const, elsewhere) }),
    stubs,
  };
}

function stubOf(text: string): readonly [name: string, value: Json] {
  const cut = text.indexOf("=");
  if (cut < 1) throw new CliError(exitCodes.usage, `--stub takes name=JSON, not ${text}.`);
  return [text.slice(0, cut), parsedJson(`The answer of ${text.slice(0, cut)}`, text.slice(cut + 1)) as Json];
}
