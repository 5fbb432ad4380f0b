/** Binds an operation to the agent it calls: validators and constant texts are made once per agent. */
import { type Agent, agentId } from "./agent.ts";
import type { Limits } from "../journal/entry.ts";
import { limitsOf } from "./edge.ts";
import type { Operation, Wait, Work } from "./operation.ts";
import { type Validator, validator } from "./validation.ts";

/** What the runtime needs of an agent, prepared. */
export interface BoundAgent {
  readonly id: string;
  readonly input: Validator | undefined;
  readonly output: Validator | undefined;
  readonly work: Work | null;
  readonly wait: Wait | null;
  /** Its own budget. */
  readonly limits: Limits | null;
}

const bound = new WeakMap<Agent, BoundAgent>();

/** The prepared form of an agent. */
export function boundAgent(agent: Agent): BoundAgent {
  const known = bound.get(agent);
  if (known) return known;
  const { body, kind, name } = agent;
  const id = agentId(agent);
  const input = validator(agent.input, `input of ${kind} ${name}`, "agent/input-invalid");
  const output = validator(agent.output, `output of ${kind} ${name}`, "agent/output-invalid");
  const owner = agent.owner === undefined ? "" : `,"agentOwner":${JSON.stringify(agent.owner)}`;
  const metaHead = `{"verb":"run","agent":${JSON.stringify(id)}${owner},"effect":"${body.type === "leaf" ? body.effect : ""}"`;
  const made: BoundAgent = {
    id,
    input,
    output,
    work:
      body.type === "leaf"
        ? {
            leaf: body,
            input,
            output,
            metaHead,
            meta: `${metaHead}}`,
          }
        : null,
    limits: limitsOf(agent.budget === undefined ? undefined : { budget: agent.budget }, `${kind} ${name}`),
    wait:
      body.type === "wait"
        ? { kind: "answer", validate: output, withinMs: body.withinMs, onTimeout: body.onTimeout as Wait["onTimeout"] }
        : null,
  };
  bound.set(agent, made);
  return made;
}

/** Gives an operation the means to run its agent. */
export function bindAgent(operation: Operation, agent: Agent, bound: BoundAgent = boundAgent(agent)): void {
  const { work, wait } = bound;
  operation.work = work;
  operation.wait = wait;
  operation.target = agent;
}
