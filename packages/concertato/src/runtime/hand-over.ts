/**
 * What a call receives from its caller: the one place where an edge, the agent's own budget and the limits around the call
 * meet. Of all the smaller holds; an edge that asks for more than is around it is refused.
 */
import type { Limits } from "../journal/entry.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import { defaultDepth, narrowed, timed, widening } from "./edge.ts";
import { accountOf, ledgerOf } from "./ledger.ts";
import { innermost, type Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

/** Keeps what a call is handed over until it is launched. */
export function keepEdge(operation: Operation, edge: Limits | null, own: Limits | null): void {
  if (edge === null && own === null) return;
  if (operation.live) ledgerOf(operation.scope.run).edges.set(operation, { edge, own });
}

/**
 * The limits of a call that is about to be made; null when it has none of its own.
 * @param startedAt from when its time counts
 * @throws ConcertatoError `policy/edge-widens`
 */
export function handedOver(operation: Operation, startedAt: number): Limits | null {
  const { run } = operation.scope;
  const handed = run.ledger?.edges.get(operation);
  if (handed === undefined) return null;
  // A start that finds nothing to lend asks again.
  if (operation.verb !== "start") run.ledger?.edges.delete(operation);
  const { edge, own } = handed;
  if (edge !== null) assertNarrows(operation, edge);
  const limits = narrowed(edge, own);
  return limits === null ? null : timed(limits, startedAt);
}

function assertNarrows(operation: Operation, edge: Limits): void {
  const { run } = operation.scope;
  for (const { limits, path } of accountOf(run, innermost(operation)).budgets()) {
    const wide = widening(edge, limits);
    if (wide === undefined) continue;
    const given = String(edge[wide]);
    const around = String(limits[wide]);
    throw new ConcertatoError({
      code: "policy/edge-widens",
      message: `The call of ${operation.name} at ${operation.path} of run ${run.id} asks for ${wide} ${given}; ${path === "0" ? "the run" : `the call at ${path}`} around it has ${around}. Hand over at most what the caller has.`,
      details: { runId: run.id, path: operation.path, limit: wide, given, around, aroundPath: path },
    });
  }
}

/** @throws ConcertatoError `policy/depth-exceeded` where another level below this scope would be too deep */
export function assertDepth(operation: Operation): void {
  const allowed = depthLeft(operation.scope);
  if (allowed.left <= 0) throw tooDeep(operation, allowed.of);
}

/** Levels of calls that a scope may still have below it, and of how many in all. */
export function depthLeft(scope: Scope): { readonly left: number; readonly of: number } {
  let left = Number.POSITIVE_INFINITY;
  let of = defaultDepth;
  let below = 0;
  for (let around: Scope | undefined = scope; around !== undefined; around = around.operation?.scope) {
    const depth = depthOf(around);
    if (depth !== undefined && depth - below < left) {
      left = depth - below;
      of = depth;
    }
    below++;
  }
  return { left, of };
}

function depthOf(scope: Scope): number | undefined {
  if (scope.operation !== null) return scope.container?.account?.budget?.limits.depth;
  return scope.run.ledger?.root.budget?.limits.depth ?? defaultDepth;
}

/** A call that would go deeper than allowed. */
function tooDeep(operation: Operation, depth: number): ConcertatoError {
  const { scope, path, agent } = operation;
  return new ConcertatoError({
    code: "policy/depth-exceeded",
    message: `The call of ${agent} at ${path} of run ${scope.run.id} would go deeper than the ${depth} levels it was given. End the recursion earlier, or give the run a larger depth.`,
    details: { runId: scope.run.id, path, depth, reason: "depth" },
  });
}
