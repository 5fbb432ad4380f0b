/** `concertato retry`: takes a diverged run up again, once its code fits, or puts a failed one back. */
import type { Command } from "commander";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun } from "../find-run.ts";
import type { CommandContext, Shell } from "../shell.ts";

export function addRetry(program: Command, shell: Shell): void {
  program
    .command("retry")
    .argument("<run>", "the run's id, or its beginning or end")
    .description("take a diverged run up again, or put a failed one back")
    .addHelpText("after", "\nExample:\n  concertato retry 9x2k4ab1")
    .action((run: string) => shell.inApp((context) => retryRun(context, run)));
}

async function retryRun(context: CommandContext, typed: string): Promise<void> {
  const { app, display, json, command } = context;
  const { runId, status } = await findRun(context, typed);
  if (status !== "diverged" && status !== "failed") {
    const instead = status === "stopped" || status === "cancelled";
    const how = instead ? ` To do it again without what went well: ${command(`fork ${runId}`)}` : "";
    throw new CliError(
      exitCodes.notThere,
      `Run ${runId} is ${status}; only a failed or diverged run can be retried.${how}`,
    );
  }
  const again = await app.retry(runId);
  if (json) return display.out(JSON.stringify({ runId: again.runId, retried: true, of: runId }));
  const done = display.paint("good", display.marks.done);
  if (again.runId === runId) return display.out(`${done} Run ${runId} is taken up again where its agents run.`);
  display.out(`${done} Run ${again.runId} goes on in place of ${runId} where its agents run.`);
  display.out(`  ${command(`show ${again.runId}`)}`);
}
