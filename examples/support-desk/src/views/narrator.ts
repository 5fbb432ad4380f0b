/**
 * Follows a run's committed entries and tells what each agent did, message by message. A fold: it keeps which scope
 * belongs to which message and nothing else. Entries it does not know are passed over.
 */
import { z } from "zod";
import { doubtSentence, sentenceFor, waitSentence, type Sentence } from "./sentences.ts";

/** What it reads of an entry. */
export interface TellableEntry {
  readonly seq: number;
  readonly kind: string;
  readonly scope: number;
  readonly op: string;
  readonly name: string;
  readonly meta: { readonly failed?: true; readonly agent?: string };
  readonly body: unknown;
}

/** A sentence about the message with this index in the inbox. */
export interface Told extends Sentence {
  readonly message: number;
}

export interface Narrator {
  /** What this entry tells, if anything. Entries must come in order, from the first. */
  readonly hear: (entry: TellableEntry) => Told | undefined;
}

const failure = z.object({ message: z.string() });

export function openNarrator(): Narrator {
  const scopes = new Map<number, { readonly parent: number; readonly op: string; readonly agent: string }>();
  const failures = new Map<number, string>();

  const messageOf = (scope: number, op: string): number | undefined => {
    if (scope === 1) return itemIndex(op);
    const start = scopes.get(scope);
    return start === undefined ? undefined : messageOf(start.parent, start.op);
  };

  /** A failure travels up from scope to scope; it is told where it happened. */
  const once = (told: Told): Told | undefined => {
    if (told.tone !== "bad") return told;
    if (failures.get(told.message) === told.text) return undefined;
    failures.set(told.message, told.text);
    return told;
  };

  return {
    hear: (entry) => {
      if (entry.kind === "scope-started") {
        scopes.set(entry.seq, { parent: entry.scope, op: entry.op, agent: entry.name });
        return undefined;
      }
      const agent = entry.name === "" ? (scopes.get(entry.scope)?.agent ?? "") : entry.name;
      const message = messageOf(entry.scope, entry.op);
      const sentence = message === undefined ? undefined : tell(entry, agent);
      return message === undefined || sentence === undefined ? undefined : once({ ...sentence, message });
    },
  };
}

function tell(entry: TellableEntry, agent: string): Sentence | undefined {
  switch (entry.kind) {
    case "result":
    case "scope-ended":
      return entry.meta.failed === true ? failed(agent, entry.body) : sentenceFor(agent, entry.body);
    case "wait-opened":
      // A claim is one agent waiting for another; only what people are asked is told.
      return agent.startsWith("customer:") ? undefined : waitSentence(agent, entry.body);
    case "attempt-failed":
      return { agent, tone: "wait", text: `did not succeed and tries again: ${reason(entry.body)}` };
    case "in-doubt":
      return doubtSentence(agent);
    default:
      return undefined;
  }
}

function failed(agent: string, body: unknown): Sentence {
  return { agent, tone: "bad", text: `failed: ${reason(body)}` };
}

function reason(body: unknown): string {
  const parsed = failure.safeParse(body);
  return parsed.success ? parsed.data.message : "no reason on record";
}

/** Items of the map are the messages: "0/3" is the fourth. */
function itemIndex(op: string): number | undefined {
  const index = /^\d+\/(\d+)/.exec(op)?.[1];
  return index === undefined ? undefined : Number(index);
}
