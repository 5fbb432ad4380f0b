/** From what a person types to a run and to one of its open questions. Errors name what there is. */
import type { App, RunSummary, TreeNode } from "concertato";
import { CliError, exitCodes } from "./cli-error.ts";
import type { CommandContext } from "./shell.ts";
import { plainLine } from "./views/plain-text.ts";

/** How many runs are looked through for one whose id was shortened, and how many at once. */
const searched = 100_000;
const page = 1_000;

/** What somebody outside can end: a person's answer, a signal, word about an effect in doubt, a budget that is used up. */
export interface OpenWait {
  readonly kind: "answer" | "signal" | "in-doubt" | "budget";
  readonly runId: string;
  readonly waitId: string;
  readonly name: string;
  readonly since: number;
  readonly until?: number;
  readonly request: unknown;
}

/** The run with this id, or the only one whose id begins or ends with what was typed, or whose key it is. @throws CliError */
export async function findRun({ app, command }: CommandContext, typed: string): Promise<RunSummary> {
  const exact = await app.find(typed);
  if (exact !== undefined) return exact;
  const [found, ...others] = await runsNamed(app, typed);
  if (found === undefined) {
    throw new CliError(exitCodes.notThere, `There is no run ${typed}. List the runs with: ${command("ls")}`);
  }
  if (others.length > 0) {
    const ids = [found, ...others].slice(0, 5).map(({ runId }) => `  ${runId}`);
    const what = `${others.length + 1} runs begin or end with ${typed}. Type more of one of these:`;
    throw new CliError(exitCodes.usage, `${what}\n${ids.join("\n")}`);
  }
  return found;
}

/** Runs whose ids begin or end so, or that were started with this key; of many, the newest. */
async function runsNamed(app: App, typed: string): Promise<readonly RunSummary[]> {
  const found: RunSummary[] = [];
  let before: string | undefined;
  for (let seen = 0; seen < searched && found.length < 2; seen += page) {
    const runs = await app.runs({ limit: page, ...(before === undefined ? {} : { before }) });
    found.push(...runs.filter(({ runId, key }) => runId.startsWith(typed) || runId.endsWith(typed) || key === typed));
    before = runs.at(-1)?.runId;
    if (runs.length < page) break;
  }
  return found;
}

/** Everything in a run's tree that waits for somebody outside, also while other parts of the run are at work. */
export function openWaits(runId: string, { children, ...node }: TreeNode): readonly OpenWait[] {
  const below = children.flatMap((child) => openWaits(runId, child));
  const asked = node.budget?.asked;
  const inner: readonly OpenWait[] =
    asked === undefined || node.endedAt !== undefined
      ? below
      : [
          { kind: "budget", runId, waitId: asked.waitId, name: "budget", since: asked.since, request: asked.report },
          ...below,
        ];
  const kind = node.wait === undefined ? undefined : kindOf(node);
  if (node.wait === undefined || kind === undefined) return inner;
  return [
    {
      ...{ kind, runId, waitId: node.wait.waitId, name: node.name, since: node.wait.since, request: node.input },
      ...(node.wait.until === undefined ? {} : { until: node.wait.until }),
    },
    ...inner,
  ];
}

/** Deadlines, retries and other runs are waited for too, but nobody is asked. */
function kindOf({ status, verb, effect }: Omit<TreeNode, "children">): OpenWait["kind"] | undefined {
  if (status === "in-doubt") return "in-doubt";
  if (verb === "wait") return "signal";
  return verb === "run" && effect === undefined ? "answer" : undefined;
}

/** The named question, or the only one. @throws CliError when none is open, or several and none was named */
export async function findWait(context: CommandContext, run: RunSummary, typed: string | undefined): Promise<OpenWait> {
  const waits = openWaits(run.runId, (await context.app.describe(run.runId)).tree);
  const fitting = typed === undefined ? waits : waits.filter((wait) => isNamed(wait, typed));
  const [only, ...others] = fitting;
  if (only === undefined) throw new CliError(exitCodes.notThere, nothingOpen(context, run, typed, waits));
  if (others.length === 0) return only;
  throw new CliError(exitCodes.usage, `${fitting.length} questions are open. Say which:\n${listOf(fitting)}`);
}

/** By its address, with or without the number of the doubt, or by who is asked. */
function isNamed({ waitId, name }: OpenWait, typed: string): boolean {
  return waitId === typed || waitId.split("@")[0] === typed || name === typed;
}

function nothingOpen(
  { command }: CommandContext,
  run: RunSummary,
  typed: string | undefined,
  waits: readonly OpenWait[],
): string {
  if (waits.length > 0) return `Run ${run.runId} does not wait for ${typed}. Open are:\n${listOf(waits)}`;
  return `Run ${run.runId} is ${run.status} and waits for no answer. See it with: ${command(`show ${run.runId}`)}`;
}

function listOf(waits: readonly OpenWait[]): string {
  return waits
    .map(
      ({ runId, waitId, name, request }) =>
        `  ${runId} ${waitId}   ${name}: ${plainLine(JSON.stringify(request) ?? "")}`,
    )
    .join("\n");
}
