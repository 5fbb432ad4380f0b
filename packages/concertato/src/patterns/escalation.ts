/**
 * `escalation()`: agents in the order in which they are asked; each takes over where the one before has failed for good,
 * and a person at last, who is told what went wrong.
 *
 *   first ──failed──▶ backup ──failed──▶ … ──failed──▶ the person, with a report
 */
import type { Json } from "../kernel/json.ts";
import { assertName } from "../agents/name.ts";
import { patternGrant } from "../agents/pattern-grant.ts";
import { type EscalationReport, inTurn, tellTakeOver } from "../agents/take-over.ts";
import { unparsed } from "../agents/unparsed-schema.ts";
import type { Agent } from "../runtime/agent.ts";
import type { Budget } from "../runtime/edge.ts";
import { invalidPattern } from "./invalid-pattern.ts";

export interface EscalationOptions<Input, Output> {
  readonly name: string;
  readonly description?: string;
  /** Raise it when its meaning changes. Default 1. */
  readonly version?: number;
  /** The person who answers for it. */
  readonly owner?: string;
  /** Who is asked, first to last. */
  readonly agents: readonly Agent<Input, Output>[];
  /**
   * Asked when all have failed, with an `EscalationReport`; mostly a `human`, whose output stands for theirs. Default: the
   * last failure is the failure of the whole.
   */
  readonly onFailure?: Agent<EscalationReport, NoInfer<Output>>;
  /** What one call of it may use, with all that are asked. */
  readonly budget?: Budget;
  readonly capabilities?: readonly string[];
  readonly examples?: readonly string[];
}

/**
 * A row of agents that stand in for each other. What lies in the question (an input that does not fit), in a person's word
 * (a refusal) or in the program is no reason to ask another: it fails at once.
 * @throws ConcertatoError `agent/name`, `pattern/invalid` without agents
 * @example
 * const fees = escalation({ name: "fees-desk", agents: [specialist, byRules], onFailure: manager });
 */
export function escalation<Input, Output>(options: EscalationOptions<Input, Output>): Agent<Input, Output> {
  const { name, onFailure } = options;
  assertName("escalation", name);
  const [first, ...others] = options.agents as readonly Agent<unknown, Output>[];
  if (first === undefined) throw invalidPattern(name, "it has no agents");
  const row = [first, ...others, ...(onFailure === undefined ? [] : [onFailure])];
  const uses = [...new Set(row)] as readonly Agent[];
  const made: Agent<unknown> = {
    kind: "pattern",
    name,
    version: options.version ?? 1,
    description: options.description ?? first.description,
    owner: options.owner,
    input: unparsed(first.input),
    output: undefined,
    capabilities: options.capabilities ?? first.capabilities,
    examples: options.examples ?? first.examples,
    budget: options.budget,
    revision: 1,
    grantedAs: patternGrant(name, uses),
    uses,
    body: {
      type: "code",
      run: async (question, ctx) => {
        const end = await inTurn([first, ...others], question, ctx);
        if (end.done) return end.output;
        if (onFailure === undefined) throw end.last;
        tellTakeOver(end.failures, onFailure, ctx);
        return ctx.run(onFailure, { question: question as Json, failures: end.failures });
      },
    },
  };
  // The schemas of those who are asked stand behind both ends.
  return made as Agent<Input, Output>;
}
