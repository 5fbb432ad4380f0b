/** The entries that end an operation, and those that must stand before it: the starts of what encloses it. */
import { undoMeta } from "./compensation-chain.ts";
import { AgentFailure, type FailureRecord } from "../kernel/errors.ts";
import { type Json, decodeJson } from "../kernel/json.ts";
import { inputReference } from "../journal/read-entry.ts";
import type { Limits } from "../journal/entry.ts";
import type { HeldBudget } from "./held-budget.ts";
import { usageMeta } from "./ledger.ts";
import type { MapState } from "./map-operation.ts";
import { innermost, type Operation, metaText, revisionMeta } from "./operation.ts";
import type { Scope } from "./scope.ts";

/** Records an operation's failure. */
export function finish(operation: Operation, record: FailureRecord, took = 0): void {
  writeResult(operation, true, JSON.stringify(record), took, "");
}

/** Records an operation's output. */
export function finishText(operation: Operation, text: string | null, took = 0, extraMeta = "", notBefore = 0): void {
  writeResult(operation, false, text, took, extraMeta, notBefore);
}

export function writeResult(
  operation: Operation,
  failed: boolean,
  text: string | null,
  took: number,
  extraMeta: string,
  notBefore = 0,
): void {
  const { scope } = operation;
  operation.state = "pending";
  clearDeadline(operation);
  if (scope.run.direction !== null && isHeld(operation, failed, text, took, extraMeta, notBefore)) return;
  writeNow(operation, failed, text, took, extraMeta, notBefore);
}

/** A function of its own, so that runs without a direction pay for no closure. */
function isHeld(
  operation: Operation,
  failed: boolean,
  text: string | null,
  took: number,
  extraMeta: string,
  notBefore: number,
): boolean {
  const write = (asFailed: boolean, asText: string | null) => {
    if (operation.live) writeNow(operation, asFailed, asText, took, extraMeta, notBefore);
  };
  return operation.scope.run.direction?.holdsEnd(operation, failed, text, write) === true;
}

function writeNow(
  operation: Operation,
  failed: boolean,
  text: string | null,
  took: number,
  extraMeta: string,
  notBefore: number,
): void {
  const { scope } = operation;
  ensureStarted(scope);
  const keepsInput = operation.verb === "run" && !operation.intended && !operation.opened && operation.itemOf === null;
  const end = scope.run.nextSeq + 1;
  let added = "";
  if (operation.work === null && operation.agent !== "") added += `,"agent":${JSON.stringify(operation.agent)}`;
  if (operation.attempt > 1) added += `,"attempt":${operation.attempt}`;
  if (took >= 1) added += `,"took":${Math.round(took)}`;
  added += usageMeta(operation);
  if (failed) added += ',"failed":true';
  // A replay may pass over the items that registered it.
  if (operation.map !== null) added += undoMeta(scope.undo);
  added += extraMeta;
  scope.run.write("result", scope, {
    op: operation.key,
    name: operation.name,
    meta: resultMeta(operation, added),
    text,
    inputText: keepsInput ? inputLine(operation) : null,
    failed,
    operation,
    container: innermost(operation),
    jump: operation.map === null ? null : operation.map.container.jumpFrom(end),
    notBefore,
  });
}

function resultMeta({ work, verb }: Operation, added: string): string {
  if (work === null) return `{"verb":"${verb}"${added}}`;
  return added === "" ? work.meta : `${work.metaHead}${added}}`;
}

/** Shorter texts are not worth a reference. */
const shortText = 16;

/** The result that was delivered last, if this is its text; else 0. Asked while that is so. */
export function lastResult(scope: Scope, text: string | null): number {
  return text !== null && text === scope.lastText && text.length > shortText ? scope.lastSeq : 0;
}

/** How a result tells its input: by the entry that has it, or in full. */
export function inputLine({ scope, inputText, inputOf }: Operation): string | null {
  if (inputOf !== 0) return inputReference(inputOf);
  // The start of its scope; an item's input stands in its map's list.
  if (inputText === null || inputText !== scope.inputText || inputText.length <= shortText) return inputText;
  return scope.seq === 0 || scope.operation?.itemOf != null ? inputText : inputReference(scope.seq);
}

function clearDeadline(operation: Operation): void {
  if (operation.timer !== null) operation.timer.fire = null;
  operation.timer = null;
  operation.scope.run.pending.delete(operation);
}

/** The text of an item as its map has it; undefined for anything else. */
export function itemText(operation: Operation): string | null | undefined {
  const { itemOf, itemIndex } = operation;
  return itemOf === null ? undefined : (JSON.stringify(itemOf.items[itemIndex] ?? null) ?? null);
}

/** Writes the start of a scope (and of what encloses it) before the first entry inside it. */
export function ensureStarted(scope: Scope): void {
  const { operation, run } = scope;
  if (scope.seq !== 0 || operation === null) return;
  ensureStarted(operation.scope);
  if (operation.itemOf !== null) ensureMapStarted(operation.itemOf);
  const written = run.write("scope-started", operation.scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({
      agent: operation.agent,
      verb: "run",
      startedAt: scope.startedAt,
      ...limitsMeta(scope.container?.account?.budget),
      ...(scope.agent?.owner === undefined ? {} : { agentOwner: scope.agent.owner }),
      ...revisionMeta(scope.revision),
    }),
    // An item's input stands with its map, unless its schema made something else of it.
    text: scope.inputText === itemText(operation) ? null : scope.inputText,
    operation,
    container: scope.container,
  });
  scope.seq = written.stored.seq;
  run.scopes.set(scope.seq, scope);
}

export function ensureMapStarted(map: MapState): void {
  const { operation } = map;
  if (map.recorded) return;
  map.recorded = true;
  ensureStarted(operation.scope);
  operation.scope.run.write("map-started", operation.scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({
      verb: "map",
      agent: operation.agent,
      count: map.items.length,
      limit: map.limit,
      join: map.join,
      ...(map.join === "count" ? { need: map.need } : {}),
      startedAt: operation.scope.now,
      ...(map.edge === null ? {} : { limits: map.edge }),
    }),
    text: operation.inputText,
    operation,
    container: map.container,
  });
}

/** An AgentFailure for a recorded failure's text. */
export function failureOf(text: string | null): AgentFailure {
  return new AgentFailure(decodeJson(text) as FailureRecord & Json);
}

/** What a scope may use, as its start tells it. */
function limitsMeta(budget: HeldBudget | null | undefined): { readonly limits?: Limits } {
  return budget == null ? {} : { limits: budget.limits };
}
