/**
 * From an entry to the body that goes on with it. What came from outside is delivered when it is committed. The end of a
 * loop's turn or of a nested body tells nothing new: it follows from what was delivered before, and a replay comes to the
 * same. Where nothing stands between, the body goes on with it at once, and both are committed together. Crash before
 * that commit: the turn or body is replayed from the entries it had and ends in the same way.
 */
import { appended } from "../kernel/short-list.ts";
import { countUndone } from "./compensation.ts";
import type { Engine } from "./engine.ts";
import { sendEnded } from "./mail-sending.ts";
import { itemEnded } from "./map-execution.ts";
import type { LiveRun, Written } from "./live-run.ts";
import type { Operation } from "./operation.ts";
import { stateEnded } from "./state-access.ts";

/**
 * Whether the next entry of a run would come right behind what its bodies have seen. Asked before it is written: entries on
 * their way to the store are delivered first, in the order of the journal. A run that
 * follows a recorded one keeps to that, and one that undoes waits for every commit.
 */
export function comesNext(run: LiveRun): boolean {
  return run.out.length === 0 && !run.committing && run.direction === null && run.undoings.size === 0;
}

/** Hands a committed end to whom it concerns: the map it is an item of, or the body that awaits it. */
export function deliver(engine: Engine, operation: Operation, written: Written): void {
  if (operation.state === "cancelled") return;
  if (operation.scope.run.undoings.size > 0) countUndone(operation);
  operation.state = "done";
  if (operation.sending !== null) sendEnded(engine, operation);
  if (operation.verb === "state") stateEnded(engine, operation);
  operation.child = null;
  operation.map = null;
  if (operation.itemOf !== null) return itemEnded(engine, operation, written.failed, written.text);
  const { scope } = operation;
  scope.log = appended(scope.log, {
    operation,
    kind: "result",
    failed: written.failed,
    text: written.text,
    at: written.stored.at,
    seq: written.stored.seq,
  });
  engine.enqueue(scope);
}

/** Hands a loop the end of its turn, to begin the next. */
export function deliverTurn(engine: Engine, operation: Operation, written: Written): void {
  const { scope } = operation;
  if (operation.state === "cancelled") return;
  // Earlier turns are over: nothing of them is needed again.
  const prefix = `${operation.key}/`;
  for (const key of scope.operations.keys()) if (key.startsWith(prefix)) scope.operations.delete(key);
  scope.log = appended(scope.log, {
    operation,
    kind: "turn",
    failed: false,
    text: written.text,
    at: written.stored.at,
    seq: written.stored.seq,
  });
  engine.enqueue(scope);
}
