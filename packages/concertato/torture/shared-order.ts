/** What runs share, judged over all of them: one holder of a key at a time, no number twice, undoing last first. */
import type { LedgerCall } from "./ledger-book.ts";
import type { Foretold } from "./model.ts";

type Find = (rule: string, subject: string, detail: string) => void;

export class SharedOrder {
  /** First effect of each label, by its place in the ledger. */
  readonly #first = new Map<string, number>();
  readonly #holds: Foretold["holds"][number][] = [];
  readonly #tallies = new Map<string, string>();
  readonly #find: Find;

  constructor(calls: readonly LedgerCall[], find: Find) {
    this.#find = find;
    calls.forEach(({ label }, index) => {
      if (!this.#first.has(label)) this.#first.set(label, index);
    });
  }

  /** Takes note of what a completed run told. */
  add(runId: string, { orders, holds, tallies }: Pick<Foretold, "orders" | "holds" | "tallies">): void {
    for (const order of orders) this.#inOrder("undone-in-order", runId, order);
    this.#holds.push(...holds);
    for (const number of tallies) {
      const other = this.#tallies.get(number);
      if (other !== undefined) this.#find("update-lost", runId, `${number}: run ${other} got it too`);
      this.#tallies.set(number, runId);
    }
  }

  /** Tokens grow with every holder, so what happened under a key happened in their order. */
  judge(): void {
    for (const [key, holds] of Map.groupBy(this.#holds, (hold) => hold.key)) {
      const sorted = holds.toSorted((a, b) => a.token - b.token);
      const tokens = new Set(sorted.map(({ token }) => token));
      if (tokens.size < sorted.length)
        this.#find("one-holder", key, `two held it with one token: ${JSON.stringify(sorted)}`);
      this.#inOrder(
        "one-holder",
        key,
        sorted.map(({ label }) => label),
      );
    }
  }

  #inOrder(rule: string, subject: string, labels: readonly string[]): void {
    let before = -1;
    for (const label of labels) {
      const at = this.#first.get(label) ?? -1;
      if (at < before)
        this.#find(rule, subject, `${label} happened before what stands before it in ${labels.join(", ")}`);
      before = Math.max(before, at);
    }
  }
}
