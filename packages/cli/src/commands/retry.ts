/** `concertato retry`: takes a diverged run up again, once its code fits. */
import type { Command } from "commander";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun } from "../find-run.ts";
import type { CommandContext, Shell } from "../shell.ts";

export function addRetry(program: Command, shell: Shell): void {
  program
    .command("retry")
    .argument("<run>", "the run's id, or its beginning or end")
    .description("take a diverged run up again")
    .action((run: string) => shell.inApp((context) => retryRun(context, run)));
}

async function retryRun(context: CommandContext, typed: string): Promise<void> {
  const { app, display, json, command } = context;
  const { runId, status } = await findRun(context, typed);
  if (status !== "diverged") {
    const instead = status === "failed" || status === "stopped" || status === "cancelled";
    const how = instead ? ` To do it again without what went well: ${command(`fork ${runId}`)}` : "";
    throw new CliError(
      exitCodes.notThere,
      `Run ${runId} is ${status}; only a diverged run can be taken up again.${how}`,
    );
  }
  await app.retry(runId);
  if (json) return display.out(JSON.stringify({ runId, retried: true }));
  display.out(`${display.paint("good", display.marks.done)} Run ${runId} is taken up again where its agents run.`);
}
