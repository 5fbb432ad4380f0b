/** The specialist for top-ups: explains a refusal with the customer's own limit. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry } from "../messages.ts";
import { euros } from "../money.ts";
import type { Bank, TopUp } from "../services/bank.ts";
import { findTopUp } from "./find-top-up.ts";

export const topUps = (bank: Bank) => {
  const find = findTopUp(bank);
  return workflow(
    {
      name: "top-ups",
      version: 1,
      description: "Top-ups that were declined or are missing",
      capabilities: ["top-ups"],
      examples: ["My top-up was declined"],
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async ({ customerId }, ctx): Promise<Draft> => {
      const declined = (await ctx.run(find, { customerId })).filter(({ state }) => state === "declined");
      const [latest] = declined;
      return latest === undefined ? nothingDeclined : overLimit(latest, declined.length);
    },
  );
};

function overLimit({ amountCents, limitCents, usedCents, renews, reason }: TopUp, times: number): Draft {
  const left = euros(limitCents - usedCents);
  return {
    topic: "declined top-up",
    finding: `declined ${times} times by the ${reason}: ${euros(usedCents)} of ${euros(limitCents)} used`,
    paragraphs: [
      `Your top-up of ${euros(amountCents)} was declined because of your ${reason} of ${euros(limitCents)}: ${euros(usedCents)} of it is used.`,
      `You can top up ${left} now; the limit renews on ${renews}. In the app, under Profile and Limits, you can ask for a higher one.`,
    ],
    composedBy: "rules",
  };
}

const nothingDeclined: Draft = {
  topic: "top-up question",
  finding: "no declined top-up on record",
  paragraphs: ["We see no declined top-up on your account. A colleague will look into it and write to you."],
  ticket: { topic: "top-up question", priority: "normal", note: "No declined top-up on record; look into it." },
  composedBy: "rules",
};
