/** Addresses of operations, as idempotency keys and questions name them: folded from a journal's entries alone. */
import type { Entry } from "concertato";

/** Path of the scope that each `scope-started` entry begins, by its seq; 1 is the run's own body. */
export function scopePaths(entries: readonly Entry[]): Map<number, string> {
  const paths = new Map<number, string>([[1, "0"]]);
  for (const entry of entries) {
    if (entry.kind === "scope-started") paths.set(entry.seq, `${paths.get(entry.scope) ?? "?"}.${entry.op}`);
  }
  return paths;
}

/** Path of the operation an entry belongs to. */
export function pathOf(paths: ReadonlyMap<number, string>, entry: Entry): string {
  const scope = paths.get(entry.scope) ?? "?";
  return entry.op === "" ? scope : `${scope}.${entry.op}`;
}

/** The whole journal of a run as it is now. */
export async function readJournal(job: {
  events(options: { readonly live: boolean }): AsyncIterable<Entry>;
}): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of job.events({ live: false })) entries.push(entry);
  return entries;
}
