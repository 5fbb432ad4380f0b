/** `concertato replay`: code against journals. Nothing is done and nothing is written; exit code 1 where they part. */
import type { Command } from "commander";
import type { ReplayReport } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun } from "../find-run.ts";
import { loadAgents } from "../load-agents.ts";
import type { CommandContext, Shell } from "../shell.ts";
import { printExcerpt } from "../views/excerpt.ts";

interface ReplayCommand {
  /** Module whose exports hold the agents. */
  readonly code: string;
  readonly agent?: string;
}

export function addReplay(program: Command, shell: Shell): void {
  program
    .command("replay")
    .argument("[run]", "the run's id, or its beginning or end; all that are under way when left out")
    .requiredOption("--code <file>", "the file that exports the agents to try")
    .option("--agent <name>", "only runs of this agent")
    .description("try code on what is recorded, doing nothing")
    .addHelpText("after", "\nExample, before a deployment:\n  concertato replay --code src/agents.ts")
    .action((run: string | undefined, options: ReplayCommand) =>
      shell.inApp((context) => replayRuns(context, run, options, shell.world.directory)),
    );
}

/** @param typed a run; without, all that are under way */
async function replayRuns(
  context: CommandContext,
  typed: string | undefined,
  command: ReplayCommand,
  directory: string,
): Promise<void> {
  const { app, display, json } = context;
  const agents = (await loadAgents(directory, command.code)).exported.map(([, agent]) => agent);
  const reports =
    typed === undefined
      ? await app.replayAll({ agents, ...(command.agent === undefined ? {} : { agent: command.agent }) })
      : [await app.replay((await findRun(context, typed)).runId, { agents })];
  for (const report of reports) {
    if (json) display.out(JSON.stringify(report));
    else printReport(context, report);
  }
  const parted = reports.filter(({ status }) => status !== "same");
  if (!json) printSum(context, reports.length, parted.length);
  if (parted.length > 0)
    throw new CliError(exitCodes.failure, `${parted.length} of ${reports.length} would not go on with this code.`);
}

const looks = {
  same: { tone: "good", mark: "done" },
  diverged: { tone: "bad", mark: "bad" },
  incomplete: { tone: "wait", mark: "wait" },
} as const;

function printReport({ display }: CommandContext, report: ReplayReport): void {
  const { out, paint, marks } = display;
  const { tone, mark } = looks[report.status];
  const warned = report.warnings.length === 0 ? "" : `, ${report.warnings.length} with other values`;
  const facts = `${report.entries} entries${warned}`;
  out(
    `${paint(tone, `${marks[mark]} ${report.status}`)}  ${paint("strong", report.runId)}  ${report.agent}  ${paint("quiet", facts)}`,
  );
  if (report.failure !== undefined) out(`  ${paint(tone, report.failure.message)}`);
  const { firstDivergence } = report;
  if (firstDivergence === undefined) return;
  printExcerpt(display, firstDivergence.excerpt);
  for (const frame of firstDivergence.stack.slice(0, 3)) out(paint("quiet", `    at ${frame}`));
}

function printSum({ display }: CommandContext, all: number, parted: number): void {
  if (all === 0) return display.out("No run is under way.");
  if (parted === 0 && all > 1)
    display.out(display.paint("good", `\n${display.marks.done} All ${all} runs go on with this code.`));
}
