/**
 * Large payloads by reference. A line of an entry's body that is large is stored once as a blob under its hash, however
 * often it is handed on; the entry keeps `@0`, `@1` … in its place (no JSON text begins so) and names the hashes in
 * `meta.blobs`. A blob belongs to a tenant and lives as long as a run refers to it.
 */
import { ConcertatoError } from "../kernel/errors.ts";
import type { EntryMeta, StoredEntry } from "./entry.ts";
import type { Awaitable, NewBlob, PayloadCodec, Store } from "./store.ts";

/** Lines from this length on, in characters, are kept as blobs. Measured in docs/decisions/0006-large-payloads.md. */
export const largeFrom: number = 32 * 1024;

/** A body and meta with the large lines taken out. */
export interface Referring {
  readonly plain: string;
  readonly meta: string;
  /** What the entry refers to, in clear. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Texts of the blobs that some entries name, by hash. */
export type BlobTexts = ReadonlyMap<string, string>;

const none: BlobTexts = new Map();

/**
 * Puts references in the place of large lines.
 * @param from length from which on a line is large
 * @param text first line of the body
 * @param input second line; null when there is none
 */
export function byReference(
  codec: PayloadCodec,
  tenant: string,
  from: number,
  text: string | null,
  input: string | null,
  meta: string | null,
): Referring {
  const texts = new Map<string, string>();
  const line = (value: string): string => {
    if (value.length < from) return value;
    const hash = codec.hash(tenant, value);
    texts.set(hash, value);
    return `@${[...texts.keys()].indexOf(hash)}`;
  };
  const first = line(text ?? "");
  const plain = input === null ? first : `${first}\n${line(input)}`;
  const size = (text?.length ?? 0) + (input?.length ?? 0);
  return { plain, meta: withBlobs(meta, [...texts.keys()], size), texts };
}

/** Meta is JSON text that is made by hand on the hot path, so what is added here is added to the text. */
function withBlobs(meta: string | null, hashes: readonly string[], size: number): string {
  const added = `"size":${size},"blobs":${JSON.stringify(hashes)}}`;
  return meta === null || meta === "{}" ? `{${added}` : `${meta.slice(0, -1)},${added}`;
}

/** A blob as a store keeps it. Sealed, it is bound to its tenant and hash: it belongs to no one run. */
export function sealBlob(codec: PayloadCodec, tenant: string, hash: string, text: string): NewBlob {
  return { hash, body: codec.seal(tenant, boundTo(hash), text) };
}

function openBlob(codec: PayloadCodec, tenant: string, run: string, hash: string, body: string | Uint8Array): string {
  const text = codec.open(tenant, boundTo(hash), body);
  // What is sealed proves itself; what is kept in clear is compared with its name.
  if (typeof body !== "string" || codec.hash(tenant, text) === hash) return text;
  throw damaged(run, `its large payload ${hash} was changed`);
}

/** In the place of a run's id; ids of runs hold no slash. */
function boundTo(hash: string): string {
  return `blob/${hash}`;
}

/** Hashes that an entry names; looked for in the text first, because few entries name any. */
export function blobsOf(meta: string | null): readonly string[] {
  if (meta === null || !meta.includes('"blobs":[')) return [];
  return (JSON.parse(meta) as EntryMeta).blobs ?? [];
}

/**
 * Texts of all blobs that these entries of one run name, each read once. Answers at once when there are none.
 * @throws ConcertatoError `journal/damaged` when one is missing or was changed
 */
export function readBlobs(
  store: Pick<Store, "blobs">,
  codec: PayloadCodec,
  run: { readonly key: number; readonly id: string; readonly tenant: string },
  entries: readonly StoredEntry[],
): Awaitable<BlobTexts> {
  let hashes: Set<string> | undefined;
  for (const { meta } of entries) {
    for (const hash of blobsOf(meta)) (hashes ??= new Set()).add(hash);
  }
  return hashes === undefined ? none : readTexts(store, codec, run, [...hashes]);
}

async function readTexts(
  store: Pick<Store, "blobs">,
  codec: PayloadCodec,
  run: { readonly key: number; readonly id: string; readonly tenant: string },
  hashes: readonly string[],
): Promise<BlobTexts> {
  const bodies = await store.blobs(run.key, hashes);
  const texts = new Map<string, string>();
  for (const hash of hashes) {
    const body = bodies.get(hash);
    if (body === undefined) throw damaged(run.id, `its large payload ${hash} is missing`);
    texts.set(hash, openBlob(codec, run.tenant, run.id, hash, body));
  }
  return texts;
}

/**
 * The payload of an entry in clear, both lines, references resolved.
 * @param blobs what `readBlobs` gave for this entry
 */
export function openPayload(
  codec: PayloadCodec,
  run: { readonly id: string; readonly tenant: string },
  stored: StoredEntry,
  blobs: BlobTexts,
): string | null {
  if (stored.body === null) return null;
  const text = codec.open(run.tenant, run.id, stored.body);
  if (!text.startsWith("@") && !text.includes("\n@")) return text;
  const hashes = blobsOf(stored.meta);
  return text
    .split("\n")
    .map((line) => (line.startsWith("@") ? resolved(run.id, stored.seq, hashes[Number(line.slice(1))], blobs) : line))
    .join("\n");
}

function resolved(run: string, seq: number, hash: string | undefined, blobs: BlobTexts): string {
  const text = hash === undefined ? undefined : blobs.get(hash);
  if (text === undefined) throw damaged(run, `entry ${seq} refers to a large payload that it does not name`);
  return text;
}

function damaged(run: string, what: string): ConcertatoError {
  return new ConcertatoError({
    code: "journal/damaged",
    message: `The journal of run ${run} cannot be read: ${what}. Restore the run from a backup; other runs are not touched.`,
    details: { run },
  });
}
