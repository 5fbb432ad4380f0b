/** `concertato ls`: the runs, newest first, and whom each waits for; once, or over and over. */
import type { Command } from "commander";
import { durationMs, type RunStatus, type RunSummary } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun } from "../find-run.ts";
import { type RunFilter, type SelectedRuns, selectRuns } from "../select-runs.ts";
import { type CommandContext, oneOf, pause, type Shell, wholeNumber } from "../shell.ts";
import { Screen } from "../views/screen.ts";
import { type Column, tableLines } from "../views/table.ts";
import { ageWords, clockWords, markOf, shortId, toneOf } from "../views/words.ts";

export const statuses: readonly RunStatus[] = [
  ...(["queued", "running", "waiting", "diverged"] as const),
  ...(["completed", "failed", "cancelled", "stopped"] as const),
];

interface ListOptions {
  readonly status?: string;
  readonly agent?: string;
  readonly tenant?: string;
  readonly since?: string;
  readonly waiting?: string | true;
  readonly before?: string;
  readonly limit: string;
  readonly watch?: true;
}

export function addList(program: Command, shell: Shell): void {
  program
    .command("ls")
    .description("list the runs, newest first, and what each waits for")
    .option("--status <statuses>", `only runs of these: ${statuses.join(", ")}`)
    .option("--agent <name>", "only runs of this agent")
    .option("--tenant <name>", "only runs of this tenant")
    .option("--since <age>", "only runs started in the last 30m, 2h, 7d")
    .option("--waiting [name]", "only runs that ask somebody, or somebody of this name")
    .option("--limit <n>", "at most so many", "20")
    .option("--before <run>", "only runs older than this one: the next page")
    .option("--watch", "show them until Ctrl-C; with --json, every run that changes")
    .addHelpText(
      "after",
      `
Examples:
  concertato ls --status failed,stopped --since 1d
  concertato ls --waiting manager
  concertato ls --json --limit 1000 | jq -r 'select(.status == "failed") | .runId'`,
    )
    .action((options: ListOptions) => shell.inApp((context) => listRuns(context, options, shell)));
}

async function listRuns(context: CommandContext, options: ListOptions, shell: Shell): Promise<void> {
  const limit = wholeNumber("--limit", options.limit);
  if (options.watch === true) return watchRuns(context, options, limit, shell);
  const { before } = options;
  const older = before === undefined ? {} : { before: (await findRun(context, before)).runId };
  const found = await selectRuns(context.app, { ...filterOf(options, context.now), ...older }, limit);
  const { display, json } = context;
  if (json) for (const run of found.runs) display.out(JSON.stringify(run));
  else if (found.runs.length === 0) printEmpty(context, options);
  else printPage(context, options, found);
}

function filterOf({ status, agent, tenant, since, waiting }: ListOptions, now: number): RunFilter {
  return {
    ...(status === undefined ? {} : { status: status.split(",").map((each) => oneOf("A status", statuses, each)) }),
    ...(agent === undefined ? {} : { agent }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(since === undefined ? {} : { since: now - durationMs(since) }),
    ...(waiting === undefined ? {} : { waiting }),
  };
}

/** How often a watched list is read again, in ms. */
const lookMs = 500;

/** On a terminal the list in its place; with --json a line for every run that is new or changed. */
async function watchRuns(
  context: CommandContext,
  options: ListOptions,
  limit: number,
  { world, display, json }: Shell,
): Promise<void> {
  const { height } = display;
  if (!json && height === null)
    throw new CliError(exitCodes.usage, "--watch needs a terminal. For programs there is: ls --watch --json");
  const stop = world.interrupted();
  const told = new Map<string, string>();
  using screen = json ? null : new Screen(display);
  do {
    const now = world.now();
    const { runs } = await selectRuns(context.app, filterOf(options, now), Math.min(limit, (height ?? limit + 4) - 4));
    screen?.show([
      display.paint("quiet", `Runs at ${clockWords(now)} ${display.marks.dot} Ctrl-C ends`),
      "",
      ...(runs.length === 0 ? emptyLines(context, options) : tableLines(display, columnsOf(context, now), runs)),
    ]);
    if (!json) continue;
    for (const run of runs) {
      const line = JSON.stringify(run);
      if (told.get(run.runId) !== line) display.out(line);
      told.set(run.runId, line);
    }
  } while (await pause(lookMs, stop));
}

function printPage(context: CommandContext, options: ListOptions, { runs, more }: SelectedRuns): void {
  const { display, now, command } = context;
  for (const line of tableLines(display, columnsOf(context, now), runs)) display.out(line);
  if (!more) return;
  const filters = Object.entries(options)
    .filter(([name]) => name !== "before" && name !== "limit")
    .map(([name, value]) => ` --${name}${value === true ? "" : ` ${String(value)}`}`);
  const limit = options.limit === "20" ? "" : ` --limit ${options.limit}`;
  const next = command(`ls${filters.join("")}${limit} --before ${shortId(runs.at(-1)?.runId ?? "")}`);
  display.error(display.paint("quiet", `\nOlder ones: ${next}`));
}

function printEmpty(context: CommandContext, options: ListOptions): void {
  for (const line of emptyLines(context, options)) context.display.out(line);
}

function emptyLines({ display, command }: CommandContext, options: ListOptions): readonly string[] {
  const { paint } = display;
  const { status, agent, tenant, since, waiting, before } = options;
  if (before !== undefined) return ["No older runs."];
  if ([status, agent, tenant, since, waiting].every((filter) => filter === undefined))
    return ["No runs yet.", paint("quiet", `Start one: ${command("start FILE INPUT")}`)];
  if (waiting !== undefined) return ["No run waits for anybody.", paint("quiet", `All runs: ${command("ls")}`)];
  const only = [agent, tenant, since].every((filter) => filter === undefined);
  return [only ? `No run is ${status}.` : "No run is like that.", paint("quiet", `All runs: ${command("ls")}`)];
}

/** Ids are long; where lines are short their ends will do, by which every command finds them. */
const wholeIdsFrom = 130;

function columnsOf({ display }: CommandContext, now: number): readonly Column<RunSummary>[] {
  const whole = display.width >= wholeIdsFrom;
  return [
    { title: "RUN", cell: ({ runId }) => (whole ? runId : shortId(runId)), tone: () => "strong" },
    { title: "AGENT", cell: ({ agent }) => agent, shrinksTo: 6 },
    {
      title: "STATUS",
      cell: ({ status }) => `${markOf(display.marks, status)} ${status}`,
      tone: ({ status }) => toneOf(status),
    },
    { title: "STARTED", cell: ({ createdAt }) => ageWords(now - createdAt), expendable: 1 },
    { title: "CHANGED", cell: ({ updatedAt }) => ageWords(now - updatedAt), expendable: 0 },
    { title: "KEY", cell: ({ key }) => key ?? "", shrinksTo: 8, expendable: 2 },
    { title: "WAITS FOR", cell: reasonOf, tone: reasonTone, shrinksTo: 8 },
  ];
}

function reasonTone({ failure }: RunSummary): "bad" | "wait" {
  return failure === undefined ? "wait" : "bad";
}

/** What a run waits for, or why it ended. */
function reasonOf(run: RunSummary): string {
  const { undoing, undone } = run;
  // What could not be undone is somebody's work.
  const left = undone === undefined || undone.done === undone.of ? "" : `, undone ${undone.done} of ${undone.of}`;
  if (run.failure !== undefined) return `${run.failure}${left}`;
  if (run.paused !== undefined) return `paused by ${run.paused.by}`;
  const waits = run.waiting.map(({ kind, name }) => (kind === "no-worker" ? `no worker for ${name}` : name)).join(", ");
  if (undoing === undefined) return waits;
  const ending = undoing.status === "cancelled" ? "cancelling" : "failing";
  return `${ending}: undoing ${undoing.done} of ${undoing.of}${waits === "" ? "" : ` (${waits})`}`;
}
