/** Which model an agent thinks with: what its definition, the app or the command line names; never a silent stand-in. */
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { ConcertatoError } from "../kernel/errors.ts";
import type { Awaitable } from "../journal/store.ts";
import type { AttemptContext } from "../runtime/agent.ts";
import type { PriceBook } from "./price-book.ts";

/**
 * A model: of any AI SDK provider package, or by name (`ollama/qwen3`, `openai/gpt-5-mini`), or `auto`: the app's
 * default, else a model server on this machine.
 */
export type ModelChoice = LanguageModelV4 | (string & {});

/** What an app knows of models. */
export interface Models {
  /**
   * The model of a choice, for an agent.
   * @throws ConcertatoError `model/none` when there is none, `model/unknown` for a name nobody knows
   */
  resolve(choice: ModelChoice, agent: string): Awaitable<LanguageModelV4>;
  readonly prices: PriceBook;
}

/** Under this name an app offers its models to attempts. */
export const modelsService = "concertato.models";

/** The models of the app that an attempt belongs to. */
export function modelsOf(attempt: AttemptContext): Models {
  return attempt.service<Models>(modelsService) ?? noModels;
}

/** An app that was told of no model: what is given as an object works, names do not. */
const noModels: Models = {
  prices: {},
  resolve: (choice, agent) => {
    if (typeof choice !== "string") return choice;
    throw noModel(agent);
  },
};

/** There is no model, and three ways to get one. */
export function noModel(agent: string): ConcertatoError {
  return new ConcertatoError({
    code: "model/none",
    message: `Agent ${agent} needs a model and there is none. Name one (open(file, { model: "…" }) or --model), start a model server on this machine (Ollama, LM Studio, llama.cpp), or give the agent one of an AI SDK provider package.`,
    details: { agent },
  });
}
