/** `concertato ls`: the runs, newest first, and whom each waits for. */
import Table from "cli-table3";
import type { RunSummary } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "../cli.ts";
import { ageWords, statusWords } from "../views/words.ts";

const statuses = ["queued", "running", "waiting", "diverged", "completed", "failed", "cancelled", "stopped"] as const;
type Status = (typeof statuses)[number];

export interface ListOptions {
  readonly status?: string;
  readonly limit: string;
}

export async function listRuns(context: CommandContext, options: ListOptions): Promise<void> {
  const { app, display, json } = context;
  const limit = wholeNumber(options.limit);
  const status = options.status === undefined ? {} : { status: [statusNamed(options.status)] };
  const runs = await app.runs({ ...status, limit });
  if (json) return display.out(JSON.stringify(runs, null, 2));
  if (runs.length === 0) return printEmpty(context, options.status);
  printTable(context, runs);
  if (runs.length === limit) display.error(display.paint("quiet", `\nThe newest ${limit}; more with --limit N.`));
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new CliError(exitCodes.usage, `--limit takes a whole number from 1, not ${text}.`);
  return number;
}

function statusNamed(text: string): Status {
  const status = statuses.find((each) => each === text);
  if (status === undefined)
    throw new CliError(exitCodes.usage, `There is no status ${text}. A run is one of: ${statuses.join(", ")}.`);
  return status;
}

function printEmpty({ display, command }: CommandContext, status: string | undefined): void {
  const { out, paint } = display;
  out(status === undefined ? "No runs yet." : `No run is ${status}.`);
  out(
    paint(
      "quiet",
      status === undefined
        ? "The first appears here when an app starts one; in this clone: npm start"
        : `All runs: ${command("ls")}`,
    ),
  );
}

function printTable({ display, now }: CommandContext, runs: readonly RunSummary[]): void {
  const { paint } = display;
  const table = new Table({
    head: ["RUN", "AGENT", "STATUS", "STARTED", "CHANGED", "WAITS FOR"].map((title) => paint("quiet", title)),
    chars: borderless,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 3 },
  });
  for (const run of runs) {
    const ages = [run.createdAt, run.updatedAt].map((at) => ageWords(now - at));
    table.push([
      paint("strong", run.runId),
      run.agent,
      statusWords(display, run.status),
      ...ages,
      reasonOf(run, display),
    ]);
  }
  for (const line of table.toString().split("\n")) display.out(line.trimEnd());
}

function reasonOf(run: RunSummary, { paint }: CommandContext["display"]): string {
  const { undoing, undone } = run;
  // What could not be undone is somebody's work.
  const left = undone === undefined || undone.done === undone.of ? "" : `, undone ${undone.done} of ${undone.of}`;
  if (run.failure !== undefined) return paint("bad", `${run.failure}${left}`);
  if (run.paused !== undefined) return paint("wait", `paused by ${run.paused.by}`);
  const waits = run.waiting.map(({ name }) => name).join(", ");
  if (undoing === undefined) return paint("wait", waits);
  const ending = undoing.status === "cancelled" ? "cancelling" : "failing";
  return paint("wait", `${ending}: undoing ${undoing.done} of ${undoing.of}${waits === "" ? "" : ` (${waits})`}`);
}

/** Every line of the table's frame away; columns are kept apart by their padding. */
const borderless = {
  ...{
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
  },
  ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "" },
};
