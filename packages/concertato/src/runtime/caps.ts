/**
 * Caps of tenants and agents in this process: an attempt reserves what it may use from slices that the process holds, in memory and
 * at once; only when a slice is too small is the store asked for more. What an attempt really used is settled by the
 * append that tells it.
 *
 *   enter ──fits──▶ reserved ──entry of its end──▶ settled (spent in the store)
 *     └──▶ waiting ──slice granted──▶ enter again
 *              ├──exhausted, stop──▶ its run ends as stopped
 *              └──exhausted, wait; or others hold it──▶ waits for them, for a raise, or for the next window
 *
 * If the process dies, its leases go when it is reaped, and what it had settled is spent; attempts begin again elsewhere.
 */
import { type CapRow, capScope, capScopeParts, type CapSpend, capWindow } from "../journal/cap.ts";
import type { ChangeResult } from "../journal/store.ts";
import { ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { amountOf } from "../kernel/money.ts";
import type { Json } from "../kernel/json.ts";
import { Spent } from "../journal/usage.ts";
import type { StopReport } from "../journal/entry.ts";
import type { Pass } from "./attempt-gate.ts";
import { CapSlice, type CapWait } from "./cap-slice.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./live-run.ts";
import type { Operation } from "./operation.ts";
import { finish } from "./results.ts";
import { estimateOf, isUndoing } from "./spending.ts";
import { stopRun } from "./stopped.ts";
import type { TimerEntry } from "./timer-heap.ts";

/** What an attempt has reserved. */
export interface CapHold {
  readonly slices: readonly CapSlice[];
  readonly amount: number;
}

/** Pause before the store is asked again after it failed, in ms. */
const failedPauseMs = 100;

/** A slice that nobody used for so long is given back, in ms. */
const idleMs = 5_000;

const none: readonly string[] = [];

export class Caps {
  readonly #engine: Engine;
  readonly #begin: (engine: Engine, operation: Operation) => void;
  #rows: ReadonlyMap<string, CapRow> = new Map();
  /** Raised with every change of what caps there are. */
  #version = 0;
  /** By scope and window. */
  readonly #slices = new Map<string, CapSlice>();
  #turn: TimerEntry | null = null;
  /** Some cap was known in this process: attempts ask and settle. */
  active = false;

  /** @param begin begins an attempt that had to wait */
  constructor(engine: Engine, begin: (engine: Engine, operation: Operation) => void) {
    this.#engine = engine;
    this.#begin = begin;
  }

  // --- attempts ---------------------------------------------------------------------------------------------------

  /** A cap holds for the run. */
  limits(run: LiveRun): boolean {
    return this.active && this.#scopesOf(run).length > 0;
  }

  /** Reserves what an attempt may use. False when it may not begin: it is begun when it may, or its run has ended. */
  enter(operation: Operation): boolean {
    const { run } = operation.scope;
    const scopes = this.#scopesOf(run);
    if (scopes.length === 0 || run.capHolds?.has(operation) === true || isUndoing(operation.scope)) return true;
    if (run.departure !== null) {
      run.withheld = true;
      return false;
    }
    let need: number;
    try {
      const { spent, declared } = estimateOf(operation);
      if (declared && spent.billionths === 0) return true;
      need = spent.billionths;
    } catch (error) {
      finish(operation, toFailureRecord(error, operation.path));
      return false;
    }
    const slices = scopes.map((scope) => this.#sliceOf(scope));
    // What tells no estimate needs something to be left.
    const small = slices.find(({ free }) => free < Math.max(1, need));
    if (small !== undefined) {
      this.#wait(operation, small, Math.max(1, need));
      return false;
    }
    for (const slice of slices) {
      slice.reserved += need;
      slice.users++;
    }
    run.capHolds ??= new Map();
    run.capHolds.set(operation, { slices, amount: need });
    return true;
  }

  /**
   * What an operation used since its last entry: it goes with the append of the next one, which is being written.
   * @param begins the entry begins an attempt: what is reserved for it stays so
   */
  settle(operation: Operation, used: number, begins: boolean): void {
    const { run } = operation.scope;
    const hold = run.capHolds?.get(operation);
    if (hold !== undefined && !begins) this.#release(run, operation, hold);
    if (used === 0 || run.dead) return;
    const slices = hold?.slices ?? this.#scopesOf(run).map((scope) => this.#sliceOf(scope));
    if (slices.length === 0) return;
    const { owner } = this.#engine.ownership;
    for (const slice of slices) slice.unconfirmed += used;
    run.capSpends = [...run.capSpends, ...slices.map(({ row, since }) => ({ scope: row.scope, since, owner, used }))];
    this.#engine.markDirty(run);
  }

  #release(run: LiveRun, operation: Operation, { slices, amount }: CapHold): void {
    run.capHolds?.delete(operation);
    for (const slice of slices) {
      slice.reserved -= amount;
      slice.users--;
      slice.usedAt = this.#engine.world.clock.monotonic();
      this.#stir(slice);
    }
  }

  /** The run is dropped: its attempts end unheard, and what was not yet on its way to the store never comes there. */
  forget(run: LiveRun): void {
    for (const [operation, hold] of run.capHolds ?? []) this.#release(run, operation, hold);
    this.drop(run);
  }

  /** What the run has not given to the store yet never comes there. */
  drop(run: LiveRun): void {
    const { capSpends } = run;
    run.capSpends = [];
    this.settled(capSpends, "lost");
  }

  /** What became of settlements. Where nobody knows, they count as stored: a lease that is too large does no harm. */
  settled(spends: readonly CapSpend[], outcome: "stored" | "lost"): void {
    for (const { scope, since, used } of spends) {
      const slice = this.#slices.get(placeOf(scope, since));
      if (slice === undefined) continue;
      slice.confirm(used, outcome);
      this.#stir(slice);
    }
  }

  /** The scopes of caps that count this run. */
  #scopesOf(run: LiveRun): readonly string[] {
    if (run.capVersion === this.#version) return run.capScopes;
    const { tenant } = run;
    const agent = run.root.agentId.slice(0, run.root.agentId.lastIndexOf("@"));
    const all = [capScope(tenant, null), capScope(null, agent), capScope(tenant, agent)];
    const found = all.filter((scope) => this.#rows.has(scope));
    run.capScopes = found.length === 0 ? none : found;
    run.capVersion = this.#version;
    return run.capScopes;
  }

  #sliceOf(scope: string): CapSlice {
    const row = this.#rows.get(scope);
    if (row === undefined) throw new Error(`There is no cap ${scope}.`);
    const { since, until } = capWindow(row.per, this.#engine.world.clock.now());
    const place = placeOf(scope, since);
    let slice = this.#slices.get(place);
    if (slice === undefined) {
      slice = new CapSlice(row, since, until);
      this.#slices.set(place, slice);
    }
    return slice;
  }

  // --- waiting ----------------------------------------------------------------------------------------------------

  #wait(operation: Operation, slice: CapSlice, need: number): void {
    const { run } = operation.scope;
    const since = this.#engine.world.clock.now();
    const pass: Pass = { operation, kind: "cap", name: nameOf(slice.row), since, n: 0, ticket: null, state: "in line" };
    operation.pass = pass;
    run.addGated(pass);
    slice.waiting.push({ pass, need, refused: false });
    this.#ask(slice);
  }

  /** Asks for the first that was not refused yet; one question of a slice at a time. */
  #ask(slice: CapSlice): void {
    if (slice.asking || this.#engine.stopped) return;
    slice.waiting = slice.waiting.filter(({ pass }) => pass.operation.pass === pass);
    const next = slice.waiting.find(({ refused }) => !refused);
    if (next === undefined) return;
    if (slice.free >= next.need) return this.#goOn(slice);
    slice.asking = true;
    const { committer, ownership, world } = this.#engine;
    const { held, since, row } = slice;
    const ask = { held, least: next.need - slice.free, need: next.need };
    committer.submit({ kind: "cap-lease", scope: row.scope, since, owner: ownership.owner, ask }).then(
      (result) => {
        slice.asking = false;
        if (!this.#engine.stopped) this.#answered(slice, next, result);
      },
      (error: unknown) => {
        slice.asking = false;
        this.#engine.report(error);
        world.timer(failedPauseMs, () => this.#ask(slice));
      },
    );
  }

  #answered(slice: CapSlice, asked: CapWait, result: ChangeResult): void {
    slice.usedAt = this.#engine.world.clock.monotonic();
    if (result.ok) {
      slice.held += result.leased ?? 0;
      return this.#goOn(slice);
    }
    if (asked.pass.operation.pass === asked.pass) this.#refused(slice, asked, result.reason);
    this.#ask(slice);
  }

  #refused(slice: CapSlice, asked: CapWait, reason: string): void {
    const { operation } = asked.pass;
    const { run } = operation.scope;
    asked.refused = true;
    // The cap was removed meanwhile.
    if (reason === "missing") {
      this.refresh().catch((error: unknown) => this.#engine.report(error));
      return;
    }
    if (reason === "exhausted" && slice.row.onExhausted === "stop") {
      slice.waiting = slice.waiting.filter((wait) => wait !== asked);
      void this.#stop(slice, asked);
      return;
    }
    this.#giveBackIdle(slice);
    this.#armTurn(slice);
    // Its row says what it waits for.
    this.#engine.settled(run);
  }

  /** Ends the run of an attempt that does not fit, and tells what is spent by now. */
  async #stop(slice: CapSlice, { pass }: CapWait): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      this.#engine.report(error);
    }
    const { run } = pass.operation.scope;
    if (pass.operation.pass !== pass || run.dead || this.#engine.stopped) return;
    stopRun(this.#engine, run, stopOf(slice, pass));
    this.#engine.settled(run);
  }

  /** There may be room: all that wait try again. */
  #goOn(slice: CapSlice): void {
    const { waiting } = slice;
    slice.waiting = [];
    for (const { pass } of waiting) this.#leave(pass);
  }

  #leave(pass: Pass): void {
    const { operation } = pass;
    if (operation.pass !== pass) return;
    const { run } = operation.scope;
    operation.pass = null;
    run.removeGated(pass);
    if (!operation.live || run.dead || run.finished) return;
    this.#begin(this.#engine, operation);
    // Its row said that it waits.
    this.#engine.markDirty(run);
  }

  /** Something of the slice came free: those that were refused ask again. */
  #stir(slice: CapSlice): void {
    if (slice.waiting.length === 0) return;
    for (const wait of slice.waiting) wait.refused = false;
    // Not within the write of an entry, which this is called from.
    this.#engine.world.yield(() => this.#ask(slice));
  }

  /** Begins anew with the window of those that wait. */
  #armTurn({ until }: CapSlice): void {
    if (until === null || this.#turn !== null) return;
    this.#turn = this.#engine.atWall(until, () => {
      this.#turn = null;
      this.refresh().catch((error: unknown) => this.#engine.report(error));
    });
  }

  // --- what the store says ----------------------------------------------------------------------------------------

  /** Reads what caps there are. Those that wait try again where something changed. */
  async refresh(): Promise<void> {
    const { store, world } = this.#engine;
    const rows = await store.caps(world.clock.now());
    if (this.#engine.stopped || (rows.length === 0 && !this.active)) return;
    this.active = true;
    const before = this.#rows;
    this.#rows = new Map(rows.map((row) => [row.scope, row]));
    if (rows.length !== before.size || rows.some(({ scope }) => !before.has(scope))) this.#version++;
    for (const slice of [...this.#slices.values()]) this.#look(slice, before.get(slice.row.scope));
  }

  #look(slice: CapSlice, before: CapRow | undefined): void {
    const row = this.#rows.get(slice.row.scope);
    const now = this.#engine.world.clock;
    const over = row === undefined || capWindow(row.per, now.now()).since !== slice.since;
    if (row !== undefined) slice.row = row;
    // Another window, or no cap any more: who waits asks there.
    if (over) this.#goOn(slice);
    else if (before === undefined || differs(before, row)) this.#stir(slice);
    if (over || now.monotonic() - slice.usedAt >= idleMs) this.#giveBackIdle(slice);
    if (over && slice.idle && slice.waiting.length === 0) this.#slices.delete(placeOf(slice.row.scope, slice.since));
  }

  /** Gives back what nothing is reserved of, so that others may use it. Crash before: it goes with the process. */
  #giveBackIdle(slice: CapSlice): void {
    if (!slice.idle || slice.held === 0) return;
    slice.held = 0;
    const { committer, ownership } = this.#engine;
    committer
      .submit({ kind: "cap-return", scope: slice.row.scope, since: slice.since, owner: ownership.owner })
      .catch((error: unknown) => this.#engine.report(error));
  }
}

function placeOf(scope: string, since: number): string {
  return `${since} ${scope}`;
}

function differs(a: CapRow, b: CapRow): boolean {
  return a.limit !== b.limit || a.spent !== b.spent || a.leased !== b.leased || a.onExhausted !== b.onExhausted;
}

/** For people: "tenant acme", "agent writer", "agent writer of tenant acme". */
function nameOf({ scope }: CapRow): string {
  const { tenant, agent } = capScopeParts(scope);
  if (agent === null) return `tenant ${tenant ?? ""}`;
  return tenant === null ? `agent ${agent}` : `agent ${agent} of tenant ${tenant}`;
}

/** The failure of a run whose attempt does not fit; its details are the report. */
function stopOf({ row, until }: CapSlice, pass: Pass): FailureRecord {
  const { path, scope } = pass.operation;
  const { tenant, agent } = capScopeParts(row.scope);
  const spent = new Spent();
  spent.billionths = row.spent;
  spent.priced = true;
  const limit = { usd: amountOf(row.limit) };
  const cap = { ...(tenant === null ? {} : { tenant }), ...(agent === null ? {} : { agent }), per: row.per, until };
  const report: StopReport = {
    reason: "cap",
    path: "0",
    limit,
    spent: spent.toUsage() ?? {},
    top: [],
    open: [path],
    cap,
  };
  const { message } = new ConcertatoError({
    code: "policy/cap-exceeded",
    message: `Run ${scope.run.id} was stopped: the cap of ${limit.usd} USD on ${nameOf(row)} is used up (spent: ${amountOf(row.spent)}), and the attempt at ${path} does not fit. Raise it with app.setCap, or start the run again when its window ends.`,
  });
  return {
    code: "policy/cap-exceeded",
    message,
    path: "0",
    retryable: false,
    // A report is plain JSON.
    details: { runId: scope.run.id, ...(report as unknown as { readonly [key: string]: Json }) },
  };
}
