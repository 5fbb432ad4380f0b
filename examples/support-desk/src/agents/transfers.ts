/** The specialist for transfers: says where the money is, from the bank's records. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import { amountsIn, euros } from "../money.ts";
import type { Bank, Transfer } from "../services/bank.ts";
import { examples } from "./examples.ts";
import { findTransfer } from "./find-transfer.ts";
import { say } from "./say.ts";

export const transfers = (bank: Bank) => {
  const find = findTransfer(bank);
  return workflow(
    {
      name: "transfers",
      version: 2,
      description: "Transfers that are late, wrong or missing, and standing orders",
      capabilities: ["transfers"],
      examples: examples.transfers,
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async (request, ctx): Promise<Draft> => {
      const text = `${request.words.subject} ${request.words.body}`;
      if (/\bstanding order\b/i.test(text)) return standingOrder;
      const all = await ctx.run(find, { customerId: request.customerId });
      const meant = transferMeant(request, all);
      if (meant === undefined) return /\bhow long\b|\bSwitzerland\b/i.test(text) ? abroad : notFound(request);
      if (meant.state.startsWith("returned")) return returned(meant);
      return /\bwrong\b|\brecall\b/i.test(text) ? recall(meant) : whereItIs(meant);
    },
  );
};

function transferMeant({ words }: Enquiry, all: readonly Transfer[]): Transfer | undefined {
  const amounts = amountsIn(words.body);
  return all.find(({ amountCents, payee }) => amounts.includes(amountCents) || words.body.includes(payee));
}

function whereItIs({ id, payee, amountCents, state, expected, at }: Transfer): Draft {
  const money = euros(amountCents);
  const row = `transfers ${id}`;
  return {
    topic: "late transfer",
    finding: `${money} to ${payee} (${id}) is ${state}`,
    paragraphs: [
      say(
        `Your transfer of ${money} to ${payee} left us on ${at.slice(0, 10)}. It is ${state}, which is usual for a first payment to a new payee.`,
        row,
        "3.1",
      ),
      say(
        `It should arrive by ${expected}. If it does not, we start a trace on the next morning without your having to write again.`,
        row,
        "3.2",
      ),
    ],
    ticket: {
      topic: "late transfer",
      priority: "normal",
      note: `Start a trace for ${id} if it has not arrived by ${expected}.`,
    },
    composedBy: "rules",
  };
}

function returned({ id, payee, amountCents, state, expected }: Transfer): Draft {
  return {
    topic: "returned transfer",
    finding: `${euros(amountCents)} to ${payee} (${id}) was ${state}`,
    paragraphs: [
      say(
        `Your transfer of ${euros(amountCents)} to ${payee} was ${state}. The full amount was credited to you on ${expected}.`,
        `transfers ${id}`,
        "3.4",
      ),
    ],
    composedBy: "rules",
  };
}

function recall({ id, payee, amountCents, state }: Transfer): Draft {
  return {
    topic: "recall of a transfer",
    finding: `${euros(amountCents)} to ${payee} (${id}) is ${state}; the customer wants it back`,
    paragraphs: [
      say(
        `We recall your transfer of ${euros(amountCents)}. It was ${state}, so its receiver must agree; we write to you when their bank has answered.`,
        `transfers ${id}`,
        "3.3",
      ),
    ],
    ticket: { topic: "recall of a transfer", priority: "high", note: `Recall ${id} at the receiving bank.` },
    composedBy: "rules",
  };
}

const standingOrder: Draft = {
  topic: "standing order",
  finding: "wants to change a standing order, which the app does",
  paragraphs: [
    say(
      "You change a standing order in the app, under Transfers and Standing orders, up to one day before it runs.",
      "3.5",
    ),
  ],
  composedBy: "rules",
};

const abroad: Draft = {
  topic: "transfer times",
  finding: "asks how long a transfer takes",
  paragraphs: [
    say("Within the euro area a transfer takes one working day, elsewhere up to five.", "3.1", "3.6"),
    say("A transfer outside the euro area costs 5.00 EUR.", "6.5"),
  ],
  composedBy: "rules",
};

function notFound({ customerId }: Enquiry): Draft {
  return {
    topic: "transfer question",
    finding: "no transfer on record fits the message",
    paragraphs: [
      say(
        "We found no transfer that fits your message. Please reply with its date, its amount and the payee.",
        `customers ${customerId}`,
      ),
      say("A colleague looks at it within one working day.", "1.2"),
    ],
    ticket: { topic: "transfer question", priority: "normal", note: "No transfer fits; help the customer find it." },
    composedBy: "rules",
  };
}
