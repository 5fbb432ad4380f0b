/** Everything that was acknowledged of one database, and everything that has begun outside because of it. */
import type { Begun, WriterLine } from "./lines.ts";
import type { Assignment } from "./load.ts";

export class Acknowledged {
  /** Inputs of acknowledged starts, by run. */
  readonly starts = new Map<string, Assignment>();
  /** Fingerprints of entries that were seen, by run; index 0 is seq 1. */
  readonly entries = new Map<string, string[]>();
  readonly outcomes = new Map<string, string>();
  readonly signals = new Set<string>();
  readonly begun: Begun[] = [];
  /** Things that were said twice and differently: a violation already before any cut. */
  readonly contradictions: string[] = [];

  hear(line: WriterLine): void {
    switch (line.say) {
      case "start":
        this.starts.set(line.runId, line.input);
        return;
      case "entry":
        return this.#entry(line.runId, line.seq, line.print);
      case "outcome":
        this.#same(this.outcomes.get(line.runId), line.print, `outcome of ${line.runId}`);
        this.outcomes.set(line.runId, line.print);
        return;
      case "signal":
        this.signals.add(line.runId);
        return;
      case "effect":
        this.begun.push({ runId: line.runId, path: line.path, key: line.key, effect: line.effect });
        return;
      case "ready":
      case "report":
        return;
    }
  }

  get count(): number {
    let entries = 0;
    for (const prints of this.entries.values()) entries += prints.length;
    return this.starts.size + entries + this.outcomes.size + this.signals.size;
  }

  #entry(runId: string, seq: number, print: string): void {
    const prints = this.entries.get(runId) ?? [];
    this.entries.set(runId, prints);
    this.#same(prints[seq - 1], print, `entry ${seq} of ${runId}`);
    prints[seq - 1] = print;
  }

  #same(before: string | undefined, now: string, what: string): void {
    if (before !== undefined && before !== now) this.contradictions.push(what);
  }
}
