/** What was used inside a stretch of a run: of a scope, a map, a loop, the whole run. A charge counts in all around it. */
import { Spent } from "../journal/usage.ts";

export class Account {
  /** Of the stretch around it; null for the run's own. */
  readonly parent: Account | null;
  readonly spent: Spent = new Spent();

  constructor(parent: Account | null) {
    this.parent = parent;
  }

  /** Counts something used here, and all around. */
  charge(spent: Spent): void {
    this.spent.add(spent);
    this.parent?.charge(spent);
  }
}
