/**
 * One sentence per thing an agent did: from the agent's name and its recorded output to words. Live lines and report
 * use the same ones. Pure. Outputs come from a journal, so they are parsed, never trusted.
 */
import { z } from "zod";
import {
  blockedCard,
  customer,
  decision,
  draft,
  mailReceipt,
  plan,
  redacted,
  type RefundOrder,
  refundOrder,
  refundReceipt,
  review,
  type Route,
  route,
  shopCredit,
  revision,
  takeover,
  ticketReceipt,
  verdict,
  voidedApproval,
  vote,
} from "../messages.ts";
import { approvalLimitCents } from "../agents/refund.ts";
import { written } from "../agents/writer.ts";
import { euros } from "../money.ts";
import type { Tone } from "./terminal.ts";

export interface Sentence {
  /** Who did it. */
  readonly agent: string;
  readonly tone: Tone;
  readonly text: string;
  /** Who goes on with it, where it is handed over. */
  readonly to?: string;
  /** What kind of interplay it is, where it is counted. */
  readonly event?: "rejection" | "take-over" | "disagreement" | "dropped" | "void" | "question";
}

/** Who wrote the draft: only who follows the run knows. */
export const lastDrafter = "the drafter";

/** A sentence; who did it is the agent whose output it is, unless it says another. */
type Saying = Omit<Sentence, "agent"> & Partial<Sentence>;
type Teller = (output: unknown) => Saying | undefined;

const networkRate = z.object({ currency: z.string(), day: z.string(), rate: z.string() });

/** Wraps a telling of a parsed value; a value of another shape is not told. */
function tells<T>(schema: z.ZodType<T>, tell: (value: T) => Saying | undefined): Teller {
  return (output) => {
    const parsed = schema.safeParse(output);
    return parsed.success ? tell(parsed.data) : undefined;
  };
}

const plain = (text: string): Omit<Sentence, "agent"> => ({ tone: "plain", text });
const good = (text: string): Omit<Sentence, "agent"> => ({ tone: "good", text });

const hiddenWords: Readonly<Record<string, string>> = {
  email: "e-mail address",
  iban: "IBAN",
  card: "card number",
  phone: "phone number",
  passport: "passport number",
  "birth-date": "date of birth",
};

const specialist = tells(draft, ({ finding }) => ({ ...plain(finding), to: "validator" }));

const tellers: Readonly<Record<string, Teller>> = {
  redact: tells(redacted, ({ hidden }) => {
    const parts = Object.entries(hidden).map(
      ([kind, count]) => `${count} ${hiddenWords[kind] ?? kind}${count > 1 ? "s" : ""}`,
    );
    return parts.length === 0 ? { tone: "quiet", text: "found no personal data" } : plain(`hid ${parts.join(" and ")}`);
  }),
  "find-customer": tells(customer.nullable(), (found) =>
    found === null
      ? { tone: "wait", text: "knows nobody with this address" }
      : { tone: "quiet", text: `knows ${found.name} (${found.id})` },
  ),
  router: tells(route, routed),
  judge: tells(vote, ({ area, why }) => plain(`says ${area ?? "people"}: ${why}`)),
  keywords: tells(vote, ({ area, why }) => ({ tone: "quiet", text: `votes ${area ?? "for nobody"}: ${why}` })),
  panel: tells(verdict, ({ area, votes, dissent }) => {
    const yes = votes.filter((one) => one.area !== null && one.area === area).map(({ member }) => member);
    const no = dissent.map(({ member, area: other }) => `${member} says ${other}`).join(", ");
    if (area === null) {
      const said = votes.map(({ member, area: other }) => `${member} ${other ?? "nobody"}`).join(", ");
      return {
        tone: "wait",
        text: `finds no majority (${said}): people take it`,
        to: "front-office",
        event: "disagreement",
      };
    }
    return {
      tone: "accent",
      text: `→ ${area}: ${yes.join(" and ")} agree${no === "" ? "" : `; dissent: ${no}`}`,
      to: area,
      ...(dissent.length === 0 ? {} : { event: "disagreement" as const }),
    };
  }),
  validator: tells(review, ({ accepted, objections, cites }) =>
    accepted
      ? { tone: "quiet", text: `accepts it: ${cites.join(", ")}` }
      : {
          tone: "wait",
          to: lastDrafter,
          event: "rejection",
          text: `sends it back: ${objections.map(({ clause, text }) => `clause ${clause}, ${text}`).join(" ")}`,
        },
  ),
  cards: specialist,
  payments: specialist,
  transfers: specialist,
  "top-ups": specialist,
  cash: specialist,
  fees: specialist,
  identity: specialist,
  "lost-or-stolen": specialist,
  "front-office": tells(draft, ({ finding }) => plain(finding)),
  "fees-backup": specialist,
  writer: tells(written, ({ paragraphs }) => ({
    ...plain(`writes it in ${paragraphs.length === 1 ? "one paragraph" : `${paragraphs.length} paragraphs`}`),
    to: "validator",
  })),
  planner: tells(plan, ({ steps }) =>
    steps.length < 2
      ? undefined
      : plain(
          `plans ${steps.map(({ area, after }) => (after.length === 0 ? area : `${area} after ${after.join(" and ")}`)).join(", ")}`,
        ),
  ),
  reviser: tells(revision, ({ dropped }) =>
    dropped.length === 0
      ? { tone: "quiet", text: "keeps the plan as it is" }
      : {
          tone: "accent",
          event: "dropped",
          text: dropped.map(({ area, because }) => `drops ${area} from the plan: ${because}`).join("; "),
        },
  ),
  "take-over": tells(takeover, ({ from, to, because }) => ({
    agent: "desk",
    tone: "wait",
    text: `${from} → ${to}, which takes over: ${because}`,
    to,
    event: "take-over",
  })),
  "void-approval": tells(voidedApproval, ({ because }) => ({
    agent: "desk",
    tone: "wait",
    to: "manager",
    event: "void",
    text: `the yes is void and is asked for again: ${because}`,
  })),
  "network-rate": tells(networkRate, ({ currency, day, rate }) => ({
    tone: "quiet",
    text: `${currency} was ${rate} EUR on ${day}`,
  })),
  "book-credit": tells(shopCredit, ({ id, amountCents, paymentId }) =>
    good(`booked ${euros(amountCents)} that the shop gives back of ${paymentId} (${id})`),
  ),
  "block-card": tells(blockedCard, ({ last4, released }) =>
    good(
      `blocked the card ending in ${last4}${released.map(({ id, amountCents }) => `; ${euros(amountCents)} reserved on it (${id}) are released`).join("")}`,
    ),
  ),
  refund: tells(refundReceipt, ({ amountCents, reference }) =>
    good(`paid ${euros(amountCents)} back, reference ${reference}`),
  ),
  ticket: tells(ticketReceipt, ({ number }) => ({ ...plain(`opened ticket ${number}`), to: "people" })),
  "send-mail": tells(mailReceipt, () => ({ ...good("sent the answer"), to: "customer" })),
  manager: tells(decision, ({ approved, by, note }) => {
    const who = by === undefined ? "" : ` by ${by}`;
    const why = note === undefined ? "" : `: ${note}`;
    return {
      tone: approved ? "good" : "wait",
      text: `${approved ? "approved" : "declined"}${who}${why}`,
      to: "refund",
    };
  }),
};

function routed({ kind, plan, candidates, margin, warnings, urgent }: Route): Omit<Sentence, "agent"> {
  const [best, second] = candidates;
  const near = best === undefined ? "" : `like “${best.nearest}” (${best.similarity})`;
  const lead = second === undefined ? "" : `, ${margin} before ${second.area}`;
  const careful = warnings.length === 0 ? "" : ` · the message gives orders (“${warnings[0]}”): not followed`;
  const soon = urgent ? " · urgent" : "";
  const words: Readonly<Record<Route["kind"], string>> = {
    sure: `→ ${plan.join(", then ")}: ${near}${lead}`,
    doubtful: `is in doubt: ${near}, only ${margin} before ${second?.area ?? "nobody"}; asks the panel`,
    "out-of-scope": `→ front-office: out of scope, ${best?.area ?? "nothing"} is nearest with ${best?.similarity ?? 0}`,
    thanks: "→ front-office: a thank-you",
    "foreign-language": "→ front-office: another language",
    empty: "→ front-office: nothing is written",
  };
  const to = kind === "sure" ? plan.join(", then ") : kind === "doubtful" ? "panel" : "front-office";
  return { tone: warnings.length === 0 ? "accent" : "wait", text: `${words[kind]}${soon}${careful}`, to };
}

/** What an agent did, from its output; undefined when there is nothing to tell. */
export function sentenceFor(agent: string, output: unknown): Sentence | undefined {
  const told = tellers[agent]?.(output);
  return told === undefined ? undefined : { agent, ...told };
}

const refundRequest = z.object({ action: z.literal("refund"), arguments: refundOrder });

/** What an approval asks, from the recorded request: exactly the arguments the tool will run with. */
export function approvalOf(request: unknown): RefundOrder | undefined {
  return refundRequest.safeParse(request).data?.arguments;
}

/** An effect that was interrupted, and whose probe does not know. */
export function doubtSentence(agent: string): Sentence {
  return { agent, tone: "wait", text: "was interrupted, and nobody can say whether it happened; a person must look" };
}

/** The sentence of an open wait. */
export function waitSentence(agent: string, request: unknown): Sentence {
  const order = approvalOf(request);
  const text =
    order === undefined
      ? "waits for an answer"
      : `must approve ${euros(order.amountCents)} to ${order.customerName} (${order.merchant}, ${order.paymentId}): above ${euros(approvalLimitCents)}`;
  return { agent, tone: "wait", text, to: "you", event: "question" };
}
