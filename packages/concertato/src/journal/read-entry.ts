/** From stored entries to what subscribers see. */
import { decodeJson } from "../kernel/json.ts";
import { type Entry, type EntryMeta, entryKindName, type StoredEntry } from "./entry.ts";

/** Marks a second line that names another entry: no JSON begins so. */
const reference = "=";

/** A result's second line: its input is the first line of entry `seq`. */
export function inputReference(seq: number): string {
  return `${reference}${seq}`;
}

/** The entry that a second line names; undefined for one that is the input itself. */
export function referredSeq(line: string): number | undefined {
  return line.startsWith(reference) ? Number(line.slice(reference.length)) : undefined;
}

/**
 * One entry. An input that stands in another entry is named (`inputOf`) and absent; `EntryReader` finds it.
 * @param text the payload in clear, both lines (`openPayload`)
 */
export function readEntry(stored: StoredEntry, text: string | null): Entry {
  const cut = text === null ? -1 : text.indexOf("\n");
  const body = text === null || cut < 0 ? text : text.slice(0, cut);
  const entry: Entry = {
    v: 1,
    seq: stored.seq,
    kind: entryKindName(stored.kind) ?? "diverged",
    scope: stored.scope,
    op: stored.op,
    name: stored.name,
    at: stored.at,
    meta: (stored.meta === null ? {} : JSON.parse(stored.meta)) as EntryMeta,
    body: body === "" ? undefined : decodeJson(body),
  };
  if (text === null || cut < 0) return entry;
  if (text[cut + 1] === reference) return { ...entry, inputOf: Number(text.slice(cut + 2)) };
  return { ...entry, input: decodeJson(text.slice(cut + 1)) };
}
