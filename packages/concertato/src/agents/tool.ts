/** `tool()`: the simplest agent, a typed function on the outside world with a declared effect. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Effect } from "../journal/entry.ts";
import { durationMs } from "../kernel/duration.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import type {
  Agent,
  AttemptContext,
  Breaker,
  ConcurrencyLimit,
  LeafBody,
  ProbeAnswer,
  Reservation,
  RetryPolicy,
  StartRate,
} from "../runtime/agent.ts";
import { attemptLimits } from "../runtime/attempt-limits.ts";
import { circuitPolicy } from "../runtime/circuit-breakers.ts";
import type { Budget } from "../runtime/edge.ts";
import type { Duration } from "../runtime/context.ts";
import { checkedRetry } from "../runtime/retry-policy.ts";
import { interceptable } from "./intercepted-calls.ts";
import { assertName } from "./name.ts";

type InputOf<Schema extends StandardSchemaV1 | undefined> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<Schema>
  : void;
type ParsedOf<Schema extends StandardSchemaV1 | undefined> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Schema>
  : void;
type OutputOf<Schema extends StandardSchemaV1 | undefined> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Schema>
  : void;
/** What the body gives: the output schema makes the output of it. */
type ReturnOf<Schema extends StandardSchemaV1 | undefined> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<Schema>
  : void;

/** A person's word on one action, bound to the exact arguments shown. */
export interface Decision {
  readonly approved: boolean;
  /** Who decided. */
  readonly by?: string | undefined;
  readonly note?: string | undefined;
}

/** What an approver is shown. */
export interface ApprovalRequest {
  readonly action: string;
  readonly description: string;
  readonly arguments: unknown;
}

/** Who may decide on an action. */
export type Approver = Agent<ApprovalRequest, Decision>;

export interface ToolOptions<Input extends StandardSchemaV1 | undefined, Output extends StandardSchemaV1 | undefined> {
  readonly name: string;
  readonly description: string;
  /** Raise it when the meaning changes. Default 1. */
  readonly version?: number;
  /** The person who answers for it. */
  readonly owner?: string;
  readonly input?: Input;
  readonly output?: Output;
  /** What it does to the outside world. Default `irreversible`: nothing declared is treated with the most care. */
  readonly effect?: Effect;
  /** Asks a person first, or answers "allow". Pure: it sees the parsed input and nothing else. */
  readonly approve?: (input: ParsedOf<Input>) => Approver | "allow";
  /** The approvers that `approve` may name, so that the app knows them after a restart. */
  readonly approvers?: readonly Approver[];
  /** For `irreversible`: finds out whether an effect in doubt happened. */
  readonly probe?: (input: ParsedOf<Input>, attempt: AttemptContext) => PromiseLike<ProbeAnswer<ReturnOf<Output>>>;
  readonly retry?: RetryPolicy;
  /** What one attempt may use, reserved of the budgets around it before it begins. Default: nobody knows; something must be left. */
  readonly reserve?: (input: ParsedOf<Input>) => Reservation;
  /** What one call of it may use, over all its attempts. */
  readonly budget?: Budget;
  /** Per attempt. Default: none. */
  readonly timeout?: Duration;
  /**
   * At most so many attempts at once, over all processes, or so many for each key of the input. An attempt beyond them
   * waits, the more urgent run's first. A slot is held only while an attempt executes. Default: no limit.
   */
  readonly concurrency?: number | ConcurrencyLimit<ParsedOf<Input>>;
  /** At most so many attempts begin in a period, over all processes. Default: no limit. */
  readonly rate?: StartRate<ParsedOf<Input>>;
  /** Leaves what fails again and again alone for a while. Default: none. */
  readonly breaker?: Breaker;
  readonly capabilities?: readonly string[];
  readonly examples?: readonly string[];
  readonly execute: (
    input: ParsedOf<Input>,
    attempt: AttemptContext,
  ) => ReturnOf<Output> | PromiseLike<ReturnOf<Output>>;
}

/**
 * A tool. With `approve`, the call is a scope of its own: the question, then the action with the arguments that were shown.
 * @throws ConcertatoError `runtime/duration` for a malformed timeout or retry policy, `agent/name`, `agent/limits`
 */
export function tool<
  const Input extends StandardSchemaV1 | undefined = undefined,
  const Output extends StandardSchemaV1 | undefined = undefined,
>(options: ToolOptions<Input, Output>): Agent<InputOf<Input>, OutputOf<Output>> {
  assertName("tool", options.name);
  const action = actionOf(options, options.approve === undefined ? options.name : `${options.name}.action`);
  // The runtime checks input and output against the schemas, so outside the types are exact.
  if (options.approve === undefined) return action as Agent<InputOf<Input>, OutputOf<Output>>;
  return guarded(options, action) as Agent<InputOf<Input>, OutputOf<Output>>;
}

function actionOf<Input extends StandardSchemaV1 | undefined, Output extends StandardSchemaV1 | undefined>(
  options: ToolOptions<Input, Output>,
  name: string,
): Agent {
  const body: LeafBody<ParsedOf<Input>, ReturnOf<Output>> = {
    type: "leaf",
    effect: options.effect ?? "irreversible",
    execute: options.effect === "pure" ? options.execute : interceptable(options.name, options.execute),
    probe: options.probe,
    retry: checkedRetry(options.retry),
    reserve: options.reserve,
    limits: attemptLimits(options.name, options.concurrency, options.rate),
    breaker: circuitPolicy(options.name, options.breaker),
    timeoutMs: options.timeout === undefined ? undefined : durationMs(options.timeout),
  };
  // Behind a guard, the guard checks both ends: a schema that transforms must see each value once.
  const schemas = options.approve === undefined ? {} : { input: undefined, output: undefined, budget: undefined };
  const part = name === options.name ? {} : { grantedAs: options.name };
  return { ...describe(options), ...schemas, ...part, name, uses: [], body };
}

/** Asks first, then acts on what was shown. */
function guarded<Input extends StandardSchemaV1 | undefined, Output extends StandardSchemaV1 | undefined>(
  options: ToolOptions<Input, Output>,
  action: Agent,
): Agent {
  const { approve, name, description } = options;
  // The action has no schemas of its own; its input is what the guard parsed.
  const act = action as Agent<unknown>;
  return {
    ...describe(options),
    name,
    uses: [action, ...(options.approvers ?? [])],
    body: {
      type: "code",
      run: async (input: ParsedOf<Input>, ctx) => {
        const approver = approve?.(input) ?? "allow";
        if (approver !== "allow") {
          const decision = await ctx.run(approver, { action: name, description, arguments: input });
          if (!decision.approved) throw refusal(name, decision);
        }
        return ctx.run(act, input);
      },
    },
  };
}

function refusal(name: string, decision: Decision): ConcertatoError {
  const by = decision.by === undefined ? "A person" : decision.by;
  const why = decision.note === undefined || decision.note === "" ? "" : `: ${decision.note}`;
  return new ConcertatoError({
    code: "agent/refused",
    message: `${by} declined ${name}${why}.`,
    details: {
      action: name,
      ...(decision.by === undefined ? {} : { by: decision.by }),
      ...(decision.note === undefined ? {} : { note: decision.note }),
    },
  });
}

function describe(
  options:
    | ToolOptions<StandardSchemaV1 | undefined, StandardSchemaV1 | undefined>
    | { readonly [key: string]: unknown },
): Omit<Agent, "name" | "uses" | "body"> {
  const given = options as ToolOptions<undefined, undefined>;
  return {
    kind: "tool",
    version: given.version ?? 1,
    description: given.description,
    owner: given.owner,
    budget: given.budget,
    input: given.input,
    output: given.output,
    capabilities: given.capabilities ?? [],
    examples: given.examples ?? [],
  };
}
