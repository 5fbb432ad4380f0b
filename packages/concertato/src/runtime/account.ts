/** What was used inside a stretch of a run: of a scope, a map, a loop, the whole run. A charge counts in all around it. */
import { Spent } from "../journal/usage.ts";
import type { HeldBudget } from "./held-budget.ts";

export class Account {
  /** Of the stretch around it; null for the run's own. */
  readonly parent: Account | null;
  readonly spent: Spent = new Spent();
  /** Lent to runs of their own; what they give back leaves it. */
  lent: Spent | null = null;
  /** The limits that hold here, where there are any. */
  budget: HeldBudget | null = null;

  constructor(parent: Account | null) {
    this.parent = parent;
  }

  /**
   * Counts something used here, and all around.
   * @param path who used it
   */
  charge(spent: Spent, path: string): void {
    this.spent.add(spent);
    this.budget?.noteSpender(path, spent);
    this.parent?.charge(spent, path);
  }

  /** Those of them that count what is used, and not only time or depth. */
  counting(): readonly HeldBudget[] {
    return this.budgets().filter((budget) => budget.counts);
  }

  /** Lends something, of this and of all around; a negative sum is given back. */
  lend(sum: Spent): void {
    this.lent ??= new Spent();
    this.lent.add(sum);
    this.parent?.lend(sum);
  }

  /** The budgets that hold here, this one's first, the run's last. */
  budgets(): readonly HeldBudget[] {
    const around = this.parent === null ? [] : this.parent.budgets();
    return this.budget === null ? around : [this.budget, ...around];
  }
}
