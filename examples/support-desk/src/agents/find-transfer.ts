/** Reads a customer's transfers from the bank, newest first. */
import { tool } from "concertato";
import { z } from "zod";
import type { Bank } from "../services/bank.ts";

const transfer = z.object({
  id: z.string(),
  payee: z.string(),
  amountCents: z.number().int(),
  state: z.string(),
  expected: z.string(),
  at: z.string(),
});

export const findTransfer = (bank: Bank) =>
  tool({
    name: "find-transfer",
    description: "Lists a customer's transfers and where they are",
    input: z.object({ customerId: z.string() }),
    output: z.array(transfer),
    effect: "read",
    execute: ({ customerId }) => [...bank.transfers(customerId)],
  });
