/**
 * Before an attempt at outside work or a turn of a loop begins, what it may use is reserved of every budget around it. What
 * does not fit does not begin: it waits for what is under way to give back, or the budget is used up.
 */
import type { StopReason } from "../journal/entry.ts";
import { Spent } from "../journal/usage.ts";
import { billionthsOf } from "../kernel/money.ts";
import { ConcertatoError, toFailureRecord } from "../kernel/errors.ts";
import { askForMore } from "./budget-question.ts";
import type { Engine } from "./engine.ts";
import type { Estimate, HeldBudget, UsedLimit } from "./held-budget.ts";
import { accountFor, accountOf, hold, ledgerOf } from "./ledger.ts";
import type { LiveRun } from "./live-run.ts";
import type { LoopState } from "./loop-operation.ts";
import type { Operation } from "./operation.ts";
import { finish } from "./results.ts";
import type { NoSlice } from "./slice.ts";
import { undoneBy } from "./compensation-chain.ts";
import type { Scope } from "./scope.ts";
import { stopBudget } from "./stopped.ts";

/** Reserves what an attempt may use. False when it may not begin: it is begun again when it may, or has ended. */
export function reserve(engine: Engine, operation: Operation): boolean {
  const budgets = accountFor(operation).counting();
  // What is being undone is undone whatever is left; it counts all the same.
  if (isUndoing(operation.scope)) {
    reserveAnyway(operation);
    return true;
  }
  if (budgets.length === 0 || operation.scope.run.ledger?.held.has(operation) === true) return true;
  let estimate: Estimate;
  try {
    estimate = estimateOf(operation);
  } catch (error) {
    finish(operation, toFailureRecord(error, operation.path));
    return false;
  }
  if (!fits(engine, budgets, estimate, operation, () => beginAgain(engine, operation))) return false;
  hold(operation, estimate.spent);
  return true;
}

/** It is being undone, or stands within what is: no limit holds that up. */
export function isUndoing(scope: Scope): boolean {
  if (scope.run.undoings.size === 0) return false;
  for (let around: Scope | undefined = scope; around !== undefined; around = around.operation?.scope)
    if (undoneBy(around) !== null) return true;
  return false;
}

/** For work that a person ordered: it counts, and begins whatever is left. */
export function reserveAnyway(operation: Operation): void {
  if (accountFor(operation).counting().length === 0) return;
  hold(operation, estimateOf(operation).spent);
}

/** Takes the next turn of a loop. False when it may not begin: `again` is called when it may, or its scope has ended. */
export function takeTurn(engine: Engine, { operation, container }: LoopState, again: () => void): boolean {
  const account = accountOf(operation.scope.run, container);
  const budgets = isUndoing(operation.scope) ? [] : account.counting();
  if (budgets.length === 0) return true;
  // The turn that ended and the one to come.
  const both = new Spent();
  both.turns = 2;
  if (!fits(engine, budgets, { spent: both, declared: true }, operation, again)) return false;
  const ended = new Spent();
  ended.turns = 1;
  account.charge(ended, operation.path);
  return true;
}

function fits(
  engine: Engine,
  budgets: readonly HeldBudget[],
  estimate: Estimate,
  operation: Operation,
  again: () => void,
): boolean {
  // The outermost that is used up decides: what is inside it would be stopped by it at its next call.
  const usedUp = budgets.findLast((budget) => budget.exhaustedBy(estimate) !== undefined);
  const limit = usedUp?.exhaustedBy(estimate);
  if (usedUp !== undefined && limit !== undefined) {
    exhausted(engine, usedUp, limit, operation, again);
    return false;
  }
  const full = budgets.find((budget) => budget.mustWait(estimate));
  if (full === undefined) return true;
  wait(full, again);
  return false;
}

/** Starts a run again when there may be something to lend, or ends what has nothing left. */
export function awaitSlice(engine: Engine, operation: Operation, { budget, limit, later }: NoSlice): void {
  const again = () => beginAgain(engine, operation);
  if (later) wait(budget, again);
  else exhausted(engine, budget, limit, operation, again);
}

function wait(budget: HeldBudget, again: () => void): void {
  budget.waiting.push(again);
  ledgerOf(budget.scope.run).blocked.add(budget);
}

function exhausted(
  engine: Engine,
  budget: HeldBudget,
  limit: UsedLimit,
  operation: Operation,
  again: () => void,
): void {
  const reason: StopReason = limit === "steps" || limit === "turns" ? "steps" : "budget";
  if (budget.limits.ask !== true) return stopBudget(engine, budget, reason, operation);
  wait(budget, again);
  askForMore(budget, reason, operation);
}

function beginAgain(engine: Engine, operation: Operation): void {
  if (!operation.live || operation.scope.dead) return;
  operation.state = "issued";
  engine.launch(operation);
}

/** Begins again what waited for room, where there may be some. Level-triggered: asked after every end. */
export function resumeWaiting(run: LiveRun): void {
  const { ledger } = run;
  if (ledger === null || !ledger.stirred || run.recovering > 0 || run.dead) return;
  ledger.stirred = false;
  for (const budget of [...ledger.blocked]) {
    if (budget.asked !== null) continue;
    ledger.blocked.delete(budget);
    const { waiting } = budget;
    budget.waiting = [];
    for (const again of waiting) again();
  }
}

/** What an attempt may use: one step, and what its agent says of money and tokens. */
export function estimateOf(operation: Operation): Estimate {
  const leaf = operation.work?.leaf;
  const said = leaf?.reserve?.(operation.input as never);
  const spent = new Spent();
  spent.steps = 1;
  if (said === undefined) return { spent, declared: leaf?.effect === "pure" };
  const { usd = 0, tokens = 0 } = said;
  if (!Number.isSafeInteger(tokens) || tokens < 0) throw invalidEstimate(operation, tokens);
  spent.billionths = billionthsOf(usd, `estimate of ${operation.name}`);
  spent.inputTokens = tokens;
  return { spent, declared: true };
}

function invalidEstimate({ name }: Operation, tokens: number): ConcertatoError {
  return new ConcertatoError({
    code: "policy/usage-invalid",
    message: `The estimate of ${name} is ${String(tokens)} tokens. Estimate a whole number from 0.`,
    details: { name },
  });
}
