/**
 * The specialist for card payments. A refund is proposed only when the bank's records bear the complaint out, and its
 * amount is the one on record, whatever the message says. A draft that the validator sent back is replaced by one that
 * names the clause and leaves the decision to people. Composed by rules.
 */
import { type Context, workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry, type Objection, type ShopCredit } from "../messages.ts";
import { amountsIn, euros } from "../money.ts";
import type { Bank, Payment } from "../services/bank.ts";
import { policy } from "../services/policy.ts";
import { examples } from "./examples.ts";
import { bookCredit } from "./book-credit.ts";
import { type Duplicate, findPayment } from "./find-payment.ts";
import { findShopCredit } from "./find-shop-credit.ts";
import { say } from "./say.ts";

export const payments = (bank: Bank) => {
  const find = findPayment(bank);
  const findCredits = findShopCredit(bank);
  const book = bookCredit(bank);
  return workflow(
    {
      name: "payments",
      version: 3,
      description: "Card payments and refunds",
      capabilities: ["payments"],
      examples: examples.payments,
      input: enquiry,
      output: draft,
      uses: [find, findCredits, book],
    },
    async (request, ctx): Promise<Draft> => {
      const found = await ctx.run(find, { customerId: request.customerId });
      const twice = duplicateMeant(request, found.duplicates);
      if (twice !== undefined)
        return request.objections.length === 0 ? doubleCharge(request, twice) : leftToPeople(twice, request.objections);
      const one = /\btwice\b|\bdouble\b|\btwo times\b/i.test(textOf(request))
        ? undefined
        : paymentMeant(request, found.payments);
      if (one !== undefined) return about(request, one);
      const announced = await announcedBy(request, ctx);
      return announced === undefined ? notBorneOut(request) : bookedCredit(await ctx.run(book, announced));
    },
  );

  /** What this customer, a shop, has announced to give back and asks to book. One that gives the desk orders gets nothing. */
  async function announcedBy({ customerId, warnings }: Enquiry, ctx: Context) {
    if (warnings.length > 0) return undefined;
    const credits = await ctx.run(findCredits, { customerId });
    const open = credits.find(({ state }) => state === "announced");
    return open === undefined ? undefined : { creditId: open.id, customerId };
  }
};

function textOf({ words }: Enquiry): string {
  return `${words.subject}\n${words.body}`;
}

function isMeant(request: Enquiry, payment: Payment): boolean {
  const text = textOf(request);
  const amounts = amountsIn(text);
  const merchantNamed = text.toLowerCase().includes(payment.merchant.toLowerCase());
  return merchantNamed && (amounts.length === 0 || amounts.includes(payment.amountCents));
}

/** The duplicate whose merchant is named, and whose amount is named if any is. */
function duplicateMeant(request: Enquiry, duplicates: readonly Duplicate[]): Duplicate | undefined {
  return duplicates.find(({ payment }) => isMeant(request, payment));
}

/** The latest payment of that kind. */
function paymentMeant(request: Enquiry, all: readonly Payment[]): Payment | undefined {
  return all.findLast((payment) => isMeant(request, payment));
}

function doubleCharge({ customerId }: Enquiry, { payment, firstId, secondsApart }: Duplicate): Draft {
  const money = euros(payment.amountCents);
  const open = payment.amountCents - payment.creditedCents;
  const gap = `${Math.max(1, Math.round(secondsApart / 60))} min apart`;
  const rows = [`payments ${firstId}`, `payments ${payment.id}`];
  return {
    topic: "double charge",
    finding: `${payment.merchant} charged ${money} twice, ${gap} (${firstId}, ${payment.id})`,
    paragraphs: [
      say(
        `You are right: ${payment.merchant} charged your card ending in ${payment.last4} twice, ${money} each time.`,
        "2.1",
        ...rows,
      ),
      ...(payment.creditedCents === 0
        ? []
        : [
            say(
              `${payment.merchant} has given ${euros(payment.creditedCents)} of it back already, so ${euros(open)} are open.`,
              "2.9",
              `payments ${payment.id}`,
            ),
          ]),
    ],
    refund: {
      customerId,
      paymentId: payment.id,
      merchant: payment.merchant,
      amountCents: open,
      creditedCents: payment.creditedCents,
      paidAt: payment.at,
      reason: `Charged twice, ${gap}: ${firstId} and ${payment.id}${payment.creditedCents === 0 ? "" : `; the shop has given ${euros(payment.creditedCents)} back`}`,
    },
    composedBy: "rules",
  };
}

/** The second draft, after a refund was rejected: says what is on record and who decides. */
function leftToPeople({ payment, firstId }: Duplicate, objections: readonly Objection[]): Draft {
  const clauses = objections.map(({ clause }) => clause);
  const rules = clauses.map((clause) => policy.get(clause)).join(" ");
  return {
    topic: "refund request",
    finding: `charged twice on record, but ${objections.map(({ clause, text }) => `${clause}: ${text}`).join(" ")}`,
    paragraphs: [
      say(
        `Our records show two payments of ${euros(payment.amountCents)} to ${payment.merchant}.`,
        `payments ${firstId}`,
        `payments ${payment.id}`,
      ),
      say(`The desk cannot pay one back by itself. ${rules}`, ...clauses),
      say("A colleague looks at it and writes to you within one working day.", "1.2"),
    ],
    ticket: {
      topic: "refund request",
      priority: "high",
      note: `Double charge ${firstId}, ${payment.id}; not refunded by the desk: ${objections.map(({ text }) => text).join(" ")}`,
    },
    composedBy: "rules",
  };
}

function about(request: Enquiry, payment: Payment): Draft {
  const text = textOf(request);
  if (payment.state === "pending") return pending(payment);
  if (/\bsubscription\b|\bcancelled\b/i.test(text)) return subscription(payment);
  if (/\breturned\b/i.test(text)) return shopRefund(payment);
  return unknownPayment(payment, request.urgent);
}

function pending({ id, merchant, amountCents, at }: Payment): Draft {
  return {
    topic: "pending payment",
    finding: `${id} to ${merchant} has been pending since ${at.slice(0, 10)}`,
    paragraphs: [
      say(
        `The payment of ${euros(amountCents)} to ${merchant} of ${at.slice(0, 10)} is still reserved. It is booked or released within ten days.`,
        "2.7",
        `payments ${id}`,
      ),
    ],
    composedBy: "rules",
  };
}

function subscription({ id, merchant, amountCents, at }: Payment): Draft {
  return {
    topic: "subscription",
    finding: `${merchant} last took ${euros(amountCents)} on ${at.slice(0, 10)} (${id})`,
    paragraphs: [
      say(`${merchant} last charged ${euros(amountCents)} on ${at.slice(0, 10)}.`, `payments ${id}`),
      say("We stop further payments to this shop; a colleague asks it about the past ones.", "2.8"),
    ],
    ticket: { topic: "subscription", priority: "normal", note: `Stop ${merchant}; ask about ${id}.` },
    composedBy: "rules",
  };
}

function shopRefund({ id, merchant, amountCents, at }: Payment): Draft {
  return {
    topic: "refund of a shop",
    finding: `${id}: no credit of ${merchant} on record yet`,
    paragraphs: [
      say(
        `You paid ${euros(amountCents)} to ${merchant} on ${at.slice(0, 10)}; no credit of the shop has reached us yet.`,
        `payments ${id}`,
      ),
      say("It is on your statement within ten working days of the day the shop sent it.", "2.5"),
    ],
    composedBy: "rules",
  };
}

function unknownPayment({ id, merchant, amountCents, at }: Payment, urgent: boolean): Draft {
  return {
    topic: "unknown payment",
    finding: `${euros(amountCents)} to ${merchant} on ${at.slice(0, 10)} (${id}) is not known to the customer`,
    paragraphs: [
      say(
        `A colleague looks into the payment of ${euros(amountCents)} to ${merchant} of ${at.slice(0, 10)} within one working day.`,
        "2.6",
        `payments ${id}`,
      ),
    ],
    ticket: { topic: "unknown payment", priority: urgent ? "urgent" : "high", note: `Look into ${id}, ${merchant}.` },
    composedBy: "rules",
  };
}

function bookedCredit({ id, paymentId, amountCents }: ShopCredit): Draft {
  return {
    topic: "credit of a shop",
    finding: `${euros(amountCents)} that the shop announced (${id}) are booked; they lower what is open of ${paymentId}`,
    paragraphs: [
      say(
        `We have booked the ${euros(amountCents)} that you announced for payment ${paymentId}. Your guest sees them within one working day.`,
        "2.9",
        `shop_credits ${id}`,
      ),
    ],
    composedBy: "rules",
  };
}

function notBorneOut({ customerId }: Enquiry): Draft {
  return {
    topic: "refund request",
    finding: "the records show nothing that fits, so there is nothing to pay back",
    paragraphs: [
      say(
        "We looked through your card payments and found none that fits your message, so we cannot pay anything back on this basis.",
        "2.3",
        `customers ${customerId}`,
      ),
      say(
        "A colleague will look at it again. If you have a receipt or a statement, please reply with the date, the shop and the amount.",
        "1.2",
      ),
    ],
    ticket: {
      topic: "refund request",
      priority: "normal",
      note: "Nothing on record fits.",
    },
    composedBy: "rules",
  };
}
