/** `concertato events`: a run's journal, entry by entry; with `--follow` as it grows, until the run ends. */
import type { Command } from "commander";
import { type EntryKind, entryKindNames, EntryPaths } from "concertato";
import { findRun } from "../find-run.ts";
import { type CommandContext, oneOf, type Shell, wholeNumber } from "../shell.ts";
import { entryLine } from "../views/entry-line.ts";

interface EventOptions {
  readonly follow?: true;
  readonly after: string;
  readonly kind?: string;
}

export function addEvents(program: Command, shell: Shell): void {
  program
    .command("events")
    .argument("<run>", "the run's id, or its beginning or end")
    .description("print a run's journal, entry by entry")
    .option("-f, --follow", "go on as entries are recorded, until the run ends")
    .option("--after <n>", "only entries after this number", "0")
    .option("--kind <kinds>", "only entries of these kinds; several with commas")
    .addHelpText(
      "after",
      `
Examples:
  concertato events 9x2k4ab1 --follow
  concertato events 9x2k4ab1 --after 40 --json
  concertato events 9x2k4ab1 --kind attempt-failed,run-ended`,
    )
    .action((run: string, options: EventOptions) => shell.inApp((context) => printEvents(context, run, options)));
}

async function printEvents(context: CommandContext, typed: string, options: EventOptions): Promise<void> {
  const { app, display, json } = context;
  const { runId, createdAt } = await findRun(context, typed);
  const after = wholeNumber("--after", options.after, 0);
  const kinds = options.kind?.split(",").map((kind) => oneOf<EntryKind>("A kind of entry", entryKindNames, kind));
  const paths = new EntryPaths();
  // From the first on: an address is known only to who has read how its scope began.
  const entries = app.job(runId).events({ live: options.follow === true });
  for await (const entry of entries) {
    const path = paths.of(entry);
    if (entry.seq <= after || (kinds !== undefined && !kinds.includes(entry.kind))) continue;
    if (json) display.out(JSON.stringify({ runId, path, ...entry }));
    else display.out(entryLine(display, entry, path, createdAt));
  }
}
