/** Reads of the bank by customer: withdrawals, fees of the account, orders of cards, identity checks, contacts. */
import { tool } from "concertato";
import { z } from "zod";
import type { Bank } from "../services/bank.ts";

const withdrawal = z.object({
  id: z.string(),
  machine: z.string(),
  amountCents: z.number().int(),
  paidOutCents: z.number().int(),
  state: z.string(),
  at: z.string(),
});
const accountFee = z.object({ id: z.string(), kind: z.string(), amountCents: z.number().int(), at: z.string() });
const cardOrder = z.object({ id: z.string(), state: z.string(), sent: z.string(), expected: z.string() });
const identityCheck = z.object({
  id: z.string(),
  document: z.string(),
  state: z.string(),
  reason: z.string(),
  at: z.string(),
});
const contact = z.object({ id: z.string(), area: z.string(), summary: z.string(), at: z.string() });

export const findWithdrawals = (bank: Bank) =>
  reads("find-withdrawals", "Lists a customer's cash withdrawals", withdrawal, bank.withdrawals);
export const findFees = (bank: Bank) =>
  reads("find-fees", "Lists the fees of a customer's account", accountFee, bank.accountFees);
export const findCardOrders = (bank: Bank) =>
  reads("find-card-orders", "Lists a customer's ordered cards", cardOrder, bank.cardOrders);
export const findIdentityChecks = (bank: Bank) =>
  reads("find-identity-checks", "Lists a customer's identity checks", identityCheck, bank.identityChecks);
export const findContacts = (bank: Bank) =>
  reads("find-contacts", "Lists a customer's earlier contacts with the desk", contact, bank.contacts);

/** A tool that lists rows of one customer, newest first. */
function reads<Row>(
  name: string,
  description: string,
  row: z.ZodType<Row, Row>,
  read: (customerId: string) => readonly Row[],
) {
  return tool({
    name,
    description,
    input: z.object({ customerId: z.string() }),
    output: z.array(row),
    effect: "read",
    execute: ({ customerId }) => [...read(customerId)],
  });
}
