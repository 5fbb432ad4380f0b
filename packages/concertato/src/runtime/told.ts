/** What a body tells: events for subscribers and log lines. An entry at once, in the place where it was said; nothing is awaited. */
import { innermost, type Operation } from "./operation.ts";
import { ensureStarted } from "./results.ts";

/**
 * Records what was told, unless the journal has it. Crash before its commit: nothing after it was committed either, and
 * the body tells it again.
 */
export function tell(operation: Operation, text: string | null): void {
  const { scope, verb } = operation;
  scope.operations.delete(operation.key);
  if (operation.state === "done") return;
  operation.state = "done";
  ensureStarted(scope);
  scope.run.write("emitted", scope, {
    op: operation.key,
    name: operation.name,
    meta: `{"verb":"${verb}"}`,
    text,
    operation,
    container: innermost(operation),
  });
}
