/**
 * Why an agent may, or may not, use a tool: the edges on the way to it, from whoever started the first run, with what each
 * handed over. It reads what the journals say and decides by the same rule as the call itself (`runtime/tool-grant.ts`).
 */
import type { Limits } from "../journal/entry.ts";
import { permits } from "../journal/limits.ts";

/** One edge on the way: somebody called somebody. */
export interface GrantedEdge {
  readonly runId: string;
  /** Address of the call in its run; "0" is the run's own body. */
  readonly path: string;
  /** `name@version` of who was called. */
  readonly agent: string;
  /** `name@version` of the caller; of the first run, who started it, where its journal says. */
  readonly by?: string;
  /** The tools that it handed over; absent where it left them as they were. */
  readonly tools?: readonly string[];
  /** Whether it leaves the tool. */
  readonly grants: boolean;
}

/** Whether a tool may be used at a place, and who decided it. */
export interface GrantExplanation {
  readonly runId: string;
  readonly path: string;
  /** `name@version` of who would use it. */
  readonly agent: string;
  readonly tool: string;
  readonly allowed: boolean;
  /** In a sentence. */
  readonly why: string;
  /** From the outermost to the place itself. */
  readonly edges: readonly GrantedEdge[];
}

/** A place on the way, as a journal tells it. */
export interface Place {
  readonly runId: string;
  readonly path: string;
  readonly agent: string;
  readonly by?: string | undefined;
  readonly limits?: Limits | undefined;
}

/** @param places from the outermost; the last is where the tool would be used */
export function explainGrant(places: readonly Place[], last: Place, tool: string): GrantExplanation {
  const edges = places.map((place) => edgeOf(place, tool));
  const { runId, path, agent } = last;
  // Every edge inside hands over less, so the first one that leaves the tool out took it away.
  const denying = edges.find(({ grants }) => !grants);
  const granting = edges.findLast(({ tools }) => tools !== undefined);
  const why = denying === undefined ? whyAllowed(last, tool, granting) : whyDenied(last, tool, denying);
  return { runId, path, agent, tool, allowed: denying === undefined, why, edges };
}

function edgeOf({ runId, path, agent, by, limits = {} }: Place, tool: string): GrantedEdge {
  const { tools } = limits;
  return {
    runId,
    path,
    agent,
    ...(by === undefined ? {} : { by }),
    ...(tools === undefined ? {} : { tools }),
    grants: permits(limits, tool),
  };
}

function whyAllowed({ agent }: Place, tool: string, granting: GrantedEdge | undefined): string {
  if (granting === undefined) return `${agent} may use ${tool}: no edge on the way to it limits tools.`;
  return `${agent} may use ${tool}: ${giver(granting)} granted it, and nothing around it took it away.`;
}

function whyDenied({ agent }: Place, tool: string, denying: GrantedEdge): string {
  const { tools = [] } = denying;
  const granted = tools.length === 0 ? "no tools" : `only ${tools.join(", ")}`;
  return `${agent} may not use ${tool}: ${giver(denying)} granted ${granted}.`;
}

function giver({ by, path, agent, runId }: GrantedEdge): string {
  if (path === "0") return `${by ?? "whoever started it"}, starting ${agent} as run ${runId},`;
  return `${by ?? "its caller"}, calling ${agent} at ${path} of run ${runId},`;
}
