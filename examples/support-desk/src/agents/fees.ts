/** The specialist for fees and exchange rates: explains the fee of a payment from its record. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import { amountsIn, euros } from "../money.ts";
import type { Bank, Payment } from "../services/bank.ts";
import { findPayment } from "./find-payment.ts";

export const fees = (bank: Bank) => {
  const find = findPayment(bank);
  return workflow(
    {
      name: "fees",
      version: 1,
      description: "Fees and exchange rates",
      capabilities: ["fees"],
      examples: ["Why was I charged a fee?"],
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async (request, ctx): Promise<Draft> => {
      const { payments } = await ctx.run(find, { customerId: request.customerId });
      const meant = paymentMeant(request, payments);
      return meant === undefined ? noFee : explained(meant);
    },
  );
};

/** The payment whose fee is named; without an amount, the latest with a fee. */
function paymentMeant({ words }: Enquiry, payments: readonly Payment[]): Payment | undefined {
  const amounts = amountsIn(words.body);
  const withFee = payments.filter(({ feeCents }) => feeCents > 0);
  return (
    withFee.find(({ feeCents }) => amounts.includes(feeCents)) ?? (amounts.length === 0 ? withFee.at(-1) : undefined)
  );
}

function explained({ merchant, amountCents, feeCents, foreignAmount, at }: Payment): Draft {
  const percent = ((100 * feeCents) / amountCents).toFixed(1);
  const price = foreignAmount === null ? euros(amountCents) : `${foreignAmount} (${euros(amountCents)})`;
  return {
    topic: "fee question",
    finding: `${euros(feeCents)} is the ${percent} % fee on ${price} at ${merchant}`,
    paragraphs: [
      `The fee of ${euros(feeCents)} belongs to your payment of ${price} at ${merchant} on ${at.slice(0, 10)}. Payments in another currency cost ${percent} % of the amount.`,
      "We use the rate of the card network on the day of the payment and add nothing to it. Your price list is in the app, under Profile and Prices.",
    ],
    composedBy: "rules",
  };
}

const noFee: Draft = {
  topic: "fee question",
  finding: "no fee on record fits the message",
  paragraphs: ["We found no fee that fits your message. Please reply with the date and the amount of the payment."],
  ticket: { topic: "fee question", priority: "normal", note: "No fee fits; help the customer find it." },
  composedBy: "rules",
};
