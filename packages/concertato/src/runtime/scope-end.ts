/** How a scope ends: one entry that supersedes everything inside it. The run's own body ends the run. */
import { toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { FinalStatus } from "../journal/entry.ts";
import { usageOf } from "./ledger.ts";
import { cancelScope } from "./cancellation.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./live-run.ts";
import { metaText, type Operation } from "./operation.ts";
import { ensureStarted, inputLine } from "./results.ts";
import type { Scope } from "./scope.ts";
import { boundAgent } from "./work.ts";

/** A body has returned or thrown: its output is checked, and its end is written. */
export function endScope(engine: Engine, scope: Scope): void {
  const { settled } = scope;
  const left = scope.takeDelivery();
  if (left !== undefined && !left.operation.attached)
    return engine.diverged(scope, left.operation, "the end of the body");
  if (settled === null) return;
  const untold = scope.told ? firstUntold(scope) : undefined;
  if (untold !== undefined) return engine.diverged(scope, untold, "the end of the body");
  engine.caughtUp(scope);
  // What the others took up may have given this one up: a join that was due when the process died.
  if (scope.dead) return;
  if (settled.failed) return writeEnd(scope, true, failureText(settled.error, scope.path));
  const output = scope.agent?.body.type === "code" ? boundAgent(scope.agent).output : undefined;
  try {
    const checked = output === undefined ? settled.value : output(settled.value);
    if (checked instanceof Promise) return endLater(engine, scope, checked);
    writeEnd(scope, false, encodeJson(checked, `output of ${scope.agentId}`));
  } catch (error) {
    writeEnd(scope, true, failureText(error, scope.path));
  }
}

/** What the journal has as told and the body no longer tells. */
function firstUntold(scope: Scope): Operation | undefined {
  for (const operation of scope.operations.values()) {
    if (!operation.attached && (operation.verb === "emit" || operation.verb === "log")) return operation;
  }
  return undefined;
}

/** The output schema answers later; until then the run is at work. */
function endLater(engine: Engine, scope: Scope, checking: Promise<unknown>): void {
  const { run } = scope;
  run.attempts++;
  const end = (failed: boolean, text: () => string | null) => {
    if (engine.stopped || run.dead) return;
    run.attempts--;
    if (scope.dead) return;
    try {
      writeEnd(scope, failed, text());
    } catch (error) {
      writeEnd(scope, true, failureText(error, scope.path));
    }
  };
  checking.then(
    (value) => end(false, () => encodeJson(value, `output of ${scope.agentId}`)),
    (error: unknown) => end(true, () => failureText(error, scope.path)),
  );
}

function writeEnd(scope: Scope, failed: boolean, text: string | null): void {
  const { operation, run } = scope;
  cancelScope(scope);
  if (operation === null) return endRun(run, failed ? "failed" : "completed", text);
  if (run.direction !== null && isHeld(scope, operation, failed, text)) return;
  writeScopeEnd(scope, operation, failed, text);
}

function isHeld(scope: Scope, operation: Operation, failed: boolean, text: string | null): boolean {
  const write = (asFailed: boolean, asText: string | null) => writeScopeEnd(scope, operation, asFailed, asText);
  return scope.run.direction?.holdsEnd(operation, failed, text, write) === true;
}

function writeScopeEnd(scope: Scope, operation: Operation, failed: boolean, text: string | null): void {
  const { run } = scope;
  const { scope: parent } = operation;
  if (!operation.live) return;
  ensureStarted(parent);
  const written = scope.seq > 0;
  const end = run.nextSeq + 1;
  run.write("scope-ended", parent, {
    op: operation.key,
    name: operation.name,
    meta: metaText({
      verb: "run",
      agent: operation.agent,
      ...(failed ? { failed: true } : {}),
      ...usageOf(scope.container?.account),
    }),
    text,
    inputText: written || operation.itemOf !== null ? null : inputLine(operation),
    failed,
    operation,
    container: operation.itemOf === null ? operation.container : operation.itemOf.container,
    jump: written ? (scope.container?.jumpFrom(end) ?? null) : null,
  });
}

/** Writes the last entry of a run, and tells the run that started it. */
export function endRun(run: LiveRun, status: FinalStatus, text: string | null): void {
  if (run.finished) return;
  run.finished = true;
  for (const scope of run.scopes.values()) cancelScope(scope);
  const failed = status !== "completed";
  const written = run.write("run-ended", run.root, {
    meta: metaText({ status, ...(failed ? { failed: true } : {}), ...usageOf(run.ledger?.root) }),
    text,
    failed,
  });
  const code = failed ? ((decodeJson(text) as { code?: string } | undefined)?.code ?? null) : null;
  const note = { ...(code === null ? {} : { failure: code }), ...usageOf(run.ledger?.root) };
  run.finalPatch = {
    status,
    note: Object.keys(note).length === 0 ? null : JSON.stringify(note),
    parked: false,
    at: written.stored.at,
  };
  if (run.parent !== null) {
    const body = text === null ? `{"failed":${failed}}` : `{"failed":${failed},"body":${text}}`;
    const row = {
      sender: run.id,
      n: 1,
      kind: "child-ended",
      name: run.id,
      body: run.engine.codec.seal(run.tenant, run.parent, body),
      at: written.stored.at,
    } as const;
    run.sends.push({ to: run.parent, row });
  }
}

function failureText(error: unknown, path: string): string {
  return JSON.stringify(toFailureRecord(error, path));
}
