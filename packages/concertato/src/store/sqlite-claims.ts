/**
 * Finds the runs that a claim takes. Most of the time few runs are due, and all of them are looked at. When many are, it
 * steps from tenant to tenant along an index instead: a claim costs the same whether a thousand or a million wait.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { type DueRun, inFairOrder } from "../journal/claim-order.ts";
import type { AgentTable } from "./sqlite-agents.ts";
import { rows } from "./sqlite-rows.ts";

type DueCells = readonly [key: number, wake: number, priority: number, tenant: string];

/** Whose runs: those that need no other agent (0) or this one, of an agent. */
type Line = readonly [needs: number, agent: number];

/** So many due runs of one line are looked at in the order of their wake; where there are more, by tenants. */
const glance = 256;

/** Most tenants that one claim steps over within a priority, in search of those with something due. */
const mostTenants = 2_048;

const highestPriority = 9;

export interface ClaimWish {
  readonly now: number;
  readonly agents: readonly string[];
  readonly limit: number;
  /** Only runs of a higher priority; -1 for all. */
  readonly above: number;
}

export class DueRuns {
  readonly #agents: AgentTable;
  readonly #sql: ReturnType<typeof prepareAll>;
  /** The tenant served last: turns go on after it. */
  #served = "";

  constructor(db: DatabaseSync, agents: AgentTable) {
    this.#agents = agents;
    this.#sql = prepareAll(db);
  }

  /** Whether `take` would find anything; asked first so that idle processes do not write. */
  any(wish: ClaimWish): boolean {
    if (this.#cancelled(wish, 1).length > 0) return true;
    return this.#lines(wish.agents).some((line) =>
      wish.above < 0 ? this.#earliest(line, wish.now, 1).length > 0 : this.#tenantsOf(line, wish, "", 1).length > 0,
    );
  }

  /** The runs whose turn it is, in order. */
  take(wish: ClaimWish): readonly DueRun[] {
    const found = new Map<number, DueRun>();
    const add = (runs: readonly DueRun[]): void => {
      for (const run of runs) if (run.priority > wish.above) found.set(run.key, run);
    };
    for (const line of this.#lines(wish.agents)) {
      const earliest = this.#earliest(line, wish.now, glance);
      add(earliest);
      if (earliest.length === glance) add(this.#byTenants(line, wish));
    }
    // To end a run takes no place of another: those that are being cancelled come first, whatever their priority.
    const ending = this.#cancelled(wish, wish.limit);
    const turns = inFairOrder([...found.values()], this.#served, wish.limit - ending.length);
    this.#served = turns.at(-1)?.tenant ?? this.#served;
    return [...ending, ...turns];
  }

  /** Lines this process may take from. Needed agents are few, so they are stepped through. */
  #lines(labels: readonly string[]): readonly Line[] {
    const pausedNow = new Set(rows<readonly [agent: string]>(this.#sql.paused).map(([agent]) => agent));
    const isPaused = (label: string): boolean =>
      pausedNow.has(label) || pausedNow.has(label.slice(0, label.lastIndexOf("@")));
    const known = this.#own(labels);
    const own = pausedNow.size === 0 ? known : this.#own(labels.filter((label) => !isPaused(label)));
    const lines: Line[] = own.map((agent) => [0, agent]);
    for (const [needs] of rows<readonly [id: number]>(this.#sql.needed)) {
      if (known.includes(needs)) for (const agent of own) lines.push([needs, agent]);
    }
    return lines;
  }

  #earliest([needs, agent]: Line, now: number, limit: number): readonly DueRun[] {
    return dueRuns(this.#sql.earliest, needs, agent, now, limit);
  }

  /** They go to any process; one that is being undone, and needs an agent for it, to those that have it. */
  #cancelled({ agents, now }: ClaimWish, limit: number): readonly DueRun[] {
    return dueRuns(this.#sql.cancelled, now, JSON.stringify(this.#own(agents)), limit);
  }

  #own(labels: readonly string[]): readonly number[] {
    return labels.map((label) => this.#agents.find(label)).filter((id) => id !== undefined);
  }

  /** A share of each tenant that has something due, highest priority first, until there is enough. */
  #byTenants(line: Line, wish: ClaimWish): readonly DueRun[] {
    const found: DueRun[] = [];
    for (let priority = highestPriority; priority > wish.above && found.length < wish.limit; priority--) {
      const tenants = this.#tenantsInTurn(line, priority, wish);
      const share = Math.ceil(wish.limit / Math.max(1, tenants.length));
      let taken = tenants.flatMap((tenant) => this.#ofTenant(line, priority, tenant, wish.now, share));
      if (taken.length < wish.limit)
        taken = tenants.flatMap((tenant) => this.#ofTenant(line, priority, tenant, wish.now, wish.limit));
      found.push(...taken);
    }
    return found;
  }

  #ofTenant([needs, agent]: Line, priority: number, tenant: string, now: number, limit: number): readonly DueRun[] {
    return dueRuns(this.#sql.ofTenant, needs, agent, priority, tenant, now, limit);
  }

  /** Tenants with something due, from the one whose turn it is, around. */
  #tenantsInTurn(line: Line, priority: number, { now, limit }: ClaimWish): readonly string[] {
    const after = this.#tenants(line, priority, now, this.#served, limit);
    if (after.length >= limit) return after;
    const around = this.#tenants(line, priority, now, "", limit);
    return [...new Set([...after, ...around])].slice(0, limit);
  }

  #tenants([needs, agent]: Line, priority: number, now: number, after: string, limit: number): readonly string[] {
    const found = rows<readonly [tenant: string]>(
      this.#sql.tenants,
      needs,
      agent,
      priority,
      after,
      mostTenants,
      now,
      limit,
    );
    return found.map(([tenant]) => tenant);
  }

  /** Only for `any`: does a line have something due above a priority? */
  #tenantsOf(line: Line, wish: ClaimWish, after: string, limit: number): readonly string[] {
    for (let priority = highestPriority; priority > wish.above; priority--) {
      const found = this.#tenants(line, priority, wish.now, after, limit);
      if (found.length > 0) return found;
    }
    return [];
  }
}

function dueRuns(statement: StatementSync, ...values: SQLInputValue[]): readonly DueRun[] {
  return rows<DueCells>(statement, ...values).map(([key, wake, priority, tenant]) => ({ key, wake, priority, tenant }));
}

/** Word for word the condition of the indexes, so that SQLite knows they apply. */
const waiting = "owner is null and wake is not null and cancelling = 0 and paused is null";

function prepareAll(db: DatabaseSync) {
  const query = (sql: string): StatementSync => {
    const prepared = db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  };
  const due = "select key, wake, priority, tenant from run";
  const line = `needs = ?1 and agent = ?2 and ${waiting}`;
  return {
    earliest: query(`${due} indexed by run_due where ${line} and wake <= ?3 order by wake, key limit ?4`),
    ofTenant: query(
      `${due} indexed by run_turn where ${line} and priority = ?3 and tenant = ?4 and wake <= ?5 order by wake, key limit ?6`,
    ),
    cancelled: query(
      `${due} indexed by run_cancelled where owner is null and wake is not null and cancelling = 1
         and wake <= ?1 and (needs = 0 or needs in (select value from json_each(?2))) order by wake, key limit ?3`,
    ),
    paused: query(`select agent from pause`),
    // Both step from one distinct value to the next instead of reading every run.
    needed: query(
      `with recursive named (id) as (
         select (select min(needs) from run indexed by run_due where needs > 0 and ${waiting})
         union all
         select (select min(needs) from run indexed by run_due where needs > named.id and ${waiting})
           from named where named.id is not null)
       select id from named where id is not null`,
    ),
    tenants: query(
      `with recursive step (tenant, n) as (
         select (select min(tenant) from run indexed by run_turn where ${line} and priority = ?3 and tenant > ?4), 1
         union all
         select (select min(tenant) from run indexed by run_turn where ${line} and priority = ?3 and tenant > step.tenant),
           n + 1 from step where step.tenant is not null and n < ?5)
       select tenant from step where tenant is not null and exists (
         select 1 from run indexed by run_turn
         where ${line} and priority = ?3 and tenant = step.tenant and wake <= ?6) limit ?7`,
    ),
  };
}
