/**
 * Who holds which key, and who waits for it: one holder per tenant and key, the others in the order they came. Runs inside
 * the transaction that the store has begun.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { HoldAsk, HoldCycle, InboxSend } from "../journal/store.ts";
import { circleOf, type HoldNode } from "../journal/wait-for-graph.ts";
import { deadlocked, granted } from "./memory-holds.ts";
import { rows } from "./sqlite-rows.ts";

/** Puts a row into a run's inbox and wakes the run. */
type Deliver = (run: number, row: InboxSend) => void;

interface Place {
  readonly tenant: string;
  readonly key: string;
}

type HoldCells = readonly [
  id: number,
  run: number,
  path: string,
  granted: number,
  lease: number | null,
  until: number | null,
  tenant: string,
  key: string,
];

interface Node extends HoldNode {
  readonly run: number;
  readonly tenant: string;
}

export class Holds {
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #deliver: Deliver;

  constructor(db: DatabaseSync, deliver: Deliver) {
    this.#sql = prepareAll(db);
    this.#deliver = deliver;
  }

  ask(run: number, { key, path, lease }: HoldAsk, now: number): void {
    const [mine] = rows<readonly [tenant: string]>(this.#sql.tenantOf, run);
    if (mine === undefined) return;
    const [tenant] = mine;
    const place = { tenant, key };
    const [kept] = rows<readonly [id: number]>(this.#sql.kept, run, key);
    if (kept !== undefined) {
      const [id] = kept;
      this.#sql.takeOver.run(path, id);
      return this.#deliver(run, granted({ id, path }, now));
    }
    const [holder] = this.#queue(place);
    if (holder !== undefined && holder[5] !== null && holder[5] <= now) this.#remove(holder, now);
    this.#sql.linkRun.run(run);
    const inserted = this.#sql.insert.run(tenant, key, run, path, lease);
    if (inserted.changes === 0) return;
    const id = Number(inserted.lastInsertRowid);
    const cycle = this.#cycleFrom(id);
    if (cycle === null) return this.#grantFirst(place, now);
    this.#sql.remove.run(id);
    this.#deliver(run, deadlocked({ id, path }, cycle, now));
  }

  release(run: number, path: string, now: number): void {
    for (const hold of rows<HoldCells>(this.#sql.byPath, run, path)) this.#remove(hold, now);
  }

  keep(run: number, path: string): void {
    this.#sql.keep.run(run, path);
  }

  /** The run ended: what it holds and waits for is free. */
  close(run: number, now: number): void {
    for (const hold of rows<HoldCells>(this.#sql.byRun, run)) this.#remove(hold, now);
  }

  /** Leases that are over let the next in. */
  expire(now: number): void {
    for (const hold of rows<HoldCells>(this.#sql.over, now)) this.#remove(hold, now);
  }

  #remove([id, , , , , , tenant, key]: HoldCells, now: number): void {
    this.#sql.remove.run(id);
    this.#grantFirst({ tenant, key }, now);
  }

  #grantFirst(place: Place, now: number): void {
    const [first] = this.#queue(place);
    if (first === undefined || first[3] === 1) return;
    const [id, run, path, , lease] = first;
    this.#sql.grant.run(lease === null ? null : now + lease, id);
    this.#deliver(run, granted({ id, path }, now));
  }

  #queue({ tenant, key }: Place): readonly HoldCells[] {
    return rows<HoldCells>(this.#sql.queue, tenant, key);
  }

  /** Whether waiting for this one, which is in its queue already, would never end. */
  #cycleFrom(id: number): HoldCycle | null {
    const [asked] = rows<HoldCells>(this.#sql.byId, id).map(nodeOf);
    if (asked === undefined) return null;
    const circle = circleOf(asked, {
      before: (ask) => rows<HoldCells>(this.#sql.before, ask.tenant, ask.key, ask.id).map(nodeOf),
      ofRun: ({ run }) => rows<HoldCells>(this.#sql.byRun, run).map(nodeOf),
    });
    return (
      circle &&
      circle.map(({ ask, holder }) => ({ run: this.#idOf(ask.run), key: ask.key, holder: this.#idOf(holder.run) }))
    );
  }

  #idOf(run: number): string {
    return rows<readonly [string]>(this.#sql.idOf, run)[0]?.[0] ?? "";
  }
}

function nodeOf([id, run, path, isGranted, , , tenant, key]: HoldCells): Node {
  return { id, run, path, granted: isGranted === 1, tenant, key };
}

/** Earliest end of a lease that somebody waits for; what `Store.nextLease` answers. */
export const nextLeaseSql = `select min(until) from hold h where until is not null and exists
  (select 1 from hold w where w.tenant = h.tenant and w.key = h.key and w.granted = 0)`;

function prepareAll(db: DatabaseSync) {
  const statement = (sql: string): StatementSync => db.prepare(sql);
  const query = (sql: string): StatementSync => {
    const prepared = db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  };
  const columns = `id, run, path, granted, lease, until, tenant, key`;
  return {
    tenantOf: query(`select tenant from run where key = ?`),
    idOf: query(`select id from run where key = ?`),
    linkRun: statement(`update run set linked = 1 where key = ? and linked = 0`),
    insert: statement(
      `insert into hold (tenant, key, run, path, lease, granted) values (?, ?, ?, ?, ?, 0) on conflict do nothing`,
    ),
    queue: query(`select ${columns} from hold where tenant = ? and key = ? order by id`),
    byRun: query(`select ${columns} from hold where run = ? order by id`),
    byId: query(`select ${columns} from hold where id = ?`),
    before: query(`select ${columns} from hold where tenant = ? and key = ? and id < ? order by id`),
    byPath: query(`select ${columns} from hold where run = ? and path = ?`),
    over: query(
      `select ${columns} from hold h where until <= ? and exists
         (select 1 from hold w where w.tenant = h.tenant and w.key = h.key and w.granted = 0)`,
    ),
    // A path of its own begins with the root's address, never with a tilde.
    keep: statement(`update hold set path = '~' || path where run = ? and path = ? and granted = 1`),
    kept: query(`select id from hold where run = ? and key = ? and path like '~%' limit 1`),
    takeOver: statement(`update or ignore hold set path = ? where id = ?`),
    grant: statement(`update hold set granted = 1, until = ? where id = ?`),
    remove: statement(`delete from hold where id = ?`),
  };
}
