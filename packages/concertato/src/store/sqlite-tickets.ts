/**
 * Tickets for slots and rates, inside a transaction that the store has begun. What is in use is counted from the rows of
 * granted tickets, so a process that dies takes its own with it and no count can be wrong.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { rateAnswer, type RateLimit } from "../journal/rate.ts";
import type { Ticket, TicketState } from "../journal/store.ts";
import { rows } from "./sqlite-rows.ts";

type TicketCells = readonly [
  id: number,
  owner: number,
  n: number,
  slot: string | null,
  slotLimit: number | null,
  rate: string | null,
  rateLimit: number | null,
  ratePeriod: number | null,
  rateBurst: number | null,
];

/** Tickets in line that are looked at in one go. */
const page = 256;

export class TicketTable {
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db);
  }

  ask(owner: number, n: number, ticket: Ticket, now: number): TicketState {
    const { slot, rate, priority, run } = ticket;
    this.#sql.insert.run(
      ...[owner, n, priority, slot?.name ?? null, slot?.limit ?? null],
      ...[rate?.name ?? null, rate?.limit ?? null, rate?.periodMs ?? null, rate?.burst ?? null, run, now],
    );
    const retryAt = this.#grant(slot?.name ?? null, rate?.name ?? null, now, owner, n);
    const [cells] = rows<readonly [granted: number]>(this.#sql.find, owner, n);
    if (cells?.[0] !== 1) return { granted: false, retryAt };
    if (slot === null) this.#sql.remove.run(owner, n);
    return { granted: true };
  }

  end(owner: number, n: number, now: number): void {
    const [cells] = rows<readonly [slot: string | null, rate: string | null]>(this.#sql.remove, owner, n);
    if (cells !== undefined) this.#grant(cells[0], cells[1], now, 0, 0);
  }

  /** Everybody in line for the same gets what there is, in order. Answers when the rate would let ticket (owner, n) begin. */
  #grant(slot: string | null, rate: string | null, now: number, owner: number, n: number): number | null {
    let used = slot === null ? 0 : (rows<readonly [count: number]>(this.#sql.used, slot)[0]?.[0] ?? 0);
    let retryAt: number | null = null;
    for (const cells of slot === null ? this.#line(this.#sql.rateLine, rate) : this.#line(this.#sql.slotLine, slot)) {
      const [id, itsOwner, itsN, , slotLimit] = cells;
      if (slotLimit !== null && used >= slotLimit) break;
      const refusedUntil = this.#refusedUntil(rateOf(cells), now);
      if (refusedUntil !== null) {
        if (itsOwner === owner && itsN === n) retryAt = refusedUntil;
        if (slot !== null) continue;
        // In one rate the order is kept: whoever comes later would have to wait as well.
        retryAt = refusedUntil;
        break;
      }
      this.#sql.grant.run(id);
      used++;
    }
    return retryAt;
  }

  #line(statement: StatementSync, name: string | null): readonly TicketCells[] {
    return rows<TicketCells>(statement, name, page);
  }

  /** Null: the rate lets one begin now, and has noted it. */
  #refusedUntil(rate: RateLimit | null, now: number): number | null {
    if (rate === null) return null;
    const [cells] = rows<readonly [tat: number]>(this.#sql.readRate, rate.name);
    const answer = rateAnswer(cells?.[0], now, rate);
    if (answer.tat !== cells?.[0]) this.#sql.writeRate.run(rate.name, answer.tat);
    return answer.granted ? null : answer.retryAt;
  }
}

function rateOf([, , , , , name, limit, periodMs, burst]: TicketCells): RateLimit | null {
  if (name === null || limit === null || periodMs === null || burst === null) return null;
  return { name, limit, periodMs, burst };
}

function prepareAll(db: DatabaseSync) {
  const statement = (sql: string): StatementSync => db.prepare(sql);
  const query = (sql: string): StatementSync => {
    const prepared = db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  };
  const line = "select id, owner, n, slot, slot_limit, rate, rate_limit, rate_period, rate_burst from ticket";
  return {
    insert: statement(
      `insert into ticket (owner, n, granted, priority, slot, slot_limit, rate, rate_limit, rate_period, rate_burst, run, at)
       values (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (owner, n) do update set priority = excluded.priority`,
    ),
    find: query(`select granted from ticket where owner = ? and n = ?`),
    remove: query(`delete from ticket where owner = ? and n = ? returning slot, rate`),
    used: query(`select count(*) from ticket where slot = ? and granted = 1`),
    slotLine: query(`${line} where slot = ? and granted = 0 order by priority desc, id limit ?`),
    rateLine: query(`${line} where rate = ? and slot is null and granted = 0 order by priority desc, id limit ?`),
    grant: statement(`update ticket set granted = 1 where id = ?`),
    readRate: query(`select tat from rate where name = ?`),
    writeRate: statement(`insert into rate (name, tat) values (?, ?) on conflict do update set tat = excluded.tat`),
  };
}
