/**
 * What a run used, by stretch: a fold of its journal. Accounts are made when something is used; a run that uses nothing has
 * no ledger. An entry that ends a stretch carries its sum, so that a replay that jumps over it knows as much as one that
 * reads it, and a crash anywhere leaves the same sums.
 */
import type { Usage } from "../journal/entry.ts";
import { Spent } from "../journal/usage.ts";
import { Account } from "./account.ts";
import type { Container } from "./container.ts";
import type { LiveRun } from "./live-run.ts";
import { innermost, type Operation } from "./operation.ts";

export class Ledger {
  /** The run as a whole. */
  readonly root: Account = new Account(null);
  /** What attempts told to have used since their operation's last entry. */
  readonly reported: Map<Operation, Spent> = new Map();
}

/** The account of a stretch, made when it is needed; null is the run as a whole. */
function accountOf(run: LiveRun, container: Container | null): Account {
  if (container === null) return (run.ledger ??= new Ledger()).root;
  return (container.account ??= new Account(accountOf(run, container.parent)));
}

/** The account inside an operation: of the scope, map or loop that it is. */
function accountInside({ child, map, loop }: Operation): Account | null {
  return (child?.container ?? map?.container ?? loop?.container)?.account ?? null;
}

/** An attempt tells what it used; it counts with the operation's next entry. */
export function report(operation: Operation, told: Spent): void {
  const { reported } = (operation.scope.run.ledger ??= new Ledger());
  const known = reported.get(operation);
  if (known === undefined) reported.set(operation, told);
  else known.add(told);
}

/**
 * The part of an entry's meta that says what was used, and the moment at which it is charged: it stands in the next entry of
 * the operation, whichever that is. An operation with an inside of its own tells the sum of it.
 */
export function usageMeta(operation: Operation): string {
  const { ledger } = operation.scope.run;
  if (ledger === null) return "";
  const reported = ledger.reported.get(operation);
  if (reported === undefined) {
    const inside = accountInside(operation);
    return inside === null ? "" : metaOf(inside.spent);
  }
  ledger.reported.delete(operation);
  if (!reported.priced && reported.tokens > 0) reported.unpriced = 1;
  accountOf(operation.scope.run, innermost(operation)).charge(reported);
  return metaOf(reported);
}

function metaOf(spent: Spent): string {
  const usage = spent.toUsage();
  return usage === undefined ? "" : `,"usage":${JSON.stringify(usage)}`;
}

/** A recorded usage of a loaded operation. What its inside was read to have used is counted already. */
export function noteUsage(operation: Operation, usage: Usage): void {
  const inside = accountInside(operation);
  const rest = Spent.of(usage).beyond(inside?.spent);
  // A loop goes on after it told its sum.
  accountOf(operation.scope.run, operation.loop?.container ?? innermost(operation)).charge(rest);
}

const nothing: { readonly usage?: Usage } = {};

/** The sum of an account as a field of an entry's meta or a row's note; nothing where nothing was used. */
export function usageOf(account: Account | null | undefined): { readonly usage?: Usage } {
  const usage = account?.spent.toUsage();
  return usage === undefined ? nothing : { usage };
}
