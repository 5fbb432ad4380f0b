/**
 * What became of an answer. Several people may answer one question at the same moment, from several processes; the first
 * answer that fits counts, and each can be told whether it was theirs.
 */
import type { Entry } from "./journal/entry.ts";
import type { InboxRow } from "./journal/store.ts";

/** Names an answer that was given. */
export interface AnswerReceipt {
  readonly runId: string;
  readonly waitId: string;
  /** Who gave it, made unique: the sender in the journal. */
  readonly sender: string;
}

/**
 * `pending`: it is the first, and no process has taken it up yet. `behind`: somebody (`by`) answered before, and this one
 * counts only if theirs does not fit. `counts`: it is what the run goes on with. `refused`: it does not fit what was asked,
 * and the question is open still. `late`: the question was closed before it was taken up.
 */
export type AnswerState =
  | { readonly status: "pending" | "counts" | "refused" | "late" }
  | { readonly status: "behind"; readonly by: string };

/** Where an answer stands among those that no process has taken up; undefined when it is not there (any more). */
export function stateInLine({ sender, waitId }: AnswerReceipt, inbox: readonly InboxRow[]): AnswerState | undefined {
  const line = inbox.filter(({ name }) => name === `answer:${waitId}`);
  const [first] = line;
  if (first === undefined || !line.some((row) => row.sender === sender)) return undefined;
  return first.sender === sender ? { status: "pending" } : { status: "behind", by: personOf(first.sender) };
}

/** What an entry of the run's journal says of an answer; undefined when it is of something else. */
export function stateInJournal({ sender }: AnswerReceipt, { kind, op, meta }: Entry): AnswerState | undefined {
  if (meta.from?.[0] !== sender) return undefined;
  if (kind !== "signal-refused") return { status: "counts" };
  // Refused for a question it was meant for, or because there was none any more.
  return { status: op === "" ? "late" : "refused" };
}

/** The person of a sender such as `ann#k3x`. */
export function personOf(sender: string): string {
  return sender.slice(0, Math.max(0, sender.lastIndexOf("#"))) || sender;
}
