/**
 * What a trip registered is undone when the trip was in vain or its run was cancelled, once each and last first; never
 * when it arrived. Judged by the marks in journals and outputs and by what the outside world saw.
 */
import { decodeJson } from "../src/kernel/json.ts";
import type { StoredEntry } from "../src/journal/entry.ts";
import type { RunRow } from "../src/journal/store.ts";
import type { Seen } from "./checkers.ts";

type Violate = (rule: string, what: string) => void;

export class UndoCheck {
  readonly #rows: readonly RunRow[];
  readonly #journals: ReadonlyMap<string, readonly Seen[]>;
  readonly #undone: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #textOf: (entry: StoredEntry | undefined, runId: string) => string | null;

  constructor(
    rows: readonly RunRow[],
    journals: ReadonlyMap<string, readonly Seen[]>,
    undone: ReadonlyMap<string, ReadonlySet<string>>,
    textOf: (entry: StoredEntry | undefined, runId: string) => string | null,
  ) {
    this.#rows = rows;
    this.#journals = journals;
    this.#undone = undone;
    this.#textOf = textOf;
  }

  check(violate: Violate): void {
    const registered = this.#registered();
    for (const [mark, keys] of this.#undone) {
      if (!registered.has(mark)) violate("undone-unasked", `${mark} was undone and never registered`);
      if (keys.size > 1) violate("undone-twice", `${mark} was undone under ${[...keys].join(" and ")}`);
    }
    this.#checkOrder(violate);
    for (const row of this.#rows) {
      if (row.status !== "completed") continue;
      const output = this.#textOf(this.#journals.get(row.id)?.at(-1)?.entry, row.id) ?? "";
      for (const [, group] of output.matchAll(/"arrived":"([^"]+)"/g))
        for (const mark of this.#marksOf(group ?? "", this.#undone.keys()))
          violate("undone-in-vain", `run ${row.id}: ${mark} was undone though its trip arrived`);
      for (const [, group] of output.matchAll(/"vain":"([^"]+)"/g))
        for (const mark of this.#marksOf(group ?? "", registered))
          if (!this.#undone.has(mark))
            violate("not-undone", `run ${row.id}: ${mark} stands though its trip was in vain`);
    }
  }

  /** Every mark that some journal has as registered. */
  #registered(): Set<string> {
    const marks = new Set<string>();
    for (const [runId, journal] of this.#journals)
      for (const { entry, kind } of journal)
        if (kind === "compensation-registered") marks.add(String(decodeJson(this.#textOf(entry, runId))));
    return marks;
  }

  #marksOf(group: string, marks: Iterable<string>): string[] {
    return [...marks].filter((mark) => mark.startsWith(`${group}|`));
  }

  /** Within one trip the last leg is undone first. */
  #checkOrder(violate: Violate): void {
    const last = new Map<string, number>();
    for (const mark of this.#undone.keys()) {
      const cut = mark.lastIndexOf("|");
      const group = mark.slice(0, cut);
      const leg = Number(mark.slice(cut + 1));
      const before = last.get(group);
      if (before !== undefined && before < leg) violate("undone-in-order", `${group}: leg ${before} before leg ${leg}`);
      last.set(group, leg);
    }
  }
}
