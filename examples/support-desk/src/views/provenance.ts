/**
 * Where each paragraph of an answer comes from, and who did what: folded from the run's journal alone. A source is found by
 * its name in the recorded outputs of the agents, never by its words. Personal data is left out. Pure.
 */
import type { TreeNode } from "concertato";
import { redactWords } from "../agents/redact.ts";
import { decision, letter, type RefundOrder, type Statement } from "../messages.ts";
import { approvalOf } from "./sentences.ts";

/** A row that an agent read or wrote, as it was then. */
export interface RowSeen {
  /** "payments p-2001". */
  readonly source: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly agent: string;
  /** Address of the operation in the run. */
  readonly path: string;
  /** The person whose yes the agent had. */
  readonly approvedBy: string | undefined;
}

/** A person's word on an action. */
export interface Approval {
  readonly path: string;
  readonly agent: string;
  readonly order: RefundOrder | undefined;
  readonly state: "open" | "approved" | "declined" | "void";
  readonly by: string | undefined;
  readonly note: string | undefined;
  readonly waitedMs: number | undefined;
}

/** One thing that an agent did. */
export interface Deed {
  readonly path: string;
  readonly agent: string;
  readonly status: string;
  readonly ms: number | undefined;
  readonly attempts: number;
  /** US dollars; undefined where no model was asked, null where nobody knows. */
  readonly usd: number | null | undefined;
}

export interface Provenance {
  readonly statements: readonly Statement[];
  readonly rows: readonly RowSeen[];
  readonly approvals: readonly Approval[];
  readonly deeds: readonly Deed[];
  /** From the first entry to the last, waits included. */
  readonly ms: number | undefined;
  readonly usd: number | null | undefined;
}

export const nothingKnown: Provenance = {
  ...{ statements: [], rows: [], approvals: [], deeds: [] },
  ...{ ms: undefined, usd: undefined },
};

/** @param nodes those of the run, children first */
export function provenanceOf(root: TreeNode, nodes: readonly TreeNode[]): Provenance {
  const composed = nodes.findLast(({ name, status }) => name === "compose-mail" && status === "completed");
  const statements = letter.safeParse(composed?.output).data?.statements ?? [];
  const wanted = new Set(statements.flatMap(({ cites }) => cites).filter((cite) => !cite.startsWith("policy ")));
  return {
    statements: statements.map((each) => ({ ...each, text: clean(each.text) })),
    rows: [...wanted].flatMap((source) => rowSeen(source, nodes) ?? []),
    approvals: nodes.flatMap((node) => approvalsIn(node)),
    deeds: nodes.flatMap(deedOf),
    ms: lasted(root),
    usd: costOf(root),
  };
}

/** The last one that read or wrote it. */
function rowSeen(source: string, nodes: readonly TreeNode[]): RowSeen | undefined {
  const id = source.slice(source.indexOf(" ") + 1);
  for (const node of nodes.toReversed()) {
    if (node.children.length > 0 && node.name !== "refund") continue;
    const row = rowIn(node.output, id, 3);
    if (row === undefined) continue;
    const approval = node.children.map(({ output }) => decision.safeParse(output).data).find((each) => each?.approved);
    return { source, fields: fieldsOf(row), agent: node.name, path: node.path, approvedBy: approval?.by };
  }
  return undefined;
}

/** What names a row in the outputs of the bank's tools. */
const names = ["id", "reference", "number"] as const;

function rowIn(value: unknown, id: string, depth: number): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || depth === 0) return undefined;
  const row = value as Readonly<Record<string, unknown>>;
  if (!Array.isArray(value) && names.some((name) => `${row[name] as string}` === id)) return row;
  for (const inner of Object.values(row)) {
    const found = rowIn(inner, id, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Never shown, whoever may look. */
const hidden: ReadonlySet<string> = new Set(["address"]);

function fieldsOf(row: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const shown = Object.entries(row).filter(
    ([name, value]) => !hidden.has(name) && value !== null && typeof value !== "object",
  );
  return Object.fromEntries(shown.map(([name, value]) => [name, clean(String(value))]));
}

function clean(text: string): string {
  return redactWords({ subject: "", body: text }).body;
}

/** A question to a person stands below the action that it is about. */
function approvalsIn(node: TreeNode): Approval[] {
  return node.children.flatMap((asked): Approval[] => {
    const order = approvalOf(asked.input);
    if (order === undefined) return [];
    const said = decision.safeParse(asked.output).data;
    const changed = node.failure?.details?.["code"] === "changed-since-shown";
    const state = said === undefined ? "open" : !said.approved ? "declined" : changed ? "void" : "approved";
    return [
      {
        ...{ path: asked.path, agent: asked.name, order, state },
        ...{ by: said?.by ?? asked.answeredBy, note: said?.note, waitedMs: lasted(asked) },
      },
    ];
  });
}

/** Leaves alone: what is around them is told by its parts. */
function deedOf(node: TreeNode): Deed[] {
  const { path, name, status, children, attempts, verb } = node;
  if (children.length > 0 || verb === "claim" || verb === "emit" || name === "") return [];
  return [{ path, agent: name, status, ms: lasted(node), attempts: Math.max(1, attempts), usd: costOf(node) }];
}

function lasted({ startedAt, endedAt }: TreeNode): number | undefined {
  return startedAt === undefined || endedAt === undefined ? undefined : endedAt - startedAt;
}

function costOf({ usage }: TreeNode): number | null | undefined {
  return usage === undefined ? undefined : (usage.cost?.amount ?? null);
}
