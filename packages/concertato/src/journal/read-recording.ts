/** Reads whole journals from a store, whatever jumps lead over parts of them. */
import type { StoredEntry } from "./entry.ts";
import { openPayload, readBlobs } from "./large-payload.ts";
import { Recording } from "./recording.ts";
import type { PayloadCodec, RunRow, Store } from "./store.ts";

const page = 1_000;

/**
 * What a run's journal says became of each operation.
 * @param until seq of the last entry that counts. Default: all there are
 * @throws ConcertatoError `journal/damaged`, `codec/key-missing`
 */
export async function readRecording(
  store: Store,
  codec: PayloadCodec,
  row: RunRow,
  until: number = row.seq,
): Promise<Recording> {
  await codec.prepare(row.tenant);
  const entries = await readEntries(store, row.key, until);
  const blobs = await readBlobs(store, codec, row, entries);
  return new Recording(entries, (entry) => openPayload(codec, row, entry, blobs));
}

/** The entries of a run up to a sequence number. */
export async function readEntries(store: Store, key: number, until: number): Promise<readonly StoredEntry[]> {
  const entries: StoredEntry[] = [];
  while (entries.length < until) {
    const more = await store.entries(key, entries.length, Math.min(page, until - entries.length));
    if (more.length === 0) break;
    entries.push(...more);
  }
  return entries;
}
