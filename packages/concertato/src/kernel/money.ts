/**
 * Money is counted in whole billionths of its unit, so that sums are exact whatever their order: a price of $0.001 for a
 * million tokens is one billionth a token. At the edge an amount is a number of the unit (0.0025 US dollars).
 */
import { ConcertatoError } from "./errors.ts";

/** Billionths in one unit. */
const billion = 1_000_000_000;

/** Largest amount that is counted, in units: above it, an amount and its billionths would no longer name each other. */
const largest = 2_000_000;

/**
 * Whole billionths of an amount, rounded to the nearest.
 * @param what is counted, for the message: "cost of tool search"
 * @throws ConcertatoError `policy/usage-invalid` for anything that is not a number from 0 to 2,000,000
 */
export function billionthsOf(amount: number, what: string): number {
  if (typeof amount === "number" && amount >= 0 && amount <= largest) return Math.round(amount * billion);
  throw new ConcertatoError({
    code: "policy/usage-invalid",
    message: `The ${what} is ${String(amount)}; an amount of money is a number from 0 to ${largest}.`,
    details: { what, amount: String(amount) },
  });
}

/** The amount of so many billionths; `billionthsOf` gives the same billionths back. */
export function amountOf(billionths: number): number {
  return billionths / billion;
}
