/**
 * Reads of the store. Every statement is finished before its method returns: one left open would keep the log from
 * being checkpointed.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { ConcertatoError } from "../kernel/errors.ts";
import type { InboxRow, Letter, ReadEntry, RunQuery, RunRow, StateRow } from "../journal/store.ts";
import type { AgentTable } from "./sqlite-agents.ts";
import {
  entriesBackwards,
  entryColumns,
  inboxColumns,
  inboxRows,
  runColumns,
  rows,
  runRows,
  statusCodes,
} from "./sqlite-rows.ts";

const defaultLimit = 50;

type LetterCells = readonly [channel: string, sender: string, n: number, at: number, body: string | Uint8Array | null];

export class StoreReader {
  readonly #db: DatabaseSync;
  readonly #label: (agent: number) => string;
  readonly #runById: StatementSync;
  readonly #runByKey: StatementSync;
  readonly #entries: StatementSync;
  readonly #replay: StatementSync;
  readonly #inbox: StatementSync;
  readonly #longInbox: StatementSync;
  readonly #letters: StatementSync;
  readonly #blob: StatementSync;
  readonly #state: StatementSync;
  readonly #readMeta: StatementSync;
  readonly #dataVersion: StatementSync;
  /** List statements by their text: one per combination of filters. */
  readonly #lists = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, agents: AgentTable) {
    this.#db = db;
    this.#label = (agent) => agents.label(agent);
    this.#runById = this.#query(`select ${runColumns} from run where id = ?`);
    this.#runByKey = this.#query(`select ${runColumns} from run where key = ?`);
    this.#entries = this.#query(pageSql);
    this.#replay = this.#query(replaySql);
    this.#inbox = this.#query(`select ${inboxColumns} from inbox where run = ? limit ?`);
    this.#longInbox = this.#query(`select ${inboxColumns} from inbox where run = ? order by id limit ?`);
    this.#letters = this.#query(`select channel, sender, n, at, body from mail where run = ? order by channel, id`);
    this.#blob = this.#query(
      `select b.body from run r join blob b on b.tenant = r.tenant and b.hash = ?2
       where r.key = ?1 and exists (select 1 from blob_ref where run = ?1 and blob = b.id)`,
    );
    this.#state = this.#query(`select version, body from state where owner = ? and name = ?`);
    this.#readMeta = db.prepare(`select value from meta where name = ?`);
    this.#dataVersion = db.prepare(`pragma data_version`);
  }

  #query(sql: string): StatementSync {
    const prepared = this.#db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  }

  run(id: string): RunRow | undefined {
    return runRows(this.#runById, this.#label, id)[0];
  }

  runByKey(key: number): RunRow | undefined {
    return runRows(this.#runByKey, this.#label, key)[0];
  }

  /**
   * Newest first. Each wanted status is asked for by itself and the answers are merged: its index yields rows in the
   * order of the key, so rare statuses among a million runs cost a page, not a scan.
   */
  runs(query: RunQuery): readonly RunRow[] {
    const limit = query.limit ?? defaultLimit;
    if (query.status === undefined) return this.#list(query, undefined, limit);
    const pages = query.status.map((status) => this.#list(query, statusCodes[status], limit));
    return pages
      .flat()
      .toSorted((a, b) => b.key - a.key)
      .slice(0, limit);
  }

  #list(query: RunQuery, status: number | undefined, limit: number): RunRow[] {
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const where = (condition: string, value: SQLInputValue | undefined): void => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    where("status = ?", status);
    where("key < ?", query.before);
    where("tenant = ?", query.tenant);
    where("agent in (select id from agent where name = ?)", query.agent);
    const filter = conditions.length === 0 ? "" : ` where ${conditions.join(" and ")}`;
    const sql = `select ${runColumns} from run${filter} order by key desc limit ?`;
    return runRows(this.#listStatement(sql), this.#label, ...values, limit);
  }

  #listStatement(sql: string): StatementSync {
    const known = this.#lists.get(sql);
    if (known !== undefined) return known;
    const prepared = this.#query(sql);
    this.#lists.set(sql, prepared);
    return prepared;
  }

  entries(run: number, after: number, limit: number): readonly ReadEntry[] {
    if (limit <= 0) return [];
    const from = Math.max(0, after);
    const found = entriesBackwards(this.#entries, run, from + limit, from);
    assertWhole(found, run, from);
    return found;
  }

  replay(run: number): readonly ReadEntry[] {
    const found = entriesBackwards(this.#replay, run);
    const first = found[0]?.seq ?? this.runByKey(run)?.seq ?? 0;
    if (found.length === 0 ? first > 0 : first !== 1) throw brokenChain(run, first);
    assertLinked(found, run);
    return found;
  }

  inbox(run: number, limit: number): readonly InboxRow[] {
    // Mostly there is one row or none: sorting them in SQLite would cost three times the reading.
    const found = inboxRows(this.#inbox, run, limit + 1);
    if (found.length > limit) return inboxRows(this.#longInbox, run, limit);
    return found.length < 2 ? found : found.toSorted((a, b) => a.rowId - b.rowId);
  }

  letters(run: number): readonly Letter[] {
    const found = rows<LetterCells>(this.#letters, run);
    return found.map(([channel, sender, n, at, body]) => ({ channel, sender, n, at, body }));
  }

  blobs(run: number, hashes: readonly string[]): ReadonlyMap<string, string | Uint8Array> {
    const found = new Map<string, string | Uint8Array>();
    for (const hash of hashes) {
      const [cells] = rows<readonly [body: string | Uint8Array]>(this.#blob, run, hash);
      if (cells !== undefined) found.set(hash, cells[0]);
    }
    return found;
  }

  readState(owner: string, name: string): StateRow | undefined {
    const [row] = rows<readonly [version: number, body: StateRow["body"]]>(this.#state, owner, name);
    return row && { version: row[0], body: row[1] };
  }

  readMeta(name: string): Uint8Array | undefined {
    const value = this.#readMeta.get(name)?.["value"];
    return value instanceof Uint8Array ? value : undefined;
  }

  changeToken(): number {
    return Number(this.#dataVersion.get()?.["data_version"] ?? 0);
  }
}

/**
 * Entries ?3 < seq <= ?2 of run ?1, last first. It starts at the first mark at or behind the page, or at the head
 * when there is none, and walks back: never more than one mark's distance of entries that are not wanted. Marks of a
 * deleted run may still be there; it has no journal all the same.
 */
const pageSql = `
with recursive walk (ref) as (
  select coalesce(
    (select ref from mark where run = ?1 and seq >= ?2 and exists (select 1 from run where key = ?1) order by seq limit 1),
    (select head from run where key = ?1))
  union all
  select e.prev from walk cross join entry e on e.ref = walk.ref and e.run = ?1
  where e.seq > ?3 + 1 and e.prev > 0 and e.prev < e.ref
)
select ${entryColumns} from walk cross join entry e on e.ref = walk.ref and e.run = ?1 where e.seq > ?3 and e.seq <= ?2`;

/**
 * From the head to the first entry, taking jumps. A reference that was damaged may name an entry of another run, or a later
 * one: the walk ends there, and what it found is not whole.
 */
const replaySql = `
with recursive walk (ref) as (
  select head from run where key = ?1
  union all
  select coalesce(e.jump, e.prev) from walk cross join entry e on e.ref = walk.ref and e.run = ?1
  where e.prev > 0 and coalesce(e.jump, e.prev) < e.ref
)
select ${entryColumns} from walk cross join entry e on e.ref = walk.ref and e.run = ?1`;

/** Every walk ends at entry 1; one that ends elsewhere met a reference to a row that is not there. */
function brokenChain(run: number, seq: number): ConcertatoError {
  return new ConcertatoError({
    code: "journal/damaged",
    message: `The journal of run ${run} breaks off before entry ${seq}. Restore it from a backup.`,
    details: { run, seq },
  });
}

/** Only a jump passes over entries. */
function assertLinked(entries: readonly ReadEntry[], run: number): void {
  let before = 0;
  for (const { seq, jump } of entries) {
    if (jump === null && seq !== before + 1) throw brokenChain(run, seq);
    before = seq;
  }
}

/** A page has no gaps; one with a gap means that rows were lost under the journal. */
function assertWhole(entries: readonly ReadEntry[], run: number, after: number): void {
  const last = entries.at(-1);
  if (last === undefined || last.seq === after + entries.length) return;
  throw new ConcertatoError({
    code: "journal/damaged",
    message: `The journal of run ${run} has a gap between entries ${after + 1} and ${last.seq}. Restore it from a backup.`,
    details: { run, after, found: entries.length, last: last.seq },
  });
}
