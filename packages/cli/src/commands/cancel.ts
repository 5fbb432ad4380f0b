/** `concertato cancel`: ends a run. What already happened stays; nothing more is begun. */
import type { CommandContext } from "../cli.ts";
import { findRun } from "../find-run.ts";

export async function cancelRun(context: CommandContext, typed: string, reason: string | undefined): Promise<void> {
  const { app, display, json } = context;
  const { runId } = await findRun(context, typed);
  await app.cancel(runId, reason === undefined ? {} : { reason });
  if (json) return display.out(JSON.stringify({ runId, cancelled: true }));
  display.out(
    `${display.paint("good", display.marks.done)} Run ${runId} is being cancelled; no further work of it is begun.`,
  );
}
