/**
 * What ends because a limit is reached: a scope or the run ends as stopped, with a report of what was used, by whom, and what
 * is left open. A body sees the stop of something it called as a failure that it may catch.
 */
import { AgentFailure, type FailureRecord } from "../kernel/errors.ts";
import type { ErrorCode } from "../kernel/error-codes.ts";
import type { Json } from "../kernel/json.ts";
import type { Limits, StopReason, StopReport, Usage } from "../journal/entry.ts";
import { stopCodes } from "../journal/stop-codes.ts";
import { cancelAttempt } from "./cancellation.ts";
import type { Engine } from "./engine.ts";
import type { HeldBudget } from "./held-budget.ts";
import type { LiveRun } from "./live-run.ts";
import type { Operation } from "./operation.ts";
import { finish } from "./results.ts";
import type { Scope } from "./scope.ts";
import { endScope } from "./scope-end.ts";

/** Addresses that a report names as open. */
const reportedOpen = 20;

/** Ends what a budget limits. */
export function stopBudget(engine: Engine, budget: HeldBudget, reason: StopReason, blocked?: Operation): void {
  if (budget.over) return;
  const failure = stopFailure(budget.scope.run.id, reportOf(budget, reason, blocked));
  if (budget.operation === null) return stopScope(engine, budget.scope, failure);
  cancelAttempt(budget.operation);
  finish(budget.operation, failure);
}

/** What a limit has come to. */
export function reportOf(budget: HeldBudget, reason: StopReason, blocked?: Operation): StopReport {
  const open: string[] = [];
  if (budget.operation === null) openUnder(budget.scope, open);
  else open.push(budget.path);
  if (blocked !== undefined && !open.includes(blocked.path)) open.push(blocked.path);
  return budget.report(reason, open);
}

function openUnder(scope: Scope, open: string[]): void {
  for (const operation of scope.operations.values()) {
    if (open.length >= reportedOpen) return;
    if (!operation.live || operation.verb === "loop") continue;
    if (operation.map === null) open.push(operation.path);
    if (operation.child !== null) openUnder(operation.child, open);
  }
}

/** Ends a run as stopped, by a limit that is not its own. */
export function stopRun(engine: Engine, run: LiveRun, failure: FailureRecord): void {
  // It has ended and is being undone: no limit stops that.
  if (run.root.compensating === null && run.root.deferred === null) stopScope(engine, run.root, failure);
}

/** Ends a scope's body where it stands; the run's own ends the run. */
function stopScope(engine: Engine, scope: Scope, failure: FailureRecord): void {
  if (scope.dead || scope.run.finished) return;
  // Whatever was on its way to the body is not delivered any more.
  scope.log = [];
  scope.cursor = 0;
  scope.told = false;
  scope.frame = "settled";
  scope.settled = { failed: true, error: new AgentFailure(failure) };
  if (engine.current !== scope) endScope(engine, scope);
}

/** The failure that tells of a stop; its details are the report. */
function stopFailure(runId: string, report: StopReport): FailureRecord {
  const { reason, path } = report;
  return {
    code: codeOf(reason),
    message: `${path === "0" ? `Run ${runId}` : `What run ${runId} called at ${path}`} was stopped: ${factOf(report)}. ${remedyOf(reason)}`,
    path,
    retryable: false,
    // A report is plain JSON.
    details: { runId, ...(report as unknown as { readonly [key: string]: Json }) },
  };
}

function codeOf(reason: StopReason): ErrorCode {
  for (const [code, means] of Object.entries(stopCodes)) if (means === reason) return code as ErrorCode;
  return "policy/budget-exceeded";
}

function factOf({ reason, limit, spent, top }: StopReport): string {
  if (reason === "time") return "its deadline has passed";
  const [most] = top;
  const by = most === undefined ? "" : `, most of it at ${most.path}`;
  const limits = limitWords(limit);
  return `its budget of ${limits} is used up (used: ${usedWords(spent)}${by})`;
}

function limitWords({ usd, tokens, turns, steps }: Limits): string {
  return [
    ...(usd === undefined ? [] : [`${usd} USD`]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
    ...(turns === undefined ? [] : [`${turns} turns`]),
    ...(steps === undefined ? [] : [`${steps} steps`]),
  ].join(", ");
}

function usedWords({ cost, unpriced, inputTokens = 0, outputTokens = 0, steps = 0, turns = 0 }: Usage): string {
  return [
    ...(cost === undefined ? [] : [`${cost.amount} ${cost.currency}`]),
    ...(unpriced === undefined ? [] : [`unknown cost of ${unpriced} attempts`]),
    `${inputTokens + outputTokens} tokens`,
    `${turns} turns`,
    `${steps} steps`,
  ].join(", ");
}

function remedyOf(reason: StopReason): string {
  return reason === "time"
    ? "Give it more time, or make its work smaller."
    : "Start it with a larger budget, or with onExhausted ask so that a person can raise it.";
}
