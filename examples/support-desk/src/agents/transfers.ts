/** The specialist for transfers: says where the money is, from the bank's records. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import { amountsIn, euros } from "../money.ts";
import type { Bank, Transfer } from "../services/bank.ts";
import { findTransfer } from "./find-transfer.ts";

export const transfers = (bank: Bank) => {
  const find = findTransfer(bank);
  return workflow(
    {
      name: "transfers",
      version: 1,
      description: "Transfers that are late, wrong or missing",
      capabilities: ["transfers"],
      examples: ["My transfer has not arrived"],
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async (request, ctx): Promise<Draft> => {
      const all = await ctx.run(find, { customerId: request.customerId });
      const meant = transferMeant(request, all);
      return meant === undefined ? notFound : whereItIs(meant);
    },
  );
};

function transferMeant({ words }: Enquiry, all: readonly Transfer[]): Transfer | undefined {
  const amounts = amountsIn(words.body);
  return all.find(({ amountCents, payee }) => amounts.includes(amountCents) || words.body.includes(payee));
}

function whereItIs({ id, payee, amountCents, state, expected, at }: Transfer): Draft {
  const money = euros(amountCents);
  return {
    topic: "late transfer",
    finding: `${money} to ${payee} (${id}) is ${state}`,
    paragraphs: [
      `Your transfer of ${money} to ${payee} left us on ${at.slice(0, 10)}. It is ${state}, which is usual for a first payment to a new payee.`,
      `It should arrive by ${expected}. If it does not, we start a trace on the next morning without your having to write again.`,
    ],
    ticket: {
      topic: "late transfer",
      priority: "normal",
      note: `Start a trace for ${id} if it has not arrived by ${expected}.`,
    },
    composedBy: "rules",
  };
}

const notFound: Draft = {
  topic: "transfer question",
  finding: "no transfer on record fits the message",
  paragraphs: ["We found no transfer that fits your message. Please reply with its date, its amount and the payee."],
  ticket: { topic: "transfer question", priority: "normal", note: "No transfer fits; help the customer find it." },
  composedBy: "rules",
};
