/**
 * The state of the whole desk as data: the totals, and a line for each message as far as people read that many. Folded
 * from the messages' runs one by one, so that ten thousand take no more memory than a hundred, and checked against the
 * books of the bank and the folder of the mail server, which know nothing of the journal. Pure.
 */
import type { RunSummary, TreeNode } from "concertato";
import type { z } from "zod";
import { redactWords } from "../agents/redact.ts";
import {
  type Answer,
  answer,
  type ExamResult,
  type Message,
  message,
  type OutgoingMail,
  outgoingMail,
  review,
  revision,
  type Route,
  route,
  type Verdict,
  verdict,
} from "../messages.ts";
import type { Books } from "../services/bank.ts";
import { type Provenance, provenanceOf } from "./provenance.ts";
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
  readonly runId: string;
  /** When its run began, in ms. */
  readonly at: number;
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
  /** Where each paragraph of the answer comes from, and who did what. */
  readonly provenance: Provenance;
}

export interface Totals {
  readonly messages: number;
  readonly answered: number;
  readonly waiting: number;
  readonly failed: number;
  readonly cancelled: number;
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
  /** Specialists that failed and whose work another did. */
  readonly takeovers: number;
  /** Steps that a result made needless. */
  readonly dropped: number;
  /** Approvals that no longer held when they came. */
  readonly voided: number;
  /** How many messages the router gave to each specialist, or why to none; one with several wishes counts for each. */
  readonly routes: Readonly<Record<string, number>>;
}

/** How the whole desk stands. */
export type SummaryStatus = "completed" | "waiting" | "working" | "failed" | "cancelled";

/** What reading the inbox came to. */
export interface Intake {
  /** Records that are messages: new ones, and those handed in before. */
  readonly messages: number;
  /** Of these, the ones that this reading found twice. */
  readonly duplicates: number;
  /** Records that are no messages. */
  readonly setAside: number;
  /** Where those lie. */
  readonly setAsideFile: string | undefined;
  /** The inbox was read to its end. */
  readonly complete: boolean;
}

/** What the work took, in this process. */
export interface Effort {
  readonly seconds: number;
  /** Messages that ended or came to wait for a person meanwhile. */
  readonly done: number;
  readonly perSecond: number;
  /** The most memory it had, in MB. */
  readonly peakMb: number;
  /** The journal on the disk, with its log. */
  readonly storeBytes: number;
}

export interface Summary {
  readonly status: SummaryStatus;
  /** Of many messages, those that people must look at and the first of the others. */
  readonly lines: readonly SummaryLine[];
  readonly totals: Totals;
  /** How the router does on held-out messages; only for the sample inbox. */
  readonly exam: ExamResult | undefined;
  readonly intake: Intake | undefined;
  readonly effort: Effort | undefined;
}

/** What the ledgers outside the desk say. */
export interface Ledgers {
  readonly books: Books;
  /** One Message-ID hash per stored mail. */
  readonly mails: readonly string[];
}

/** So many lines that need a person, and so many others, are kept. */
const mostUrgentLines = 500;
const mostOtherLines = 300;
/** Of a message that is shown, so many characters. */
const longestShown = 4000;

/** Adds the runs up, in the order in which they began. */
export class Tally {
  readonly #lines: SummaryLine[] = [];
  readonly #routes = new Map<string, number>();
  readonly #count = { answered: 0, waiting: 0, failed: 0, cancelled: 0, working: 0 };
  #looked = 0;
  #others = 0;
  #rejected = 0;
  #panels = 0;
  #dissents = 0;
  #takeovers = 0;
  #dropped = 0;
  #voided = 0;

  /** Adds one run; its line. */
  add(run: Pick<RunSummary, "runId" | "createdAt">, tree: TreeNode): SummaryLine {
    const line = lineOf(run, tree);
    this.#count[line.status]++;
    for (const place of placesOf(line)) this.#routes.set(place, (this.#routes.get(place) ?? 0) + 1);
    for (const { name, output } of walk(tree)) {
      if (name === "validator" && review.safeParse(output).data?.accepted === false) this.#rejected++;
      if (name === "take-over") this.#takeovers++;
      if (name === "void-approval") this.#voided++;
      if (name === "reviser") this.#dropped += revision.safeParse(output).data?.dropped.length ?? 0;
    }
    if (line.verdict !== undefined) {
      this.#panels++;
      this.#dissents += line.verdict.dissent.length;
    }
    if (this.#keeps(line)) this.#lines.push(line);
    return line;
  }

  summary({ books, mails }: Ledgers, rest: Pick<Summary, "exam" | "intake" | "effort">): Summary {
    const { answered, waiting, failed, cancelled, working } = this.#count;
    return {
      status: statusOf(this.#count),
      lines: this.#lines.toSorted((a, b) => Number(isUrgentLine(b)) - Number(isUrgentLine(a)) || a.at - b.at),
      totals: {
        messages: answered + waiting + failed + cancelled + working,
        answered,
        waiting,
        failed,
        cancelled,
        mailsSent: mails.length,
        paymentsMade: books.refunds,
        refundedCents: books.refundedCents,
        tickets: books.tickets,
        repeated: mails.length - new Set(mails).size + books.paidTwice,
        rejected: this.#rejected,
        panels: this.#panels,
        dissents: this.#dissents,
        takeovers: this.#takeovers,
        dropped: this.#dropped,
        voided: this.#voided,
        routes: Object.fromEntries([...this.#routes].sort(([, a], [, b]) => b - a)),
      },
      ...rest,
    };
  }

  #keeps(line: SummaryLine): boolean {
    const urgent = line.status !== "answered" || (line.route?.warnings.length ?? 0) > 0;
    return urgent ? this.#looked++ < mostUrgentLines : this.#others++ < mostOtherLines;
  }
}

function statusOf(count: Readonly<Record<LineStatus, number>>): SummaryStatus {
  if (count.working > 0) return "working";
  if (count.failed > 0) return "failed";
  if (count.waiting > 0) return "waiting";
  return count.cancelled > 0 ? "cancelled" : "completed";
}

/** Where a message went: its specialists, or why it has none. */
function placesOf({ answer: done, route: found }: SummaryLine): readonly string[] {
  if (found !== undefined && found.kind !== "sure" && found.kind !== "doubtful") return [found.kind];
  const sent = done?.works.map(({ specialist }) => specialist) ?? found?.plan ?? [];
  // A stranger's question goes to the front office; what it was about is the router's word.
  return sent.length === 1 && sent[0] === "front-office" ? (found?.plan ?? sent) : sent;
}

function isUrgentLine({ route: found }: SummaryLine): boolean {
  return found?.urgent === true;
}

/** One message, from its run's tree. */
export function lineOf(run: Pick<RunSummary, "runId" | "createdAt">, node: TreeNode): SummaryLine {
  const nodes = [...walk(node)];
  const done = answer.safeParse(node.output).data;
  const wait = nodes.flatMap(openWaitOf)[0];
  const held = wait === undefined && nodes.some((each) => each.verb === "claim" && each.wait !== undefined);
  return {
    runId: run.runId,
    at: run.createdAt,
    message: shown(message.parse(node.input)),
    held,
    status: done === undefined ? unfinished(node, wait !== undefined || held) : "answered",
    answer: done,
    wait,
    failure: node.failure?.message,
    route: outputOf(nodes, "router", route),
    verdict: outputOf(nodes, "panel", verdict),
    steps: nodes.slice(0, -1).flatMap(stepOf),
    mail: done === undefined ? undefined : mailIn(nodes),
    provenance: provenanceOf(node, nodes),
  };
}

/** What the agent of this name answered. */
function outputOf<T>(nodes: readonly TreeNode[], agent: string, schema: z.ZodType<T>): T | undefined {
  return schema.safeParse(nodes.find(({ name }) => name === agent)?.output).data;
}

function unfinished({ status }: TreeNode, waits: boolean): LineStatus {
  if (status === "failed" || status === "cancelled") return status;
  if (status === "stopped") return "failed";
  return waits ? "waiting" : "working";
}

function mailIn(nodes: readonly TreeNode[]): SummaryLine["mail"] {
  const sent = nodes.find(({ name }) => name === "send-mail");
  return outgoingMail.pick({ subject: true, text: true }).safeParse(sent?.input).data;
}

function shown(message: Message): ShownMessage {
  const { subject, body } = redactWords({ ...message, body: message.body.slice(0, longestShown) });
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
  // A yes that is void is told by the desk, which asks again.
  if (node.failure?.details?.["code"] === "changed-since-shown") return [];
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
