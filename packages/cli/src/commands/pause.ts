/** `concertato pause` and `resume`: a run, or an agent in all runs. What is under way ends; nothing new begins. */
import type { Command } from "commander";
import type { PausedThing } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun } from "../find-run.ts";
import { type CommandContext, type Shell, userName } from "../shell.ts";

export function addPausing(program: Command, shell: Shell): void {
  const agentOption = ["--agent <name>", "an agent in all runs: its name, or name@version"] as const;
  program
    .command("pause")
    .argument("[run]", "the run's id, or its beginning or end")
    .description("let a run, or an agent, begin nothing new")
    .option(...agentOption)
    .option("--by <name>", "who pauses it", userName())
    .addHelpText("after", "\nExamples:\n  concertato pause 9x2k4ab1\n  concertato pause --agent refunds@2")
    .action((run: string | undefined, { agent, by }: { agent?: string; by: string }) =>
      shell.inApp((context) => pauseThing(context, { run, agent }, by)),
    );
  program
    .command("resume")
    .argument("[run]", "the run's id, or its beginning or end")
    .description("let what was paused go on")
    .option(...agentOption)
    .option("--by <name>", "who resumes it", userName())
    .addHelpText("after", "\nExamples:\n  concertato resume 9x2k4ab1\n  concertato resume --agent refunds")
    .action((run: string | undefined, { agent, by }: { agent?: string; by: string }) =>
      shell.inApp((context) => resumeThing(context, { run, agent }, by)),
    );
}

interface PauseChoice {
  /** A run's id, or its beginning. */
  readonly run: string | undefined;
  /** Name of an agent, with or without version. */
  readonly agent: string | undefined;
}

async function pauseThing(context: CommandContext, choice: PauseChoice, by: string): Promise<void> {
  const { app, display, json, command } = context;
  const target = await targetOf(context, choice);
  await app.pause(target, { by });
  if (json) return display.out(JSON.stringify({ ...target, paused: true }));
  display.out(
    `${display.paint("wait", display.marks.wait)} ${nameOf(target)} is paused: what is under way ends, nothing new begins.`,
  );
  display.out(`  ${command(`resume ${wordsOf(target)}`)}`);
}

async function resumeThing(context: CommandContext, choice: PauseChoice, by: string): Promise<void> {
  const { app, display, json } = context;
  const target = await targetOf(context, choice);
  await app.resume(target, { by });
  if (json) return display.out(JSON.stringify({ ...target, paused: false }));
  display.out(`${display.paint("good", display.marks.done)} ${nameOf(target)} goes on.`);
}

async function targetOf(context: CommandContext, { run, agent }: PauseChoice): Promise<PausedThing> {
  if (run !== undefined && agent === undefined) return { runId: (await findRun(context, run)).runId };
  if (agent !== undefined && run === undefined) return { agent };
  throw new CliError(exitCodes.usage, "Name a run, or an agent with --agent.");
}

function nameOf(target: PausedThing): string {
  return "agent" in target ? `Agent ${target.agent}` : `Run ${target.runId}`;
}

function wordsOf(target: PausedThing): string {
  return "agent" in target ? `--agent ${target.agent}` : target.runId;
}
