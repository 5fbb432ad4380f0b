/**
 * `concertato cancel`: ends a run. Nothing more of it is begun, and what it registered to be undone is undone first; `--now`
 * ends it at once, and what already happened stays.
 */
import type { Command } from "commander";
import { findRun } from "../find-run.ts";
import type { CommandContext, Shell } from "../shell.ts";

export function addCancel(program: Command, shell: Shell): void {
  program
    .command("cancel")
    .argument("<run>", "the run's id, or its beginning or end")
    .description("cancel a run and undo what it registered")
    .option("--reason <text>", "why, kept with the run")
    .option("--now", "end it at once: what it has done is not undone")
    .addHelpText("after", '\nExample:\n  concertato cancel 9x2k4ab1 --reason "ordered twice"')
    .action((run: string, options: { reason?: string; now?: true }) =>
      shell.inApp((context) => cancelRun(context, run, options)),
    );
}

async function cancelRun(
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
