/**
 * Who owns which run: registering this process, finding the dead, handing out due runs.
 *
 * An owner row is visible only while its lock was taken before: `join` takes the lock inside the transaction that
 * inserts the row, `leave` deletes the row before it frees the lock. So a visible row with a free lock means death.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ConcertatoError } from "../kernel/errors.ts";
import type { AgentPause, OwnerRow, PokedRun, RunRow } from "../journal/store.ts";
import type { AgentTable } from "./sqlite-agents.ts";
import { type ClaimWish, DueRuns } from "./sqlite-claims.ts";
import { OwnerLock, ownerFile } from "./sqlite-owner-lock.ts";
import { nextLeaseSql } from "./sqlite-holds.ts";
import { rows, runColumns, runRows, statusCodes } from "./sqlite-rows.ts";

type OwnerCells = readonly [id: number, process: number, agents: string, runs: number];

/** A lock file may be held by a process that still uses an older file of the same path; so many ids are tried. */
const joinAttempts = 100;

export class OwnerTable {
  readonly #agents: AgentTable;
  readonly #path: string;
  readonly #due: DueRuns;
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(db: DatabaseSync, agents: AgentTable, path: string) {
    this.#agents = agents;
    this.#due = new DueRuns(db, agents);
    this.#path = path;
    this.#sql = prepareAll(db);
  }

  /** Inserts an owner row and takes its lock. Inside a transaction; whoever rolls it back releases the lock. */
  join(): { readonly id: number; readonly lock: OwnerLock } {
    for (let attempt = 0; attempt < joinAttempts; attempt++) {
      const id = Number(this.#sql.insert.run(process.pid).lastInsertRowid);
      const lock = OwnerLock.tryAcquire(ownerFile(this.#path, id));
      if (lock !== undefined) return { id, lock };
      this.#sql.remove.run(id);
    }
    throw new ConcertatoError({
      code: "store/locked",
      message: `Every owner file beside ${this.#path} is held by another program. Close it.`,
    });
  }

  /** Releases the owner's runs and removes its row. Inside a transaction. Answers how many runs. */
  leave(id: number): number {
    const released = Number(this.#sql.release.run(id).changes);
    this.#sql.endTickets.run(id);
    this.#sql.endLeases.run(id);
    this.#sql.remove.run(id);
    return released;
  }

  /** Owners other than those given; some of them may be dead. */
  others(own: ReadonlySet<number>): number[] {
    return rows<readonly [id: number]>(this.#sql.list)
      .map(([id]) => id)
      .filter((id) => !own.has(id));
  }

  /** Owners that runs name though no row stands for them, as after a file was restored from a backup. */
  orphaned(): number[] {
    return rows<readonly [id: number]>(this.#sql.orphaned).map(([id]) => id);
  }

  /** Whether `claim` would find anything; asked first so that idle processes do not write. */
  anyDue(wish: ClaimWish): boolean {
    return this.#due.any(wish);
  }

  /** Takes due runs, those whose turn it is first. Inside a transaction. */
  claim(self: number, wish: ClaimWish): RunRow[] {
    const label = (id: number): string => this.#agents.label(id);
    return this.#due.take(wish).flatMap(({ key }) => runRows(this.#sql.claim, label, self, key));
  }

  announce(self: number, agents: readonly string[]): void {
    this.#sql.announce.run(JSON.stringify(agents), self);
  }

  /** Every owner with what it has; `alive` says which of them live. */
  list(alive: (id: number) => boolean): OwnerRow[] {
    return rows<OwnerCells>(this.#sql.owners).map(([id, process, agents, runs]) => ({
      id,
      process,
      alive: alive(id),
      agents: JSON.parse(agents) as readonly string[],
      runs,
    }));
  }

  poked(self: number, now: number, limit: number): PokedRun[] {
    const found = rows<readonly [key: number, priority: number, paused: number]>(this.#sql.poked, self, now, limit);
    return found.map(([key, priority, isPaused]) => ({ key, priority, paused: isPaused === 1 }));
  }

  pauses(): AgentPause[] {
    const found = rows<readonly [agent: string, by: string, since: number]>(this.#sql.pauses);
    return found.map(([agent, by, since]) => ({ agent, by, since }));
  }

  granted(self: number): number[] {
    return rows<readonly [n: number]>(this.#sql.granted, self).map(([n]) => n);
  }

  owned(self: number): number[] {
    return rows<readonly [key: number]>(this.#sql.owned, self).map(([key]) => key);
  }

  nextLease(): number | null {
    return rows<readonly [until: number | null]>(this.#sql.nextLease)[0]?.[0] ?? null;
  }

  nextWake(now: number): number | null {
    return rows<readonly [wake: number | null]>(this.#sql.nextWake, now)[0]?.[0] ?? null;
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
    insert: statement(`insert into owner (process) values (?)`),
    remove: statement(`delete from owner where id = ?`),
    list: query(`select id from owner`),
    announce: statement(`update owner set agents = ? where id = ?`),
    owners: query(
      `select id, process, agents, (select count(*) from run where owner = owner.id) from owner order by id`,
    ),
    release: statement(`update run set owner = null, epoch = epoch + 1, wake = 0 where owner = ?`),
    // Steps from one distinct owner to the next instead of reading every owned run.
    orphaned: query(
      `with recursive named (id) as (
         select min(owner) from run where owner is not null
         union all
         select (select min(owner) from run where owner > named.id) from named where named.id is not null)
       select id from named where id is not null and id not in (select id from owner)`,
    ),
    claim: query(
      `update run set owner = ?1, epoch = epoch + 1, wake = null, needs = 0,
         status = case status when ${statusCodes.queued} then ${statusCodes.running} else status end
       where key = ?2 returning ${runColumns}`,
    ),
    poked: query(
      `select key, priority, paused is not null from run where owner = ? and wake <= ? order by wake limit ?`,
    ),
    pauses: query(`select agent, paused_by, since from pause order by agent`),
    endLeases: statement(`delete from cap_lease where owner = ?`),
    endTickets: statement(`delete from ticket where owner = ?`),
    granted: query(`select n from ticket where owner = ? and granted = 1 order by id`),
    owned: query(`select key from run where owner = ?`),
    nextLease: query(nextLeaseSql),
    nextWake: query(
      `select min(wake) from (
         select (select min(wake) from run where needs = 0 and agent = agent.id and owner is null and wake is not null
           and cancelling = 0 and paused is null and wake > ?1) as wake from agent
         union all
         select min(wake) from run where owner is null and wake is not null and cancelling = 1 and wake > ?1)`,
    ),
  };
}
