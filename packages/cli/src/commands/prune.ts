/** `concertato prune`: deletes finished runs that are old enough and gives their space back to the disk. */
import type { Command } from "commander";
import type { FinalStatus } from "concertato";
import { type CommandContext, oneOf, type Shell, wholeNumber } from "../shell.ts";

interface PruneChoice {
  readonly olderThan: string;
  readonly status?: string;
  readonly agent?: string;
  readonly keepLast?: string;
  readonly limit?: string;
}

const statuses: readonly FinalStatus[] = ["completed", "failed", "cancelled", "stopped"];

export function addPrune(program: Command, shell: Shell): void {
  program
    .command("prune")
    .description("delete old finished runs and give their space back")
    .requiredOption("--older-than <age>", "only runs that ended so long ago: 12h, 30d")
    .option("--status <statuses>", `only runs that ended so: ${statuses.join(", ")}; several with commas`)
    .option("--agent <name>", "only runs of this agent")
    .option("--keep-last <n>", "the newest so many stay, however old they are")
    .option("--limit <n>", "at most so many")
    .addHelpText("after", "\nExample:\n  concertato prune --older-than 30d --status completed --keep-last 100")
    .action((choice: PruneChoice) => shell.inApp((context) => pruneRuns(context, choice)));
}

async function pruneRuns(context: CommandContext, choice: PruneChoice): Promise<void> {
  const { app, display, json, command } = context;
  const pruned = await app.prune({
    olderThan: choice.olderThan,
    ...(choice.status === undefined ? {} : { status: choice.status.split(",").map(finalStatus) }),
    ...(choice.agent === undefined ? {} : { agent: choice.agent }),
    ...(choice.keepLast === undefined ? {} : { keepLast: wholeNumber("--keep-last", choice.keepLast, 0) }),
    ...(choice.limit === undefined ? {} : { limit: wholeNumber("--limit", choice.limit, 0) }),
  });
  if (json) return display.out(JSON.stringify(pruned));
  const { runs, more } = pruned;
  display.out(
    `${display.paint("good", display.marks.done)} ${runs === 1 ? "One run was" : `${runs} runs were`} deleted.`,
  );
  if (more) display.error(display.paint("quiet", `There may be more: ${command("prune …")} again.`));
}

function finalStatus(text: string): FinalStatus {
  return oneOf("The status of a finished run", statuses, text);
}
