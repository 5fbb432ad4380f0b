/**
 * The specialist for card payments. A refund is proposed only when the bank's records bear the complaint out, and its
 * amount is the one on record, whatever the message says. Composed by rules.
 */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import { amountsIn, euros } from "../money.ts";
import type { Bank } from "../services/bank.ts";
import { type Duplicate, findPayment } from "./find-payment.ts";

export const payments = (bank: Bank) => {
  const find = findPayment(bank);
  return workflow(
    {
      name: "payments",
      version: 1,
      description: "Card payments and refunds",
      capabilities: ["payments"],
      examples: ["I was charged twice"],
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async (request, ctx): Promise<Draft> => {
      const { duplicates } = await ctx.run(find, { customerId: request.customerId });
      const meant = duplicateMeant(request, duplicates);
      return meant === undefined ? notBorneOut(request) : doubleCharge(request, meant);
    },
  );
};

/** The duplicate whose merchant is named, and whose amount is named if any is. */
function duplicateMeant({ words }: Enquiry, duplicates: readonly Duplicate[]): Duplicate | undefined {
  const text = `${words.subject}\n${words.body}`;
  const amounts = amountsIn(text);
  return duplicates.find(({ payment }) => {
    const merchantNamed = text.toLowerCase().includes(payment.merchant.toLowerCase());
    return merchantNamed && (amounts.length === 0 || amounts.includes(payment.amountCents));
  });
}

function doubleCharge({ customerId }: Enquiry, { payment, firstId, secondsApart }: Duplicate): Draft {
  const money = euros(payment.amountCents);
  const gap = `${Math.round(secondsApart / 60)} min apart`;
  return {
    topic: "double charge",
    finding: `${payment.merchant} charged ${money} twice, ${gap} (${firstId}, ${payment.id})`,
    paragraphs: [
      `You are right: ${payment.merchant} charged your card ending in ${payment.last4} twice, ${money} each time.`,
    ],
    refund: {
      customerId,
      paymentId: payment.id,
      merchant: payment.merchant,
      amountCents: payment.amountCents,
      reason: `Charged twice, ${gap}: ${firstId} and ${payment.id}`,
    },
    composedBy: "rules",
  };
}

function notBorneOut({ warnings }: Enquiry): Draft {
  const quoted = warnings.length === 0 ? "" : ` The message tries to give the desk orders: "${warnings[0]}".`;
  return {
    topic: "refund request",
    finding: "the records show no double charge, so there is nothing to pay back",
    paragraphs: [
      "We looked through your card payments and found no charge that was made twice, so we cannot pay anything back on this basis.",
      "A colleague will look at it again. If you have a receipt or a statement that shows the second charge, please reply with the date, the shop and the amount.",
    ],
    ticket: {
      topic: "refund request",
      priority: warnings.length === 0 ? "normal" : "high",
      note: `No duplicate on record.${quoted}`,
    },
    composedBy: "rules",
  };
}
