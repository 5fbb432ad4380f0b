/**
 * The one noun: `Agent<Input, Output>`. What every kind of agent is made of, as the runtime sees it.
 * Factories for users (tool, workflow, human) live in agents/; a pattern returns one of these too.
 */
import type { LanguageModelV4 } from "@ai-sdk/provider";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Effect } from "../journal/entry.ts";
import type { Context } from "./context.ts";
import type { Budget, Edge } from "./edge.ts";

/** A schema of any library that speaks Standard Schema; its parsed type is `T`. */
export type Schema<T> = StandardSchemaV1<unknown, T>;

/** Which factory made an agent; shown in traces, never branched on by patterns. */
export type AgentKind = "tool" | "agent" | "workflow" | "human" | "remote" | "pattern";

/** What an attempt at outside work is given. */
export interface AttemptContext {
  /** The same for every attempt of this operation; pass it to the outside system. */
  readonly idempotencyKey: string;
  /** 1, 2, 3 … */
  readonly attempt: number;
  /** Aborted on cancel, timeout, lost race and shutdown. */
  readonly signal: AbortSignal;
  readonly runId: string;
  /** Address of the operation in its run ("0.2"). */
  readonly path: string;
  /**
   * Tells what this attempt used; several calls add up, and it counts also when the attempt fails. Not telling the cost
   * leaves it unknown, which is not the same as free.
   * @throws ConcertatoError `policy/usage-invalid` for a negative or fractional count, or another currency than USD
   */
  readonly usage: (used: AttemptUsage) => void;
  /**
   * A budget or cap in dollars holds here. What such an attempt costs counts only when it is told, so work whose cost nobody
   * would know should refuse before it begins.
   */
  readonly costLimited: boolean;
  /** Somebody listens to what is said while it is said; saying it when nobody does costs nothing but the trouble. */
  readonly heard: boolean;
  /** Says something to whoever listens to the run now. It is not recorded: what counts is the output. */
  readonly say: (text: string, kind?: SayingKind) => void;
  /** What the app offers under this name (its models); undefined when it offers nothing. */
  readonly service: <Service>(name: string) => Service | undefined;
}

/** An answer as it comes, or thoughts on the way to it. */
export type SayingKind = "text" | "reasoning";

/** Something said while work is under way, with who says it. */
export interface Saying {
  readonly kind: SayingKind;
  readonly text: string;
  readonly runId: string;
  /** Address of the operation that speaks. */
  readonly path: string;
  /** Name of that operation: of the step, or of the agent that is called. */
  readonly name: string;
  /** `name@version` of the agent whose operation it is. */
  readonly agent: string;
  /** A later attempt starts its answer anew. */
  readonly attempt: number;
  /** How many characters of this kind the attempt said before. */
  readonly at: number;
}

/** What one attempt used. */
export interface AttemptUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** In US dollars; rounded to a billionth. */
  readonly cost?: { readonly amount: number; readonly currency: "USD" };
}

/** How often and how patiently a failed attempt is repeated. Default: one attempt. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  /** Wait before the second attempt; doubles each time. Default "1s". */
  readonly backoff?: string | number;
  /** Longest wait between attempts. Default "1m". */
  readonly maxBackoff?: string | number;
}

/** What a probe found out about an effect that is in doubt. */
export type ProbeAnswer<Output> =
  | { readonly kind: "happened"; readonly output: Output }
  | { readonly kind: "did-not-happen" }
  | { readonly kind: "unknown" };

/** What one attempt is expected to use at most. */
export interface Reservation {
  /** US dollars. */
  readonly usd?: number;
  /** Input and output tokens together. */
  readonly tokens?: number;
}

/** How many attempts of an agent may run at once, in all processes that share a store. */
export interface ConcurrencyLimit<Input> {
  /** A whole number from 1 on. */
  readonly limit: number;
  /** Counts separately for each key of its input. Default: all count together. */
  readonly key?: ((input: Input) => string) | undefined;
}

/** How often attempts of an agent may begin, in all processes that share a store. */
export interface StartRate<Input> {
  /** So many a period in the long run. */
  readonly limit: number;
  /** "1s", "1m", or milliseconds. */
  readonly per: string | number;
  /**
   * So many may begin at once after a pause; from then on they are spaced evenly, so any one period sees at most
   * `limit + burst` of them. 1 spaces all of them. Default: `limit`.
   */
  readonly burst?: number | undefined;
  /** Counts separately for each key of its input. Default: all count together. */
  readonly key?: ((input: Input) => string) | undefined;
}

/**
 * A circuit breaker: after so many failed attempts within the window, further ones are not executed, and fail with
 * `step/circuit-open`, until the rest is over; then one goes through as a probe. Counted in each process by itself.
 */
export interface Breaker {
  /** Failed attempts that open it; terminal failures (wrong input, a refusal) do not count. Default 5. */
  readonly failures?: number | undefined;
  /** The window in which they count. Default "1m". */
  readonly within?: string | number | undefined;
  /** How long it stays open. Default "30s". */
  readonly rest?: string | number | undefined;
  /** Agents and steps whose breakers have the same name share one: name what is guarded ("bank"). Default: the agent's name. */
  readonly name?: string | undefined;
}

/** A breaker as the runtime needs it: see `circuitPolicy`. */
export interface CircuitPolicy {
  readonly name: string;
  readonly failures: number;
  readonly withinMs: number;
  readonly restMs: number;
}

/** The limits of an agent as the gate needs them: see `attemptLimits`. */
export interface AttemptLimits {
  /** Stands before the keys; the agent's name. */
  readonly name: string;
  readonly slot: { readonly limit: number; readonly key: ((input: never) => string) | undefined } | null;
  readonly rate: {
    readonly limit: number;
    readonly periodMs: number;
    readonly burst: number;
    readonly key: ((input: never) => string) | undefined;
  } | null;
}

/** Outside work: runs once, is recorded, and is not run again. */
export interface LeafBody<Input, Output> {
  readonly type: "leaf";
  readonly effect: Effect;
  /** How many attempts may run at once, and how often one may begin, over all processes. Default: no limit. */
  readonly limits?: AttemptLimits | undefined;
  /** What stops attempts that would fail anyway. Default: none. */
  readonly breaker?: CircuitPolicy | undefined;
  readonly execute: (input: Input, attempt: AttemptContext) => Output | PromiseLike<Output>;
  /** For `irreversible`: asks the outside world whether the effect happened. */
  readonly probe?: ((input: Input, attempt: AttemptContext) => PromiseLike<ProbeAnswer<Output>>) | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** What one attempt may use, reserved of the budgets around it before it begins. Default: nobody knows; something must be left. */
  readonly reserve?: ((input: Input) => Reservation) | undefined;
  /** Per attempt, in ms. Default: none. */
  readonly timeoutMs?: number | undefined;
}

/** Code over ctx: replayed from its own entries. */
export interface CodeBody<Input, Output> {
  readonly type: "code";
  /** Of the attempts at its own steps: a body that only waits holds nothing. Default: no limit. */
  readonly limits?: AttemptLimits | undefined;
  readonly run: (input: Input, ctx: Context) => Output | PromiseLike<Output>;
}

/** Waits for an answer from outside: a person, a form, another system. */
export interface WaitBody<Input, Output> {
  readonly type: "wait";
  /** How long to wait, in ms. Default: for ever. */
  readonly withinMs?: number | undefined;
  /** What to answer when nobody did in time. Default: the failure `agent/timeout`. */
  readonly onTimeout?: ((input: Input) => Output) | undefined;
}

export type AgentBody<Input, Output> = LeafBody<Input, Output> | CodeBody<Input, Output> | WaitBody<Input, Output>;

/** A named, versioned, schema-typed, durable function. */
export interface Agent<in Input = never, out Output = unknown> {
  readonly kind: AgentKind;
  readonly name: string;
  readonly version: number;
  readonly description: string;
  /** The person who answers for it; recorded with what it does. */
  readonly owner?: string | undefined;
  readonly input?: StandardSchemaV1 | undefined;
  readonly output?: StandardSchemaV1 | undefined;
  readonly capabilities: readonly string[];
  readonly examples: readonly string[];
  /**
   * Of agents that a library makes: raised when their body changes what it asks for. A body goes on under the revision it
   * began with, which `ctx.revision` tells it. Default 1.
   */
  readonly revision?: number | undefined;
  /** What one call of it may use; the edge of a call can make it smaller. */
  readonly budget?: Budget | undefined;
  /** The name of the tool that a caller must be granted to call it, where that is not its own: see `tool-grant.ts`. */
  readonly grantedAs?: string | undefined;
  /** Of agents that think: with which model, in the order in which they are asked. `auto` is the app's. */
  readonly models?: readonly (LanguageModelV4 | string)[] | undefined;
  /** Agents it calls, so that the app that knows it knows them. */
  readonly uses: readonly Agent[];
  /** What the runtime runs. Method syntax keeps `Agent` usable where its exact input is not known. */
  readonly body: AgentBody<Input, Output>;
}

/** The input of a call; an agent that takes none is called without. */
export type Argument<Input> = void extends Input ? readonly [input?: NoInfer<Input>] : readonly [input: NoInfer<Input>];

/** The input of a call and what is handed over with it. */
export type CallArguments<Input> = void extends Input
  ? readonly [input?: NoInfer<Input>, edge?: Edge]
  : readonly [input: NoInfer<Input>, edge?: Edge];

/** `name@version`. */
export function agentId(agent: { readonly name: string; readonly version: number }): string {
  return `${agent.name}@${agent.version}`;
}
