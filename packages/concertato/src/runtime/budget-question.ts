/**
 * A budget that is used up may be raised by a person: the run says so in its journal and waits. A person raises it, which
 * is an entry with who did it, and what waited goes on; or refuses, and it is stopped. A budget that nobody asked about can be
 * raised as well, before it is used up.
 */
import type { Limits, StopReason, Usage } from "../journal/entry.ts";
import { Spent } from "../journal/usage.ts";
import { amountOf } from "../kernel/money.ts";
import { countedLimits, raisedBy } from "../journal/limits.ts";
import { Container } from "./container.ts";
import type { Budget } from "./edge.ts";
import type { Engine } from "./engine.ts";
import type { HeldBudget } from "./held-budget.ts";
import { ledgerOf } from "./ledger.ts";
import type { LiveRun } from "./live-run.ts";
import { innermost, type Operation } from "./operation.ts";
import { ensureStarted } from "./results.ts";
import { reportOf, stopBudget } from "./stopped.ts";

/** A person's answer to a budget that is used up. */
export interface BudgetAnswer {
  readonly approved?: boolean;
  /** How much more of each limit. Default: as much again as there is of each. */
  readonly budget?: Budget;
}

/** Asks once, however much work waits for the answer. Crash before its commit: the next attempt asks. */
export function askForMore(budget: HeldBudget, reason: StopReason, blocked: Operation): void {
  if (budget.asked !== null) return;
  const { scope } = budget;
  ensureStarted(scope);
  const { stored } = scope.run.write("budget-exhausted", scope, {
    op: budget.operation?.key ?? "",
    name: "budget",
    text: JSON.stringify(reportOf(budget, reason, blocked)),
    container: containerOf(budget),
  });
  noteAsked(budget, stored.seq, stored.at);
}

/** The journal says that a person is asked. */
export function noteAsked(budget: HeldBudget, seq: number, at: number): void {
  budget.asked = { seq, since: at };
  ledgerOf(budget.scope.run).watched.add(budget);
  budget.scope.run.askedAnew = true;
}

function containerOf({ scope, operation }: HeldBudget): Container | null {
  return operation === null ? scope.container : innermost(operation);
}

/**
 * Takes a person's word: more, or no. False when it cannot be taken: there is no such budget, or one around it has not so much
 * left.
 * @param from `,"from":[…]` of the message
 */
export function raiseBudget(budget: HeldBudget, more: Limits, from: string): boolean {
  if (beyondAround(budget, more) !== undefined) return false;
  const { scope } = budget;
  const { run } = scope;
  ensureStarted(scope);
  // Later than all before it and not later than all after it: bodies see a new deadline by the time of what they are told.
  const { stored } = run.write("budget-raised", scope, {
    op: budget.operation?.key ?? "",
    name: "budget",
    meta: `{"limits":${JSON.stringify(more)}${from}}`,
    container: containerOf(budget),
    notBefore: run.lastAt + 1,
  });
  Container.pin(containerOf(budget));
  noteRaised(budget, more, stored.at);
  return true;
}

/** The limit that a budget around this one does not have left. */
function beyondAround(budget: HeldBudget, more: Limits): string | undefined {
  const { account, scope } = budget;
  // Lent by another run: what that one has left is not known here, and it counts on no more than it lent.
  const lent = account.parent === null ? (scope.run.ledger?.slice ?? null) : null;
  if (lent !== null) return countedLimits.find((name) => (more[name] ?? 0) > 0 && isLent(name, lent.of));
  const around = budget.account.parent?.budgets() ?? [];
  for (const other of around) {
    const over = countedLimits.find((name) => (more[name] ?? 0) > leftOf(other, name));
    if (over !== undefined) return over;
    const { deadline = 0 } = raisedBy(budget.limits, more);
    if (more.time !== undefined && deadline > (other.limits.deadline ?? Number.POSITIVE_INFINITY)) return "time";
  }
  return undefined;
}

/** A limit of which something was lent. */
export function isLent(name: (typeof countedLimits)[number], of: Usage): boolean {
  const lent = Spent.of(of);
  return lent[name === "usd" ? "billionths" : name] > 0;
}

function leftOf(budget: HeldBudget, name: (typeof countedLimits)[number]): number {
  const left = budget.left(name);
  return name === "usd" && Number.isFinite(left) ? amountOf(Math.max(0, left)) : left;
}

/** The journal says that it was raised. */
export function noteRaised(budget: HeldBudget, more: Limits, at: number): void {
  const before = budget.limits.deadline;
  budget.limits = raisedBy(budget.limits, more);
  const { deadline } = budget.limits;
  if (deadline !== undefined && deadline !== before) {
    budget.postponed.push({ at, deadline });
    budget.risked = null;
  }
  budget.asked = null;
  const { run } = budget.scope;
  run.askedAnew = true;
  ledgerOf(run).stirred = true;
}

/** A person said no. */
export function refuseMore(engine: Engine, budget: HeldBudget, reason: StopReason, from: string): void {
  const { scope } = budget;
  scope.run.write("signal-refused", scope, {
    op: budget.operation?.key ?? "",
    name: "budget",
    meta: `{${from.slice(1)}}`,
    container: containerOf(budget),
  });
  Container.pin(containerOf(budget));
  budget.asked = null;
  stopBudget(engine, budget, reason);
}

/** The budget at an address. */
export function budgetAt(run: LiveRun, path: string): HeldBudget | undefined {
  const { ledger } = run;
  if (ledger === null) return undefined;
  if (path === run.root.path) return ledger.root.budget ?? undefined;
  for (const [operation, account] of ledger.own) if (operation.path === path) return account.budget ?? undefined;
  for (const scope of run.scopes.values())
    if (scope.path === path) return scope.container?.account?.budget ?? undefined;
  return undefined;
}
