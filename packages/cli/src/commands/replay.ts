/** `concertato replay`: code against journals. Nothing is done and nothing is written; exit code 1 where they part. */
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import type { Agent, ReplayReport } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "../cli.ts";
import { findRun } from "../find-run.ts";
import { printExcerpt } from "../views/excerpt.ts";

export interface ReplayCommand {
  /** Module whose exports hold the agents. */
  readonly code: string;
  readonly agent?: string;
}

/** @param typed a run; without, all that are under way */
export async function replayRuns(
  context: CommandContext,
  typed: string | undefined,
  command: ReplayCommand,
  directory: string,
): Promise<void> {
  const { app, display, json } = context;
  const agents = await agentsIn(resolve(directory, command.code));
  const reports =
    typed === undefined
      ? await app.replayAll({ agents, ...(command.agent === undefined ? {} : { agent: command.agent }) })
      : [await app.replay((await findRun(context, typed)).runId, { agents })];
  if (json) display.out(JSON.stringify(reports, null, 2));
  else for (const report of reports) printReport(context, report);
  const parted = reports.filter(({ status }) => status !== "same");
  if (!json) printSum(context, reports.length, parted.length);
  if (parted.length > 0)
    throw new CliError(exitCodes.failure, `${parted.length} of ${reports.length} would not go on with this code.`);
}

/** Everything a module exports that is an agent. */
async function agentsIn(file: string): Promise<readonly Agent[]> {
  let exported: unknown;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(exitCodes.usage, `${file} cannot be loaded: ${why}`);
  }
  const agents = Object.values(exported as object).filter(isAgent);
  if (agents.length > 0) return agents;
  throw new CliError(exitCodes.usage, `${file} exports no agents. Export the workflows and tools that the runs need.`);
}

function isAgent(value: unknown): value is Agent {
  if (typeof value !== "object" || value === null) return false;
  const { name, version, body } = value as Partial<Agent>;
  return typeof name === "string" && typeof version === "number" && typeof body === "object";
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
