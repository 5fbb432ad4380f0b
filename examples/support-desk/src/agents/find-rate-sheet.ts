/** Reads the sheet with the rate of a week, as the bank keeps it. */
import { tool } from "concertato";
import { z } from "zod";
import type { Bank } from "../services/bank.ts";

const sheet = z.object({
  id: z.string(),
  currency: z.string(),
  firstDay: z.string(),
  lastDay: z.string(),
  rate: z.string(),
});

export const findRateSheet = (bank: Bank) =>
  tool({
    name: "find-rate-sheet",
    description: "Finds the rate of a currency in a week",
    input: z.object({ currency: z.string(), day: z.string() }),
    output: sheet.nullable(),
    effect: "read",
    execute: ({ currency, day }) => bank.rateSheet(currency, day),
  });
