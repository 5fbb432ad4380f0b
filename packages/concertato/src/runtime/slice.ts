/**
 * What a run lends to a run that it starts: a slice of its own budgets, counted as used from the commit that makes the new run,
 * and given back with its end as far as it was not used. The slice and what was used of it travel in that message, so that the
 * lender needs to remember nothing but the sum.
 */
import type { Limits, Slice, Usage } from "../journal/entry.ts";
import { commonTools, countedLimits } from "../journal/limits.ts";
import { Spent } from "../journal/usage.ts";
import { amountOf, billionthsOf } from "../kernel/money.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import { depthLeft } from "./hand-over.ts";
import type { HeldBudget, UsedLimit } from "./held-budget.ts";
import { accountOf } from "./ledger.ts";
import type { LiveRun } from "./live-run.ts";
import { innermost, type Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

/** What a new run is given. */
export interface Grant {
  readonly limits: Limits | null;
  /** What of it is lent; null where the lender has no budget. */
  readonly slice: Spent | null;
}

/** What stands in the way of a slice. */
export interface NoSlice {
  readonly budget: HeldBudget;
  readonly limit: UsedLimit;
  /** It may be there when what is under way gives back. */
  readonly later: boolean;
}

/**
 * Decides what a run to be started is given: of every limit the smaller of what was handed over and what is left.
 * @throws ConcertatoError `policy/slice-missing` where the lender has a limit and hands over no part of it
 */
export function grantOf(operation: Operation, handed: Limits | null): Grant | NoSlice {
  const { scope } = operation;
  const budgets = scope.run.ledger === null ? [] : accountOf(scope.run, innermost(operation)).budgets();
  const limits: { -readonly [Name in keyof Limits]: Limits[Name] } = { ...handed };
  for (const budget of budgets) {
    const none = takeFrom(operation, budget, limits);
    if (none !== undefined) return none;
  }
  const { left } = depthLeft(scope);
  limits.depth = Math.min(limits.depth ?? Number.POSITIVE_INFINITY, left - 1);
  const slice = budgets.length === 0 ? null : lentBy(budgets, limits);
  return { limits, slice };
}

function takeFrom(
  operation: Operation,
  budget: HeldBudget,
  limits: { -readonly [Name in keyof Limits]: Limits[Name] },
): NoSlice | undefined {
  for (const name of countedLimits) {
    if (budget.limits[name] === undefined) continue;
    const given = limits[name];
    if (given === undefined) throw missing(operation, budget, name);
    const left = budget.left(name);
    if (left <= 0 && given > 0) return { budget, limit: name, later: left + budget.reservedOf(name) > 0 };
    limits[name] = Math.min(given, name === "usd" ? amountOf(Math.max(0, left)) : Math.max(0, left));
  }
  const { deadline } = budget.limits;
  if (deadline !== undefined) limits.deadline = Math.min(limits.deadline ?? deadline, deadline);
  const tools = commonTools(limits.tools, budget.limits.tools);
  if (tools !== undefined) limits.tools = tools;
  return undefined;
}

/** Only what somebody has a limit on is lent. */
function lentBy(budgets: readonly HeldBudget[], limits: Limits): Spent {
  const slice = new Spent();
  const limited = (name: UsedLimit): boolean => budgets.some((budget) => budget.limits[name] !== undefined);
  if (limited("usd")) slice.billionths = billionthsOf(limits.usd ?? 0, "slice");
  slice.priced = slice.billionths > 0;
  if (limited("tokens")) slice.inputTokens = limits.tokens ?? 0;
  if (limited("steps")) slice.steps = limits.steps ?? 0;
  if (limited("turns")) slice.turns = limits.turns ?? 0;
  return slice;
}

function missing({ name, path, scope }: Operation, budget: HeldBudget, limit: UsedLimit): ConcertatoError {
  const whose = budget.path === "0" ? "This run" : `The call at ${budget.path}`;
  return new ConcertatoError({
    code: "policy/slice-missing",
    message: `${whose} has a limit of ${budget.limits[limit]} ${limit}, and the run of ${name} started at ${path} of run ${scope.run.id} is handed no part of it. Pass { budget: { ${limit}: … } } to ctx.start.`,
    details: { runId: scope.run.id, path, limit },
  });
}

/** What a run tells its lender with its end; undefined where nothing was lent. */
export function settlementOf(run: LiveRun): Slice | undefined {
  const { ledger } = run;
  if (ledger === null || ledger.slice === null) return undefined;
  const { path, of } = ledger.slice;
  const used = new Spent();
  used.add(ledger.root.spent);
  if (ledger.root.lent !== null) used.add(ledger.root.lent);
  return { path, of, used: onlyLent(used, Spent.of(of)).toUsage() ?? {} };
}

/** Of what was used, that which the lender has a limit on. */
function onlyLent(used: Spent, of: Spent): Spent {
  const settled = new Spent();
  if (of.billionths > 0) settled.billionths = used.billionths;
  settled.priced = settled.billionths > 0;
  if (of.tokens > 0) settled.inputTokens = used.tokens;
  if (of.steps > 0) settled.steps = used.steps;
  if (of.turns > 0) settled.turns = used.turns;
  return settled;
}

/** A run that was lent to has ended: what it did not use is there again, where its starter is still open and all around. */
export function takeBack(run: LiveRun, { path, of, used }: Slice): void {
  if (run.ledger === null) return;
  const rest = Spent.of(of as Usage).beyond(Spent.of(used ?? {}));
  const back = new Spent().beyond(rest);
  accountOf(run, scopeAround(run, path).container).lend(back);
  run.ledger.stirred = true;
}

/** The innermost scope on the way to an address that is still open. */
function scopeAround(run: LiveRun, path: string): Scope {
  let innermostScope = run.root;
  for (const scope of run.scopes.values()) {
    if (scope.dead || !path.startsWith(`${scope.path}.`)) continue;
    if (scope.path.length > innermostScope.path.length) innermostScope = scope;
  }
  return innermostScope;
}
