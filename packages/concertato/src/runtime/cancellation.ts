/** Giving up: losers of a race, turns that are over, scopes that ended, runs that were dropped. */
import type { Engine } from "./engine.ts";
import { usageMeta } from "./ledger.ts";
import { ensureStarted } from "./results.ts";
import { channelOf } from "./waits.ts";
import { innermost, type Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

/**
 * Gives up an operation and everything under it. Its attempt is told to stop and no longer heard.
 * @param write whether the journal must be told, so that a later wake does not take it up again
 */
export function cancelOperation(engine: Engine, operation: Operation, write: boolean): void {
  if (!operation.live) return;
  const { scope } = operation;
  const { run } = scope;
  operation.state = "cancelled";
  if (operation.attached && operation.awaited) scope.awaiting--;
  stopWork(operation);
  run.pending.delete(operation);
  if (operation.opened && operation.wait !== null) run.removeWait(channelOf(operation), operation);
  if (operation.child !== null) dropScope(engine, operation.child);
  if (operation.map !== null) dropItems(engine, operation);
  // What a loser had used by now is spent all the same; its stretch tells it where it has an end of its own.
  const usage = usageMeta(operation);
  if (write && usage !== "") ensureStarted(scope);
  if (write && (operation.recorded || usage !== "") && scope.seq > 0) {
    const agent = operation.agent === "" ? "" : `,"agent":${JSON.stringify(operation.agent)}`;
    run.write("op-cancelled", scope, {
      op: operation.key,
      name: operation.name,
      meta: `{"verb":"${operation.verb}"${agent}${usage}}`,
      operation,
      container: innermost(operation),
    });
  }
}

function stopWork(operation: Operation): void {
  if (operation.timer !== null) operation.timer.fire = null;
  operation.timer = null;
  const { running, scope } = operation;
  if (running === null) return;
  operation.running = null;
  scope.run.attempts--;
  running.abort(new Error("cancelled"));
}

function dropItems(engine: Engine, operation: Operation): void {
  if (operation.map !== null) operation.map.decided = true;
  for (const item of operation.scope.operations.values())
    if (item.itemOf === operation.map) cancelOperation(engine, item, false);
}

/** Forgets a scope that no longer counts, with all inside it. */
function dropScope(engine: Engine, scope: Scope): void {
  if (scope.dead) return;
  scope.dead = true;
  for (const controller of scope.controllers) controller.abort();
  engine.caughtUp(scope);
  for (const operation of scope.operations.values()) cancelOperation(engine, operation, false);
  scope.run.scopes.delete(scope.seq);
}

/** Ends a scope whose body has returned: what it left pending is given up; its end entry says so by itself. */
export function cancelScope(scope: Scope): void {
  if (scope.dead) return;
  dropScope(scope.run.engine, scope);
}
