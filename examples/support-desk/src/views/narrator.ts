/**
 * Follows the committed entries of a message's run and tells what each agent did. A fold: it keeps which scope is which
 * agent's and nothing else. Entries it does not know are passed over.
 */
import { z } from "zod";
import { doubtSentence, lastDrafter, sentenceFor, waitSentence, type Sentence } from "./sentences.ts";

/** What it reads of an entry. */
export interface TellableEntry {
  readonly seq: number;
  readonly kind: string;
  readonly scope: number;
  readonly name: string;
  readonly meta: { readonly failed?: true; readonly agent?: string };
  readonly body: unknown;
}

export interface Narrator {
  /** What this entry tells, if anything. Entries must come in order, from the first. */
  readonly hear: (entry: TellableEntry) => Sentence | undefined;
}

const failureBody = z.object({
  message: z.string(),
  details: z.object({ code: z.string() }).optional().catch(undefined),
});

/** A narrator of one run. */
export function openNarrator(): Narrator {
  /** Which agent each scope is. */
  const scopes = new Map<number, string>();
  let failure: string | undefined;
  let drafter = "";

  /** A failure travels up from scope to scope; it is told where it happened. */
  const once = (sentence: Sentence): Sentence | undefined => {
    if (sentence.tone !== "bad") return sentence;
    if (failure === sentence.text) return undefined;
    failure = sentence.text;
    return sentence;
  };

  return {
    hear: (entry) => {
      if (entry.kind === "scope-started") {
        scopes.set(entry.seq, entry.name);
        return undefined;
      }
      const agent = entry.name === "" ? (scopes.get(entry.scope) ?? "") : entry.name;
      const sentence = tell(entry, agent);
      if (sentence === undefined) return undefined;
      if (sentence.to === "validator") drafter = agent;
      return once(sentence.to === lastDrafter ? { ...sentence, to: drafter } : sentence);
    },
  };
}

function tell(entry: TellableEntry, agent: string): Sentence | undefined {
  switch (entry.kind) {
    case "result":
    case "scope-ended":
    case "emitted":
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

/** A yes that is void is told by the desk, which asks again. */
function failed(agent: string, body: unknown): Sentence | undefined {
  if (failureBody.safeParse(body).data?.details?.code === "changed-since-shown") return undefined;
  return { agent, tone: "bad", text: `failed: ${reason(body)}` };
}

function reason(body: unknown): string {
  const parsed = failureBody.safeParse(body);
  return parsed.success ? parsed.data.message : "no reason on record";
}
