/** Reads what a shop with an account here has announced to give back of its own charges. */
import { tool } from "concertato";
import { z } from "zod";
import { shopCredit } from "../messages.ts";
import type { Bank } from "../services/bank.ts";

export const findShopCredit = (bank: Bank) =>
  tool({
    name: "find-shop-credit",
    description: "Lists what a shop has announced to give back",
    input: z.object({ customerId: z.string() }),
    output: z.array(shopCredit),
    effect: "read",
    execute: ({ customerId }) => [...bank.shopCredits(customerId)],
  });
