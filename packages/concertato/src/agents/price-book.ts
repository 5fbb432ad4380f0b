/** What model calls cost: prices are data that the app is given. A model without a price has an unknown cost, never none. */
import { ConcertatoError } from "../kernel/errors.ts";
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

/** Bytes of what went to and fro, where a limit in dollars makes an estimate better than nothing. */
export interface Exchanged {
  readonly asked: number;
  readonly answered: number;
}

/** A model by which prices are found. */
interface Priced {
  readonly provider: string;
  readonly modelId: string;
}

function priceOf(prices: PriceBook, { provider, modelId }: Priced): TokenPrice | undefined {
  return prices[`${provider}/${modelId}`] ?? prices[modelId];
}

/**
 * Under a limit in dollars a model without a price is refused before it is asked: its cost would count as nothing, and the
 * limit would never be reached.
 * @throws ConcertatoError `policy/price-unknown`
 */
export function assertPriced(prices: PriceBook, model: Priced, agent: string): void {
  if (priceOf(prices, model) !== undefined) return;
  const name = `${model.provider}/${model.modelId}`;
  throw new ConcertatoError({
    code: "policy/price-unknown",
    message: `Agent ${agent} has a limit in dollars, and what model ${name} costs is not known. Give its price for a million tokens (open(file, { prices: { "${name}": { input: …, output: … } } }), 0 where it costs nothing), limit tokens or turns instead, or name a model that has a price.`,
    details: { agent, model: name },
  });
}

/**
 * A call's usage with its cost, where the price is known and the counts are.
 * @param exchanged for counts that the provider did not tell: a token is taken for every two bytes, about twice of what
 * text has. Absent: then the cost is unknown
 */
export function pricedUsage(prices: PriceBook, model: Priced, count: TokenCount, exchanged?: Exchanged): AttemptUsage {
  const tokens = {
    ...(count.input === undefined ? {} : { inputTokens: count.input }),
    ...(count.output === undefined ? {} : { outputTokens: count.output }),
  };
  const price = priceOf(prices, model);
  const input = count.input ?? estimated(exchanged?.asked);
  const output = count.output ?? estimated(exchanged?.answered);
  if (price === undefined || input === undefined || output === undefined) return tokens;
  const cached = Math.min(input, count.cachedInput ?? 0);
  const amount =
    ((input - cached) * price.input + cached * (price.cachedInput ?? price.input) + output * price.output) / 1_000_000;
  return { ...tokens, cost: { amount, currency: "USD" } };
}

function estimated(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : Math.ceil(bytes / 2);
}
