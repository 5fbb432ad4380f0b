/** What the card network knows: its rates by day, and for which days its feed is broken. The same rows on every machine. */

/** Currency, day, EUR for one unit. */
export const networkRates: readonly (readonly [string, string, string])[] = [
  ["JPY", "2026-02-27", "0.0061728"],
  ["CHF", "2026-02-24", "1.0526316"],
  ["USD", "2026-02-22", "0.9174312"],
];

/** Currency, first and last day, why. */
export const networkOutages: readonly (readonly [string, string, string, string])[] = [
  ["GBP", "2026-02-20", "2026-02-22", "the feed of the London switch is incomplete and is being rebuilt"],
];
