/** `workflow()`: an agent written as code over ctx; it conducts others and survives every crash. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Agent, ConcurrencyLimit, StartRate } from "../runtime/agent.ts";
import { attemptLimits } from "../runtime/attempt-limits.ts";
import type { Budget } from "../runtime/edge.ts";
import type { Context } from "../runtime/context.ts";
import { assertName } from "./name.ts";

type InputOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferInput<Schema> : unknown;
type ParsedOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : unknown;

/** What a workflow does: code over ctx. */
export type WorkflowBody<Input, Result> = (input: ParsedOf<Input>, ctx: Context) => PromiseLike<Result> | Result;

export interface WorkflowOptions<
  Input extends StandardSchemaV1 | undefined,
  Output extends StandardSchemaV1 | undefined,
> {
  readonly name: string;
  readonly description?: string;
  /** Raise it when runs under way could not replay on the new code. Default 1. */
  readonly version?: number;
  /** The person who answers for it. */
  readonly owner?: string;
  readonly input?: Input;
  readonly output?: Output;
  /** What one call of it may use, with all inside; the edge of a call can make it smaller. */
  readonly budget?: Budget;
  /** Agents it calls: known to the app after a restart without running this body first. */
  readonly uses?: readonly Agent[];
  /**
   * At most so many attempts at the steps of its own body (`ctx.step`) at once, over all processes, or so many for each key
   * of its input. It holds nothing while it waits, and what it calls has limits of its own. Default: no limit.
   */
  readonly concurrency?: number | ConcurrencyLimit<ParsedOf<Input>>;
  /** At most so many attempts at its own steps begin in a period, over all processes. Default: no limit. */
  readonly rate?: StartRate<ParsedOf<Input>>;
  readonly capabilities?: readonly string[];
  readonly examples?: readonly string[];
}

/**
 * A workflow. Its body may await ctx and pure promises only; all other I/O lives in tools and steps.
 * @throws ConcertatoError `agent/name`, `agent/limits`, `runtime/duration`
 */
export function workflow<
  const Output extends StandardSchemaV1,
  const Input extends StandardSchemaV1 | undefined = undefined,
>(
  options: WorkflowOptions<Input, Output> & { readonly output: Output },
  body: WorkflowBody<Input, StandardSchemaV1.InferInput<Output>>,
): Agent<InputOf<Input>, StandardSchemaV1.InferOutput<Output>>;
/** Without an output schema, the output is what the body returns. */
export function workflow<Result, const Input extends StandardSchemaV1 | undefined = undefined>(
  options: WorkflowOptions<Input, undefined>,
  body: WorkflowBody<Input, Result>,
): Agent<InputOf<Input>, Result>;
export function workflow(
  options: WorkflowOptions<StandardSchemaV1 | undefined, StandardSchemaV1 | undefined>,
  body: WorkflowBody<StandardSchemaV1 | undefined, unknown>,
): Agent {
  assertName("workflow", options.name);
  return {
    kind: "workflow",
    name: options.name,
    version: options.version ?? 1,
    description: options.description ?? "",
    owner: options.owner,
    budget: options.budget,
    input: options.input,
    output: options.output,
    capabilities: options.capabilities ?? [],
    examples: options.examples ?? [],
    uses: options.uses ?? [],
    // The runtime hands the body what the input schema parsed, and returns what the output schema made of its result.
    body: { type: "code", run: body, limits: attemptLimits(options.name, options.concurrency, options.rate) },
  };
}
