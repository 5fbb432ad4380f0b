/**
 * Sums of what was used: whole numbers only, so that they come out the same in any order and after any crash.
 * What is not known stays not known: a cost that nobody told is counted as untold, never as zero.
 */
import { amountOf, billionthsOf } from "../kernel/money.ts";
import type { Usage } from "./entry.ts";

export class Spent {
  inputTokens = 0;
  outputTokens = 0;
  /** Cost that was told, in billionths of a US dollar. */
  billionths = 0;
  /** Some cost was told, if only of nothing. */
  priced = false;
  /** Attempts that told tokens and no cost. */
  unpriced = 0;
  /** Counted under a budget only. */
  steps = 0;
  /** Counted under a budget only. */
  turns = 0;

  /** The sums of a recorded usage. */
  static of(usage: Usage): Spent {
    const spent = new Spent();
    spent.inputTokens = usage.inputTokens ?? 0;
    spent.outputTokens = usage.outputTokens ?? 0;
    if (usage.cost !== undefined) {
      spent.billionths = billionthsOf(usage.cost.amount, "recorded cost");
      spent.priced = true;
    }
    spent.unpriced = usage.unpriced ?? 0;
    spent.steps = usage.steps ?? 0;
    spent.turns = usage.turns ?? 0;
    return spent;
  }

  get tokens(): number {
    return this.inputTokens + this.outputTokens;
  }

  get isNothing(): boolean {
    return (
      !this.priced &&
      this.inputTokens + this.outputTokens + this.unpriced + this.steps + this.turns + this.billionths === 0
    );
  }

  add(other: Spent): void {
    this.#combine(other, 1);
    this.priced ||= other.priced;
  }

  remove(other: Spent): void {
    this.#combine(other, -1);
  }

  /** What this has more than another sum, of which it is a continuation. */
  beyond(other: Spent | undefined): Spent {
    const rest = new Spent();
    rest.add(this);
    if (other !== undefined) rest.#combine(other, -1);
    return rest;
  }

  #combine(other: Spent, sign: 1 | -1): void {
    this.inputTokens += sign * other.inputTokens;
    this.outputTokens += sign * other.outputTokens;
    this.billionths += sign * other.billionths;
    this.unpriced += sign * other.unpriced;
    this.steps += sign * other.steps;
    this.turns += sign * other.turns;
  }

  /** As entries have it; undefined when nothing was used. */
  toUsage(): Usage | undefined {
    if (this.isNothing) return undefined;
    return {
      ...(this.inputTokens === 0 ? {} : { inputTokens: this.inputTokens }),
      ...(this.outputTokens === 0 ? {} : { outputTokens: this.outputTokens }),
      ...(this.priced ? { cost: { amount: amountOf(this.billionths), currency: "USD" } } : {}),
      ...(this.unpriced === 0 ? {} : { unpriced: this.unpriced }),
      ...(this.steps === 0 ? {} : { steps: this.steps }),
      ...(this.turns === 0 ? {} : { turns: this.turns }),
    };
  }
}
