/**
 * Who owns which run: registering this process, finding the dead, handing out due runs.
 *
 * An owner row is visible only while its lock was taken before: `join` takes the lock inside the transaction that
 * inserts the row, `leave` deletes the row before it frees the lock. So a visible row with a free lock means death.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ConcertatoError } from "../kernel/errors.ts";
import type { RunRow } from "../journal/store.ts";
import type { AgentTable } from "./sqlite-agents.ts";
import { OwnerLock, ownerFile } from "./sqlite-owner-lock.ts";
import { rows, runColumns, runRows, statusCodes } from "./sqlite-rows.ts";

/** A run that could be claimed. */
type DueCells = readonly [key: number, wake: number];

/** A lock file may be held by a process that still uses an older file of the same path; so many ids are tried. */
const joinAttempts = 100;

export class OwnerTable {
  readonly #agents: AgentTable;
  readonly #path: string;
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(db: DatabaseSync, agents: AgentTable, path: string) {
    this.#agents = agents;
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
  anyDue(now: number, agents: readonly string[]): boolean {
    return this.#due(now, agents, 1).length > 0;
  }

  /** Takes due runs, those that wait longest first. Inside a transaction. */
  claim(self: number, now: number, agents: readonly string[], limit: number): RunRow[] {
    const label = (id: number): string => this.#agents.label(id);
    return this.#due(now, agents, limit).flatMap(([key]) => runRows(this.#sql.claim, label, self, key));
  }

  /** One short index walk per agent and then a merge: runs of agents that this process lacks cost nothing. */
  #due(now: number, agents: readonly string[], limit: number): readonly DueCells[] {
    const found: DueCells[] = [];
    for (const label of agents) {
      const agent = this.#agents.find(label);
      if (agent !== undefined) found.push(...rows<DueCells>(this.#sql.due, agent, now, limit));
    }
    if (found.length <= limit) return found;
    return found.toSorted((a, b) => a[1] - b[1] || a[0] - b[0]).slice(0, limit);
  }

  poked(self: number, now: number, limit: number): number[] {
    return rows<readonly [key: number]>(this.#sql.poked, self, now, limit).map(([key]) => key);
  }

  owned(self: number): number[] {
    return rows<readonly [key: number]>(this.#sql.owned, self).map(([key]) => key);
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
    release: statement(`update run set owner = null, epoch = epoch + 1, wake = 0 where owner = ?`),
    // Steps from one distinct owner to the next instead of reading every owned run.
    orphaned: query(
      `with recursive named (id) as (
         select min(owner) from run where owner is not null
         union all
         select (select min(owner) from run where owner > named.id) from named where named.id is not null)
       select id from named where id is not null and id not in (select id from owner)`,
    ),
    due: query(
      `select key, wake from run where agent = ? and owner is null and wake is not null and wake <= ? order by wake, key limit ?`,
    ),
    claim: query(
      `update run set owner = ?1, epoch = epoch + 1, wake = null,
         status = case status when ${statusCodes.queued} then ${statusCodes.running} else status end
       where key = ?2 returning ${runColumns}`,
    ),
    poked: query(`select key from run where owner = ? and wake <= ? order by wake limit ?`),
    owned: query(`select key from run where owner = ?`),
    nextWake: query(
      `select min((select min(wake) from run where agent = agent.id and owner is null and wake is not null and wake > ?1)) from agent`,
    ),
  };
}
