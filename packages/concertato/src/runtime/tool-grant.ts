/**
 * Which tools a call may use. Every call passes here before it begins, whoever chose it (code, a model, a delegation, a
 * hand-off, a map, a run started by another, a compensation), and nothing else decides: what the edges around the caller
 * left is what it may call. A refusal is the call's result, so it stands in the journal.
 *
 * A tool is what acts on the outside world: `tool()` and `remote()`; and a workflow where a model chooses it. Agents, people
 * and patterns are no tools: whatever they call is asked about in its turn. (Data labels, when they come, are decided here.)
 */
import { ConcertatoError } from "../kernel/errors.ts";
import type { Limits } from "../journal/entry.ts";
import { commonTools, permits } from "../journal/limits.ts";
import type { Agent } from "./agent.ts";
import { grantName } from "./edge.ts";
import type { Engine } from "./engine.ts";
import { accountOf } from "./ledger.ts";
import { innermost, type Operation } from "./operation.ts";
import type { Container } from "./container.ts";
import type { Scope } from "./scope.ts";

/** Why an operation may not begin; undefined when it may. */
export function refusedTool(engine: Engine, operation: Operation): ConcertatoError | undefined {
  const { scope, state } = operation;
  if (scope.run.ledger?.narrows !== true || state !== "issued") return undefined;
  const tool = neededTool(engine, operation);
  if (tool === undefined) return undefined;
  const denying = denyingLimits(scope, innermost(operation), tool);
  return denying === undefined ? undefined : denied(scope, operation.path, operation.name, tool, denying);
}

/**
 * For a run that goes on as another agent.
 * @throws ConcertatoError `policy/grant-denied`
 */
export function assertGranted(scope: Scope, target: Agent): void {
  if (scope.run.ledger?.narrows !== true || target === scope.agent) return;
  const tool = toolOf(target, scope);
  const denying = tool === undefined ? undefined : denyingLimits(scope, scope.container, tool);
  if (tool !== undefined && denying !== undefined) throw denied(scope, scope.path, target.name, tool, denying);
}

/** Whether a body may call an agent: what a model is offered. */
export function mayUse(scope: Scope, container: Container | null, agent: Agent): boolean {
  if (scope.run.ledger?.narrows !== true) return true;
  const tool = toolOf(agent, scope);
  return tool === undefined || denyingLimits(scope, container, tool) === undefined;
}

/** The tools that a body may use; undefined when all. */
export function toolsAround(scope: Scope, container: Container | null): readonly string[] | undefined {
  if (scope.run.ledger?.narrows !== true) return undefined;
  return accountOf(scope.run, container)
    .budgets()
    .reduce<readonly string[] | undefined>((tools, { limits }) => commonTools(tools, limits.tools), undefined);
}

/** The grant that a call needs; undefined when it needs none. */
function neededTool(engine: Engine, operation: Operation): string | undefined {
  const { verb, scope, agent } = operation;
  if (verb !== "run" && verb !== "map" && verb !== "start" && verb !== "compensate") return undefined;
  const target = operation.target ?? operation.map?.agent ?? engine.agent(agent);
  // Nobody can say what it is: it is treated with the most care.
  if (target === undefined) return agent.slice(0, agent.lastIndexOf("@"));
  // A run started as this tool: whoever started it was asked.
  if (operation.parsed && scope.operation === null && scope.agent === target) return undefined;
  return toolOf(target, scope);
}

function toolOf(target: Agent, { agent: caller }: Scope): string | undefined {
  const name = grantName(target);
  switch (target.kind) {
    case "tool":
      // Its guard was granted, or this would not run.
      return caller?.kind === "tool" && caller.name === target.grantedAs ? undefined : name;
    case "remote":
      return name;
    case "workflow":
      return isModel(caller) ? name : undefined;
    case "pattern":
      return isModel(caller) ? target.grantedAs : undefined;
    case "agent":
    case "human":
      return undefined;
  }
}

/** Its calls are chosen by a model. A caller that this process does not know may be one. */
function isModel(caller: Agent | undefined): boolean {
  return caller === undefined || caller.kind === "agent";
}

interface Denying {
  readonly path: string;
  readonly limits: Limits;
}

/** The outermost limits that leave a tool out: those inside it can only have less. */
function denyingLimits(scope: Scope, container: Container | null, tool: string): Denying | undefined {
  return accountOf(scope.run, container)
    .budgets()
    .findLast(({ limits }) => !permits(limits, tool));
}

function denied(
  scope: Scope,
  path: string,
  called: string,
  tool: string,
  { path: edge, limits }: Denying,
): ConcertatoError {
  const tools = limits.tools ?? [];
  const granted = tools.length === 0 ? "no tools" : tools.join(", ");
  const whose = edge === "0" ? `the run was started with` : `the call at ${edge} handed over`;
  return new ConcertatoError({
    code: "policy/grant-denied",
    message: `${scope.agentId} at ${scope.path} of run ${scope.run.id} may not use ${tool}: ${whose} ${granted}. Grant ${tool} on that edge, or do without it.`,
    details: { runId: scope.run.id, path, tool, called, edge, granted: tools },
  });
}
