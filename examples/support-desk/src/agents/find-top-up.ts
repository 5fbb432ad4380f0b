/** Reads a customer's top-ups from the bank, newest first, with the reason of a refusal. */
import { tool } from "concertato";
import { z } from "zod";
import type { Bank } from "../services/bank.ts";

const topUp = z.object({
  id: z.string(),
  amountCents: z.number().int(),
  state: z.string(),
  reason: z.string(),
  limitCents: z.number().int(),
  usedCents: z.number().int(),
  renews: z.string(),
  at: z.string(),
});

export const findTopUp = (bank: Bank) =>
  tool({
    name: "find-top-up",
    description: "Lists a customer's top-ups and why they were declined",
    input: z.object({ customerId: z.string() }),
    output: z.array(topUp),
    effect: "read",
    execute: ({ customerId }) => [...bank.topUps(customerId)],
  });
