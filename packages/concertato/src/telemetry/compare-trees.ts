/** Two trees beside each other, aligned by path: what is in both, what is in one only, and what differs. Pure. */
import type { TreeNode } from "./run-tree.ts";

/** What of an operation may differ. */
export type DifferenceKind = "operation" | "agent" | "input" | "status" | "output" | "failure" | "usage";

export interface Difference {
  readonly what: DifferenceKind;
  readonly a: unknown;
  readonly b: unknown;
}

/** One operation of either tree. */
export interface ComparedNode {
  readonly path: string;
  readonly name: string;
  readonly verb: string;
  readonly in: "both" | "a" | "b";
  /** Empty for what is the same, and for what is in one only. */
  readonly differences: readonly Difference[];
  readonly children: readonly ComparedNode[];
}

/** Where two trees part first. */
export interface FirstDifference {
  readonly path: string;
  readonly what: DifferenceKind | "only in a" | "only in b";
}

/** Aligns two trees. */
export function compareTrees(a: TreeNode, b: TreeNode): ComparedNode {
  return {
    path: a.path,
    name: a.name,
    verb: a.verb,
    in: "both",
    differences: differencesOf(a, b),
    children: aligned(a.children, b.children),
  };
}

/** In the order of `a`; what only `b` has stands where `b` has it. */
function aligned(a: readonly TreeNode[], b: readonly TreeNode[]): readonly ComparedNode[] {
  const others = new Map(b.map((node) => [node.path, node]));
  const known = new Set(a.map(({ path }) => path));
  const nodes: ComparedNode[] = [];
  let next = 0;
  const takeNew = (upTo: number) => {
    for (; next < upTo; next++) {
      const node = b[next];
      if (node !== undefined && !known.has(node.path)) nodes.push(alone(node, "b"));
    }
  };
  for (const node of a) {
    const other = others.get(node.path);
    if (other !== undefined) takeNew(Math.max(next, b.indexOf(other)));
    nodes.push(other === undefined ? alone(node, "a") : compareTrees(node, other));
  }
  takeNew(b.length);
  return nodes;
}

function alone(node: TreeNode, where: "a" | "b"): ComparedNode {
  const { path, name, verb, children } = node;
  return { path, name, verb, in: where, differences: [], children: children.map((child) => alone(child, where)) };
}

function differencesOf(a: TreeNode, b: TreeNode): readonly Difference[] {
  const pairs: readonly (readonly [DifferenceKind, unknown, unknown])[] = [
    ["operation", `${a.verb} ${a.name}`, `${b.verb} ${b.name}`],
    ["agent", a.agent, b.agent],
    ["input", a.input, b.input],
    ["status", a.status, b.status],
    ["output", a.output, b.output],
    ["failure", a.failure, b.failure],
    ["usage", a.usage, b.usage],
  ];
  return pairs.flatMap(([what, one, other]) => (isSame(one, other) ? [] : [{ what, a: one, b: other }]));
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** How an operation was called; the rest follows from what is inside it. */
const causes: ReadonlySet<DifferenceKind> = new Set(["operation", "agent", "input"]);

/**
 * The first operation that differs by itself: called differently, or there in one only, or ended differently while all
 * inside it is the same. Null when nothing but the use differs, which is no difference in what was done.
 */
export function firstDifference(node: ComparedNode): FirstDifference | null {
  const { path } = node;
  if (node.in !== "both") return { path, what: node.in === "a" ? "only in a" : "only in b" };
  const called = node.differences.find(({ what }) => causes.has(what));
  if (called !== undefined) return { path, what: called.what };
  for (const child of node.children) {
    const found = firstDifference(child);
    if (found !== null) return found;
  }
  const ended = node.differences.find(({ what }) => what !== "usage");
  return ended === undefined ? null : { path, what: ended.what };
}
