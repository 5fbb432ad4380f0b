/**
 * When a run must be looked at again, told from its journal alone: the first deadline of what it began and has neither
 * ended, given up nor begun again. The checkers compare it with what the kernel says when it gives a run back.
 */
import { type EntryMeta, entryKindName, type StoredEntry } from "../src/journal/entry.ts";

const ends = new Set(["result", "scope-ended", "child-started"]);

/** The first open deadline (wall clock, ms), or null. */
export function openDeadline(entries: readonly StoredEntry[]): number | null {
  const inherited = entries.findLast(({ kind }) => entryKindName(kind) === "forked")?.seq ?? 0;
  const open = new Map<string, { readonly entry: StoredEntry; readonly until: number }>();
  for (const entry of entries) {
    const kind = entryKindName(entry.kind) ?? "?";
    const address = `${entry.scope} ${entry.op}`;
    // The next attempt after it is the original's: a fork makes attempts of its own, or takes over what came of them.
    if (kind === "attempt-failed" && entry.seq <= inherited) continue;
    if (entry.meta?.includes('"until":') === true) open.set(address, { entry, until: untilOf(entry) });
    else if (ends.has(kind) || kind === "op-cancelled") close(open, entries, entry);
    // Nothing of a scope that is being undone goes on, but what undoes.
    else if (kind === "compensating") close(open, entries, { ...entry, op: "" });
    else if (kind !== "signal-refused" && kind !== "signal") open.delete(address);
  }
  let first: number | null = null;
  for (const { until } of open.values()) if (first === null || until < first) first = until;
  return first;
}

/** An end closes what lay inside as well: items, turns, branches and scopes. */
function close(open: Map<string, { readonly entry: StoredEntry }>, entries: readonly StoredEntry[], end: StoredEntry) {
  for (const [address, { entry }] of open) if (liesIn(entries, entry, end)) open.delete(address);
}

function liesIn(entries: readonly StoredEntry[], entry: StoredEntry, end: StoredEntry): boolean {
  for (
    let at: StoredEntry | undefined = entry;
    at !== undefined;
    at = at.scope === 1 ? undefined : entries[at.scope - 1]
  )
    if (at.scope === end.scope && (end.op === "" || at.op === end.op || at.op.startsWith(`${end.op}/`))) return true;
  return false;
}

function untilOf(entry: StoredEntry): number {
  return (JSON.parse(entry.meta ?? "{}") as EntryMeta).until ?? 0;
}
