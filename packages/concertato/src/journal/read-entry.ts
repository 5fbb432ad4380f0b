/** From a stored entry to what subscribers see. */
import { decodeJson } from "../kernel/json.ts";
import { type Entry, type EntryMeta, entryKindName, type StoredEntry } from "./entry.ts";

/** @param text the payload in clear, both lines (`openPayload`) */
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
  return text === null || cut < 0 ? entry : { ...entry, input: decodeJson(text.slice(cut + 1)) };
}
