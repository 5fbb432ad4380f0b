/** Reads a customer's payments and points out pairs that look like one purchase charged twice. */
import { tool } from "concertato";
import { z } from "zod";
import type { Bank, Payment } from "../services/bank.ts";

const payment = z.object({
  id: z.string(),
  merchant: z.string(),
  amountCents: z.number().int(),
  feeCents: z.number().int(),
  foreignAmount: z.string().nullable(),
  last4: z.string(),
  at: z.string(),
  state: z.string(),
  refunded: z.boolean(),
  creditedCents: z.number().int(),
});

/** The second of two equal charges, and how long after the first it came. */
const duplicate = z.object({ payment, firstId: z.string(), secondsApart: z.number() });
export type Duplicate = z.infer<typeof duplicate>;

const longestGapSeconds = 10 * 60;

/** Equal merchant, card and amount, minutes apart, and not paid back yet. */
export function duplicatesIn(payments: readonly Payment[]): Duplicate[] {
  return payments.flatMap((second, place) => {
    const first = payments.slice(0, place).find((earlier) => isSameCharge(earlier, second));
    if (first === undefined || second.refunded || first.refunded) return [];
    return [{ payment: second, firstId: first.id, secondsApart: secondsBetween(first, second) }];
  });
}

export const findPayment = (bank: Bank) =>
  tool({
    name: "find-payment",
    description: "Lists a customer's payments and the pairs that look like a double charge",
    input: z.object({ customerId: z.string() }),
    output: z.object({ payments: z.array(payment), duplicates: z.array(duplicate) }),
    effect: "read",
    execute: ({ customerId }) => {
      const payments = [...bank.payments(customerId)];
      return { payments, duplicates: duplicatesIn(payments) };
    },
  });

function isSameCharge(first: Payment, second: Payment): boolean {
  const same =
    first.merchant === second.merchant && first.amountCents === second.amountCents && first.last4 === second.last4;
  return same && secondsBetween(first, second) <= longestGapSeconds;
}

function secondsBetween(first: Payment, second: Payment): number {
  return Math.abs(Date.parse(second.at) - Date.parse(first.at)) / 1000;
}
