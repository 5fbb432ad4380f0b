/**
 * The state of the whole job as data: one line per message and the totals, folded from the run's tree and checked
 * against the books of the bank and the folder of the mail server, which know nothing of the journal. Pure.
 */
import type { TreeNode } from "concertato";
import type { z } from "zod";
import { redactWords } from "../agents/redact.ts";
import {
  type Answer,
  answer,
  type ExamResult,
  examResult,
  type Message,
  type OutgoingMail,
  outgoingMail,
  review,
  type Route,
  route,
  type Verdict,
  verdict,
} from "../messages.ts";
import type { Books } from "../services/bank.ts";
import { approvalOf, sentenceFor, doubtSentence, type Sentence, waitSentence } from "./sentences.ts";

export type LineStatus = "answered" | "waiting" | "failed" | "cancelled" | "working";

/** Somebody is asked: a question, or whether something that was interrupted has happened. */
export interface OpenWait {
  readonly kind: "question" | "in-doubt";
  readonly waitId: string;
  readonly agent: string;
  readonly request: unknown;
}

/** A message as it may be shown and kept: without personal data in its words. */
export type ShownMessage = Pick<Message, "id" | "name" | "subject" | "body">;

export interface SummaryLine {
  readonly message: ShownMessage;
  readonly status: LineStatus;
  readonly answer: Answer | undefined;
  readonly wait: OpenWait | undefined;
  /** Its customer's other message is worked on first. */
  readonly held: boolean;
  readonly failure: string | undefined;
  /** Who could take it, and how the panel voted when that was in doubt. */
  readonly route: Route | undefined;
  readonly verdict: Verdict | undefined;
  /** What each agent did, in order. */
  readonly steps: readonly Sentence[];
  /** The mail as it was sent. */
  readonly mail: Pick<OutgoingMail, "subject" | "text"> | undefined;
}

export interface Totals {
  readonly messages: number;
  readonly answered: number;
  readonly waiting: number;
  readonly failed: number;
  readonly mailsSent: number;
  readonly paymentsMade: number;
  readonly refundedCents: number;
  readonly tickets: number;
  /** Mails stored more than once and payments paid back more than once. Always 0, or something is broken. */
  readonly repeated: number;
  /** Drafts that the validator sent back. */
  readonly rejected: number;
  /** Messages that the panel settled, and voices that were outvoted. */
  readonly panels: number;
  readonly dissents: number;
}

export interface Summary {
  readonly runId: string;
  readonly status: string;
  readonly lines: readonly SummaryLine[];
  readonly totals: Totals;
  /** How the router does on held-out messages; only for the sample inbox. */
  readonly exam: ExamResult | undefined;
}

/** What the run's tree, the bank and the mail folder say together. @param mails one Message-ID hash per stored mail */
export function summarize(
  run: { readonly runId: string; readonly status: string },
  tree: TreeNode,
  messages: readonly Message[],
  books: Books,
  mails: readonly string[],
): Summary {
  const items = messageNodes(tree);
  const lines = messages.map((message, index) => lineOf(message, items.get(index)));
  const all = [...walk(tree)];
  const reviews = all.flatMap(({ name, output }) =>
    name === "validator" ? (review.safeParse(output).data ?? []) : [],
  );
  const panels = all.flatMap(({ name, output }) => (name === "panel" ? (verdict.safeParse(output).data ?? []) : []));
  const count = (status: LineStatus): number => lines.filter((line) => line.status === status).length;
  return {
    runId: run.runId,
    status: run.status,
    lines,
    totals: {
      messages: messages.length,
      answered: count("answered"),
      waiting: count("waiting"),
      failed: count("failed"),
      mailsSent: mails.length,
      paymentsMade: books.refunds,
      refundedCents: books.refundedCents,
      tickets: books.tickets,
      repeated: mails.length - new Set(mails).size + books.paidTwice,
      rejected: reviews.filter(({ accepted }) => !accepted).length,
      panels: panels.length,
      dissents: panels.reduce((sum, { dissent }) => sum + dissent.length, 0),
    },
    exam: examResult.safeParse(all.find(({ name }) => name === "exam")?.output).data,
  };
}

/** The nodes of the desk, by the index of their message: the last part of the path. */
function messageNodes(tree: TreeNode): ReadonlyMap<number, TreeNode> {
  const desks = [...walk(tree)].filter(({ name, path }) => name === "desk" && /\/\d+$/.test(path));
  return new Map(desks.map((node) => [Number(node.path.split("/").at(-1)), node]));
}

function lineOf(message: Message, node: TreeNode | undefined): SummaryLine {
  const nodes = node === undefined ? [] : [...walk(node)];
  const done = answer.safeParse(node?.output).data;
  const wait = nodes.flatMap(openWaitOf)[0];
  const held = wait === undefined && nodes.some((each) => each.verb === "claim" && each.wait !== undefined);
  return {
    message: shown(message),
    held,
    status: done === undefined ? unfinished(node, wait !== undefined || held) : "answered",
    answer: done,
    wait,
    failure: node?.failure?.message,
    route: outputOf(nodes, "router", route),
    verdict: outputOf(nodes, "panel", verdict),
    steps: nodes.slice(0, -1).flatMap(stepOf),
    mail: done === undefined ? undefined : mailIn(nodes),
  };
}

/** What the agent of this name answered. */
function outputOf<T>(nodes: readonly TreeNode[], agent: string, schema: z.ZodType<T>): T | undefined {
  return schema.safeParse(nodes.find(({ name }) => name === agent)?.output).data;
}

function unfinished(node: TreeNode | undefined, waits: boolean): LineStatus {
  if (node?.status === "failed" || node?.status === "cancelled") return node.status;
  return waits ? "waiting" : "working";
}

function mailIn(nodes: readonly TreeNode[]): SummaryLine["mail"] {
  const sent = nodes.find(({ name }) => name === "send-mail");
  return outgoingMail.pick({ subject: true, text: true }).safeParse(sent?.input).data;
}

function shown(message: Message): ShownMessage {
  const { subject, body } = redactWords(message);
  return { id: message.id, name: message.name, subject, body };
}

/** Deadlines and retries are waits too, but nobody is asked. */
function openWaitOf({ status, name, wait, input, verb, effect }: TreeNode): OpenWait[] {
  if (wait === undefined || (status === "waiting" && effect !== undefined) || verb === "sleep" || verb === "claim")
    return [];
  return [{ kind: status === "in-doubt" ? "in-doubt" : "question", waitId: wait.waitId, agent: name, request: input }];
}

function stepOf(node: TreeNode): Sentence[] {
  const [wait] = openWaitOf(node);
  if (wait !== undefined)
    return [wait.kind === "question" ? waitSentence(wait.agent, wait.request) : doubtSentence(wait.agent)];
  if (node.status === "failed" && node.children.every(({ status }) => status !== "failed"))
    return [{ agent: node.name, tone: "bad", text: `failed: ${node.failure?.message ?? "no reason on record"}` }];
  const told = sentenceFor(node.name, node.output);
  return told === undefined ? [] : [told];
}

/** Children first: the order in which things ended. */
function* walk(node: TreeNode): Iterable<TreeNode> {
  for (const child of node.children) yield* walk(child);
  yield node;
}

/** The refund an open wait is about. */
export function orderOf(wait: OpenWait): ReturnType<typeof approvalOf> {
  return approvalOf(wait.request);
}
