/** Writes an end that another journal has: nothing was done for it here. */
import type { RecordedEnd } from "../journal/recording.ts";
import { innermost, type Operation } from "./operation.ts";
import { ensureStarted, writeResult } from "./results.ts";
import { channelOf } from "./waits.ts";

export function writeRecorded(operation: Operation, end: RecordedEnd): void {
  const { scope } = operation;
  if (operation.opened && operation.verb !== "sleep" && operation.verb !== "until")
    scope.run.removeWait(channelOf(operation), operation);
  if (operation.verb !== "start" || end.failed)
    return writeResult(operation, end.failed, end.text, 0, `,"recorded":${end.seq}`);
  ensureStarted(scope);
  scope.run.write("child-started", scope, {
    op: operation.key,
    name: operation.name,
    meta: `{"verb":"start","agent":${JSON.stringify(operation.agent)},"recorded":${end.seq}}`,
    text: end.text,
    operation,
    container: innermost(operation),
  });
}
