/** From what a person types to a run and to one of its open questions. Errors name what there is. */
import type { App, RunSummary } from "concertato";
import { CliError, exitCodes } from "./cli-error.ts";

/** How many runs are looked through for one whose id begins as typed. */
const searched = 1000;

export type OpenWait = Awaited<ReturnType<App["waiting"]>>[number];

/** The run with this id, or the only one whose id begins with it. @throws CliError */
export async function findRun(app: App, typed: string): Promise<RunSummary> {
  const fitting = (await app.runs({ limit: searched })).filter(({ runId }) => runId.startsWith(typed));
  const exact = fitting.find(({ runId }) => runId === typed) ?? fitting[0];
  if (exact === undefined)
    throw new CliError(exitCodes.notThere, `There is no run ${typed}. List the runs with: concertato ls`);
  if (fitting.length > 1 && exact.runId !== typed) {
    const ids = fitting.slice(0, 5).map(({ runId }) => `  ${runId}`);
    throw new CliError(
      exitCodes.usage,
      `${fitting.length} runs begin with ${typed}. Type more of one of these:\n${ids.join("\n")}`,
    );
  }
  return exact;
}

/** Everything that waits for an answer in a run. */
export async function openWaits(app: App, runId: string): Promise<readonly OpenWait[]> {
  return (await app.waiting({ limit: searched })).filter((wait) => wait.runId === runId);
}

/** The named question, or the only one. @throws CliError when none is open, or several and none was named */
export async function findWait(app: App, run: RunSummary, typed: string | undefined): Promise<OpenWait> {
  const waits = await openWaits(app, run.runId);
  const fitting = typed === undefined ? waits : waits.filter(({ waitId, name }) => waitId === typed || name === typed);
  const [only, ...others] = fitting;
  if (only === undefined) throw new CliError(exitCodes.notThere, nothingOpen(run, typed, waits));
  if (others.length > 0)
    throw new CliError(exitCodes.usage, `${fitting.length} questions are open. Say which:\n${listOf(run, fitting)}`);
  return only;
}

function nothingOpen(run: RunSummary, typed: string | undefined, waits: readonly OpenWait[]): string {
  if (waits.length > 0) return `Run ${run.runId} does not wait for ${typed}. Open are:\n${listOf(run, waits)}`;
  return `Run ${run.runId} is ${run.status} and waits for no answer. See it with: concertato show ${run.runId}`;
}

function listOf(run: RunSummary, waits: readonly OpenWait[]): string {
  return waits
    .map(({ waitId, name, request }) => `  ${run.runId} ${waitId}   ${name}: ${JSON.stringify(request)}`)
    .join("\n");
}
