/** The specialist for top-ups: explains a refusal with the customer's own limit. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry } from "../messages.ts";
import { euros } from "../money.ts";
import type { Bank, TopUp } from "../services/bank.ts";
import { examples } from "./examples.ts";
import { findTopUp } from "./find-top-up.ts";
import { say } from "./say.ts";

export const topUps = (bank: Bank) => {
  const find = findTopUp(bank);
  return workflow(
    {
      name: "top-ups",
      version: 2,
      description: "Top-ups that were declined or are missing, and their limits",
      capabilities: ["top-ups"],
      examples: examples["top-ups"],
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async ({ customerId, words }, ctx): Promise<Draft> => {
      const all = await ctx.run(find, { customerId });
      const declined = all.filter(({ state }) => state === "declined");
      const [latest] = all;
      if (declined[0] !== undefined) return overLimit(declined[0], declined.length);
      if (latest === undefined) return nothingFound(customerId);
      return /\blimit\b|\bhighest\b|\bmaximum\b/i.test(words.body) ? limits(latest) : whereItIs(latest);
    },
  );
};

function overLimit({ id, amountCents, limitCents, usedCents, renews, reason }: TopUp, times: number): Draft {
  const left = euros(limitCents - usedCents);
  const row = `top_ups ${id}`;
  return {
    topic: "declined top-up",
    finding: `declined ${times} times by the ${reason}: ${euros(usedCents)} of ${euros(limitCents)} used`,
    paragraphs: [
      say(
        `Your top-up of ${euros(amountCents)} was declined because of your ${reason} of ${euros(limitCents)}: ${euros(usedCents)} of it is used.`,
        "4.1",
        row,
      ),
      say(
        `You can top up ${left} now; the limit renews on ${renews}. In the app, under Profile and Limits, you can ask for a higher one.`,
        "4.3",
        row,
      ),
    ],
    composedBy: "rules",
  };
}

function whereItIs({ id, amountCents, state, at }: TopUp): Draft {
  const row = `top_ups ${id}`;
  const open = state === "pending";
  return {
    topic: "top-up",
    finding: `${euros(amountCents)} (${id}) is ${state}`,
    paragraphs: [
      say(`Your top-up of ${euros(amountCents)} of ${at.slice(0, 10)} is ${state}.`, row),
      say(
        open ? "It is on your account within one working day." : "It is in your balance; please look again in the app.",
        "4.2",
      ),
    ],
    ...(open ? { ticket: { topic: "top-up", priority: "normal", note: `Look at ${id} if it is open tomorrow.` } } : {}),
    composedBy: "rules",
  };
}

function limits({ id, limitCents, usedCents, renews }: TopUp): Draft {
  return {
    topic: "top-up limit",
    finding: `${euros(usedCents)} of ${euros(limitCents)} used`,
    paragraphs: [
      say(
        `Your limit is ${euros(limitCents)} a month; ${euros(usedCents)} of it is used, and it renews on ${renews}. A higher one is asked for in the app, under Profile and Limits.`,
        "4.3",
        `top_ups ${id}`,
      ),
    ],
    composedBy: "rules",
  };
}

function nothingFound(customerId: string): Draft {
  return {
    topic: "top-up question",
    finding: "no top-up on record",
    paragraphs: [
      say("We see no top-up on your account.", `customers ${customerId}`),
      say("A colleague looks into it within one working day.", "1.2"),
    ],
    ticket: { topic: "top-up question", priority: "normal", note: "No top-up on record; look into it." },
    composedBy: "rules",
  };
}
