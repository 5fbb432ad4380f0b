/**
 * What a run used, by stretch, and the budgets that limit it: a fold of its journal. Accounts are made when something is used
 * or limited; a run that does neither has no ledger. An entry that ends a stretch carries its sum, so that a replay that
 * jumps over it knows as much as one that reads it, and a crash anywhere leaves the same sums.
 */
import type { EntryMeta, Limits, Slice, Usage } from "../journal/entry.ts";
import { Spent } from "../journal/usage.ts";
import { Account } from "./account.ts";
import type { Container } from "./container.ts";
import { HeldBudget } from "./held-budget.ts";
import type { LiveRun } from "./live-run.ts";
import { innermost, type Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

export class Ledger {
  /** The run as a whole. */
  readonly root: Account = new Account(null);
  /** What attempts told to have used since their operation's last entry. */
  readonly reported: Map<Operation, Spent> = new Map();
  /** What is reserved for attempts that are about to begin or under way. */
  readonly held: Map<Operation, Spent> = new Map();
  /** Outside work that has limits of its own. */
  readonly own: Map<Operation, Account> = new Map();
  /** What calls were handed over and what their agents limit themselves to, until they are launched. */
  readonly edges: Map<Operation, { readonly edge: Limits | null; readonly own: Limits | null }> = new Map();
  /** Budgets with a deadline, or for which a person is asked. */
  readonly watched: Set<HeldBudget> = new Set();
  /** Budgets for whose room something waits. */
  readonly blocked: Set<HeldBudget> = new Set();
  /** What was lent to this run. */
  slice: Slice | null = null;
  /** Some budget limits the run or a part of it. */
  limited = false;
  /** Some limit in it names the tools that may be used. */
  narrows = false;
  /** Something was given back or raised, and work may wait for it. */
  stirred = false;
}

export function ledgerOf(run: LiveRun): Ledger {
  return (run.ledger ??= new Ledger());
}

/** The account of a stretch, made when it is needed; null is the run as a whole. */
export function accountOf(run: LiveRun, container: Container | null): Account {
  if (container === null) return ledgerOf(run).root;
  return (container.account ??= new Account(accountOf(run, container.parent)));
}

/** The account that an operation's own use is charged to. */
export function accountFor(operation: Operation): Account {
  const { run } = operation.scope;
  return run.ledger?.own.get(operation) ?? accountOf(run, innermost(operation));
}

/** A budget in dollars holds for an operation. */
export function limitsCost(operation: Operation): boolean {
  if (operation.scope.run.ledger?.limited !== true) return false;
  return accountFor(operation)
    .budgets()
    .some(({ limits }) => limits.usd !== undefined);
}

/**
 * The account whose sum an operation's entry tells: of the scope or map that it is. The turn of a loop tells the sum of its
 * whole scope, so that it does not matter whether a replay knew the loop when it read the first turn.
 */
function accountInside({ scope, child, map, verb }: Operation): Account | null {
  if (verb === "loop") return scope.operation === null ? ledgerOf(scope.run).root : (scope.container?.account ?? null);
  return (child?.container ?? map?.container)?.account ?? null;
}

/** Limits a scope and all inside it; the run's own body limits the run. */
export function limitScope(scope: Scope, limits: Limits): HeldBudget {
  return limit(accountOf(scope.run, scope.container), scope, null, limits);
}

/** Limits outside work, over all its attempts. */
export function limitWork(operation: Operation, limits: Limits): HeldBudget {
  const { scope } = operation;
  const account = new Account(accountOf(scope.run, innermost(operation)));
  ledgerOf(scope.run).own.set(operation, account);
  return limit(account, scope, operation, limits);
}

function limit(account: Account, scope: Scope, operation: Operation | null, limits: Limits): HeldBudget {
  const ledger = ledgerOf(scope.run);
  const budget = new HeldBudget(account, scope, operation, limits);
  account.budget = budget;
  ledger.limited ||= budget.counts;
  ledger.narrows ||= limits.tools !== undefined;
  if (limits.deadline !== undefined) ledger.watched.add(budget);
  return budget;
}

/** An attempt tells what it used; it counts with the operation's next entry. */
export function report(operation: Operation, told: Spent): void {
  const { reported } = ledgerOf(operation.scope.run);
  const known = reported.get(operation);
  if (known === undefined) reported.set(operation, told);
  else known.add(told);
}

/** Reserves what an attempt may use, here and all around. */
export function hold(operation: Operation, estimate: Spent): void {
  ledgerOf(operation.scope.run).held.set(operation, estimate);
  for (const budget of accountFor(operation).budgets()) budget.reserved.add(estimate);
}

/**
 * The part of an entry's meta that says what was used, and the moment at which it is charged and what was reserved is given
 * back: it stands in the next entry of the operation, whichever that is. One with an inside of its own tells the sum of it.
 * @param begins the entry begins an attempt: what is reserved for it stays so
 */
export function usageMeta(operation: Operation, begins = false): string {
  const { ledger, engine } = operation.scope.run;
  const used = ledger === null ? null : takeUsed(ledger, operation, begins);
  if (engine.caps.active) engine.caps.settle(operation, used?.billionths ?? 0, begins);
  if (ledger === null) return "";
  const own = ledger.own.get(operation);
  const limits = own?.budget == null ? "" : `,"limits":${JSON.stringify(own.budget.limits)}`;
  if (used !== null) {
    accountFor(operation).charge(used, operation.path);
    return limits + metaOf(used);
  }
  const inside = accountInside(operation);
  return inside === null ? limits : limits + metaOf(inside.spent) + lentMeta(inside);
}

function takeUsed(ledger: Ledger, operation: Operation, begins: boolean): Spent | null {
  const reported = ledger.reported.get(operation);
  const held = begins ? undefined : ledger.held.get(operation);
  if (reported === undefined && held === undefined) return null;
  const used = reported ?? new Spent();
  ledger.reported.delete(operation);
  if (!used.priced && used.tokens > 0) used.unpriced = 1;
  if (held !== undefined) {
    used.steps += held.steps;
    release(ledger, operation, held);
  }
  return used;
}

function release(ledger: Ledger, operation: Operation, held: Spent): void {
  ledger.held.delete(operation);
  for (const budget of accountFor(operation).budgets()) budget.reserved.remove(held);
  ledger.stirred = true;
}

function metaOf(spent: Spent): string {
  const usage = spent.toUsage();
  return usage === undefined ? "" : `,"usage":${JSON.stringify(usage)}`;
}

function lentMeta({ lent }: Account): string {
  const usage = lent?.toUsage();
  return usage === undefined ? "" : `,"lent":${JSON.stringify(usage)}`;
}

/** A recorded sum of what was lent inside a loaded operation, beyond what its inside was read to have lent. */
export function noteLent(operation: Operation, lent: Usage): void {
  const inside = accountInside(operation);
  accountAround(operation).lend(Spent.of(lent).beyond(inside?.lent ?? undefined));
}

/** Where what an entry of the operation tells counts. */
function accountAround(operation: Operation): Account {
  const { scope, verb } = operation;
  return verb === "loop" ? accountOf(scope.run, scope.container) : accountFor(operation);
}

/** A recorded usage of a loaded operation. What its inside was read to have used is counted already. */
export function noteUsage(operation: Operation, usage: Usage): void {
  const inside = accountInside(operation);
  const rest = Spent.of(usage).beyond(inside?.spent);
  accountAround(operation).charge(rest, operation.path);
}

/** A run that begins anew goes on with what it used and lent so far, and with its limits as they were raised. */
export function noteContinued(run: LiveRun, { usage, lent, limits }: EntryMeta): void {
  if (usage !== undefined) {
    const { root } = ledgerOf(run);
    root.charge(Spent.of(usage).beyond(root.spent), "0");
  }
  if (lent !== undefined) {
    const { root } = ledgerOf(run);
    root.lend(Spent.of(lent).beyond(root.lent ?? undefined));
  }
  const budget = run.ledger?.root.budget;
  if (limits !== undefined && budget != null) budget.limits = limits;
}

const nothing: { readonly usage?: Usage; readonly lent?: Usage } = {};

/** The sums of an account as fields of an entry's meta or a row's note; nothing where nothing was used or lent. */
export function usageOf(account: Account | null | undefined): { readonly usage?: Usage; readonly lent?: Usage } {
  const usage = account?.spent.toUsage();
  const lent = account?.lent?.toUsage();
  if (usage === undefined && lent === undefined) return nothing;
  return { ...(usage === undefined ? {} : { usage }), ...(lent === undefined ? {} : { lent }) };
}
