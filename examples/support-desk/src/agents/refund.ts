/**
 * Pays a payment back: the one irreversible act with money. Above the limit a manager decides first, on exactly these
 * arguments. After a crash the bank is asked, by key, whether the money has moved; it is never simply sent again.
 */
import { tool } from "concertato";
import { refundOrder, refundReceipt } from "../messages.ts";
import type { Bank } from "../services/bank.ts";
import { manager } from "./manager.ts";

/** Refunds above this need a yes. */
export const approvalLimitCents = 5000;

export const refund = (bank: Bank) =>
  tool({
    name: "refund",
    description: "Pays a card payment back to the customer",
    owner: "Head of payments",
    input: refundOrder,
    output: refundReceipt,
    effect: "irreversible",
    approve: ({ amountCents }) => (amountCents > approvalLimitCents ? manager : "allow"),
    approvers: [manager],
    probe: async (_order, { idempotencyKey }) => {
      const receipt = bank.refundByKey(idempotencyKey);
      return receipt === null ? { kind: "did-not-happen" } : { kind: "happened", output: receipt };
    },
    execute: (order, { idempotencyKey }) => bank.refund(order, idempotencyKey),
  });
