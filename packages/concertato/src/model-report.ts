/**
 * What models there are for an app here: what `auto` would mean and why, what given agents would think with, the servers that
 * answer on this machine, the providers that can be named. Keys are told by the name of their variable and never read out, and
 * none is spent.
 */
import { AppModels, type ModelExplanation, type ModelOptions } from "./app-models.ts";
import type { TokenPrice } from "./agents/price-book.ts";
import { localServers, type LocalServer } from "./local-models.ts";
import { type ProviderReport, providerReports } from "./named-models.ts";
import type { Agent } from "./runtime/agent.ts";

/** What an agent would think with, and what its tokens cost, as far as the price book knows it; null: its cost is unknown. */
export interface PricedExplanation extends ModelExplanation {
  readonly price: TokenPrice | null;
}

export interface ModelReport {
  /** What an agent would think with that names no model. */
  readonly auto: PricedExplanation;
  /** For each agent that thinks: its models, in the order in which they are asked. */
  readonly agents: readonly PricedExplanation[];
  readonly servers: readonly LocalServer[];
  readonly providers: readonly ProviderReport[];
}

/** A person waits for the report and not for each server: a busy machine is given time. */
const patienceMs = 3_000;

/**
 * @param options as `open()` takes them
 * @param agents those to tell of, with all that they use
 */
export async function modelReport(options: ModelOptions = {}, agents: readonly Agent[] = []): Promise<ModelReport> {
  const servers = await localServers(undefined, undefined, patienceMs);
  const models = new AppModels(options, () => Promise.resolve(servers));
  const priced = async (choice: Parameters<AppModels["explain"]>[0], name: string): Promise<PricedExplanation> => {
    const explanation = await models.explain(choice, name);
    return { ...explanation, price: priceOf(options, explanation.model) };
  };
  const thinking = [...withUsed(agents)].flatMap(({ name, models: choices = [] }) =>
    choices.map((choice) => priced(choice, name)),
  );
  return {
    auto: await priced("auto", "any"),
    agents: await Promise.all(thinking),
    servers,
    providers: providerReports(),
  };
}

function withUsed(agents: readonly Agent[], known: Set<Agent> = new Set()): ReadonlySet<Agent> {
  for (const agent of agents) {
    if (known.has(agent)) continue;
    known.add(agent);
    withUsed(agent.uses, known);
  }
  return known;
}

function priceOf({ prices = {} }: ModelOptions, model: string | undefined): TokenPrice | null {
  if (model === undefined) return null;
  return prices[model] ?? prices[model.slice(model.indexOf("/") + 1)] ?? null;
}
