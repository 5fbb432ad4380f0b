/** A journal, sorted by operation. */
import type { Entry, EntryKind } from "concertato";
import { pathOf, scopePaths } from "./journal-paths.ts";

/** What one operation left in its journal, in order. */
export interface Recorded {
  readonly path: string;
  readonly entries: readonly Entry[];
}

/** Entries that end an operation. */
export const endKinds: ReadonlySet<EntryKind> = new Set(["result", "scope-ended", "child-started"]);

/** The operations of a journal, by path. */
export function operationsOf(entries: readonly Entry[]): Map<string, Recorded> {
  const paths = scopePaths(entries);
  const own = entries.filter(({ op }) => op !== "");
  const byPath = groupBy(own, (entry) => pathOf(paths, entry));
  return new Map([...byPath].map(([path, list]) => [path, { path, entries: list }]));
}

export function groupBy<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
