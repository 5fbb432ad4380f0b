/** The specialist for cards: blocks what was stolen or lost first, then writes. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry } from "../messages.ts";
import type { Bank } from "../services/bank.ts";
import { blockCard } from "./block-card.ts";

const goneWords = /\b(?:stolen|lost|missing)\b/i;

export const cards = (bank: Bank) => {
  const block = blockCard(bank);
  return workflow(
    {
      name: "cards",
      version: 1,
      description: "Stolen and lost cards, card questions",
      capabilities: ["cards"],
      examples: ["My card was stolen"],
      input: enquiry,
      output: draft,
      uses: [block],
    },
    async ({ words, cards: held }, ctx): Promise<Draft> => {
      if (!goneWords.test(`${words.subject} ${words.body}`)) return question;
      const active = held.filter(({ state }) => state === "active");
      const blocked = await ctx.map(
        active.map(({ id }) => ({ cardId: id })),
        block,
      );
      return blocked.length === 0 ? nothingToBlock : cardGone(blocked.map(({ last4 }) => last4).join(", "));
    },
  );
};

const question: Draft = {
  topic: "card question",
  finding: "a question about a card, nothing to block",
  paragraphs: ["A colleague who knows cards will answer you within one working day."],
  ticket: { topic: "card question", priority: "normal", note: "Answer the customer's question about the card." },
  composedBy: "rules",
};

const nothingToBlock: Draft = {
  topic: "stolen card",
  finding: "reported as stolen, and no card of this customer is active",
  paragraphs: ["All your cards are blocked already, so nobody can pay with them."],
  ticket: { topic: "stolen card", priority: "high", note: "Check which card is meant and send a new one." },
  composedBy: "rules",
};

function cardGone(last4: string): Draft {
  return {
    topic: "stolen card",
    finding: `reported as stolen; card ending in ${last4} is blocked`,
    paragraphs: [
      `We have blocked your card ending in ${last4}. Nobody can pay with it any more.`,
      "A new card is on its way and should reach you within three working days. Payments you did not make will be paid back; please send us a list of them.",
    ],
    ticket: {
      topic: "stolen card",
      priority: "urgent",
      note: `Send a new card for the one ending in ${last4}; look for payments after the theft.`,
    },
    composedBy: "rules",
  };
}
