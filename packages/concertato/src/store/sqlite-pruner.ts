/**
 * Deleting runs, in two parts, so that neither stops the event loop for long however long a journal is:
 *
 *   prune    the row and what is found by it, in one transaction per page: from then on the run does not exist
 *   reclaim  its entries, from the last one back, its marks and large payloads, a slice per transaction; then the free
 *            pages, which go from the end of the file
 *
 * If the process dies in between, `deleted_run` says where to go on; any process may.
 * A table that has rows of a run is emptied here too.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { PrunePage, PruneQuery } from "../journal/store.ts";
import { firstFinal, rows, statusCodes } from "./sqlite-rows.ts";

/** Rows looked at for one page. Most of them are deleted; a few may belong to others, or be needed by a parent or a fork. */
const lookAhead = 200;

/** Rows deleted in one slice. */
const sliceRows = 200;

/** A large payload counts as so many rows: it may be megabytes, which are overwritten. */
const blobRows = 100;

/** Large payloads deleted at once. */
const sliceBlobs = 2;

/** Pages that move to the front of the file in one slice (of 4 KiB). */
const slicePages = 64;

type Candidate = readonly [
  key: number,
  createdAt: number,
  updatedAt: number,
  head: number,
  tenant: string,
  agent: string,
  needed: number,
];

export class Pruner {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepareAll(db);
  }

  /** What a page would say that deletes nothing; undefined when it would delete something. */
  nothing(query: PruneQuery): PrunePage | undefined {
    const { keys, next } = this.#page(query);
    return keys.length === 0 ? { runs: 0, next } : undefined;
  }

  /** Deletes a page. Inside a transaction. */
  prune(query: PruneQuery): PrunePage {
    const { keys, next } = this.#page(query);
    for (const [key, head] of keys) {
      this.#sql.remember.run(key, head);
      this.#sql.clearInbox.run(key);
      this.#sql.deleteRun.run(key);
      this.#sql.clearAccepted.run(key);
    }
    return { runs: keys.length, next };
  }

  #page(query: PruneQuery): { readonly keys: readonly (readonly [key: number, head: number])[]; next: number | null } {
    const keys: [number, number][] = [];
    const found = rows<Candidate>(this.#sql.candidates, statusCodes[query.status], query.after, lookAhead);
    for (const [key, createdAt, updatedAt, head, tenant, agent, needed] of found) {
      // Keys are given in the order of creation: nothing behind this one has ended before.
      if (createdAt >= query.endedBefore || (query.keepFrom !== undefined && key >= query.keepFrom))
        return { keys, next: null };
      if (updatedAt >= query.endedBefore || needed === 1) continue;
      if (query.tenant !== undefined && tenant !== query.tenant) continue;
      if (query.agent !== undefined && agent !== query.agent) continue;
      keys.push([key, head]);
      if (keys.length >= query.limit) return { keys, next: key };
    }
    return { keys, next: found.length < lookAhead ? null : (found.at(-1)?.[0] ?? null) };
  }

  /** Whether a slice would find anything. */
  get anyLeft(): boolean {
    return this.#sql.left.get() !== undefined || this.#freePages() > 0;
  }

  /** Deletes a slice of what deleted runs have left. Inside a transaction. False when there is nothing. */
  sweep(): boolean {
    let budget = sliceRows;
    while (budget > 0) {
      const [left] = rows<readonly [run: number, head: number]>(this.#sql.left);
      if (left === undefined) break;
      budget -= this.#sweepRun(left[0], left[1], budget);
    }
    return budget < sliceRows;
  }

  /** Answers what it cost. */
  #sweepRun(run: number, head: number, budget: number): number {
    if (head !== 0) return this.#sweepEntries(run, head, budget);
    const marks = Number(this.#sql.deleteMarks.run(run, budget).changes);
    const cost = marks + blobRows * this.#sweepBlobs(run);
    if (cost === 0) this.#sql.forget.run(run);
    return cost + 1;
  }

  /** The last entries first: what is left is a chain with a head, at any moment. */
  #sweepEntries(run: number, head: number, limit: number): number {
    const chain = rows<readonly [ref: number, prev: number]>(this.#sql.chain, head, limit);
    for (const [ref] of chain) this.#sql.deleteEntry.run(ref, run);
    this.#sql.advance.run(chain.at(-1)?.[1] ?? 0, run);
    return chain.length + 1;
  }

  #sweepBlobs(run: number): number {
    const blobs = rows<readonly [blob: number]>(this.#sql.blobs, run, sliceBlobs);
    for (const [blob] of blobs) {
      this.#sql.deleteRef.run(run, blob);
      this.#sql.deleteBlob.run(blob);
    }
    return blobs.length;
  }

  /** Moves some pages from the end of the file into free ones. A statement of its own, which is its own transaction. */
  shrink(): boolean {
    if (this.#freePages() === 0) return false;
    this.#db.exec(`pragma incremental_vacuum(${slicePages})`);
    return this.#freePages() > 0;
  }

  #freePages(): number {
    return Number(this.#sql.freePages.get()?.["freelist_count"] ?? 0);
  }
}

function prepareAll(db: DatabaseSync) {
  const statement = (sql: string): StatementSync => db.prepare(sql);
  const query = (sql: string): StatementSync => {
    const prepared = db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  };
  return {
    candidates: query(
      `select r.key, r.created_at, r.updated_at, r.head, r.tenant, (select name from agent where id = r.agent),
         exists (select 1 from run p where p.id = r.parent and p.status < ${firstFinal})
           or exists (select 1 from run f where f.fork_of = r.id and f.status < ${firstFinal})
           or exists (select 1 from run f where f.fork_of = r.parent and f.status < ${firstFinal})
       from run r where r.status = ? and r.key > ? order by r.key limit ?`,
    ),
    remember: statement(`insert into deleted_run (run, head) values (?, ?)`),
    clearInbox: statement(`delete from inbox where run = ?`),
    clearAccepted: statement(`delete from mail_accepted where run = ?`),
    deleteRun: statement(`delete from run where key = ? and status >= ${firstFinal}`),
    left: query(`select run, head from deleted_run limit 1`),
    chain: query(
      `with recursive walk (ref, prev, n) as (
         select ref, prev, 1 from entry where ref = ?1
         union all
         select e.ref, e.prev, n + 1 from walk cross join entry e on e.ref = walk.prev where walk.prev > 0 and n < ?2)
       select ref, prev from walk`,
    ),
    deleteEntry: statement(`delete from entry where ref = ? and run = ?`),
    advance: statement(`update deleted_run set head = ? where run = ?`),
    blobs: query(`select blob from blob_ref where run = ? limit ?`),
    deleteRef: statement(`delete from blob_ref where run = ? and blob = ?`),
    deleteBlob: statement(`delete from blob where id = ?1 and not exists (select 1 from blob_ref where blob = ?1)`),
    deleteMarks: statement(
      `delete from mark where run = ?1 and seq in (select seq from mark where run = ?1 order by seq limit ?2)`,
    ),
    forget: statement(`delete from deleted_run where run = ?`),
    freePages: db.prepare(`pragma freelist_count`),
  };
}
