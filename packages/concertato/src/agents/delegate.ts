/**
 * `delegate()`: an agent as another may call it, with less: only what a schema lets pass, fewer tools, a smaller budget,
 * a nearer deadline. The call returns to its caller; `handoff` does not.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Agent } from "../runtime/agent.ts";
import { type Edge, grantName } from "../runtime/edge.ts";
import { assertName } from "./name.ts";
import { unparsed } from "./unparsed-schema.ts";

export interface DelegateOptions<Pass extends StandardSchemaV1 | undefined> extends Edge {
  /** What crosses: an object schema of a library that drops unknown fields drops them here. Default: the agent's own input. */
  readonly pass?: Pass;
  /** What the caller knows it by. Default: the agent's name. */
  readonly name?: string;
  /** Shown to models that may call it. Default: the agent's own. */
  readonly description?: string;
}

type PassOf<Pass, Input> = Pass extends StandardSchemaV1 ? StandardSchemaV1.InferInput<Pass> : Input;

/**
 * An agent with a narrower edge. What is not narrowed stays as it is.
 * @throws ConcertatoError `agent/name`; a call that would widen what its caller has fails with `policy/edge-widens`
 * @example
 * const lead = agent({ …, tools: [delegate(legal, { pass: Clause, tools: [readDocs], budget: { usd: 0.5 } })] });
 */
export function delegate<Input, Output, const Pass extends StandardSchemaV1 | undefined = undefined>(
  target: Agent<Input, Output>,
  options: DelegateOptions<Pass> = {},
): Agent<PassOf<Pass, Input>, Output> {
  const { pass, name = `${target.name}.delegate`, description = target.description, ...edge } = options;
  assertName("delegate", name);
  const made: Agent<unknown> = {
    kind: "pattern",
    name,
    version: target.version,
    description,
    owner: target.owner,
    input: pass ?? unparsed(target.input),
    output: undefined,
    capabilities: target.capabilities,
    examples: target.examples,
    // A model that chooses it chooses what it leads to.
    grantedAs: isTool(target as Agent) ? grantName(target as Agent) : target.grantedAs,
    uses: [target as Agent],
    body: { type: "code", run: (input, ctx) => ctx.run(target as Agent<unknown, unknown>, input, edge) },
  };
  // The target's own schema stands behind the output, and the schema of `pass` behind the input.
  return made as Agent<PassOf<Pass, Input>, Output>;
}

function isTool({ kind }: Agent): boolean {
  return kind === "tool" || kind === "remote" || kind === "workflow";
}
