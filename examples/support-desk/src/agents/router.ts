/**
 * Decides who takes a message, by meaning: a sentence-embedding model compares it with the example phrases of the eight
 * areas, whole and sentence by sentence. Margin and threshold say what is doubtful and what is none of the desk's
 * business; both were chosen on inbox/validation.jsonl. What a message says about the desk itself is a warning, never an
 * order. It is a read: a replay takes the recorded route and computes nothing.
 */
import { tool } from "concertato";
import { type AreaName, type Candidate, type Route, route, wording, type Wording } from "../messages.ts";
import { type Compare, rounded } from "./meaning.ts";
import { isForeign } from "./language.ts";
import { ordersIn } from "./orders.ts";
import { sentencesOf } from "./sentences-of.ts";
import { isUrgent } from "./urgency.ts";

/** Below this similarity a message is out of scope. On the validation set: strangers up to 0.29, customers from 0.40. */
const leastSimilarity = 0.35;
/** With a smaller lead the panel decides. */
const leastMargin = 0.05;
/** A sentence this near to an area, and so far ahead of every other, is a wish of its own. */
const wishSimilarity = 0.55;
const wishMargin = 0.12;
const longestPlan = 3;

const thanks = /\bthank(?:s| you)\b/i;
const wish = /\?|\bplease\b|\bwhy\b|\brefund\b/i;

export const router = (compare: Compare) =>
  tool({
    name: "router",
    description: "Picks the specialists for a message by its meaning",
    input: wording,
    output: route,
    effect: "read",
    retry: { attempts: 3, backoff: "200ms" },
    execute: (words) => routeWords(words, compare),
  });

/** Who takes these words. */
export async function routeWords(words: Wording, compare: Compare): Promise<Route> {
  const text = `${words.subject}\n${words.body}`;
  const warnings = ordersIn(text);
  const care = { urgent: isUrgent(words), warnings };
  if (text.trim() === "") return { kind: "empty", plan: [], wishes: [], candidates: [], margin: 0, ...care };
  const sentences = sentencesOf(words.body);
  const [all = [], ...parts] = await compare([whole(words), ...sentences].map(plain));
  const margin = marginOf(all);
  const wishes = parts.flatMap((part, index) =>
    isWish(part) && part[0] !== undefined ? [{ area: part[0].area, text: sentences[index] ?? "" }] : [],
  );
  const found = { wishes, candidates: all.slice(0, 3), margin, ...care };
  if (isForeign(text)) return { kind: "foreign-language", plan: [], ...found };
  if (thanks.test(text) && !wish.test(text)) return { kind: "thanks", plan: [], ...found };
  return { ...decide(all, parts), ...found };
}

/** Subject and text as one. A question of one sentence without a subject is that sentence: the model reads it once. */
function whole({ subject, body }: Wording): string {
  const beginning = body.slice(0, 1500);
  return subject.trim() === "" ? beginning : `${subject}. ${beginning}`;
}

/** Sure, doubtful or out of scope, and who works on it. Pure. */
export function decide(
  whole: readonly Candidate[],
  parts: readonly (readonly Candidate[])[],
): Pick<Route, "kind" | "plan"> {
  const [best] = whole;
  const wishes = parts.flatMap((part) => (isWish(part) && part[0] !== undefined ? [part[0].area] : []));
  const several = new Set(wishes);
  if (best === undefined || (best.similarity < leastSimilarity && several.size === 0))
    return { kind: "out-of-scope", plan: [] };
  const sure = marginOf(whole) >= leastMargin;
  if (!sure && several.size < 2)
    return several.size === 1 ? { kind: "sure", plan: wishes.slice(0, 1) } : { kind: "doubtful", plan: [best.area] };
  return { kind: "sure", plan: inOrder(new Set(sure ? [best.area, ...wishes] : wishes)) };
}

function isWish(part: readonly Candidate[]): boolean {
  return (part[0]?.similarity ?? 0) >= wishSimilarity && marginOf(part) >= wishMargin;
}

/** A card is blocked before anything else is done; the rest in the order it was asked for. */
function inOrder(areas: ReadonlySet<AreaName>): AreaName[] {
  const urgentFirst = [...areas].sort((a, b) => Number(b === "lost-or-stolen") - Number(a === "lost-or-stolen"));
  return urgentFirst.slice(0, longestPlan);
}

function marginOf([best, second]: readonly Candidate[]): number {
  return rounded((best?.similarity ?? 0) - (second?.similarity ?? 0));
}

/** Amounts, tokens and names say which thing is meant, not what is wanted; the model is asked without them. */
function plain(text: string): string {
  return text
    .replaceAll(/(?:of |for )?(?:EUR\s?)?\d+(?:[.,]\d{2})?\s?(?:EUR|GBP|€)|\[[\w-]+-\d+\]/g, "")
    .replaceAll(/\b(?:to|at|from) (?:[A-Z][\w'*]+ ?)+/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}
