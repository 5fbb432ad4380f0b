/**
 * Books what a shop announced to give back of its own charge: the shop's money, at the amount it announced. Booking it
 * again under the same key changes nothing.
 */
import { tool } from "concertato";
import { z } from "zod";
import { shopCredit } from "../messages.ts";
import type { Bank } from "../services/bank.ts";

export const bookCredit = (bank: Bank) =>
  tool({
    name: "book-credit",
    description: "Books a credit that a shop has announced",
    owner: "Head of payments",
    input: z.object({ creditId: z.string(), customerId: z.string() }),
    output: shopCredit,
    effect: "write",
    execute: ({ creditId, customerId }, { idempotencyKey }) => bank.bookCredit(creditId, customerId, idempotencyKey),
  });
