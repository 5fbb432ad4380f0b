/** What a model must be granted to choose a pattern: see `runtime/tool-grant.ts`. */
import type { Agent } from "../runtime/agent.ts";

/**
 * The name of a pattern, where it leads to a workflow: code that acts by itself is a tool to a model, and stays one behind a
 * pattern. Undefined where it leads to tools and agents alone, which are asked about when they are called.
 */
export function patternGrant(name: string, members: readonly Agent[]): string | undefined {
  return members.some(leadsToWorkflow) ? name : undefined;
}

function leadsToWorkflow({ kind, grantedAs }: Agent): boolean {
  return kind === "workflow" || (kind === "pattern" && grantedAs !== undefined);
}
