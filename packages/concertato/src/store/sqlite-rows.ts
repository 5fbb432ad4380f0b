/**
 * How rows of the tables look in SQL and how they become the values of the Store contract.
 */
import type { StatementSync, SQLInputValue } from "node:sqlite";
import type { Pause, InboxRow, InboxSend, ReadEntry, RunRow, RunStatus } from "../journal/store.ts";

/** Numbers are what files hold; they are never re-used. Final statuses are those from `firstFinal` on. */
export const statusCodes: Readonly<Record<RunStatus, number>> = {
  queued: 0,
  running: 1,
  waiting: 2,
  diverged: 3,
  completed: 4,
  failed: 5,
  cancelled: 6,
  stopped: 7,
};

/** Status codes from here on are final. */
export const firstFinal = 4;

const statusNames: readonly RunStatus[] = [
  "queued",
  "running",
  "waiting",
  "diverged",
  "completed",
  "failed",
  "cancelled",
  "stopped",
];

/** Numbers are what files hold; they are never re-used. */
export const inboxCodes: Readonly<Record<InboxSend["kind"], number>> = {
  signal: 1,
  "child-ended": 2,
  cancel: 3,
  mail: 4,
  room: 5,
  grant: 6,
  budget: 9,
  steered: 10,
};

const inboxNames: readonly (InboxSend["kind"] | undefined)[] = [
  undefined,
  "signal",
  "child-ended",
  "cancel",
  "mail",
  "room",
  "grant",
  undefined,
  undefined,
  "budget",
  "steered",
];

/** Columns of `entry e`, in the order of `EntryCells`. */
export const entryColumns = "e.seq, e.kind, e.scope, e.op, e.name, e.at, e.meta, e.body, e.jump, e.ref";

type EntryCells = readonly [
  seq: number,
  kind: number,
  scope: number,
  op: string,
  name: string,
  at: number,
  meta: string | null,
  body: string | Uint8Array | null,
  jump: number | null,
  ref: number,
];

/** Columns of `run`, in the order of `RunCells`. */
export const runColumns =
  "key, id, agent, tenant, status, owner, epoch, seq, wake, parked, cancelling, start_key, input_hash, parent, created_at, updated_at, note, priority, needs, paused";

type RunCells = readonly [
  key: number,
  id: string,
  agent: number,
  tenant: string,
  status: number,
  owner: number | null,
  epoch: number,
  seq: number,
  wake: number | null,
  parked: number,
  cancelling: number,
  startKey: string | null,
  inputHash: string,
  parent: string | null,
  createdAt: number,
  updatedAt: number,
  note: string | null,
  priority: number,
  needs: number,
  paused: string | null,
];

/** Columns of `inbox`, in the order of `InboxCells`. */
export const inboxColumns = "id, sender, n, kind, name, body, at";

type InboxCells = readonly [
  rowId: number,
  sender: string,
  n: number,
  kind: number,
  name: string,
  body: string | Uint8Array | null,
  at: number,
];

/** All rows as arrays. The statement must have been prepared with `setReturnArrays(true)` and select the columns of `Cells`. */
export function rows<Cells>(statement: StatementSync, ...values: SQLInputValue[]): readonly Cells[] {
  // Strict tables hold exactly the declared types, and the column lists above are in the order of the tuples.
  return statement.all(...values) as unknown as readonly Cells[];
}

/** Entries of a walk from the end to the start, turned into the order of seq. */
export function entriesBackwards(statement: StatementSync, ...values: SQLInputValue[]): ReadEntry[] {
  const found = rows<EntryCells>(statement, ...values);
  const entries = new Array<ReadEntry>(found.length);
  let at = found.length;
  for (const cells of found) entries[--at] = toEntry(cells);
  return entries;
}

function toEntry(cells: EntryCells): ReadEntry {
  return {
    seq: cells[0],
    kind: cells[1],
    scope: cells[2],
    op: cells[3],
    name: cells[4],
    at: cells[5],
    meta: cells[6],
    body: cells[7],
    jump: cells[8],
    ref: cells[9],
  };
}

/** Runs that a statement selects. */
export function runRows(
  statement: StatementSync,
  agentLabel: (id: number) => string,
  ...values: SQLInputValue[]
): RunRow[] {
  return rows<RunCells>(statement, ...values).map((cells) => toRun(cells, agentLabel));
}

function toRun(cells: RunCells, agentLabel: (id: number) => string): RunRow {
  return {
    key: cells[0],
    id: cells[1],
    agent: agentLabel(cells[2]),
    tenant: cells[3],
    status: statusNames[cells[4]] ?? "diverged",
    owner: cells[5],
    epoch: cells[6],
    seq: cells[7],
    wake: cells[8],
    parked: cells[9] === 1,
    cancelling: cells[10] === 1,
    startKey: cells[11],
    inputHash: cells[12],
    parent: cells[13],
    createdAt: cells[14],
    updatedAt: cells[15],
    // A status that is none: the row was damaged, and must not keep others from being listed.
    note: statusNames[cells[4]] === undefined ? '{"failure":"journal/damaged"}' : cells[16],
    priority: cells[17],
    paused: cells[19] === null ? null : (JSON.parse(cells[19]) as Pause),
    needs: cells[18] === 0 ? null : agentLabel(cells[18]),
  };
}

/** Inbox rows that a statement selects. */
export function inboxRows(statement: StatementSync, ...values: SQLInputValue[]): InboxRow[] {
  return rows<InboxCells>(statement, ...values).map((cells) => ({
    rowId: cells[0],
    sender: cells[1],
    n: cells[2],
    kind: inboxName(cells[3]),
    name: cells[4],
    body: cells[5],
    at: cells[6],
  }));
}

function inboxName(code: number): InboxSend["kind"] {
  const name = inboxNames[code];
  if (name === undefined) throw new Error(`An inbox row holds the unknown kind ${code}.`);
  return name;
}
