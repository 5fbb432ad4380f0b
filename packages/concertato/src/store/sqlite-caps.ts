/** Caps, inside a transaction that the store has begun: limits by scope, what is spent and leased by scope and window. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type Cap,
  type CapAsk,
  type CapPeriod,
  capSlice,
  type CapRow,
  type CapSpend,
  capWindow,
} from "../journal/cap.ts";
import { rows } from "./sqlite-rows.ts";

type CapCells = readonly [scope: string, per: CapPeriod, limit: number, onExhausted: "wait" | "stop"];

type UsedCells = readonly [spent: number, leased: number];

export class CapTable {
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db);
  }

  set({ scope, per, limit, onExhausted }: Cap): void {
    this.#sql.set.run(scope, per, limit, onExhausted);
  }

  remove(scope: string): void {
    for (const statement of this.#sql.remove) statement.run(scope);
  }

  lease(scope: string, since: number, owner: number, ask: CapAsk): number | "missing" | "exhausted" | "busy" {
    const [cap] = rows<readonly [limit: number]>(this.#sql.limit, scope);
    if (cap === undefined) return "missing";
    const [spent, others] = this.#used(scope, since, owner);
    const more = capSlice(cap[0], spent, others, ask);
    if (typeof more === "number") this.#sql.lease.run(scope, since, owner, ask.held + more);
    return more;
  }

  giveBack(scope: string, since: number, owner: number): void {
    this.#sql.giveBack.run(scope, since, owner);
  }

  spend({ scope, since, owner, used }: CapSpend): void {
    this.#sql.spend.run(scope, since, used);
    this.#sql.settle.run(used, scope, since, owner);
  }

  list(now: number): readonly CapRow[] {
    return rows<CapCells>(this.#sql.list).map(([scope, per, limit, onExhausted]) => {
      const { since } = capWindow(per, now);
      // No owner has the number 0: all of them are counted.
      const [spent, leased] = this.#used(scope, since, 0);
      return { scope, per, limit, onExhausted, since, spent, leased };
    });
  }

  /** What is spent, and what is leased to others than this owner. */
  #used(scope: string, since: number, owner: number): UsedCells {
    return rows<UsedCells>(this.#sql.used, scope, since, owner)[0] ?? [0, 0];
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
    set: statement(
      `insert into cap (scope, per, most, on_exhausted) values (?, ?, ?, ?)
       on conflict (scope) do update set per = excluded.per, most = excluded.most, on_exhausted = excluded.on_exhausted`,
    ),
    remove: ["cap", "cap_window", "cap_lease"].map((table) => statement(`delete from ${table} where scope = ?`)),
    limit: query(`select most from cap where scope = ?`),
    used: query(
      `select coalesce((select spent from cap_window where scope = ?1 and since = ?2), 0),
         coalesce((select sum(amount) from cap_lease where scope = ?1 and since = ?2 and owner is not ?3), 0)`,
    ),
    lease: statement(
      `insert into cap_lease (scope, since, owner, amount) values (?, ?, ?, ?)
       on conflict (scope, since, owner) do update set amount = excluded.amount`,
    ),
    giveBack: statement(`delete from cap_lease where scope = ? and since = ? and owner = ?`),
    // A cap that was removed meanwhile counts nothing any more.
    spend: statement(
      `insert into cap_window (scope, since, spent) select ?1, ?2, ?3 where exists (select 1 from cap where scope = ?1)
       on conflict (scope, since) do update set spent = spent + excluded.spent`,
    ),
    settle: statement(`update cap_lease set amount = max(0, amount - ?) where scope = ? and since = ? and owner = ?`),
    list: query(`select scope, per, most, on_exhausted from cap order by scope`),
  };
}
