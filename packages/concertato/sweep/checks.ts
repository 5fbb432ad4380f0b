/** What must hold of every journal and effect when a trial has ended, whatever went wrong in it. */
import { type EntryMeta, entryKindName, type StoredEntry } from "../src/journal/entry.ts";
import type { RunRow } from "../src/journal/store.ts";
import type { Outside } from "./outside.ts";

interface Seen {
  readonly entry: StoredEntry;
  readonly kind: string;
  readonly meta: EntryMeta;
}

const ends = new Set(["result", "scope-ended", "child-started", "compensation-registered"]);

/** Rules that were broken. */
export function violationsOf(
  runs: readonly { row: RunRow; entries: readonly StoredEntry[] }[],
  outside: Outside,
): string[] {
  const violations: string[] = [];
  const journals = new Map(runs.map(({ row, entries }) => [row.id, entries.map(seenOf)]));
  for (const { row } of runs) checkJournal(row, journals.get(row.id) ?? [], violations);
  for (const { kind, id, runId, path, happened } of outside.deeds.values()) {
    const what = `${kind} ${id} at ${path} of ${runId}`;
    if (kind !== "write" && happened > 1) violations.push(`repeated-effect: ${what} happened ${happened} times`);
    const journal = journals.get(runId) ?? [];
    if (!journal.some((seen) => seen.kind === "intent" && pathOf(journal, seen) === path))
      violations.push(`effect-without-intent: ${what}`);
  }
  for (const [runId, journal] of journals) checkResults(runId, journal, outside, violations);
  return violations;
}

function seenOf(entry: StoredEntry): Seen {
  const meta = (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
  return { entry, kind: entryKindName(entry.kind) ?? "?", meta };
}

function checkJournal(row: RunRow, journal: readonly Seen[], violations: string[]): void {
  const ended = new Set<string>();
  const admitted = new Set<string>();
  let at = 0;
  journal.forEach(({ entry, kind, meta }, index) => {
    const where = `run ${row.id} seq ${entry.seq}`;
    if (entry.seq !== index + 1) violations.push(`gap: ${where} is entry ${index + 1}`);
    if (entry.at < at) violations.push(`time-back: ${where}`);
    at = Math.max(at, entry.at);
    const address = `${entry.scope}.${entry.op}`;
    if (ends.has(kind) && ended.has(address)) violations.push(`two-results: ${where} at ${address}`);
    if (ends.has(kind)) ended.add(address);
    if (kind === "diverged") violations.push(`diverged: ${where}: ${String(entry.body)}`);
    if (kind === "run-ended" && index !== journal.length - 1) violations.push(`after-the-end: ${where}`);
    const mark = meta.from?.join(" ");
    if (mark !== undefined && admitted.has(mark)) violations.push(`admitted-twice: ${where}: ${mark}`);
    if (mark !== undefined) admitted.add(mark);
  });
  if (row.seq !== journal.length) violations.push(`row-seq: run ${row.id} says ${row.seq}, has ${journal.length}`);
}

/** A recorded result of an effect means that it happened. */
function checkResults(runId: string, journal: readonly Seen[], outside: Outside, violations: string[]): void {
  for (const seen of journal) {
    const { kind, meta } = seen;
    if (kind !== "result" || meta.failed === true || (meta.effect !== "write" && meta.effect !== "irreversible"))
      continue;
    const path = pathOf(journal, seen);
    if (!outside.truth(runId, path).happened) violations.push(`result-without-effect: ${runId} ${path}`);
  }
}

function pathOf(journal: readonly Seen[], { entry }: Seen): string {
  if (entry.scope === 1) return `0.${entry.op}`;
  const start = journal[entry.scope - 1];
  if (start === undefined) return "?";
  // A run that was begun anew addresses what follows by its generation.
  if (start.kind === "continued") return `0~${start.meta.count ?? 1}.${entry.op}`;
  return `${pathOf(journal, start)}.${entry.op}`;
}
