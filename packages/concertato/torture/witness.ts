/** Looks at journals while the torture goes on and remembers what it saw: nothing of it may ever read differently. */
import { createHash } from "node:crypto";
import type { App, Entry } from "concertato";
import { readJournal } from "./journal-paths.ts";

/** A run's journal as far as it was seen: one fingerprint per entry. */
export type Sight = readonly string[];

export interface Change {
  readonly runId: string;
  readonly seq: number;
  readonly now: string;
}

export class Witness {
  readonly #app: App;
  readonly sights = new Map<string, Sight>();
  readonly changes: Change[] = [];
  looks = 0;

  constructor(app: App) {
    this.#app = app;
  }

  /** Reads a run's journal and holds it against what was seen before. */
  async look(runId: string): Promise<void> {
    const entries = await readJournal(this.#app.job(runId));
    this.looks++;
    const before = this.sights.get(runId) ?? [];
    this.changes.push(...changedSince(runId, before, entries));
    if (entries.length > before.length) this.sights.set(runId, entries.map(entryFingerprint));
  }
}

/** Entries that were seen and are gone or different. */
export function changedSince(runId: string, before: Sight, entries: readonly Entry[]): Change[] {
  return before.flatMap((seen, index) => {
    const entry = entries[index];
    if (entry !== undefined && entryFingerprint(entry) === seen) return [];
    return [{ runId, seq: index + 1, now: entry === undefined ? "gone" : JSON.stringify(entry) }];
  });
}

function entryFingerprint(entry: Entry): string {
  return createHash("sha1").update(JSON.stringify(entry)).digest("base64");
}
