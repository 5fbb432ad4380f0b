/** `concertato show`: one run as a tree, with what each step got, gave, took and waits for. */
import type { Command } from "commander";
import type { RunSummary, TreeNode } from "concertato";
import { findRun, type OpenWait, openWaits } from "../find-run.ts";
import type { CommandContext, Shell } from "../shell.ts";
import { excerptIn, printExcerpt } from "../views/excerpt.ts";
import { plainLine } from "../views/plain-text.ts";
import { questionLines } from "../views/question.ts";
import { printTree } from "../views/run-tree.ts";
import { ageWords, budgetWords, durationWords, statusWords, usageWords, whenWords } from "../views/words.ts";

export function addShow(program: Command, shell: Shell): void {
  program
    .command("show")
    .argument("<run>", "the run's id, or its beginning or end")
    .description("show what a run did and what it waits for")
    .option("--full", "whole inputs and outputs")
    .addHelpText(
      "after",
      "\nExamples:\n  concertato show 9x2k4ab1 --full\n  concertato show 9x2k4ab1 --json | jq .tree.output",
    )
    .action((run: string, options: { full?: boolean }) =>
      shell.inApp((context) => showRun(context, run, options.full === true)),
    );
}

async function showRun(context: CommandContext, typed: string, full: boolean): Promise<void> {
  const { app, display, json, now } = context;
  const { runId } = await findRun(context, typed);
  const { run, tree } = await app.describe(runId);
  if (json) return display.out(JSON.stringify({ run, tree }));
  const { out, paint } = display;
  out(`${paint("strong", run.runId)}  ${run.agent}  ${statusWords(display, run.status)}`);
  for (const line of factsOf(run, tree, now)) out(paint("quiet", `  ${line.join(` ${display.marks.dot} `)}`));
  out();
  printTree(display, tree, full);
  if (run.status === "diverged") await printParked(context, runId);
  const waits = openWaits(runId, tree);
  for (const wait of waits) for (const line of ["", ...questionLines(context, wait, waits.length > 1)]) out(line);
  printStandstill(context, run, waits);
}

/** What is told of a run as a whole, as far as there is something to tell. */
function factsOf(run: RunSummary, tree: TreeNode, now: number): readonly (readonly string[])[] {
  const took = durationWords(Math.max(0, run.updatedAt - run.createdAt));
  const used = tree.usage === undefined ? "" : usageWords(tree.usage);
  const limits = tree.budget === undefined ? "" : budgetWords(tree.budget.limits);
  const when = [`started ${whenWords(run.createdAt, now)}`, `${took} until its last change`, `${run.entries} entries`];
  const whose = [
    ...(run.key === null ? [] : [`key ${plainLine(run.key)}`]),
    ...(run.tenant === "default" ? [] : [`tenant ${plainLine(run.tenant)}`]),
    ...(run.priority === 5 ? [] : [`priority ${run.priority}`]),
    ...(run.parent === null ? [] : [`started by run ${run.parent}`]),
  ];
  const cost = [...(used === "" ? [] : [`used ${used}`]), ...(limits === "" ? [] : [`may use ${limits}`])];
  return [when, whose, cost].filter((line) => line.length > 0);
}

/** Why nothing happens, where no question says it. */
function printStandstill({ display, now }: CommandContext, run: RunSummary, waits: readonly OpenWait[]): void {
  const { out, paint } = display;
  if (run.paused !== undefined) {
    const { by, since, agent } = run.paused;
    const what = agent === undefined ? "It is" : `Its agent ${agent} is`;
    out(`\n${paint("wait", `${what} paused by ${by}, since ${ageWords(now - since)}.`)}`);
  }
  const missing = run.waiting.find(({ kind }) => kind === "no-worker");
  if (missing !== undefined)
    return out(`\n${paint("wait", `It waits for a process that has the agent ${missing.name}; none runs now.`)}`);
  if (waits.length > 0 || run.status !== "waiting") return;
  const next = run.waiting.find(({ until }) => until !== undefined);
  const when = next?.until === undefined ? "" : `, ${whenWords(next.until, now)}`;
  out(`\n${paint("quiet", `It waits for time or for another run, not for a person${when}.`)}`);
}

/** Why a run was parked: what its journal has, and what the code asked for instead. */
async function printParked({ app, display, command }: CommandContext, runId: string): Promise<void> {
  const end = await app.job(runId).outcome();
  if (end.status === "completed") return;
  const { out, paint } = display;
  out(`\n${paint("bad", `${end.failure.code}: ${plainLine(end.failure.message)}`)}`);
  printExcerpt(display, excerptIn(end.failure.details));
  out(`  ${command(`retry ${runId}`)}  ${paint("quiet", "once it is mended")}`);
}
