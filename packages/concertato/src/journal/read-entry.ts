/** From a stored entry to what subscribers see. */
import { decodeJson } from "../kernel/json.ts";
import { type Entry, type EntryMeta, entryKindName, type StoredEntry } from "./entry.ts";

/** @param open makes payload text of what was stored */
export function readEntry(stored: StoredEntry, open: (body: string | Uint8Array) => string): Entry {
  const text = stored.body === null ? null : open(stored.body);
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
