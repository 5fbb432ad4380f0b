/** `concertato retry`: takes a diverged run up again, once its code fits. */
import { CliError, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "../cli.ts";
import { findRun } from "../find-run.ts";

export async function retryRun(context: CommandContext, typed: string): Promise<void> {
  const { app, display, json } = context;
  const { runId, status } = await findRun(context, typed);
  if (status !== "diverged")
    throw new CliError(exitCodes.notThere, `Run ${runId} is ${status}; only a diverged run can be taken up again.`);
  await app.retry(runId);
  if (json) return display.out(JSON.stringify({ runId, retried: true }));
  display.out(`${display.paint("good", display.marks.done)} Run ${runId} is taken up again where its agents run.`);
}
