/**
 * How a scope ends: one entry that supersedes everything inside it. The run's own body ends the run.
 * What was registered to be undone is undone before a failure is written; see `compensation.ts`.
 */
import { type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { CompensationChain, FinalStatus } from "../journal/entry.ts";
import { usageOf } from "./ledger.ts";
import { settlementOf } from "./slice.ts";
import { stopReasonOf } from "../journal/stop-codes.ts";
import { cancelOperation, cancelScope } from "./cancellation.ts";
import { beginCompensation, callCompensation, compensatedFailure } from "./compensation.ts";
import {
  chainOf,
  compensationKey,
  emptyChain,
  handUp,
  undoesInside,
  undoesWithin,
  undoneBy,
} from "./compensation-chain.ts";
import { continueRun } from "./continuation.ts";
import { comesNext, deliver } from "./delivery.ts";
import { childrenCancel } from "./children.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./live-run.ts";
import { metaText, type Operation, revisionMeta } from "./operation.ts";
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
  if (scope.run.continuation !== null && scope.operation === null) return writeEnd(scope, false, null);
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
    if (scope.dead || scope.settled === null) return engine.settled(run);
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
  const undone = run.undoings.size === 0 ? null : undoneBy(scope);
  let chain = emptyChain;
  if (run.compensates && undone === null) {
    chain = chainOf(scope);
    if (failed && chain.count > 0) return undoScope(scope, text, chain);
    if (undoesWithin(scope)) return defer(scope, failed, text);
  }
  if (operation === null && run.continuation !== null) return continueRun(run, run.continuation, chain);
  cancelScope(scope);
  if (operation === null) return endRun(run, failed ? failedStatus(text) : "completed", text);
  if (run.direction !== null && isHeld(scope, operation, failed, text, chain)) return;
  endNested(scope, operation, failed, text, chain);
}

/** It has failed: what is registered in it is undone, and then it ends with its failure. */
function undoScope(scope: Scope, text: string | null, chain: CompensationChain): void {
  const { engine, direction } = scope.run;
  if (direction?.holdsUndo?.(scope) === true) return;
  const failure = direction?.failureOf === undefined ? text : direction.failureOf(scope, text);
  beginCompensation(engine, scope, failedStatus(failure), failure, chain);
}

function isHeld(
  scope: Scope,
  operation: Operation,
  failed: boolean,
  text: string | null,
  chain: CompensationChain,
): boolean {
  const write = (asFailed: boolean, asText: string | null) => endNested(scope, operation, asFailed, asText, chain);
  return scope.run.direction?.holdsEnd(operation, failed, text, write) === true;
}

function endNested(
  scope: Scope,
  operation: Operation,
  failed: boolean,
  text: string | null,
  chain: CompensationChain,
): void {
  if (!operation.live) return;
  const undone = scope.run.undoings.size === 0 ? null : undoneBy(scope);
  writeScopeEnd(scope, operation, failed, text, chain);
  // In the same commit: a crash finds both or neither.
  if (undone !== null) endCompensated(undone, failed, text);
}

function writeScopeEnd(
  scope: Scope,
  operation: Operation,
  failed: boolean,
  text: string | null,
  chain: CompensationChain,
): void {
  const { run } = scope;
  const { scope: parent } = operation;
  const next = comesNext(run) && operation.itemOf === null;
  ensureStarted(parent);
  const written = scope.seq > 0;
  const end = run.nextSeq + 1;
  const undo = chain.count === 0 ? {} : { undo: handUp(parent, chain, end) };
  const ended = run.write("scope-ended", parent, {
    op: operation.key,
    name: operation.name,
    meta: metaText({
      verb: "run",
      agent: operation.agent,
      ...(failed ? { failed: true } : {}),
      ...(written ? undefined : revisionMeta(scope.revision)),
      ...(failed && isStop(text) ? { status: "stopped" } : {}),
      ...usageOf(scope.container?.account),
      ...undo,
    }),
    text,
    inputText: written || operation.itemOf !== null ? null : inputLine(operation),
    failed,
    operation,
    container: operation.itemOf === null ? operation.container : operation.itemOf.container,
    jump: written ? (scope.container?.jumpFrom(end) ?? null) : null,
  });
  if (!next) return;
  ended.delivered = true;
  deliver(run.engine, operation, ended);
}

/** Its body has ended, and something inside it is still being undone: it ends after that. Nothing else goes on. */
function defer(scope: Scope, failed: boolean, text: string | null): void {
  scope.deferred = { failed, text };
  for (const operation of scope.operations.values())
    if (operation.live) cancelOperation(scope.run.engine, operation, true);
}

/** Goes on with the end of a scope: its decision to undo is committed, or what was being undone inside it has ended. */
export function continueEnd(engine: Engine, scope: Scope): void {
  const { compensating, deferred } = scope;
  if (scope.dead || undoesInside(scope)) return;
  if (deferred !== null) {
    scope.deferred = null;
    return writeEnd(scope, deferred.failed, deferred.text);
  }
  if (compensating === null) return;
  // A fork may have taken over the end of the undoing and not the end that stood beside it.
  const undone = scope.log.find(({ operation }) => operation.key === compensationKey);
  if (undone !== undefined) return endCompensated(scope, undone.failed, undone.text);
  if (compensating.chain.count > 0) callCompensation(engine, scope, compensating);
  else endCompensated(scope, false, null);
}

/** All that was registered in it has been tried: it ends as was decided, with the report. */
function endCompensated(scope: Scope, failed: boolean, reportText: string | null): void {
  const { compensating, operation, run } = scope;
  if (compensating === null) return;
  const text = JSON.stringify(compensatedFailure(compensating, failed, reportText));
  run.removeUndoing(scope);
  scope.compensating = null;
  scope.undo = null;
  if (operation === null) return endRun(run, compensating.status, text);
  cancelScope(scope);
  writeScopeEnd(scope, operation, true, text, emptyChain);
  endsAbove(scope);
}

/** Whatever encloses an undone scope may have waited for it: the next that does ends now, or its body is run to its end. */
function endsAbove(scope: Scope): void {
  const { engine } = scope.run;
  for (let above = scope.operation?.scope; above !== undefined; above = above.operation?.scope) {
    if (undoesInside(above)) return;
    if (above.deferred !== null || above.compensating !== null) return continueEnd(engine, above);
    if (above.frame === "none") engine.enqueue(above);
  }
}

/** Ends a run from outside its body: cancelled, stopped by a limit. What was registered is undone first. */
export function endRunWith(run: LiveRun, status: FinalStatus, text: string | null): void {
  const chain = run.root.compensating?.chain ?? (run.compensates ? chainOf(run.root) : emptyChain);
  if (chain.count > 0 || run.undoings.size > 0) beginCompensation(run.engine, run.root, status, text, chain);
  else endRun(run, status, text);
}

/** Takes up what a loaded run was undoing, where nothing of it was recorded yet. */
export function resumeUndoings(engine: Engine, run: LiveRun): void {
  for (const scope of run.undoings) continueEnd(engine, scope);
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
  const failure = failed ? (decodeJson(text) as unknown as FailureRecord | undefined) : undefined;
  const note = { ...(failure === undefined ? {} : failureNote(failure)), ...usageOf(run.ledger?.root) };
  run.finalPatch = {
    status,
    note: Object.keys(note).length === 0 ? null : JSON.stringify(note),
    parked: false,
    at: written.stored.at,
  };
  if (failed) run.cancelChildren = childrenCancel(run.id, written.stored.at);
  if (run.parent !== null) {
    const settlement = settlementOf(run);
    const slice = settlement === undefined ? "" : `,"slice":${JSON.stringify(settlement)}`;
    const body = text === null ? `{"failed":${failed}${slice}}` : `{"failed":${failed}${slice},"body":${text}}`;
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

/** What lists show of a failed run: the code, and how much was undone. */
function failureNote({ code, details }: FailureRecord): object {
  const report = details?.["compensation"] as { readonly undone: number; readonly of: number } | undefined;
  return { failure: code, ...(report === undefined ? {} : { undone: { done: report.undone, of: report.of } }) };
}

/** How something ends whose body ended with this failure. */
function failedStatus(failureText: string | null): "stopped" | "failed" {
  return isStop(failureText) ? "stopped" : "failed";
}

/** A limit or a rule ended it, its own or that of something it called and did not catch. */
function isStop(failureText: string | null): boolean {
  return stopReasonOf((decodeJson(failureText) as { code?: string } | undefined)?.code) !== undefined;
}

function failureText(error: unknown, path: string): string {
  return JSON.stringify(toFailureRecord(error, path));
}
