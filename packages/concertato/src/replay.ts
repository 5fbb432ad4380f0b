/**
 * Runs the code of a run again on its whole journal: in memory, with nothing done outside and nothing written. Every
 * scope is run, finished ones too, so it says more than taking the run up again would: whether this code would have asked
 * for the same, from the first entry to the last.
 */
import { ConcertatoError, type FailureRecord, toFailureRecord } from "./kernel/errors.ts";
import { decodeJson, type Json } from "./kernel/json.ts";
import type { World } from "./kernel/world.ts";
import { type EntryMeta, entryKinds, type StoredEntry } from "./journal/entry.ts";
import { type ExcerptLine, excerptAround, inOrder, operationWords } from "./journal/excerpt.ts";
import { openPayload, readBlobs } from "./journal/large-payload.ts";
import { readEntries } from "./journal/read-recording.ts";
import { type RecordedEnd, type RecordedOperation, Recording } from "./journal/recording.ts";
import type { RunRow, RunStatus } from "./journal/store.ts";
import type { Agent } from "./runtime/agent.ts";
import { Engine } from "./runtime/engine.ts";
import type { LiveRun } from "./runtime/live-run.ts";
import type { Operation } from "./runtime/operation.ts";
import { ReplayDirection, type ReplayWarning } from "./runtime/replay-direction.ts";
import { clearCodec } from "./store/clear-codec.ts";
import { MemoryStore } from "./store/memory-store.ts";

/** Where the code and the journal part. */
export interface Divergence {
  /** Address of the operation; "0" for the end of the run. */
  readonly path: string;
  /** Seq of what is recorded there; null where nothing is. */
  readonly seq: number | null;
  /** "run echo@1", or what the run ended with. */
  readonly recorded: string;
  readonly found: string;
  /** The operations around it, marked like a diff. */
  readonly excerpt: readonly ExcerptLine[];
  /** Where the code asks for it: frames of the call, innermost first. Empty where nothing was asked for. */
  readonly stack: readonly string[];
}

/** What a replay found. */
export interface ReplayReport {
  readonly runId: string;
  readonly agent: string;
  /**
   * `same`: this code asks for what is recorded, in this order, and ends as recorded. `diverged`: it does not.
   * `incomplete`: it could not be found out, and `failure` says why.
   */
  readonly status: "same" | "diverged" | "incomplete";
  /** How many entries were compared. */
  readonly entries: number;
  readonly firstDivergence?: Divergence;
  /** Differences that a live run does not stop at: there the recorded value counts. */
  readonly warnings: readonly ReplayWarning[];
  readonly failure?: FailureRecord;
}

export interface ReplayOptions {
  /** Agents to try instead of those the app has, by name and version. */
  readonly agents?: readonly Agent[];
}

export interface ReplayAllOptions extends ReplayOptions {
  /** Default: every status that is not final. */
  readonly status?: RunStatus | readonly RunStatus[];
  /** Name of the agent, without version. */
  readonly agent?: string;
}

/** Replays one run. Never throws for what is wrong with the run. */
export async function replayRun(engine: Engine, row: RunRow, options: ReplayOptions): Promise<ReplayReport> {
  const about = { runId: row.id, agent: row.agent, entries: row.seq };
  try {
    const { recording, first } = await readWhole(engine, row);
    return { ...about, ...(await new Replay(engine, row, recording, options.agents ?? []).compare(first)) };
  } catch (error) {
    return { ...about, status: "incomplete", warnings: [], failure: toFailureRecord(error) };
  }
}

/** Where the code begins: the first entry, or the last at which the run began anew (what was before is over for good). */
interface First {
  readonly entry: StoredEntry;
  readonly text: string | null;
  readonly seed: string | undefined;
}

async function readWhole(engine: Engine, row: RunRow): Promise<{ recording: Recording; first: First }> {
  const { store, codec } = engine;
  await codec.prepare(row.tenant);
  const entries = await readEntries(store, row.key, row.seq);
  const [entry] = entries;
  if (entry === undefined || entries.length !== row.seq) {
    throw new ConcertatoError({
      code: "journal/damaged",
      message: `The journal of run ${row.id} has ${entries.length} entries that can be read, its row says ${row.seq}. Restore it from a backup.`,
      details: { runId: row.id },
    });
  }
  const blobs = await readBlobs(store, codec, row, entries);
  const textOf = (stored: StoredEntry) => openPayload(codec, row, stored, blobs);
  const start = entries.findLast(({ kind }) => kind === entryKinds.continued) ?? entry;
  const first = { entry: start, text: textOf(start), seed: metaOf(entry).seed };
  return { recording: new Recording(entries, textOf), first };
}

function metaOf(entry: StoredEntry): EntryMeta {
  return (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
}

type Found = Pick<ReplayReport, "status" | "warnings" | "failure" | "firstDivergence">;

class Replay {
  readonly #row: RunRow;
  readonly #recording: Recording;
  readonly #store = new MemoryStore();
  readonly #engine: Engine;
  readonly #reports: unknown[] = [];

  constructor(engine: Engine, row: RunRow, recording: Recording, agents: readonly Agent[]) {
    this.#row = row;
    this.#recording = recording;
    const world = timelessWorld(engine.world, row.createdAt, (error) => void this.#reports.push(error));
    this.#engine = new Engine({ store: this.#store, world, codec: clearCodec, pollMs: 0, services: engine.services });
    for (const id of engine.agentIds()) {
      const agent = engine.agent(id);
      if (agent !== undefined) this.#engine.register(agent);
    }
    for (const agent of agents) this.#engine.register(agent);
  }

  async compare(first: First): Promise<Found> {
    const agent = first.entry.name;
    if (this.#engine.agent(agent) === undefined) {
      const message = `Run ${this.#row.id} cannot be replayed here: this process does not have ${agent}. Give it in "agents".`;
      return { status: "incomplete", warnings: [], failure: { code: "run/no-agent", message, retryable: false } };
    }
    try {
      return await this.#compare(first);
    } finally {
      this.#engine.halt();
    }
  }

  async #compare(first: First): Promise<Found> {
    const { run, direction } = this.#begin(first);
    await this.#idle(run);
    const { warnings } = direction;
    const divergence = this.#divergence(direction, run, first.entry.seq);
    if (divergence === undefined) return { status: "same", warnings };
    return { status: "diverged", warnings, firstDivergence: divergence };
  }

  #begin({ entry, text, seed }: First): { readonly run: LiveRun; readonly direction: ReplayDirection } {
    const { id, tenant, createdAt } = this.#row;
    const meta = metaOf(entry);
    const agent = entry.name;
    const created = { id, agent, tenant, owner: 1, startKey: null, inputHash: "", parent: null, at: createdAt };
    const start = { ...entry, seq: 1, kind: entryKinds["run-started"], scope: 1, body: text, jump: null };
    const [result] = this.#store.commit([{ kind: "create", run: created, entries: [start] }], "normal");
    const row = this.#store.run(id);
    if (result?.ok !== true || row === undefined) throw new Error(`Run ${id} could not be put into memory.`);
    // Which tools it may use is known to its code and decides its calls; what it may spend is not held against a replay.
    const tools = meta.limits?.tools;
    const run = this.#engine.adopt(row, text, entry.at, result.firstRef, tools === undefined ? null : { tools });
    run.seed = seed ?? id;
    run.root.revision = meta.revision ?? 1;
    run.pinnedAt = entry.at;
    if (entry.kind === entryKinds.continued) {
      run.generation = meta.count ?? 2;
      run.root.base = `${run.root.path}~${run.generation}`;
    }
    const direction = new ReplayDirection(run, this.#recording);
    run.direction = direction;
    return { run, direction };
  }

  /** Until nothing is left to hand to the code. */
  async #idle(run: LiveRun): Promise<void> {
    const engine = this.#engine;
    for (let quiet = 0; quiet < 2 && !run.dead; ) {
      engine.wake();
      await new Promise<void>((resolve) => engine.world.yield(resolve));
      const busy = engine.committer.busy || run.queuedScopes > 0 || run.held > 0 || run.attempts > 0;
      quiet = busy ? 0 : quiet + 1;
    }
  }

  /** @param from seq of the entry where the code began: what is before is over */
  #divergence(direction: ReplayDirection, run: LiveRun, from: number): Divergence | undefined {
    const { mismatch } = direction;
    if (mismatch !== undefined) return this.#at(mismatch, mismatch.stack);
    const row = this.#store.run(this.#row.id);
    const entries = row === undefined ? [] : this.#store.entries(row.key, 0, row.seq);
    const found = new Recording(entries, ({ body }) => body as string | null);
    // In memory it is the first generation.
    const told = (path: string) => found.operations.has(`${run.root.path}${path.slice(run.root.base.length)}`);
    const missing = inOrder(this.#recording).find(
      (operation) =>
        operation.seq > from &&
        !direction.seen.has(operation.path) &&
        !told(operation.path) &&
        !this.#isUndoing(operation) &&
        !this.#recording.isInGivenUp(operation.path),
    );
    if (missing !== undefined) {
      const instead = insteadOf(missing.path, direction.unrecorded);
      const words =
        instead === undefined ? (found.end === undefined ? "nothing there" : "the end of the body") : at(instead);
      const place = { path: missing.path, seq: missing.seq, recorded: operationWords(missing), found: words };
      return this.#at(place, instead === undefined ? [] : direction.stackOf(instead));
    }
    return this.#endDivergence(found.end, direction);
  }

  /** Of a run that was ended from outside, the undoing was begun from outside too. */
  #isUndoing({ path }: RecordedOperation): boolean {
    return this.#recording.end === undefined && path.split(".").includes("undo");
  }

  #endDivergence(found: RecordedEnd | undefined, direction: ReplayDirection): Divergence | undefined {
    const { end } = this.#recording;
    if (end === undefined || (found !== undefined && found.failed === end.failed && found.text === end.text))
      return undefined;
    const [next] = direction.unrecorded;
    if (found === undefined && next !== undefined)
      return this.#at(
        { path: next.path, seq: null, recorded: "the end of the run", found: operationWords(next) },
        direction.stackOf(next),
      );
    return this.#at({ path: "0", seq: end.seq, recorded: endWords(end), found: endWords(found) }, []);
  }

  #at(place: Omit<Divergence, "excerpt" | "stack">, stack: readonly string[]): Divergence {
    const { path, seq, recorded, found } = place;
    return { path, seq, recorded, found, excerpt: excerptAround(this.#recording, path, found), stack };
  }
}

/** What the code asked for in the same scope where it was to ask for this. */
function insteadOf(path: string, unrecorded: readonly Operation[]): Operation | undefined {
  const scope = path.slice(0, path.lastIndexOf("."));
  return unrecorded.find((operation) => operation.scope.base === scope);
}

function at(operation: Operation): string {
  return `${operationWords(operation)} at ${operation.path}`;
}

/** Longest output that is shown. */
const shown = 200;

function endWords(end: RecordedEnd | undefined): string {
  if (end === undefined) return "nothing: the code waits for ever";
  const value = decodeJson(end.text) as Json | undefined;
  const text = end.failed ? (value as { message?: string }).message : JSON.stringify(value);
  const words = `${end.failed ? "failed" : "completed"}: ${text ?? "nothing"}`;
  return words.length <= shown ? words : `${words.slice(0, shown)}…`;
}

/** No timer fires: what they would end is recorded. */
function timelessWorld(world: World, now: number, report: (error: unknown) => void): World {
  return {
    clock: { now: () => now, monotonic: () => world.clock.monotonic() },
    timer: () => () => undefined,
    drain: (fn) => world.drain(fn),
    yield: (fn) => world.yield(fn),
    id: () => world.id(),
    random: () => 0.5,
    exit: (reason) => world.exit(reason),
    report,
  };
}
