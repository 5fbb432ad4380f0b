/** Giving up: losers of a race, turns that are over, scopes that ended, runs that were dropped. */
import type { Engine } from "./engine.ts";
import { usageMeta } from "./ledger.ts";
import { chainUnder, compensationKey, handUp, undoesUnder, undoesWithin, undoMeta } from "./compensation-chain.ts";
import { Container } from "./container.ts";
import { ensureStarted } from "./results.ts";
import { releaseUnder } from "./holding.ts";
import { sendEnded } from "./mail-sending.ts";
import { stateEnded } from "./state-access.ts";
import { closeWait } from "./waits.ts";
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
  const chain = write && run.compensates ? chainUnder(operation) : null;
  // What is being undone inside goes on: a replay must read it, whatever ends around it.
  if (run.undoings.size > 0 && !run.dead && undoesUnder(operation)) Container.pin(innermost(operation));
  operation.state = "cancelled";
  if (operation.attached && operation.awaited) scope.awaiting--;
  cancelAttempt(operation);
  run.pending.delete(operation);
  if (operation.opened && operation.wait !== null) closeWait(operation);
  if (operation.sending !== null) sendEnded(engine, operation);
  if (operation.verb === "state") stateEnded(engine, operation);
  if (operation.child !== null) dropScope(engine, operation.child);
  if (operation.map !== null) dropItems(engine, operation);
  // What a loser had used by now is spent all the same; its stretch tells it where it has an end of its own.
  const usage = usageMeta(operation);
  if (write && usage !== "") ensureStarted(scope);
  if (write && (operation.recorded || usage !== "") && scope.seq > 0) {
    const agent = operation.agent === "" ? "" : `,"agent":${JSON.stringify(operation.agent)}`;
    const undo = chain === null || chain.count === 0 ? "" : undoMeta(handUp(scope, chain, run.nextSeq + 1));
    run.write("op-cancelled", scope, {
      op: operation.key,
      name: operation.name,
      meta: `{"verb":"${operation.verb}"${agent}${usage}${undo}}`,
      operation,
      container: innermost(operation),
    });
  }
}

/** Tells the attempt under way to stop; nothing it answers is heard. */
export function cancelAttempt(operation: Operation): void {
  if (operation.timer !== null) operation.timer.fire = null;
  operation.timer = null;
  const { running, scope } = operation;
  if (operation.pass !== null) scope.run.engine.gate.leave(operation);
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
  const { run } = scope;
  if (run.undoings.size > 0 && !run.dead && !run.finished && undoesWithin(scope)) return silence(engine, scope);
  scope.dead = true;
  releaseUnder(scope, "");
  if (!engine.pauses.none) engine.pauses.forget(scope);
  for (const controller of scope.controllers) controller.abort();
  engine.caughtUp(scope);
  for (const operation of scope.operations.values()) cancelOperation(engine, operation, false);
  scope.run.scopes.delete(scope.seq);
}

/** Gives up all that goes on in a scope, its body included, except undoing: that goes on whatever becomes of its caller. */
export function silence(engine: Engine, scope: Scope): void {
  scope.frame = "settled";
  scope.settled = null;
  scope.deferred = null;
  for (const controller of scope.controllers) controller.abort();
  engine.caughtUp(scope);
  for (const operation of scope.operations.values())
    if (operation.live && operation.key !== compensationKey) cancelOperation(engine, operation, false);
}

/** Ends a scope whose body has returned: what it left pending is given up; its end entry says so by itself. */
export function cancelScope(scope: Scope): void {
  if (scope.dead) return;
  dropScope(scope.run.engine, scope);
}
