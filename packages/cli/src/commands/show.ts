/** `concertato show`: one run as a tree, with what each step got, gave, took and waits for. */
import type { CommandContext } from "../cli.ts";
import { findRun, type OpenWait, openWaits } from "../find-run.ts";
import { excerptIn, printExcerpt } from "../views/excerpt.ts";
import { printTree } from "../views/run-tree.ts";
import { printRequest } from "../views/request.ts";
import { ageWords, durationWords, statusWords } from "../views/words.ts";

export async function showRun(context: CommandContext, typed: string, full: boolean): Promise<void> {
  const { app, display, json, now } = context;
  const { runId } = await findRun(context, typed);
  const { run, tree } = await app.describe(runId);
  if (json) return display.out(JSON.stringify({ run, tree }, null, 2));
  const { out, paint } = display;
  const age = `started ${ageWords(now - run.createdAt)} ago, ${durationWords(Math.max(0, run.updatedAt - run.createdAt))} until its last change`;
  out(`${paint("strong", run.runId)}  ${run.agent}  ${statusWords(display, run.status)}  ${paint("quiet", age)}`);
  out();
  printTree(display, tree, full);
  if (run.status === "diverged") await printParked(context, runId);
  const waits = openWaits(runId, tree);
  for (const wait of waits) printWait(context, wait, waits.length > 1);
  if (run.paused !== undefined) {
    const { by, since, agent } = run.paused;
    const what = agent === undefined ? "It is" : `Its agent ${agent} is`;
    out(`\n${paint("wait", `${what} paused by ${by}, since ${ageWords(now - since)}.`)}`);
  }
  const missing = run.waiting.find(({ kind }) => kind === "no-worker");
  if (missing !== undefined)
    out(`\n${paint("wait", `It waits for a process that has the agent ${missing.name}; none runs now.`)}`);
  else if (waits.length === 0 && run.status === "waiting")
    out(`\n${paint("quiet", "It waits for time or for another run, not for a person.")}`);
}

/** Why a run was parked: what its journal has, and what the code asked for instead. */
async function printParked({ app, display, command }: CommandContext, runId: string): Promise<void> {
  const end = await app.job(runId).outcome();
  if (end.status === "completed") return;
  const { out, paint } = display;
  out(`\n${paint("bad", `${end.failure.code}: ${end.failure.message}`)}`);
  printExcerpt(display, excerptIn(end.failure.details));
  out(`  ${command(`retry ${runId}`)}  ${paint("quiet", "once it is mended")}`);
}

function printWait({ display, now, command }: CommandContext, wait: OpenWait, several: boolean): void {
  const { out, paint, marks } = display;
  const { kind, runId, waitId, name, request, since } = wait;
  const how = {
    answer: { what: "is asked", command: `approve ${runId}${several ? ` ${waitId}` : ""}` },
    signal: { what: "is waited for", command: `answer ${runId} ${waitId} JSON` },
    budget: {
      what: "is used up; approving gives as much again",
      command: `approve ${runId}${several ? ` ${waitId}` : ""}`,
    },
    "in-doubt": {
      what: "may have happened or not; look, then say so",
      command: `answer ${runId} ${waitId} '{"happened":false}'`,
    },
  }[kind];
  out(`\n${paint("wait", `${marks.wait} ${name}`)} ${how.what}, since ${ageWords(now - since)}`);
  printRequest(display, request);
  out(`  ${command(how.command)}`);
}
