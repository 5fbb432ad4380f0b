/**
 * Looks whether the desk can still do anything by itself: a run that is at work, is tried again soon, or has its customer's
 * turn next moves on; one that waits for a person, or behind such a one, does not.
 */
import type { App, RunSummary, TreeNode } from "concertato";
import { messageRuns } from "./take-stock.ts";
import { lineOf, type OpenWait } from "./views/summary.ts";

export interface Look {
  readonly moving: boolean;
  /** The first run that asks for a yes or no. An effect in doubt needs a look at the world first: it is left to the CLI. */
  readonly question: { readonly runId: string; readonly wait: OpenWait } | undefined;
}

/** Only somebody else ends these waits. */
const forPeople: ReadonlySet<string> = new Set([
  "answer",
  "signal",
  "in-doubt",
  "budget",
  "paused",
  "no-worker",
  "cap",
]);

/** @param later runs whose question the person has put off */
export async function lookAround(app: App, later: ReadonlySet<string>): Promise<Look> {
  const asking: string[] = [];
  const held = new Set<string>();
  for await (const runs of messageRuns(app, ["queued", "running", "waiting"])) {
    for (const run of runs) {
      if (moves(run)) return { moving: true, question: undefined };
      for (const { kind, name } of run.waiting) if (kind === "claim") held.add(name);
      if (run.waiting.some(({ kind }) => kind !== "claim")) asking.push(run.runId);
    }
  }
  let question: Look["question"];
  for (const runId of asking.toReversed()) {
    if (held.size === 0 && question !== undefined) break;
    const { run, tree } = await app.describe(runId);
    for (const key of claimsIn(tree)) held.delete(key);
    const { wait } = lineOf(run, tree);
    if (wait?.kind === "question" && !later.has(runId)) question ??= { runId, wait };
  }
  // A key that nobody who asks people holds comes free by itself.
  return { moving: held.size > 0, question };
}

function moves({ status, waiting }: RunSummary): boolean {
  if (status !== "waiting" || waiting.length === 0) return true;
  return waiting.some(({ kind }) => kind !== "claim" && !forPeople.has(kind));
}

/** Keys that a run has. */
function claimsIn(node: TreeNode): readonly string[] {
  const own = node.verb === "claim" && node.wait === undefined ? [node.name] : [];
  return [...own, ...node.children.flatMap(claimsIn)];
}
