/** What model calls cost: prices are data that the app is given. A model without a price has an unknown cost, never none. */
import type { AttemptUsage } from "../runtime/agent.ts";

/** US dollars for a million tokens. */
export interface TokenPrice {
  readonly input: number;
  readonly output: number;
  /** Input read from the provider's cache. Default: as `input`. */
  readonly cachedInput?: number;
}

/** Prices by model: `provider/model-id`, or `model-id` alone. */
export type PriceBook = Readonly<Record<string, TokenPrice>>;

/** What a call used, as a provider tells it. */
export interface TokenCount {
  readonly input: number | undefined;
  readonly cachedInput: number | undefined;
  readonly output: number | undefined;
}

/** A call's usage with its cost, where the price and both counts are known. */
export function pricedUsage(prices: PriceBook, provider: string, modelId: string, count: TokenCount): AttemptUsage {
  const tokens = {
    ...(count.input === undefined ? {} : { inputTokens: count.input }),
    ...(count.output === undefined ? {} : { outputTokens: count.output }),
  };
  const price = prices[`${provider}/${modelId}`] ?? prices[modelId];
  if (price === undefined || count.input === undefined || count.output === undefined) return tokens;
  const cached = Math.min(count.input, count.cachedInput ?? 0);
  const amount =
    ((count.input - cached) * price.input + cached * (price.cachedInput ?? price.input) + count.output * price.output) /
    1_000_000;
  return { ...tokens, cost: { amount, currency: "USD" } };
}
