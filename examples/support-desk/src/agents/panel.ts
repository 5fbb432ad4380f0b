/**
 * Settles a doubtful routing with three voices: meaning, keywords, and what the customer wrote about before. Two of
 * three decide; who disagrees is kept, and who cannot answer abstains. Without a majority a model is asked, where the
 * desk has one; otherwise, and when it does not know either, people read the message.
 */
import {
  type Agent,
  AgentFailure,
  type Ballot,
  consensus,
  type Consensus,
  tool,
  vote as majority,
  workflow,
} from "concertato";
import { z } from "zod";
import { candidate, areaName, verdict, type Verdict, vote, type Vote, wording } from "../messages.ts";
import type { Bank, Contact } from "../services/bank.ts";
import { findContacts } from "./find-records.ts";
import { judge } from "./judge.ts";
import { keywords } from "./keywords.ts";
import { isSpeechless } from "./writer.ts";

const question = z.object({ words: wording, customerId: z.string(), candidates: z.array(candidate) });

const meaning = tool({
  name: "meaning",
  description: "Votes on the area of a message by what is nearest to it",
  input: question.pick({ candidates: true }),
  output: vote,
  effect: "pure",
  execute: ({ candidates: [best] }): Vote => ({
    member: "meaning",
    area: best?.area ?? null,
    why: best === undefined ? "nothing is near" : `like “${best.nearest}” (${best.similarity})`,
  }),
});

const history = (bank: Bank) => {
  const find = findContacts(bank);
  return workflow(
    {
      name: "history",
      version: 1,
      description: "Votes on the area of a message by what its sender wrote about before",
      input: question.pick({ customerId: true }),
      output: vote,
      uses: [find],
    },
    async ({ customerId }, ctx) => voteByHistory(await ctx.run(find, { customerId })),
  );
};

/** All voices are heard, so that a report shows who disagreed. */
export const threeVoices = <Question>(agents: readonly Agent<Question, Vote>[]) =>
  consensus({
    name: "three-voices",
    description: "Votes on who takes a doubtful message",
    agents,
    choice: ({ area }) => area,
    decide: majority({ quorum: 2, hearAll: true }),
  });

export const panel = (bank: Bank) => {
  const voices = threeVoices<z.infer<typeof question>>([meaning, keywords, history(bank)]);
  return workflow(
    {
      name: "panel",
      version: 2,
      description: "Settles who takes a doubtful message",
      input: question.extend({ author: z.string().nullable() }),
      output: verdict,
      uses: [voices, judge],
    },
    async ({ author, ...asked }, ctx) => {
      const voted = verdictOf(await ctx.run(voices, asked));
      if (voted.area !== null || author === null) return voted;
      try {
        return judged(voted, { ...(await ctx.run(judge, { words: asked.words, votes: voted.votes })), member: author });
      } catch (error) {
        if (!(error instanceof AgentFailure) || !isSpeechless(error)) throw error;
        return voted;
      }
    },
  );
};

/** What a model says where votes decide nothing; the voices that say something else are kept. Pure. */
function judged({ votes }: Verdict, word: Vote): Verdict {
  const dissent = votes.filter(({ area }) => area !== null && area !== word.area);
  return { area: word.area, votes: [...votes, word], dissent: word.area === null ? [] : dissent };
}

/** Pure. */
export function verdictOf({ decision, ballots, dissent }: Consensus<Vote>): Verdict {
  return { area: decision?.area ?? null, votes: ballots.map(voteOf), dissent: dissent.map(voteOf) };
}

function voteOf({ agent, output, reason }: Ballot<Vote>): Vote {
  return output ?? { member: agent, area: null, why: reason?.message ?? "did not answer" };
}

function voteByHistory([latest]: readonly Contact[]): Vote {
  const area = areaName.safeParse(latest?.area).data ?? null;
  const why =
    latest === undefined ? "has not written before" : `${latest.id} of ${latest.at.slice(0, 10)}: ${latest.summary}`;
  return { member: "history", area, why };
}
