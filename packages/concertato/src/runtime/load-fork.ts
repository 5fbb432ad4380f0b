/** Reads what a fork needs beside its own journal: what was decided when it was made, and what its original recorded. */
import { type EntryMeta, entryKinds } from "../journal/entry.ts";
import { readRecording } from "../journal/read-recording.ts";
import { openPayload, readBlobs } from "../journal/large-payload.ts";
import { type RecordedEnd, Recording } from "../journal/recording.ts";
import type { PayloadCodec, ReadEntry, RunRow, Store } from "../journal/store.ts";
import type { Engine } from "./engine.ts";
import type { ForkDescription } from "./fork-description.ts";
import { ForkDirection, type ForkSource, type StartedRun } from "./fork-direction.ts";
import type { LiveRun } from "./live-run.ts";

/** A fork as it is read from the store. */
export interface LoadedFork {
  /** Seq of its `forked` entry: what is before was taken over. */
  readonly seq: number;
  readonly description: ForkDescription;
  readonly source: ForkSource;
}

/** Undefined for a run that is no fork: told from its first entry alone. */
export async function loadFork(
  engine: Engine,
  row: RunRow,
  entries: readonly ReadEntry[],
): Promise<LoadedFork | undefined> {
  const forked = forkedEntry(entries);
  if (forked === undefined) return undefined;
  const description = await descriptionIn(engine, row, forked);
  const { run, until } = description.from;
  return { seq: forked.seq, description, source: await readSource(engine.store, engine.codec, run, until) };
}

/** What was decided when a run was forked; undefined for one that is no fork. */
export async function readFork(engine: Engine, row: RunRow): Promise<ForkDescription | undefined> {
  const entries = await engine.store.entries(row.key, 0, 1);
  const at = entries[0] === undefined ? undefined : forkOf(entries[0])?.at;
  if (at === undefined) return undefined;
  const forked = forkedEntry([...entries, ...(await engine.store.entries(row.key, at, 2))]);
  return forked && descriptionIn(engine, row, forked);
}

function forkOf({ meta }: ReadEntry): EntryMeta["fork"] {
  return meta?.includes('"fork":') === true ? (JSON.parse(meta) as EntryMeta).fork : undefined;
}

function forkedEntry(entries: readonly ReadEntry[]): ReadEntry | undefined {
  if (entries[0]?.meta?.includes('"fork":') !== true) return undefined;
  const forked = entries.findLast(({ kind }) => kind === entryKinds.forked);
  return forked?.body === null ? undefined : forked;
}

async function descriptionIn({ store, codec }: Engine, row: RunRow, forked: ReadEntry): Promise<ForkDescription> {
  // With large stubs it is a large payload like any other.
  const blobs = await readBlobs(store, codec, row, [forked]);
  return JSON.parse(openPayload(codec, row, forked, blobs) ?? "null") as ForkDescription;
}

/** Makes a loaded run decide as a fork. */
export function directFork(run: LiveRun, { description, source }: LoadedFork): void {
  run.direction = new ForkDirection(run, description, source, run.engine.stubs.get(run.id));
  // Nothing has happened anew as long as the journal is older than the fork.
  if (run.lastAt < run.createdAt) run.pinnedAt = run.lastAt;
}

/** Nothing is recorded in a run that is no longer there. */
async function readSource(store: Store, codec: PayloadCodec, runId: string, until: number): Promise<ForkSource> {
  const row = await store.run(runId);
  if (row === undefined) return { recording: new Recording([], () => null), children: new Map() };
  const recording = await readRecording(store, codec, row, until);
  return { recording, children: await readChildren(store, codec, recording) };
}

async function readChildren(
  store: Store,
  codec: PayloadCodec,
  recording: Recording,
): Promise<ReadonlyMap<string, StartedRun>> {
  const children = new Map<string, StartedRun>();
  for (const { verb, end } of recording.operations.values()) {
    if (verb !== "start" || end === undefined || end.failed || end.text === null) continue;
    const { runId } = JSON.parse(end.text) as { runId: string };
    const row = await store.run(runId);
    if (row !== undefined) children.set(runId, { inputHash: row.inputHash, end: await endOf(store, codec, row) });
  }
  return children;
}

async function endOf(store: Store, codec: PayloadCodec, row: RunRow): Promise<RecordedEnd | undefined> {
  const [last] = await store.entries(row.key, row.seq - 1, 1);
  if (last?.kind !== entryKinds["run-ended"]) return undefined;
  const text = openPayload(codec, row, last, await readBlobs(store, codec, row, [last]));
  // After everything that the original recorded: it never heard of it.
  const seq = Number.MAX_SAFE_INTEGER;
  return { seq, at: last.at, failed: row.status !== "completed", text, edited: false, appends: null };
}
