/** The specialist for cash: what a machine did, from the bank's records, and the limits. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import { amountsIn, euros } from "../money.ts";
import type { Bank, Withdrawal } from "../services/bank.ts";
import { examples } from "./examples.ts";
import { findWithdrawals } from "./find-records.ts";
import { say } from "./say.ts";

export const cash = (bank: Bank) => {
  const find = findWithdrawals(bank);
  return workflow(
    {
      name: "cash",
      version: 1,
      description: "Cash machines and withdrawals",
      capabilities: ["cash"],
      examples: examples.cash,
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async (request, ctx): Promise<Draft> => {
      const text = `${request.words.subject} ${request.words.body}`;
      if (/\bhow much\b|\blimit\b/i.test(text)) return limit;
      const meant = withdrawalMeant(text, await ctx.run(find, { customerId: request.customerId }));
      if (meant === undefined) return notFound(request);
      return meant.paidOutCents < meant.amountCents ? notPaidOut(meant) : notMade(meant);
    },
  );
};

/** The one whose amount is named; without an amount, the latest. */
function withdrawalMeant(text: string, all: readonly Withdrawal[]): Withdrawal | undefined {
  const amounts = amountsIn(text);
  return all.find(({ amountCents }) => amounts.includes(amountCents)) ?? (amounts.length === 0 ? all[0] : undefined);
}

const limit: Draft = {
  topic: "cash limit",
  finding: "asks how much can be withdrawn",
  paragraphs: [say("You can withdraw up to 500.00 EUR in a day.", "5.1")],
  composedBy: "rules",
};

function notPaidOut({ id, machine, amountCents, paidOutCents, state }: Withdrawal): Draft {
  const row = `withdrawals ${id}`;
  if (state === "declined")
    return {
      topic: "declined withdrawal",
      finding: `${id} at ${machine} was declined, nothing was debited`,
      paragraphs: [say(`The withdrawal at ${machine} was declined; nothing was debited for it.`, row, "6.4")],
      composedBy: "rules",
    };
  return {
    topic: "cash not paid out",
    finding: `${machine} debited ${euros(amountCents)} and paid out ${euros(paidOutCents)} (${id})`,
    paragraphs: [
      say(`The machine at ${machine} debited ${euros(amountCents)} and paid out ${euros(paidOutCents)}.`, row),
      say("We claim the difference from its owner; you have it back within five working days.", "5.2"),
    ],
    ticket: {
      topic: "cash not paid out",
      priority: "high",
      note: `Claim ${euros(amountCents - paidOutCents)} for ${id}.`,
    },
    composedBy: "rules",
  };
}

function notMade({ id, machine, amountCents, at }: Withdrawal): Draft {
  return {
    topic: "unknown withdrawal",
    finding: `${euros(amountCents)} at ${machine} on ${at.slice(0, 10)} (${id}) is doubted by the customer`,
    paragraphs: [
      say(
        `We look into the withdrawal of ${euros(amountCents)} at ${machine} of ${at.slice(0, 10)} at once. If you want the card blocked, a word from you is enough.`,
        "5.3",
        `withdrawals ${id}`,
      ),
    ],
    ticket: {
      topic: "unknown withdrawal",
      priority: "urgent",
      note: `Look into ${id}; ask whether the card is to be blocked.`,
    },
    composedBy: "rules",
  };
}

function notFound({ customerId }: Enquiry): Draft {
  return {
    topic: "cash question",
    finding: "no withdrawal on record fits the message",
    paragraphs: [
      say("We found no withdrawal that fits your message.", `customers ${customerId}`),
      say("A colleague looks at it within one working day.", "1.2"),
    ],
    ticket: { topic: "cash question", priority: "normal", note: "No withdrawal fits; ask for date and machine." },
    composedBy: "rules",
  };
}
