/** The specialist for fees and exchange rates: explains a fee from its record. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry, type Paragraph } from "../messages.ts";
import { amountsIn, euros } from "../money.ts";
import type { AccountFee, Bank, Payment } from "../services/bank.ts";
import type { CardNetwork } from "../services/card-network.ts";
import { examples } from "./examples.ts";
import { findPayment } from "./find-payment.ts";
import { findFees } from "./find-records.ts";
import { type NetworkRate, networkRate } from "./network-rate.ts";
import { say } from "./say.ts";

export const fees = (bank: Bank, network: CardNetwork) => {
  const findPayments = findPayment(bank);
  const findCharged = findFees(bank);
  const askRate = networkRate(network);
  return workflow(
    {
      name: "fees",
      version: 3,
      description: "Fees and exchange rates",
      capabilities: ["fees"],
      examples: examples.fees,
      input: enquiry,
      output: draft,
      uses: [findPayments, findCharged, askRate],
    },
    async (request, ctx): Promise<Draft> => {
      const { paid, charged } = await ctx.all({
        paid: (branch) => branch.run(findPayments, { customerId: request.customerId }),
        charged: (branch) => branch.run(findCharged, { customerId: request.customerId }),
      });
      const fee = feeMeant(request, charged);
      if (fee !== undefined) return fee.kind === "monthly fee" ? monthly(fee) : takenBack(fee);
      const payment = feePaymentMeant(request, paid.payments);
      if (payment === undefined) return prices(request);
      const foreign = foreignPriceOf(payment);
      return foreign === undefined
        ? explained(payment)
        : explained(payment, await ctx.run(askRate, { currency: foreign.currency, day: payment.at.slice(0, 10) }));
    },
  );
};

function feeMeant({ words }: Enquiry, charged: readonly AccountFee[]): AccountFee | undefined {
  const amounts = amountsIn(words.body);
  return charged.find(({ amountCents }) => amounts.includes(amountCents));
}

/** The payment whose fee or price is named; without an amount, the latest with a fee. */
export function feePaymentMeant({ words }: Enquiry, payments: readonly Payment[]): Payment | undefined {
  const amounts = amountsIn(words.body);
  const withFee = payments.filter(({ feeCents }) => feeCents > 0);
  return (
    withFee.find(({ feeCents }) => amounts.includes(feeCents)) ?? (amounts.length === 0 ? withFee.at(-1) : undefined)
  );
}

/** The currency that a payment was made in, when it is not the account's. */
export function foreignPriceOf({ foreignAmount }: Payment): { readonly currency: string } | undefined {
  const currency = /[A-Z]{3}$/.exec(foreignAmount ?? "")?.[0];
  return currency === undefined ? undefined : { currency };
}

function priceOf({ foreignAmount, amountCents }: Payment): string {
  return foreignAmount === null ? euros(amountCents) : `${foreignAmount} (${euros(amountCents)})`;
}

function percentOf({ amountCents, feeCents }: Payment): string {
  return ((100 * feeCents) / amountCents).toFixed(1);
}

/** Which payment a fee belongs to, and why there is one. */
export function feeOf(payment: Payment): Paragraph {
  const { id, merchant, feeCents, at } = payment;
  return say(
    `The fee of ${euros(feeCents)} belongs to your payment of ${priceOf(payment)} at ${merchant} on ${at.slice(0, 10)}. Payments in another currency cost ${percentOf(payment)} % of the amount.`,
    "6.1",
    `payments ${id}`,
  );
}

function explained(payment: Payment, rate?: NetworkRate): Draft {
  return {
    topic: "fee question",
    finding: `${euros(payment.feeCents)} is the ${percentOf(payment)} % fee on ${priceOf(payment)} at ${payment.merchant}`,
    paragraphs: [
      feeOf(payment),
      say("We use the rate of the card network on the day of the payment and add nothing to it.", "6.2"),
      ...(rate === undefined
        ? []
        : [
            say(
              `On ${rate.day} the network's rate was ${rate.rate} EUR for 1 ${rate.currency}.`,
              "6.2",
              `network_rates ${rate.id}`,
            ),
          ]),
      say("Your price list is in the app, under Profile and Prices.", "6.5"),
    ],
    composedBy: "rules",
  };
}

function monthly({ id, amountCents }: AccountFee): Draft {
  return {
    topic: "monthly fee",
    finding: `${euros(amountCents)} is the monthly fee that began on 1 March (${id})`,
    paragraphs: [
      say(
        `The ${euros(amountCents)} are the monthly fee of the account, from 1 March 2026 on. We announced it on 2 January 2026.`,
        "6.3",
        `account_fees ${id}`,
      ),
    ],
    composedBy: "rules",
  };
}

function takenBack({ id, kind, amountCents }: AccountFee): Draft {
  return {
    topic: "fee question",
    finding: `${euros(amountCents)} for a ${kind} (${id}) should not have been taken`,
    paragraphs: [
      say(
        `You are right: a ${kind} costs nothing. A colleague takes the fee of ${euros(amountCents)} back.`,
        "6.4",
        `account_fees ${id}`,
      ),
    ],
    ticket: { topic: "fee question", priority: "normal", note: `Take back ${id}, ${euros(amountCents)}.` },
    composedBy: "rules",
  };
}

function prices({ words, customerId }: Enquiry): Draft {
  if (amountsIn(words.body).length === 0)
    return {
      topic: "prices",
      finding: "asks what something costs",
      paragraphs: [
        say("Payments in another currency cost 1.5 % of the amount, at the rate of the card network.", "6.1", "6.2"),
        say(
          "The price list is in the app, under Profile and Prices. A transfer outside the euro area costs 5.00 EUR.",
          "6.5",
        ),
        say("A replacement card is free of charge.", "8.2"),
      ],
      composedBy: "rules",
    };
  return {
    topic: "fee question",
    finding: "no fee on record fits the message",
    paragraphs: [
      say(
        "We found no fee that fits your message. Please reply with the date and the amount of the payment.",
        `customers ${customerId}`,
      ),
    ],
    ticket: { topic: "fee question", priority: "normal", note: "No fee fits; help the customer find it." },
    composedBy: "rules",
  };
}
