/**
 * `concertato cancel`: ends a run. Nothing more of it is begun, and what it registered to be undone is undone first; `--now`
 * ends it at once, and what already happened stays.
 */
import type { CommandContext } from "../cli.ts";
import { findRun } from "../find-run.ts";

export async function cancelRun(
  context: CommandContext,
  typed: string,
  { reason, now = false }: { readonly reason?: string; readonly now?: boolean },
): Promise<void> {
  const { app, display, json } = context;
  const { runId } = await findRun(context, typed);
  const options = reason === undefined ? {} : { reason };
  if (now) await app.terminate(runId, options);
  else await app.cancel(runId, options);
  if (json) return display.out(JSON.stringify({ runId, cancelled: true }));
  const what = now ? "ends at once; nothing is undone" : "is being cancelled; no further work of it is begun";
  display.out(`${display.paint("good", display.marks.done)} Run ${runId} ${what}.`);
}
