/** `concertato signal | send | prioritise`: word to a run from outside. Durable when the command ends. */
import type { Command } from "commander";
import { findRun } from "../find-run.ts";
import { type CommandContext, parsedJson, type Shell, userName, wholeNumber } from "../shell.ts";

const runArgument = ["<run>", "the run's id, or its beginning or end"] as const;

export function addSteering(program: Command, shell: Shell): void {
  program
    .command("signal")
    .argument(...runArgument)
    .argument("<name>", "the signal's name, as the code waits for it")
    .argument("[json]", "a value that goes along, as JSON")
    .description("send a signal, kept until the run waits for it")
    .option("--once <key>", "the same key is delivered once, however often it is sent")
    .addHelpText("after", `\nExample:\n  concertato signal 9x2k4ab1 parcel '{"tracking":"A-17"}' --once parcel-A-17`)
    .action((run: string, name: string, json: string | undefined, options: { once?: string }) =>
      shell.inApp((context) => signalRun(context, run, name, json, options.once)),
    );
  program
    .command("send")
    .argument(...runArgument)
    .argument("<channel>", "the channel, as the code receives from it")
    .argument("[json]", "the letter, as JSON")
    .description("send a letter to a channel of a run")
    .option("--once <key>", "the same letter under the same key is delivered once, however often it is sent")
    .addHelpText("after", `\nExample:\n  concertato send 9x2k4ab1 orders '{"id":"A-17"}' --once order-A-17`)
    .action((run: string, channel: string, json: string | undefined, options: { once?: string }) =>
      shell.inApp((context) => sendLetter(context, run, channel, json, options.once)),
    );
  program
    .command("prioritise")
    .alias("prioritize")
    .argument(...runArgument)
    .argument("<n>", "0 (whenever there is time) to 9 (before everything else)")
    .description("give a run another priority")
    .option("--by <name>", "who changes it", userName())
    .addHelpText("after", "\nExample:\n  concertato prioritise 9x2k4ab1 9")
    .action((run: string, priority: string, { by }: { by: string }) =>
      shell.inApp((context) => prioritise(context, run, wholeNumber("The priority", priority, 0), by)),
    );
}

async function signalRun(
  context: CommandContext,
  typed: string,
  name: string,
  json: string | undefined,
  once: string | undefined,
): Promise<void> {
  const value = valueOf(json);
  const { runId } = await findRun(context, typed);
  await context.app.signal(runId, name, value, once === undefined ? {} : { key: once });
  report(context, { runId, signal: name, value: value ?? null }, `Run ${runId} has the signal ${name}.`);
}

async function sendLetter(
  context: CommandContext,
  typed: string,
  channel: string,
  json: string | undefined,
  once: string | undefined,
): Promise<void> {
  const value = valueOf(json);
  const { runId } = await findRun(context, typed);
  await context.app.send(runId, channel, value, once === undefined ? {} : { key: once });
  report(context, { runId, channel, value: value ?? null }, `The letter lies in channel ${channel} of run ${runId}.`);
}

async function prioritise(context: CommandContext, typed: string, priority: number, by: string): Promise<void> {
  const { runId } = await findRun(context, typed);
  await context.app.prioritise(runId, priority, { by });
  report(context, { runId, priority }, `Run ${runId} has priority ${priority}.`);
}

function valueOf(json: string | undefined): unknown {
  return json === undefined ? undefined : parsedJson("The value", json);
}

function report({ display, json }: CommandContext, done: object, words: string): void {
  display.out(json ? JSON.stringify(done) : `${display.paint("good", display.marks.done)} ${words}`);
}
