/** Whether a budget can be raised by so much, as far as the journal tells; the run's owner decides again when it comes to it. */
import { amountOf, billionthsOf } from "./kernel/money.ts";
import { ConcertatoError } from "./kernel/errors.ts";
import { countedLimits } from "./journal/limits.ts";
import { Spent } from "./journal/usage.ts";
import { isLent } from "./runtime/budget-question.ts";
import type { Budget } from "./runtime/edge.ts";
import type { TreeNode } from "./telemetry/run-tree.ts";

/** @throws ConcertatoError `policy/raise-refused` */
export function assertRaisable(runId: string, tree: TreeNode, path: string, more: Budget): void {
  const line = lineTo(tree, path);
  const node = line.at(-1);
  if (node?.path !== path || node.budget === undefined) {
    throw refused(runId, path, `there is no budget at ${path}`, "Show the run for the addresses of its budgets");
  }
  const missing = countedLimits.find((name) => more[name] !== undefined && node.budget?.limits[name] === undefined);
  if (missing !== undefined) throw refused(runId, path, `its ${missing} are not limited`, "Raise what is limited");
  const { lent } = node.budget;
  const borrowed = lent && countedLimits.find((name) => (more[name] ?? 0) > 0 && isLent(name, lent.of));
  if (borrowed !== undefined) {
    throw refused(
      runId,
      path,
      `its ${borrowed} were lent by the run that started it`,
      "Start it again with a larger part",
    );
  }
  for (const around of line.slice(0, -1)) {
    for (const name of countedLimits) {
      const left = leftOf(around, name);
      if ((more[name] ?? 0) <= left) continue;
      const has = `${around.path === "0" ? "the run" : `the call at ${around.path}`} around it has ${left} ${name} left`;
      throw refused(runId, path, `${more[name]} ${name} are asked for, and ${has}`, `Raise ${around.path} first`);
    }
  }
}

/** The nodes from the root to the address. */
function lineTo(node: TreeNode, path: string): readonly TreeNode[] {
  if (node.path === path) return [node];
  for (const child of node.children) {
    const line = lineTo(child, path);
    if (line.length > 0) return [node, ...line];
  }
  return [];
}

function leftOf({ budget, usage }: TreeNode, name: (typeof countedLimits)[number]): number {
  const limit = budget?.limits[name];
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  const spent = Spent.of(usage ?? {});
  if (name === "usd") return amountOf(Math.max(0, billionthsOf(limit, name) - spent.billionths));
  return Math.max(0, limit - spent[name]);
}

function refused(runId: string, path: string, fact: string, remedy: string): ConcertatoError {
  return new ConcertatoError({
    code: "policy/raise-refused",
    message: `The budget at ${path} of run ${runId} cannot be raised: ${fact}. ${remedy}.`,
    details: { runId, path },
  });
}
