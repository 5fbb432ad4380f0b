/**
 * What models there are for an app here: what `auto` would mean and why, the servers that answer on this machine, the
 * providers that can be named. Keys are told by the name of their variable and never read out, and none is spent.
 */
import { AppModels, type ModelExplanation, type ModelOptions } from "./app-models.ts";
import type { TokenPrice } from "./agents/price-book.ts";
import { localServers, type LocalServer } from "./local-models.ts";
import { type ProviderReport, providerReports } from "./named-models.ts";

export interface ModelReport {
  /** What an agent would think with that names no model. */
  readonly auto: ModelExplanation;
  /** What its tokens cost, as far as the price book knows it; null: its cost would be unknown. */
  readonly price: TokenPrice | null;
  readonly servers: readonly LocalServer[];
  readonly providers: readonly ProviderReport[];
}

/** A person waits for the report and not for each server: a busy machine is given time. */
const patienceMs = 3_000;

/** @param options as `open()` takes them */
export async function modelReport(options: ModelOptions = {}): Promise<ModelReport> {
  const servers = await localServers(undefined, undefined, patienceMs);
  const models = new AppModels(options, () => Promise.resolve(servers));
  const auto = await models.explain("auto", "any");
  return { auto, price: priceOf(options, auto.model), servers, providers: providerReports() };
}

function priceOf({ prices = {} }: ModelOptions, model: string | undefined): TokenPrice | null {
  if (model === undefined) return null;
  return prices[model] ?? prices[model.slice(model.indexOf("/") + 1)] ?? null;
}
