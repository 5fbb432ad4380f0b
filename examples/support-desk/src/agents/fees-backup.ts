/**
 * Takes over from the fees specialist when the card network cannot tell a rate: answers with the rate of the week from
 * the sheet that the bank keeps, and leaves the exact one to people. Composed by rules.
 */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import { euros } from "../money.ts";
import type { Bank, Payment, RateSheet } from "../services/bank.ts";
import { feePaymentMeant, feeOf, foreignPriceOf } from "./fees.ts";
import { findPayment } from "./find-payment.ts";
import { findRateSheet } from "./find-rate-sheet.ts";
import { say } from "./say.ts";

export const feesBackup = (bank: Bank) => {
  const findPayments = findPayment(bank);
  const findSheet = findRateSheet(bank);
  return workflow(
    {
      name: "fees-backup",
      version: 1,
      description: "Fees and exchange rates, without the card network",
      capabilities: ["fees"],
      input: enquiry,
      output: draft,
      uses: [findPayments, findSheet],
    },
    async (request, ctx): Promise<Draft> => {
      const { payments } = await ctx.run(findPayments, { customerId: request.customerId });
      const payment = feePaymentMeant(request, payments);
      const foreign = payment === undefined ? undefined : foreignPriceOf(payment);
      if (payment === undefined || foreign === undefined) return forPeople(request);
      const sheet = await ctx.run(findSheet, { currency: foreign.currency, day: payment.at.slice(0, 10) });
      return fromSheet(payment, foreign.currency, sheet);
    },
  );
};

function fromSheet(payment: Payment, currency: string, sheet: RateSheet | null): Draft {
  const day = payment.at.slice(0, 10);
  const rate =
    sheet === null
      ? say(`The card network cannot tell us its rate for ${currency} on ${day} at the moment.`, "6.6")
      : say(
          `The card network cannot tell us its rate of ${day} at the moment. In that week it was ${sheet.rate} EUR for 1 ${currency}.`,
          "6.6",
          `rate_sheets ${sheet.id}`,
        );
  return {
    topic: "exchange rate",
    finding: `${euros(payment.feeCents)} is the fee at ${payment.merchant}; rate of the week ${sheet?.rate ?? "unknown"}${sheet === null ? "" : ` (${sheet.id})`}`,
    paragraphs: [feeOf(payment), rate, say("A colleague sends you the exact rate as soon as it is known.", "6.6")],
    ticket: {
      topic: "exchange rate",
      priority: "normal",
      note: `Send the exact ${currency} rate of ${day} for ${payment.id} when the card network has it again.`,
    },
    composedBy: "rules",
  };
}

function forPeople({ customerId }: Enquiry): Draft {
  return {
    topic: "fee question",
    finding: "a fee that cannot be looked up at the moment, so people take it",
    paragraphs: [
      say("A colleague will read your message and answer within one working day.", "1.2", `customers ${customerId}`),
    ],
    ticket: {
      topic: "fee question",
      priority: "normal",
      note: "Please answer: a service of the desk was out of order.",
    },
    composedBy: "rules",
  };
}
