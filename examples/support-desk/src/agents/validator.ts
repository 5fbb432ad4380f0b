/**
 * Reads every draft before anything is done with it and rejects what breaks the policy, with the clause. It changes no
 * draft: the specialist writes another. Pure.
 */
import { tool } from "concertato";
import { z } from "zod";
import { draft, type Objection, objection, paragraph, type Review, review } from "../messages.ts";
import { policy } from "../services/policy.ts";

const draftForReview = z.object({
  draft,
  receivedAt: z.string(),
  customerState: z.string(),
  warnings: z.array(z.string()),
  /** What a model had to write on: it may say nothing beyond it. */
  facts: z.array(paragraph).optional(),
});
export type DraftForReview = z.infer<typeof draftForReview>;

const refundableDays = 120;
const dayMs = 24 * 60 * 60 * 1000;

/** What of the policy a draft breaks, with its sources. */
export function reviewDraft(request: DraftForReview): Review {
  const objections = [...unfounded(request), ...invented(request), ...forbiddenRefund(request), ...leaked(request)];
  const cites = [...new Set(request.draft.paragraphs.flatMap((each) => each.cites))];
  return { accepted: objections.length === 0, objections, cites };
}

export const validator = tool({
  name: "validator",
  description: "Checks a draft against the policy",
  input: draftForReview,
  output: review,
  effect: "pure",
  execute: reviewDraft,
});

/** Every paragraph rests on something, and every clause it names exists. */
function unfounded({ draft: { paragraphs } }: DraftForReview): Objection[] {
  const clauses = paragraphs.flatMap(({ cites }) => cites.flatMap((cite) => /^policy (.+)$/.exec(cite)?.[1] ?? []));
  const unknown = clauses.filter((clause) => !policy.has(clause));
  const bare = paragraphs.filter(({ cites }) => cites.length === 0);
  return [
    ...unknown.map((clause) => ({ clause, text: "The policy has no such clause." })),
    ...bare.map(({ text }) => ({ clause: "1.1", text: `Nothing is cited for “${text.slice(0, 60)}”.` })),
  ];
}

/** A source or a figure that the specialist did not give. */
function invented({ draft: { paragraphs }, facts }: DraftForReview): Objection[] {
  if (facts === undefined) return [];
  const sources = new Set(facts.flatMap(({ cites }) => cites));
  const figures = new Set(facts.flatMap(({ text }) => figuresIn(text)));
  return paragraphs.flatMap(({ text, cites }) => [
    ...cites
      .filter((cite) => !sources.has(cite))
      .map((cite) => broken("1.1", `“${cite}” is none of the sources that were given.`)),
    ...figuresIn(text)
      .filter((figure) => !figures.has(figure))
      .map((figure) => broken("1.1", `“${figure}” is on no record that was given.`)),
  ]);
}

/** Amounts, dates and numbers of records, each as it is written. */
function figuresIn(text: string): string[] {
  return text.match(/\d+(?:[.,:/-]\d+)*/g) ?? [];
}

function forbiddenRefund({ draft: { refund }, receivedAt, customerState, warnings }: DraftForReview): Objection[] {
  if (refund === undefined) return [];
  const days = Math.floor((Date.parse(receivedAt) - Date.parse(refund.paidAt)) / dayMs);
  return [
    ...(warnings.length === 0 ? [] : [broken("1.3", `The message gives the desk orders: “${warnings[0]}”.`)]),
    ...(days <= refundableDays ? [] : [broken("2.4", `Payment ${refund.paymentId} is ${days} days old.`)]),
    ...(customerState !== "under review"
      ? []
      : [broken("7.3", `The identity of ${refund.customerId} is under review.`)]),
  ];
}

/** Thirteen digits and more, in groups or not: a card or an account. */
function leaked({ draft: { paragraphs } }: DraftForReview): Objection[] {
  const found = paragraphs.some(({ text }) => /\d(?:[ -]?\d){12,}/.test(text));
  return found ? [broken("1.5", "The draft holds a full number.")] : [];
}

function broken(clause: string, text: string): Objection {
  return objection.parse({ clause, text });
}
