/**
 * `handoff()`: one agent gives the work to a peer and is done with it. To a model it looks like a tool; calling it ends
 * the model's own turn, and the peer's output is the output. The payload is checked before the peer sees it.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Agent } from "../runtime/agent.ts";
import type { Edge } from "../runtime/edge.ts";
import { delegate } from "./delegate.ts";

export interface HandoffOptions<Pass extends StandardSchemaV1 | undefined> extends Edge {
  /** What is handed over. Default: the peer's own input. */
  readonly pass?: Pass;
  /** When to hand over, for the model. Default: the peer's description. */
  readonly when?: string;
}

/** A peer that work can be handed to. */
export interface Handoff extends Agent {
  readonly handsOff: true;
}

/**
 * A peer, for the `tools` of an agent. Levels of calls are limited (32, or what the edge says), so agents that hand the
 * same work to each other for ever are stopped.
 */
export function handoff<Input, Output, const Pass extends StandardSchemaV1 | undefined = undefined>(
  peer: Agent<Input, Output>,
  options: HandoffOptions<Pass> = {},
): Handoff {
  const { when, ...edge } = options;
  const description = `Hands the work over to ${peer.name} for good: ${when ?? peer.description}`;
  const narrowed = delegate(peer, { ...edge, name: `handoff-to-${peer.name}`, description });
  return { ...(narrowed as Agent), handsOff: true };
}

/** Whether calling an agent ends the caller's own work. */
export function handsOff(agent: Agent): agent is Handoff {
  return "handsOff" in agent && agent.handsOff === true;
}
