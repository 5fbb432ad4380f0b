/**
 * `agent()`: a model that thinks and calls tools until it has an answer. Every call of the model and of a tool is an
 * operation of its own, so a crash between two tool calls never buys the first answer again; the conversation is a
 * history, so the thousandth turn costs the journal what the first did.
 *
 *   turn:  model call ──▶ text: the answer (or one more try, when it does not fit) ──▶ done
 *                    └──▶ tool calls, side by side ──▶ their results ──▶ next turn
 *                                     └──▶ all well, and one hands over ──▶ the peer's output
 */
import type { LanguageModelV4ToolCall } from "@ai-sdk/provider";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { durationMs } from "../kernel/duration.ts";
import { AgentFailure, ConcertatoError } from "../kernel/errors.ts";
import { appendStored, type History, history } from "../kernel/history.ts";
import type { Agent, AttemptContext, Breaker, ConcurrencyLimit, RetryPolicy, StartRate } from "../runtime/agent.ts";
import { attemptLimits } from "../runtime/attempt-limits.ts";
import { circuitPolicy } from "../runtime/circuit-breakers.ts";
import type { Budget } from "../runtime/edge.ts";
import { type Context, done, type Duration, type LoopTurn, next, type StepOptions } from "../runtime/context.ts";
import { checkedRetry } from "../runtime/retry-policy.ts";
import { askedParts } from "./file-part.ts";
import {
  assistantMessage,
  healed,
  keptSound,
  type Message,
  type MessagePart,
  sound,
  textOf,
  toolMessage,
  userMessage,
} from "./messages.ts";
import { callModel, type ModelAnswer, type ModelRequest } from "./model-call.ts";
import { type ModelChoice, modelsOf } from "./models.ts";
import { assertName } from "./name.ts";
import { assertPriced } from "./price-book.ts";
import { type Answers, answersOf } from "./structured-output.ts";
import { withBackup } from "./take-over.ts";
import { textSchema } from "./text-schema.ts";
import { isMistake, Toolbox } from "./tool-calls.ts";

type InputOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferInput<Schema> : string;
type ParsedOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : string;
type OutputOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : string;

/** How a model is asked; what a provider does not know it ignores and says so. */
export interface ModelSettings {
  readonly maxOutputTokens?: number;
  /** 0 repeats itself most. */
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly stopSequences?: readonly string[];
  readonly reasoning?: NonNullable<ModelRequest["reasoning"]>;
  readonly providerOptions?: NonNullable<ModelRequest["providerOptions"]>;
}

export interface AgentOptions<Input extends StandardSchemaV1 | undefined, Output extends StandardSchemaV1 | undefined> {
  readonly name: string;
  /** What it is for: shown to people, and to models that may call it. */
  readonly description: string;
  /** Raise it when its meaning changes. Default 1. */
  readonly version?: number;
  /** The person who answers for it. */
  readonly owner?: string;
  /** The system message: who it is and how it works. */
  readonly instructions: string | ((input: ParsedOf<Input>) => string);
  /** Without a schema the input is text. */
  readonly input?: Input;
  /** Without a schema the output is the model's text. */
  readonly output?: Output;
  /** Agents it may call: tools, people, workflows, other agents. */
  readonly tools?: readonly Agent[];
  /** One model, or several: when one does not answer, the next is asked. Default `auto`: the app's. */
  readonly model?: ModelChoice | readonly ModelChoice[];
  readonly settings?: ModelSettings;
  /** What the model is asked. Default: the input, as it is when it is text or parts, else as JSON with the files in it behind. */
  readonly prompt?: (input: ParsedOf<Input>) => string | readonly MessagePart[];
  /** A conversation that came before; broken ones are mended. */
  readonly history?: (input: ParsedOf<Input>) => readonly Message[];
  /**
   * What one call of it may use; an edge can make it smaller. `turns` counts its calls of the model, and those of the
   * agents it calls; without it, 24 of its own.
   */
  readonly budget?: Budget;
  /**
   * Takes over with the same input when it has failed for good: no model answers, it gets nowhere, its budget is used up. An
   * input that does not fit, or a person's no, is no reason. Its own work then has the name `NAME.main`.
   */
  readonly backup?: Agent<NoInfer<InputOf<Input>>, NoInfer<OutputOf<Output>>>;
  /** How often in a row it may call a tool wrongly, or answer what does not fit, before it fails. Default 2. */
  readonly repairs?: number;
  /** Of each model call. Default: 3 attempts, 1 s apart and doubling; a server's `Retry-After` is kept. */
  readonly retry?: RetryPolicy;
  /** Of each attempt of a model call. Default "2m". */
  readonly timeout?: Duration;
  /**
   * At most so many of its model calls at once, over all processes, or so many for each key of its input. A slot is held
   * only while a call is under way: not while its tools work, a person is asked, or an agent that it calls thinks. Default: no
   * limit.
   */
  readonly concurrency?: number | ConcurrencyLimit<ParsedOf<Input>>;
  /** At most so many of its model calls begin in a period, over all processes. Default: no limit. */
  readonly rate?: StartRate<ParsedOf<Input>>;
  /**
   * Leaves a model that fails again and again alone for a while: the next of `model` is asked at once. One for each model; its
   * name, where none is given: the agent's, and the model's. Default: none.
   */
  readonly breaker?: Breaker;
  readonly capabilities?: readonly string[];
  /** Phrases that it is the right one for. */
  readonly examples?: readonly string[];
}

/** What a turn hands to the next. */
interface Conversation {
  readonly messages: History<Message>;
  /** In a row. */
  readonly mistakes: number;
}

/**
 * A model agent.
 * @throws ConcertatoError `agent/name`, `agent/schema-not-json` for schemas that a model cannot be told, `agent/limits`,
 * `runtime/duration`
 * @example
 * const billing = agent({ name: "billing", description: "Charges and refunds", instructions: "Be brief.", tools: [refund] });
 */
export function agent<
  const Input extends StandardSchemaV1 | undefined = undefined,
  const Output extends StandardSchemaV1 | undefined = undefined,
>(options: AgentOptions<Input, Output>): Agent<InputOf<Input>, OutputOf<Output>> {
  assertName("agent", options.name);
  const thinker = new Thinker(options as unknown as AgentOptions<undefined, undefined>);
  const made: Agent<unknown> = {
    kind: "agent",
    name: options.name,
    version: options.version ?? 1,
    description: options.description,
    owner: options.owner,
    input: options.input ?? textSchema,
    output: options.output,
    capabilities: options.capabilities ?? [],
    examples: options.examples ?? [],
    budget: options.budget,
    revision: 1,
    models: [options.model ?? "auto"].flat() as readonly ModelChoice[],
    uses: thinker.toolbox.agents,
    body: {
      type: "code",
      run: (input, ctx) => thinker.run(input as string, ctx),
      limits: attemptLimits(options.name, options.concurrency, options.rate),
    },
  };
  const { backup } = options;
  const whole = backup === undefined ? made : withBackup(made, backup as unknown as Agent<unknown>);
  // The runtime checks both ends against the schemas that these types come from.
  return whole as Agent<InputOf<Input>, OutputOf<Output>>;
}

/** Where no budget says otherwise. */
const mostTurns = 24;

const defaultRetry: RetryPolicy = { attempts: 3, backoff: "1s", maxBackoff: "30s" };

/** A definition, ready to think. It keeps nothing between runs. */
class Thinker {
  readonly toolbox: Toolbox;
  readonly #options: AgentOptions<undefined, undefined>;
  readonly #answers: Answers;
  readonly #chain: readonly { readonly choice: ModelChoice; readonly step: StepOptions<ModelAnswer> }[];
  readonly #repairs: number;

  constructor(options: AgentOptions<undefined, undefined>) {
    this.#options = options;
    this.toolbox = new Toolbox(options.tools ?? []);
    this.#answers = answersOf(options.output, options.name);
    const timeout = durationMs(options.timeout ?? "2m");
    const step = { effect: "read", retry: checkedRetry(options.retry) ?? defaultRetry, timeout } as const;
    const { breaker, name, model = "auto" } = options;
    circuitPolicy(name, breaker);
    this.#chain = ([model].flat() as readonly ModelChoice[]).map((choice) => {
      if (breaker === undefined) return { choice, step };
      return { choice, step: { ...step, breaker: { ...breaker, name: `${breaker.name ?? name}:${labelOf(choice)}` } } };
    });
    this.#repairs = options.repairs ?? 2;
  }

  run(input: string, ctx: Context): Promise<unknown> {
    const { instructions, prompt, history: before } = this.#options;
    const system: Message = {
      role: "system",
      content: typeof instructions === "string" ? instructions : instructions(input),
    };
    const asked = prompt === undefined ? askedParts(input) : prompt(input);
    const messages = history<Message>([...healed(before?.(input) ?? []), userMessage(asked)]);
    const limits = this.#options.budget?.turns === undefined ? { maxTurns: mostTurns } : {};
    return ctx.loop<Conversation, unknown>(
      { messages, mistakes: 0 },
      (state, turn) => this.#turn(system, state, turn),
      limits,
    );
  }

  async #turn(system: Message, state: Conversation, ctx: Context): Promise<LoopTurn<Conversation, unknown>> {
    const messages = sound(state.messages);
    const { content } = await this.#think([system].concat(messages.toJSON()), ctx);
    const calls = content.filter((part): part is LanguageModelV4ToolCall => part.type === "tool-call");
    const ours = calls.filter((call) => call.providerExecuted !== true);
    const said = appendStored(messages, assistantMessage(content));
    if (ours.length === 0) return this.#answer(textOf(content), said, state);
    const { results, handover } = await this.toolbox.handle(ours, ctx);
    if (handover !== undefined) return done(await ctx.run(handover.agent, handover.input));
    const mistakes = results.some(isMistake) ? state.mistakes + 1 : 0;
    if (mistakes > this.#repairs) throw this.#noUsableCall(results);
    return next({ messages: keptSound(appendStored(said, toolMessage(results))), mistakes });
  }

  /** The model's text as the output; what does not fit is told to the model, which may try again. */
  async #answer(text: string, said: History<Message>, state: Conversation): Promise<LoopTurn<Conversation, unknown>> {
    const answer = await this.#answers.read(text);
    if (answer.fits) return done(answer.value);
    const mistakes = state.mistakes + 1;
    if (mistakes > this.#repairs) throw answer.error;
    return next({ messages: said.append(userMessage(answer.complaint)), mistakes });
  }

  /** Asks the models in their order until one answers. */
  async #think(prompt: Message[], ctx: Context): Promise<ModelAnswer> {
    const tools = this.toolbox.functions(ctx);
    const request: ModelRequest = {
      prompt,
      ...this.#settings(),
      ...(tools.length === 0 ? {} : { tools }),
      ...(this.#answers.format === undefined ? {} : { responseFormat: this.#answers.format }),
    };
    let failure: unknown;
    for (const { choice, step } of this.#chain) {
      try {
        return await ctx.step("model", (attempt) => this.#ask(choice, request, attempt), step);
      } catch (error) {
        if (!mayFallBack(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #ask(choice: ModelChoice, request: ModelRequest, attempt: AttemptContext): Promise<ModelAnswer> {
    const models = modelsOf(attempt);
    const model = await models.resolve(choice, this.#options.name);
    if (attempt.costLimited) assertPriced(models.prices, model, this.#options.name);
    return callModel(model, request, attempt, models.prices);
  }

  #settings(): Partial<ModelRequest> {
    const { stopSequences, ...settings } = this.#options.settings ?? {};
    return { ...settings, ...(stopSequences === undefined ? {} : { stopSequences: [...stopSequences] }) };
  }

  #noUsableCall(results: readonly { readonly toolName: string; readonly output: unknown }[]): ConcertatoError {
    const { name } = this.#options;
    const last = results.map(({ toolName, output }) => `${toolName}: ${JSON.stringify(output)}`).join("; ");
    return new ConcertatoError({
      code: "agent/no-usable-call",
      message: `Agent ${name} called its tools wrongly ${this.#repairs + 1} times in a row. Last: ${last.slice(0, 500)}. Use a stronger model, or describe the tools better.`,
      details: { agent: name },
    });
  }
}

/** Another model can help where one does not answer or answers nonsense; it cannot raise a budget or undo a cancel. */
function mayFallBack(error: unknown): boolean {
  if (!(error instanceof AgentFailure)) return false;
  const { code } = error.record;
  return code.startsWith("model/") || code === "agent/timeout" || code === "step/circuit-open";
}

/** A model's name, for people. */
function labelOf(choice: ModelChoice): string {
  return typeof choice === "string" ? choice : `${choice.provider}/${choice.modelId}`;
}
