/** `concertato prune`: deletes finished runs that are old enough and gives their space back to the disk. */
import type { FinalStatus } from "concertato";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "../cli.ts";

export interface PruneChoice {
  readonly olderThan: string;
  readonly status?: string;
  readonly agent?: string;
  readonly keepLast?: string;
  readonly limit?: string;
}

const statuses: readonly FinalStatus[] = ["completed", "failed", "cancelled", "stopped"];

export async function pruneRuns(context: CommandContext, choice: PruneChoice): Promise<void> {
  const { app, display, json, command } = context;
  const pruned = await app.prune({
    olderThan: choice.olderThan,
    ...(choice.status === undefined ? {} : { status: choice.status.split(",").map(statusNamed) }),
    ...(choice.agent === undefined ? {} : { agent: choice.agent }),
    ...(choice.keepLast === undefined ? {} : { keepLast: wholeNumber("--keep-last", choice.keepLast) }),
    ...(choice.limit === undefined ? {} : { limit: wholeNumber("--limit", choice.limit) }),
  });
  if (json) return display.out(JSON.stringify(pruned));
  const { runs, more } = pruned;
  display.out(
    `${display.paint("good", display.marks.done)} ${runs === 1 ? "One run was" : `${runs} runs were`} deleted.`,
  );
  if (more) display.error(display.paint("quiet", `There may be more: ${command("prune …")} again.`));
}

function statusNamed(text: string): FinalStatus {
  const status = statuses.find((each) => each === text);
  if (status === undefined)
    throw new CliError(exitCodes.usage, `A finished run is one of: ${statuses.join(", ")}; not ${text}.`);
  return status;
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isInteger(number) || number < 0)
    throw new CliError(exitCodes.usage, `${option} takes a whole number from 0, not ${text}.`);
  return number;
}
