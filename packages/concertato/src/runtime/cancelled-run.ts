/**
 * The first thing done in the new epoch of a cancelled run: its last entry; or, where something is registered to be undone,
 * the decision to undo it first. The bodies of a cancelled run do not run again.
 * Crash anywhere in here: the row still says `cancelling`, and the next owner finds the same.
 */
import { ConcertatoError, type FailureRecord } from "../kernel/errors.ts";
import { decodeJson } from "../kernel/json.ts";
import { entryKinds, type Slice, type StoredEntry, type Usage } from "../journal/entry.ts";
import { readBlobs } from "../journal/large-payload.ts";
import type { Change, InboxRow, InboxSend, ReadEntry, RunRow } from "../journal/store.ts";
import { cancelNames } from "./cancel-order.ts";
import { childrenCancel, orderingParent } from "./children.ts";
import type { Engine } from "./engine.ts";
import { isAway } from "./store-away.ts";
import type { LiveRun } from "./live-run.ts";
import { metaText } from "./operation.ts";
import { actsOutside } from "./fork-description.ts";
import { loadFork } from "./load-fork.ts";
import { loadRun, resumeRun } from "./recovery.ts";
import { endRunWith } from "./scope-end.ts";

/** Inbox rows read to find the order; more are never there before the run is cancelled. */
const most = 10_000;

/** What was ordered: by the messages in the inbox, and with nobody's word left there, by the row alone. */
export interface CancelOrder {
  readonly rows: readonly InboxRow[];
  readonly terminate: boolean;
  readonly failure: FailureRecord;
}

/** Reads why and how a run was cancelled. */
export async function readCancelOrder(engine: Engine, row: RunRow): Promise<CancelOrder> {
  const inbox = await engine.store.inbox(row.key, most);
  const rows = inbox.filter(({ kind }) => kind === "cancel");
  const terminate = rows.find(({ name }) => name === cancelNames.terminate);
  const [first] = rows;
  const order = terminate ?? first;
  const body = order?.body;
  const told = body == null ? "" : decodeJson(engine.codec.open(row.tenant, row.id, body));
  const parent = order === undefined ? undefined : orderingParent(order.sender);
  const ended = parent === undefined ? "" : `the run that started it, ${parent}, ended`;
  const reason = typeof told === "string" && told !== "" ? told : ended;
  return {
    rows,
    terminate: terminate !== undefined,
    failure: cancelledFailure(row.id, reason, terminate !== undefined),
  };
}

/**
 * Loads a cancelled run, without running anything of it: what it has registered, what it used. Null when its journal cannot
 * be read; that is no reason not to end it. Undefined when somebody else has taken it meanwhile.
 * @param journalOf undefined when the row is not what the store has any more
 */
export async function loadCancelled(
  engine: Engine,
  row: RunRow,
  journalOf: () => Promise<readonly ReadEntry[] | undefined>,
): Promise<LiveRun | null | undefined> {
  const { store, codec } = engine;
  try {
    const entries = await journalOf();
    if (entries === undefined) return undefined;
    const fork = await loadFork(engine, row, entries);
    const run = loadRun(engine, row, entries, await readBlobs(store, codec, row, entries), fork?.seq);
    // What a fork took over was done by its original, and is not the fork's to undo.
    if (fork !== undefined && !actsOutside(fork.description)) run.compensates = false;
    return run;
  } catch (error) {
    if (isAway(error) || ConcertatoError.is(error, "codec/key-missing")) throw error;
    engine.report(error);
    return null;
  }
}

/** Sets a held run that has something to undo, or is undoing, to it. */
export function undoCancelled(engine: Engine, run: LiveRun, row: RunRow, order: CancelOrder): void {
  for (const { rowId, sender, n } of order.rows) {
    run.admitted.set(sender, n);
    run.consuming.add(rowId);
    run.consumed.push(rowId);
  }
  const { compensating } = run.root;
  if (compensating?.status !== "cancelled") decide(run, order, compensating?.failureText);
  else engine.markDirty(run);
  resumeRun(engine, run, row.parked);
}

/** It may have failed before it was cancelled, and be undoing already: then that is the cause, and undoing goes on. */
function decide(run: LiveRun, { failure }: CancelOrder, earlier: string | null | undefined): void {
  const cause = earlier == null ? {} : { cause: decodeJson(earlier) as unknown as FailureRecord };
  endRunWith(run, "cancelled", JSON.stringify({ ...failure, ...cause }));
}

/** The change that ends a cancelled run with one entry. */
export async function endOfCancelled(
  engine: Engine,
  row: RunRow,
  { failure, terminate }: CancelOrder,
  used: { readonly usage?: Usage },
  slice: Slice | undefined,
): Promise<{ readonly change: Change; readonly text: string }> {
  const { store, world, codec } = engine;
  const [last] = await store.entries(row.key, row.seq - 1, 1);
  const at = Math.max(world.clock.now(), last?.at ?? 0);
  const stopped = stoppedUndoing(row);
  const text = JSON.stringify(stopped === null ? failure : { ...failure, details: { compensation: stopped } });
  const entry: StoredEntry = {
    seq: row.seq + 1,
    kind: entryKinds["run-ended"],
    scope: 1,
    op: "",
    name: "",
    at,
    meta: metaText({ status: "cancelled", failed: true, ...used }),
    body: codec.seal(row.tenant, row.id, text),
    jump: null,
  };
  const change: Change = {
    kind: "append",
    run: row.key,
    epoch: row.epoch,
    expectedSeq: row.seq,
    entries: [entry],
    patch: { status: "cancelled", note: noteOf(stopped, used), parked: false, at },
    cancelChildren: childrenCancel(row.id, at, terminate),
    sends: row.parent === null ? [] : [{ to: row.parent, row: childEnded(engine, row, row.parent, text, slice, at) }],
  };
  return { change, text };
}

/** How far undoing had come when it was terminated, as the row shows it. */
function stoppedUndoing(row: RunRow): { readonly of: number; readonly undone: number } | null {
  const note = row.note === null ? {} : (JSON.parse(row.note) as { undoing?: { done: number; of: number } });
  return note.undoing === undefined ? null : { of: note.undoing.of, undone: note.undoing.done };
}

function noteOf(
  stopped: { readonly of: number; readonly undone: number } | null,
  used: { readonly usage?: Usage },
): string {
  const undone = stopped === null ? {} : { undone: { done: stopped.undone, of: stopped.of } };
  return JSON.stringify({ failure: "run/cancelled", ...undone, ...used });
}

function childEnded(
  engine: Engine,
  row: RunRow,
  parent: string,
  text: string,
  slice: Slice | undefined,
  at: number,
): InboxSend {
  const back = slice === undefined ? "" : `,"slice":${JSON.stringify(slice)}`;
  const body = engine.codec.seal(row.tenant, parent, `{"failed":true${back},"body":${text}}`);
  return { sender: row.id, n: 1, kind: "child-ended", name: row.id, body, at };
}

/** The failure that a cancelled run ends with. */
function cancelledFailure(runId: string, reason: string, terminated: boolean): FailureRecord {
  const why = reason === "" ? "" : ` Reason: ${reason}.`;
  const how = terminated ? "terminated; nothing more was undone" : "cancelled";
  return { code: "run/cancelled", message: `Run ${runId} was ${how}.${why}`, retryable: false };
}
