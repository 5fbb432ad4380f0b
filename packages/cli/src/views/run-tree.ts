/**
 * A run's tree of scopes and operations on the terminal: a line each, with attempts, effect, time and the values that
 * went in and out. Values are shortened to the line; with `full` they are whole.
 */
import { type TreeNode, withPreviews } from "concertato";
import type { Display } from "./display.ts";
import { plainLine, plainText } from "./plain-text.ts";
import { budgetWords, durationWords, markOf, toneOf, usageWords, valueWords } from "./words.ts";

export function printTree(display: Display, root: TreeNode, full: boolean): void {
  printNode(display, root, { first: "", rest: "" }, full);
}

/** What stands before a node's own line and before the lines under it. */
interface Indent {
  readonly first: string;
  readonly rest: string;
}

function printNode(display: Display, node: TreeNode, indent: Indent, full: boolean): void {
  const { marks, paint, out } = display;
  const head = `${markOf(marks, node.status)} ${titleOf(node)}`;
  const facts = factsOf(node);
  const used = indent.first.length + head.length + facts.length + 4;
  const values = full ? "" : valuesOf(display, node, display.width - used);
  out(
    `${paint("quiet", indent.first)}${paint(toneOf(node.status), head)}${facts === "" ? "" : `  ${paint("quiet", facts)}`}${values === "" ? "" : `  ${values}`}`,
  );
  const trunk = node.children.length > 0 ? marks.trunk : "   ";
  if (full) printValues(display, node, indent.rest + trunk);
  if (node.failure !== undefined)
    out(
      `${paint("quiet", indent.rest + trunk)}${paint("bad", `${node.failure.code}: ${plainLine(node.failure.message)}`)}`,
    );
  node.children.forEach((child, place) => {
    const last = place === node.children.length - 1;
    const next = {
      first: indent.rest + (last ? marks.lastBranch : marks.branch),
      rest: indent.rest + (last ? "   " : marks.trunk),
    };
    printNode(display, child, next, full);
  });
}

function titleOf({ name, verb }: TreeNode): string {
  if (name === "") return verb;
  return verb === "run" || verb === "step" || name === verb ? name : `${verb} ${name}`;
}

/** Path, effect, attempts, time and use, as far as they say something. */
function factsOf({ path, effect, attempts, startedAt, endedAt, usage, budget }: TreeNode): string {
  const ms = startedAt === undefined || endedAt === undefined ? 0 : endedAt - startedAt;
  const took = ms < 1 ? [] : [durationWords(ms)];
  const used = usage === undefined ? [] : [usageWords(usage)];
  const tries = attempts > 1 ? [`${attempts} attempts`] : [];
  return [path, ...(effect === undefined ? [] : [effect]), ...tries, ...took, ...used, ...limitsOf(budget)].join("  ");
}

/** What it may use, and whether its deadline is at risk or a person is asked. */
function limitsOf(budget: TreeNode["budget"]): readonly string[] {
  if (budget === undefined) return [];
  const words = budgetWords(budget.limits);
  return [
    ...(words === "" ? [] : [`of at most ${words}`]),
    ...toolWords(budget.limits.tools),
    ...(budget.asked === undefined ? [] : ["used up: a person is asked"]),
    ...(budget.atRisk === undefined ? [] : ["at risk"]),
  ];
}

function toolWords(tools: readonly string[] | undefined): readonly string[] {
  if (tools === undefined) return [];
  return [tools.length === 0 ? "may use no tools" : `may use ${tools.join(", ")}`];
}

/** Input and output side by side; a node with children shows its output only, they show the rest. */
function valuesOf({ marks, paint }: Display, { input, output, children }: TreeNode, columns: number): string {
  if (columns < 16) return "";
  if (children.length > 0 || input === undefined) return paint("quiet", valueWords(output, columns, marks));
  if (output === undefined) return paint("quiet", valueWords(input, columns, marks));
  const half = Math.floor((columns - 4) / 2);
  const before = valueWords(input, half, marks);
  const after = valueWords(output, columns - 4 - before.length, marks);
  return `${paint("quiet", before)} ${marks.arrow} ${after}`;
}

function printValues({ paint, out }: Display, node: TreeNode, indent: string): void {
  for (const [label, value] of [
    ["in ", node.input],
    ["out", node.output],
  ] as const) {
    if (value === undefined) continue;
    const [first = "", ...rest] = plainText(JSON.stringify(withPreviews(value), null, 2) ?? "").split("\n");
    out(`${paint("quiet", `${indent}${label} `)}${first}`);
    for (const line of rest) out(`${paint("quiet", `${indent}    `)}${line}`);
  }
}
