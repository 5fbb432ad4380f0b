/**
 * A budget as it is held: its limits, what is reserved of it, who used it, and what waits for it. Spent is what the journal
 * has; reserved is what attempts under way may use and exists in memory only: after a crash they begin again.
 *
 *   open ──used up──▶ stopped, or asked ──raised──▶ open
 *                               └──refused──▶ stopped
 */
import type { Limits, StopReport } from "../journal/entry.ts";
import { Spent } from "../journal/usage.ts";
import { billionthsOf } from "../kernel/money.ts";
import type { Account } from "./account.ts";
import type { Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";
import type { TimerEntry } from "./timer-heap.ts";

/** What an attempt may use, as its agent estimates it. */
export interface Estimate {
  readonly spent: Spent;
  /** It was said; else only something that is left lets it begin. */
  readonly declared: boolean;
}

/** Limits that attempts use up. */
export type UsedLimit = "usd" | "tokens" | "steps" | "turns";

/** Users remembered by name, at most. */
const maxSpenders = 64;

/** Users that a report names. */
const reportedSpenders = 5;

export class HeldBudget {
  readonly account: Account;
  /** Whose entries tell of it: the scope it limits, or the one that called the work it limits. */
  readonly scope: Scope;
  /** Outside work with limits of its own. */
  readonly operation: Operation | null;
  limits: Limits;
  readonly reserved: Spent = new Spent();
  /** Called when something was given back or raised: work that did not fit. */
  waiting: (() => void)[] = [];
  /** A person is asked to raise it: seq and time of the entry that says so. */
  asked: { readonly seq: number; readonly since: number } | null = null;
  /** Its deadline was told to be at risk. */
  risked: { readonly since: number } | null = null;
  /** When its deadline was put off, and to when: bodies see it from then on. */
  readonly postponed: { readonly at: number; readonly deadline: number }[] = [];
  readonly firstDeadline: number | undefined;
  timer: TimerEntry | null = null;
  readonly #spenders = new Map<string, Spent>();

  constructor(account: Account, scope: Scope, operation: Operation | null, limits: Limits) {
    this.account = account;
    this.scope = scope;
    this.operation = operation;
    this.limits = limits;
    this.firstDeadline = limits.deadline;
  }

  get path(): string {
    return this.operation === null ? this.scope.path : this.operation.path;
  }

  /** It no longer limits anything. */
  get over(): boolean {
    const { scope, operation } = this;
    if (scope.dead || scope.run.dead || scope.run.finished || operation?.live === false) return true;
    // It has ended and is being undone: no limit stops that.
    return scope.compensating !== null || scope.deferred !== null;
  }

  /** It limits what is used, and not only time or depth. */
  get counts(): boolean {
    const { usd, tokens, steps, turns } = this.limits;
    return usd !== undefined || tokens !== undefined || steps !== undefined || turns !== undefined;
  }

  get waitId(): string {
    return this.asked === null ? this.path : `${this.path}@${this.asked.seq}`;
  }

  /** The first limit that leaves no room for this even when nothing else is under way. */
  exhaustedBy({ spent, declared }: Estimate): UsedLimit | undefined {
    return this.#firstOver(spent, declared, 0);
  }

  /** It would fit if what is under way uses less than it reserved. */
  mustWait({ spent, declared }: Estimate): boolean {
    return this.#firstOver(spent, declared, 1) !== undefined;
  }

  #firstOver(spent: Spent, declared: boolean, counting: 0 | 1): UsedLimit | undefined {
    const { usd, tokens, steps, turns } = this.limits;
    const used = (name: "billionths" | "tokens" | "steps" | "turns"): number =>
      this.account.spent[name] + (this.account.lent?.[name] ?? 0) + counting * this.reserved[name];
    if (usd !== undefined && over(used("billionths"), spent.billionths, billionthsOf(usd, "limit"), declared))
      return "usd";
    if (tokens !== undefined && over(used("tokens"), spent.tokens, tokens, declared)) return "tokens";
    if (steps !== undefined && spent.steps > 0 && used("steps") + spent.steps > steps) return "steps";
    if (turns !== undefined && spent.turns > 0 && used("turns") + spent.turns > turns) return "turns";
    return undefined;
  }

  /** What is left of a limit that is counted, in its own unit; infinite where there is none. */
  left(name: UsedLimit): number {
    const limit = this.limits[name];
    if (limit === undefined) return Number.POSITIVE_INFINITY;
    const unit = name === "usd" ? "billionths" : name;
    const most = name === "usd" ? billionthsOf(limit, "limit") : limit;
    return most - this.account.spent[unit] - (this.account.lent?.[unit] ?? 0) - this.reserved[unit];
  }

  /** What of a limit attempts under way have reserved, in its unit. */
  reservedOf(name: UsedLimit): number {
    return this.reserved[name === "usd" ? "billionths" : name];
  }

  /** The deadline as a body at this moment of the journal knows it. */
  deadlineAt(now: number): number | undefined {
    let deadline = this.firstDeadline;
    for (const put of this.postponed) if (put.at <= now) ({ deadline } = put);
    return deadline;
  }

  noteSpender(path: string, spent: Spent): void {
    const known = this.#spenders.get(path);
    if (known !== undefined) return known.add(spent);
    const noted = new Spent();
    noted.add(spent);
    this.#spenders.set(path, noted);
    if (this.#spenders.size > maxSpenders) this.#spenders.delete(this.#least());
  }

  /** Who used least; of several the one that came last. A look at each: this happens at every step of a long run. */
  #least(): string {
    let least: readonly [string, Spent] | undefined;
    for (const one of this.#spenders) if (least === undefined || byUse(one, least) >= 0) least = one;
    return least?.[0] ?? "";
  }

  #ranked(): readonly (readonly [string, Spent])[] {
    return [...this.#spenders].sort(byUse);
  }

  report(reason: StopReport["reason"], open: readonly string[]): StopReport {
    const reserved = this.reserved.toUsage();
    const lent = this.account.lent?.toUsage();
    return {
      reason,
      path: this.path,
      limit: this.limits,
      spent: this.account.spent.toUsage() ?? {},
      ...(reserved === undefined ? {} : { reserved }),
      ...(lent === undefined ? {} : { lent }),
      top: this.#ranked()
        .slice(0, reportedSpenders)
        .map(([path, spent]) => ({ path, usage: spent.toUsage() ?? {} })),
      open,
    };
  }
}

/** Who used most comes first. */
function byUse([, a]: readonly [string, Spent], [, b]: readonly [string, Spent]): number {
  return b.billionths - a.billionths || b.tokens - a.tokens || b.steps - a.steps || b.turns - a.turns;
}

/** What declares nothing needs something to be left; nobody knows how much it takes. */
function over(used: number, more: number, limit: number, declared: boolean): boolean {
  return declared ? used + more > limit : used >= limit;
}
