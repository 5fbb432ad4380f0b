/** `concertato check`: reads every run and names those that are damaged. Exit code 1 when there are any. */
import type { Command } from "commander";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext, Shell } from "../shell.ts";
import { plainLine } from "../views/plain-text.ts";

export function addCheck(program: Command, shell: Shell): void {
  program
    .command("check")
    .description("read every run and name those that are damaged")
    .addHelpText("after", "\nExample, of a copy:\n  concertato check --store copy.db")
    .action(() => shell.inApp(checkRuns));
}

async function checkRuns({ app, display, json }: CommandContext): Promise<void> {
  const report = await app.check();
  const { runs, entries, damaged, file } = report;
  const { out, paint, marks } = display;
  if (json) out(JSON.stringify(report));
  else {
    for (const { runId, message } of damaged) out(`${paint("bad", marks.bad)} ${runId} ${plainLine(message)}`);
    for (const line of file) out(`${paint("bad", marks.bad)} The file: ${line}`);
  }
  if (damaged.length > 0 || file.length > 0)
    throw new CliError(
      exitCodes.failure,
      `${damaged.length} of ${runs} runs are damaged${file.length > 0 ? ", and so is the file" : ""}.`,
    );
  if (!json) out(`${paint("good", marks.done)} ${runs} runs with ${entries} entries are sound.`);
}
