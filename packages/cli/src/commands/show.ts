/** `concertato show`: one run as a tree, with what each step got, gave, took and waits for. */
import type { TreeNode } from "concertato";
import type { CommandContext } from "../cli.ts";
import { findRun, openWaits } from "../find-run.ts";
import { printTree } from "../views/run-tree.ts";
import { printRequest } from "../views/request.ts";
import { ageWords, durationWords, statusWords } from "../views/words.ts";

export async function showRun(context: CommandContext, typed: string, full: boolean): Promise<void> {
  const { app, display, json, now } = context;
  const { runId } = await findRun(context, typed);
  const { run, tree } = await app.describe(runId);
  if (json) return display.out(JSON.stringify({ run, tree }, null, 2));
  const { out, paint } = display;
  const took = durationWords(run.updatedAt - run.createdAt);
  out(
    `${paint("strong", run.runId)}  ${run.agent}  ${statusWords(display, run.status)}  ${paint("quiet", `started ${ageWords(now - run.createdAt)} ago, ${took} until its last change`)}`,
  );
  out();
  printTree(display, tree, full);
  await printWaits(context, runId, tree);
}

async function printWaits({ app, display, now }: CommandContext, runId: string, tree: TreeNode): Promise<void> {
  const { out, paint, marks } = display;
  const waits = await openWaits(app, runId);
  for (const { waitId, name, request, since, kind } of waits) {
    out();
    out(
      `${paint("wait", `${marks.wait} ${name}`)} ${kind === "in-doubt" ? "may or may not have happened; a person must look" : "is asked"}, since ${ageWords(now - since)}`,
    );
    printRequest(display, request);
    const which = waits.length > 1 ? ` ${waitId}` : "";
    out(
      kind === "in-doubt"
        ? `  concertato answer ${runId} ${waitId} '{"happened":false}'`
        : `  concertato approve ${runId}${which}`,
    );
  }
  if (waits.length === 0 && tree.status === "waiting")
    out(paint("quiet", "\nIt waits for time or for another run, not for a person."));
}
