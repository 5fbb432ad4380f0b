/**
 * Reads every run of a store as if it had to go on, and names those that could not. It changes nothing: a damaged run is set
 * aside when somebody takes it up, and all others go on.
 */
import { fingerprint } from "./kernel/derive.ts";
import { ConcertatoError } from "./kernel/errors.ts";
import { decodeJson } from "./kernel/json.ts";
import type { World } from "./kernel/world.ts";
import { type EntryMeta, entryKindName } from "./journal/entry.ts";
import { openPayload, readBlobs } from "./journal/large-payload.ts";
import type { PayloadCodec, ReadEntry, RunRow, Store } from "./journal/store.ts";
import { isFinalStatus, summaryOf } from "./run-summary.ts";

/** A run that cannot be read, and why. */
export interface DamagedRun {
  readonly runId: string;
  /** `journal/damaged`, or `codec/key-missing` where the key to its payloads is not here. */
  readonly code: string;
  readonly message: string;
}

export interface CheckReport {
  /** How many runs were read. */
  readonly runs: number;
  /** How many entries they have. */
  readonly entries: number;
  readonly damaged: readonly DamagedRun[];
  /** What is wrong with the file itself; none when its structure is sound. */
  readonly file: readonly string[];
}

/** What a check reads from. */
interface Source {
  readonly store: Store;
  readonly codec: PayloadCodec;
  readonly world: World;
}

/** Rows and entries read at once. */
const page = 200;

export async function check(source: Source): Promise<CheckReport> {
  const file = await source.store.check();
  const damaged: DamagedRun[] = [];
  let runs = 0;
  let entries = 0;
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const rows = await source.store.runs({ before, limit: page });
    for (const row of rows) {
      runs++;
      entries += row.seq;
      const fault = await faultOf(source, row);
      if (fault !== undefined) damaged.push(fault);
      before = row.key;
    }
    if (rows.length < page) return { runs, entries, damaged, file };
  }
}

async function faultOf(source: Source, row: RunRow): Promise<DamagedRun | undefined> {
  try {
    await source.codec.prepare(row.tenant);
    await readRun(source, row);
    return undefined;
  } catch (error) {
    if (ConcertatoError.is(error, "store/unavailable") || ConcertatoError.is(error, "runtime/closed")) throw error;
    const code = ConcertatoError.is(error) ? error.code : "journal/damaged";
    return { runId: row.id, code, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Throws at the first thing that is wrong. A run that somebody writes to meanwhile may be longer than its row says. */
async function readRun(source: Source, row: RunRow): Promise<void> {
  let last: ReadEntry | undefined;
  for (let seen = 0; seen < row.seq; ) {
    const entries = await source.store.entries(row.key, seen, Math.min(page, row.seq - seen));
    if (entries.length === 0 && (await source.store.runByKey(row.key)) === undefined) return;
    for (const entry of entries) {
      if (entry.seq !== seen + 1) throw damaged(row, `entry ${seen + 1} is missing`);
      if (last !== undefined && entry.at < last.at)
        throw damaged(row, `entry ${entry.seq} is older than the one before it`);
      await readEntry(source, row, entry);
      seen = entry.seq;
      last = entry;
    }
    if (entries.length === 0) throw damaged(row, `entry ${seen + 1} is missing`);
    await new Promise<void>((resolve) => source.world.yield(resolve));
  }
  await source.store.replay(row.key);
  if (isFinalStatus(row.status)) assertEnd(row, last);
  if (summaryOf(row).failure === "journal/damaged") throw damaged(row, "it was set aside as damaged");
}

async function readEntry({ store, codec }: Source, row: RunRow, entry: ReadEntry): Promise<void> {
  if (entryKindName(entry.kind) === undefined)
    throw damaged(row, `entry ${entry.seq} has the unknown kind ${entry.kind}`);
  const meta = readMeta(row, entry);
  if (entry.jump !== null && entry.jump >= entry.ref) throw damaged(row, `entry ${entry.seq} jumps forwards`);
  const text = openPayload(codec, row, entry, await readBlobs(store, codec, row, [entry]));
  for (const line of text === null ? [] : text.split("\n")) readLine(row, entry, line);
  if (entry.seq === 1) assertBeginning(row, entry, meta, text);
}

function readMeta(row: RunRow, entry: ReadEntry): EntryMeta {
  try {
    return (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
  } catch {
    throw damaged(row, `what entry ${entry.seq} says beside its payload is not readable`);
  }
}

/** A value, nothing, or the number of the entry that has it. */
function readLine(row: RunRow, entry: ReadEntry, line: string): void {
  if (line === "" || /^=\d+$/.test(line)) return;
  try {
    decodeJson(line);
  } catch {
    throw damaged(row, `the payload of entry ${entry.seq} is not readable`);
  }
}

/** The row says again what the first entry says. The first entry of a fork is another run's. */
function assertBeginning(row: RunRow, entry: ReadEntry, meta: EntryMeta, text: string | null): void {
  if (entryKindName(entry.kind) !== "run-started") throw damaged(row, "it does not begin with its start");
  if (meta.fork !== undefined) return;
  if (meta.tenant !== row.tenant)
    throw damaged(row, `its row names tenant ${row.tenant}, its journal ${meta.tenant ?? "none"}`);
  if (entry.name !== row.agent) throw damaged(row, `its row names agent ${row.agent}, its journal ${entry.name}`);
  if (row.parent !== null && meta.causes?.includes(row.parent) !== true)
    throw damaged(row, `its row names the parent ${row.parent}, its journal another`);
  if (fingerprint(text ?? "") !== row.inputHash) throw damaged(row, "its input is not the one it was started with");
}

function assertEnd(row: RunRow, last: ReadEntry | undefined): void {
  const status = last === undefined ? undefined : readMeta(row, last).status;
  if (status !== row.status)
    throw damaged(row, `its row says ${row.status}, its journal ${status ?? "nothing of an end"}`);
}

function damaged(row: RunRow, what: string): ConcertatoError {
  return new ConcertatoError({
    code: "journal/damaged",
    message: `The journal of run ${row.id} cannot be read: ${what}. Restore the run from a backup; other runs are not touched.`,
    details: { runId: row.id },
  });
}
