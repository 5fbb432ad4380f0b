/**
 * Settles a doubtful routing with three voices: meaning, keywords, and what the customer wrote about before. Two of
 * three decide; who disagrees is kept. Without a majority people read the message.
 */
import { workflow } from "concertato";
import { z } from "zod";
import { candidate, areaName, type Verdict, verdict, type Vote, wording } from "../messages.ts";
import type { Bank, Contact } from "../services/bank.ts";
import { findContacts } from "./find-records.ts";
import { keywords } from "./keywords.ts";

export const panel = (bank: Bank) => {
  const find = findContacts(bank);
  return workflow(
    {
      name: "panel",
      version: 1,
      description: "Settles who takes a doubtful message",
      input: z.object({ words: wording, customerId: z.string(), candidates: z.array(candidate) }),
      output: verdict,
      uses: [keywords, find],
    },
    async ({ words, customerId, candidates }, ctx): Promise<Verdict> => {
      const { byWords, contacts } = await ctx.all({
        byWords: (branch) => branch.run(keywords, words),
        contacts: (branch) => branch.run(find, { customerId }),
      });
      const [best] = candidates;
      const byMeaning: Vote = {
        member: "meaning",
        area: best?.area ?? null,
        why: best === undefined ? "nothing is near" : `like “${best.nearest}” (${best.similarity})`,
      };
      return counted([byMeaning, byWords, voteByHistory(contacts)]);
    },
  );
};

/** Pure. */
export function counted(votes: readonly Vote[]): Verdict {
  const area =
    votes.find((one) => one.area !== null && votes.filter((other) => other.area === one.area).length >= 2)?.area ??
    null;
  return {
    area,
    votes: [...votes],
    dissent: area === null ? [] : votes.filter((one) => one.area !== null && one.area !== area),
  };
}

function voteByHistory([latest]: readonly Contact[]): Vote {
  const area = areaName.safeParse(latest?.area).data ?? null;
  const why =
    latest === undefined ? "has not written before" : `${latest.id} of ${latest.at.slice(0, 10)}: ${latest.summary}`;
  return { member: "history", area, why };
}
