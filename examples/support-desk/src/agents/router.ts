/**
 * Decides which specialist takes a message, by keywords with weights; no key, no model. It reports score, margin and
 * the words it went by. What a message says about the desk itself is a warning, never an order.
 */
import { tool } from "concertato";
import { type Candidate, type Route, route, type SpecialistName, wording, type Wording } from "../messages.ts";

interface Rule {
  readonly specialist: SpecialistName;
  readonly find: RegExp;
  readonly weight: number;
}

const rules: readonly Rule[] = [
  { specialist: "cards", find: /\b(?:card|wallet|bag)\b[^.!?\n]{0,30}\b(?:stolen|lost|missing)\b/i, weight: 5 },
  { specialist: "cards", find: /\bblock (?:the|my) card\b/i, weight: 4 },
  { specialist: "cards", find: /\b(?:pin|new card|replacement card)\b/i, weight: 2 },
  { specialist: "payments", find: /\bcharged twice\b|\bdouble charge\b|\bpaid (?:twice|two times)\b/i, weight: 5 },
  { specialist: "payments", find: /\brefund\b|\bpay back\b|\bmoney back\b/i, weight: 3 },
  { specialist: "payments", find: /\b(?:payment|purchase|merchant)\b/i, weight: 1 },
  { specialist: "transfers", find: /\btransfer(?:red)?\b/i, weight: 4 },
  { specialist: "transfers", find: /\bnot arrived\b|\blandlord\b|\[iban-\d+\]/i, weight: 2 },
  { specialist: "top-ups", find: /\btop(?:ped)?[ -]?up\b/i, weight: 5 },
  { specialist: "top-ups", find: /\bdeclined\b/i, weight: 2 },
  { specialist: "fees", find: /\bfees?\b/i, weight: 4 },
  { specialist: "fees", find: /\bexchange rate\b|\bforeign currency\b/i, weight: 3 },
];

const urgentWords = /\b(?:urgent|at once|immediately|stolen|fraud)\b/i;

const orders = [
  /\bignore (?:all |your |the )*(?:previous |earlier )?(?:rules|instructions)[^.!?\n]*/i,
  /\byou are now\b[^.!?\n]*/i,
  /\bdo not ask (?:a|any) (?:human|person|manager)[^.!?\n]*/i,
  /\b(?:manager|human) has already approved\b[^.!?\n]*/i,
];

/** Below this score or margin nobody is sure enough, and people take the message. */
const leastScore = 3;
const leastMargin = 2;

/** Who takes these words. */
export function routeWords({ subject, body }: Wording): Route {
  const text = `${subject}\n${body}`;
  const candidates = scoreAll(text);
  const [best, second] = candidates;
  const score = best?.score ?? 0;
  const margin = score - (second?.score ?? 0);
  const warnings = orders.flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
  const sure = best !== undefined && score >= leastScore && margin >= leastMargin;
  return {
    specialist: sure ? best.specialist : "front-office",
    score,
    margin,
    because: best?.because ?? [],
    candidates,
    urgent: urgentWords.test(text) && warnings.length === 0,
    warnings,
  };
}

export const router = tool({
  name: "router",
  description: "Picks the specialist for a message by keywords",
  input: wording,
  output: route,
  effect: "pure",
  execute: routeWords,
});

/** Every specialist with a match, best first; equal scores keep the order of the rules. */
function scoreAll(text: string): Candidate[] {
  const found = new Map<SpecialistName, { score: number; because: string[] }>();
  for (const { specialist, find, weight } of rules) {
    const match = find.exec(text)?.[0];
    if (match === undefined) continue;
    const entry = found.get(specialist) ?? { score: 0, because: [] };
    found.set(specialist, { score: entry.score + weight, because: [...entry.because, match.toLowerCase()] });
  }
  return [...found].map(([specialist, entry]) => ({ specialist, ...entry })).sort((a, b) => b.score - a.score);
}
