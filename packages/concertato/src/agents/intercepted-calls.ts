/** Lets an app stand between tools and the world: a test that records what they do, or plays it back. */
import type { AttemptContext } from "../runtime/agent.ts";

/** Under this name an app offers to take calls of tools. */
export const toolCallsService = "concertato.tool-calls";

/** One attempt of a tool. */
export interface ToolCall {
  readonly tool: string;
  /** Parsed. */
  readonly input: unknown;
  /** The same for every attempt of the same call. */
  readonly idempotencyKey: string;
  readonly attempt: number;
}

/** Takes calls of tools. */
export interface ToolCalls {
  /** @param real does what the tool does */
  call(call: ToolCall, real: () => unknown): PromiseLike<unknown>;
}

/** A tool's function, which an app may stand before. */
export function interceptable<Input, Output>(
  tool: string,
  execute: (input: Input, attempt: AttemptContext) => Output | PromiseLike<Output>,
): (input: Input, attempt: AttemptContext) => Output | PromiseLike<Output> {
  return (input, attempt) => {
    const calls = attempt.service<ToolCalls>(toolCallsService);
    if (calls === undefined) return execute(input, attempt);
    const call = { tool, input, idempotencyKey: attempt.idempotencyKey, attempt: attempt.attempt };
    // What is played back is what the same tool gave; its output schema looks at it as at any other.
    return calls.call(call, () => execute(input, attempt)) as PromiseLike<Output>;
  };
}
