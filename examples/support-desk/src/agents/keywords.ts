/** What the words alone say about the area of a message: the second voice of the panel. Pure. */
import { tool } from "concertato";
import { z } from "zod";
import { type AreaName, type Vote, vote, wording, type Wording } from "../messages.ts";

interface Rule {
  readonly area: AreaName;
  readonly find: RegExp;
  readonly weight: number;
}

const rules: readonly Rule[] = [
  {
    area: "lost-or-stolen",
    find: /\b(?:card|wallet|bag|purse)\b[^.!?\n]{0,30}\b(?:stolen|lost|missing|gone)\b/i,
    weight: 5,
  },
  { area: "lost-or-stolen", find: /\b(?:lost|stole) my (?:card|wallet|bag)\b|\bblock (?:the|my|it)\b/i, weight: 4 },
  { area: "cards", find: /\b(?:pin|new card|second card|replacement card|contactless)\b/i, weight: 4 },
  { area: "cards", find: /\bcard\b/i, weight: 1 },
  { area: "payments", find: /\bcharged twice\b|\bdouble charge\b|\bpaid (?:twice|two times)\b/i, weight: 5 },
  { area: "payments", find: /\brefund\b|\bpay back\b|\bmoney back\b/i, weight: 3 },
  { area: "payments", find: /\b(?:payment|purchase|merchant|subscription)\b/i, weight: 2 },
  { area: "transfers", find: /\btransfer(?:red)?\b|\bstanding order\b/i, weight: 4 },
  { area: "transfers", find: /\blandlord\b|\brecipient\b/i, weight: 2 },
  { area: "top-ups", find: /\btop(?:ped)?[ -]?up\b/i, weight: 5 },
  { area: "cash", find: /\b(?:cash machine|atm|withdrawals?|withdraw)\b/i, weight: 4 },
  { area: "cash", find: /\bcash\b/i, weight: 2 },
  { area: "fees", find: /\bfees?\b/i, weight: 4 },
  { area: "fees", find: /\bexchange rate\b|\bforeign currency\b|\bprice list\b/i, weight: 3 },
  {
    area: "identity",
    find: /\b(?:passport|identity|verification|log in|login|password|address|close my account)\b/i,
    weight: 4,
  },
];

/** The area with the greatest weight; no match or a tie abstains. */
export function voteByKeywords({ subject, body }: Wording): Vote {
  const [best, second] = weighted(`${subject}\n${body}`);
  if (best === undefined) return { member: "keywords", area: null, why: "no keyword fits" };
  if (best.weight === second?.weight)
    return { member: "keywords", area: null, why: `${best.area} and ${second.area} weigh the same` };
  return { member: "keywords", area: best.area, why: `“${best.words.slice(0, 2).join("”, “")}”` };
}

export const keywords = tool({
  name: "keywords",
  description: "Votes on the area of a message by its words",
  input: z.object({ words: wording }),
  output: vote,
  effect: "pure",
  execute: ({ words }) => voteByKeywords(words),
});

/** Every area with a match, the greatest weight first. */
export function weighted(
  text: string,
): readonly { readonly area: AreaName; readonly weight: number; readonly words: string[] }[] {
  const found = new Map<AreaName, { weight: number; words: string[] }>();
  for (const { area, find, weight } of rules) {
    const match = find.exec(text)?.[0];
    if (match === undefined) continue;
    const known = found.get(area) ?? { weight: 0, words: [] };
    found.set(area, { weight: known.weight + weight, words: [...known.words, match.toLowerCase()] });
  }
  return [...found].map(([area, entry]) => ({ area, ...entry })).sort((a, b) => b.weight - a.weight);
}
