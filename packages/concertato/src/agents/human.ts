/** `human()`: a person as an agent. A call opens a question and waits, for as long as it takes, at no cost. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { durationMs } from "../kernel/duration.ts";
import type { Agent, WaitBody } from "../runtime/agent.ts";
import type { Duration } from "../runtime/context.ts";
import { assertName } from "./name.ts";

export interface HumanOptions<Output extends StandardSchemaV1> {
  /** Who is asked: a role or a person. */
  readonly name: string;
  readonly description?: string;
  readonly version?: number;
  /** What an answer must look like; others are refused and the question stays open. */
  readonly output: Output;
  /** How long to wait. Default: for ever. */
  readonly within?: Duration;
  /** The answer when nobody gave one in time. Default: the failure `agent/timeout`. */
  readonly onTimeout?: (request: unknown) => StandardSchemaV1.InferInput<Output>;
}

/** A person. The question is the input, shown as it is; the answer comes through `app.answer` or a face of it. */
export function human<const Output extends StandardSchemaV1>(
  options: HumanOptions<Output>,
): Agent<unknown, StandardSchemaV1.InferOutput<Output>> {
  assertName("human", options.name);
  const body: WaitBody<unknown, StandardSchemaV1.InferInput<Output>> = {
    type: "wait",
    withinMs: options.within === undefined ? undefined : durationMs(options.within),
    onTimeout: options.onTimeout,
  };
  return {
    kind: "human",
    name: options.name,
    version: options.version ?? 1,
    description: options.description ?? "",
    output: options.output,
    capabilities: [],
    examples: [],
    uses: [],
    body,
  };
}
