/**
 * The models of an app: what its configuration names, else a model server that answers on this machine. A key that merely
 * lies in the environment is never spent unasked: only a name that asks for a provider reads that provider's key.
 */
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { ConcertatoError } from "./kernel/errors.ts";
import { type ModelChoice, type Models, noModel } from "./agents/models.ts";
import type { PriceBook } from "./agents/price-book.ts";
import { localServers, type LocalServer } from "./local-models.ts";
import { namedModel } from "./named-models.ts";

export interface ModelOptions {
  /** What `auto` means. Default: the first model server that answers on this machine. */
  readonly model?: ModelChoice | undefined;
  /** Models by the name of the agent; they come before what the agent's definition says. */
  readonly models?: Readonly<Record<string, ModelChoice>> | undefined;
  /** US dollars for a million tokens, by model. A model that is not in it has an unknown cost. */
  readonly prices?: PriceBook | undefined;
}

/** Why a model would be used. */
export interface ModelExplanation {
  readonly agent: string;
  readonly choice: string;
  /** `provider/model-id`; undefined where there is none. */
  readonly model?: string;
  readonly why: string;
}

export class AppModels implements Models {
  readonly prices: PriceBook;
  readonly #options: ModelOptions;
  readonly #find: () => Promise<readonly LocalServer[]>;
  readonly #named = new Map<string, Promise<LanguageModelV4>>();
  #local: Promise<readonly LocalServer[]> | null = null;

  /** @param find looks for model servers on this machine */
  constructor(options: ModelOptions, find: () => Promise<readonly LocalServer[]> = localServers) {
    this.#options = options;
    this.prices = options.prices ?? {};
    this.#find = find;
  }

  /** @throws ConcertatoError `model/none`, `model/unknown` */
  async resolve(choice: ModelChoice, agent: string): Promise<LanguageModelV4> {
    const wanted = this.#wanted(choice, agent);
    if (typeof wanted !== "string") return wanted;
    if (wanted !== "auto") return this.#byName(wanted);
    const server = (await this.#servers()).find(({ models }) => models.length > 0);
    if (server === undefined) throw noModel(agent);
    return this.#byName(`${server.url}#${server.models[0] ?? ""}`);
  }

  /** Which model an agent would think with, and why. */
  async explain(choice: ModelChoice, agent: string): Promise<ModelExplanation> {
    const told = { agent, choice: nameOf(choice) };
    try {
      const model = await this.resolve(choice, agent);
      return { ...told, model: nameOf(model), why: await this.#reason(choice, agent) };
    } catch (error) {
      if (!ConcertatoError.is(error)) throw error;
      return { ...told, why: error.message };
    }
  }

  async #reason(choice: ModelChoice, agent: string): Promise<string> {
    if (this.#options.models?.[agent] !== undefined) return "the app names a model for this agent";
    if (choice !== "auto") return "its definition names it";
    if (this.#options.model !== undefined && this.#options.model !== "auto") return "the app's default";
    const server = (await this.#servers()).find(({ models }) => models.length > 0);
    return `a model server answers at ${server?.url ?? "this machine"}`;
  }

  #wanted(choice: ModelChoice, agent: string): ModelChoice {
    const wanted = this.#options.models?.[agent] ?? choice;
    return wanted === "auto" ? (this.#options.model ?? "auto") : wanted;
  }

  #byName(name: string): Promise<LanguageModelV4> {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const model = namedModel(name);
    this.#named.set(name, model);
    // A package that is installed meanwhile is found by the next call.
    model.catch(() => this.#named.delete(name));
    return model;
  }

  /** Asked once; a machine without a server is asked again by the next call. */
  #servers(): Promise<readonly LocalServer[]> {
    this.#local ??= this.#find().then((servers) => {
      if (servers.length === 0) this.#local = null;
      return servers;
    });
    return this.#local;
  }
}

function nameOf(model: ModelChoice): string {
  return typeof model === "string" ? model : `${model.provider}/${model.modelId}`;
}
