/**
 * Applies changes to the tables, inside a transaction that the store has begun. A refused change leaves no trace and
 * does not stop the others; an exception means that the whole transaction must be rolled back.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StoredEntry } from "../journal/entry.ts";
import {
  type Belongings,
  type Change,
  type ChangeResult,
  defaultPriority,
  type HoldChange,
  type InboxSend,
  type NewBlob,
  type NewRun,
  type Pause,
  type PauseTarget,
  type Refusal,
  type RunPatch,
  type RunRow,
  type StateWrite,
} from "../journal/store.ts";
import type { AgentTable } from "./sqlite-agents.ts";
import { CapTable } from "./sqlite-caps.ts";
import { Holds } from "./sqlite-holds.ts";
import { Mailboxes } from "./sqlite-mailboxes.ts";
import { firstFinal, inboxCodes, rows, runColumns, runRows, statusCodes } from "./sqlite-rows.ts";
import { markEvery } from "./sqlite-schema.ts";
import { TicketTable } from "./sqlite-tickets.ts";

type Append = Extract<Change, { kind: "append" }>;
type Mail = Extract<Change, { kind: "mail" }>;
type Evict = Extract<Change, { kind: "evict" }>;
type Release = Extract<Change, { kind: "release" }>;

/** A run to be made, by itself or with an append of its parent. */
interface Creation {
  readonly run: NewRun;
  readonly entries: readonly StoredEntry[];
  readonly blobs?: readonly NewBlob[];
  readonly brings?: Belongings;
}

/** The last entry of a run as this process wrote or read it. */
interface Head {
  seq: number;
  ref: number;
}

/** An entry without its payload, roughly. */
const rowBytes = 80;

/** What of a run row decides about a message to it. */
type TargetCells = readonly [key: number, status: number];

/** The head of a run that is being made. */
const noEntries: Readonly<Head> = { seq: 0, ref: 0 };

/** What of a run row says whose it is. */
type OwnershipCells = readonly [epoch: number, seq: number, owner: number | null];

/** So many heads are remembered; a forgotten one costs a read of the run row. */
const headLimit = 65_536;

const applied = (key: number, firstRef = 0): ChangeResult => ({ ok: true, key, firstRef });
const refused = (reason: Refusal): ChangeResult => ({ ok: false, reason });

function leaseResult(more: number | Refusal): ChangeResult {
  return typeof more === "number" ? { ok: true, key: 0, firstRef: 0, leased: more } : refused(more);
}

export class ChangeWriter {
  readonly #agents: AgentTable;
  readonly #tickets: TicketTable;
  readonly #caps: CapTable;
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #mailboxes: Mailboxes;
  readonly #holds: Holds;
  /**
   * Heads by run key. An entry with the seq that an append expects is committed and never changes, so a head that has
   * this seq is right however old it is; the compare on the run row decides whether the append may use it.
   */
  readonly #heads = new Map<number, Head>();
  #rows = 0;
  #bytes = 0;

  constructor(db: DatabaseSync, agents: AgentTable) {
    this.#agents = agents;
    this.#tickets = new TicketTable(db);
    this.#caps = new CapTable(db);
    this.#sql = prepareAll(db);
    const deliver = (run: number, row: InboxSend): void => {
      this.#insertInboxRow(run, row);
      this.#sql.wakeNow.run(run);
    };
    this.#mailboxes = new Mailboxes(db, deliver);
    this.#holds = new Holds(db, deliver);
  }

  /** Roughly what was written since the last call, for the checkpointer. */
  takeVolume(): { readonly rows: number; readonly bytes: number } {
    const volume = { rows: this.#rows, bytes: this.#bytes };
    this.#rows = 0;
    this.#bytes = 0;
    return volume;
  }

  /** Counts what others wrote in the transaction. */
  noteVolume(rowCount: number, bytes: number): void {
    this.#rows += rowCount;
    this.#bytes += bytes;
  }

  apply(change: Change): ChangeResult {
    this.#rows++;
    switch (change.kind) {
      case "append":
        return this.#append(change);
      case "create":
        return this.#create(change);
      case "send":
        return this.#send(change.to, change.row);
      case "cancel":
        return this.#cancel(change.to, change.row);
      case "evict":
        return this.#evict(change);
      case "release":
        return this.#release(change);
      case "prioritise":
        return this.#prioritise(change.to, change.priority);
      case "mail":
        return this.#mail(change);
      case "expire":
        this.#holds.expire(change.now);
        return applied(0);
      case "pause":
        return this.#pause(change.target, change.pause);
      case "resume":
        return this.#resume(change.target);
      case "set-cap":
        this.#caps.set(change.cap);
        return applied(0);
      case "remove-cap":
        this.#caps.remove(change.scope);
        return applied(0);
      case "cap-lease":
        return leaseResult(this.#caps.lease(change.scope, change.since, change.owner, change.ask));
      case "cap-return":
        this.#caps.giveBack(change.scope, change.since, change.owner);
        return applied(0);
      case "take-over":
        return this.#steer(change.to, (key) => this.#sql.takeOver.run(key));
      case "put-out":
        this.#sql.putOut.run(change.owner);
        this.#sql.endTickets.run(change.owner);
        return applied(0);
      case "ticket":
        return {
          ok: true,
          key: 0,
          firstRef: 0,
          ticket: this.#tickets.ask(change.owner, change.n, change.ticket, change.at),
        };
      case "ticket-end":
        this.#tickets.end(change.owner, change.n, change.at);
        return applied(0);
    }
  }

  /** A run was read up to its last entry: an append that follows need not look for it. */
  noteHead(run: number, seq: number, ref: number): void {
    this.#rememberHead(run, seq, ref);
  }

  /** After a rollback: what was remembered from inside the lost transaction is wrong. */
  forget(): void {
    this.#heads.clear();
    this.#agents.forget();
  }

  /**
   * Entries first, then compare and set on the run row: the head's reference is known only once the entries have
   * theirs. Losing the comparison is rare, and then this append's entries are the last rows of the table and go again.
   */
  #append(change: Append): ChangeResult {
    const head = this.#headOf(change.run, change.expectedSeq);
    if (head === undefined) return refused("missing");
    if (head.seq !== change.expectedSeq) return this.#stale(change.run);
    if (change.states !== undefined && !this.#isCurrent(change.states)) return refused("conflict");
    const firstRef = this.#insertEntries(change.run, head, change.entries);
    const lastRef = firstRef === 0 ? head.ref : firstRef + change.entries.length - 1;
    const seq = change.expectedSeq + change.entries.length;
    if (!this.#compareAndSet(change, seq, lastRef)) {
      if (firstRef !== 0) this.#removeEntries(change.run, change.expectedSeq, firstRef);
      return this.#stale(change.run);
    }
    head.seq = seq;
    head.ref = lastRef;
    if (change.states !== undefined) this.#writeStates(change.run, change.states);
    if (change.spends !== undefined) for (const spend of change.spends) this.#caps.spend(spend);
    if (isFinalPatch(change.patch)) this.#clearFinished(change.run, change.patch?.at ?? 0);
    else if (change.consumed !== undefined) this.#consume(change.run, change.consumed);
    if (change.blobs !== undefined) this.#keepBlobs(change.run, change.blobs);
    if (change.holds !== undefined && !isFinalPatch(change.patch)) this.#hold(change.run, change.holds);
    if (change.ignores !== undefined || change.listens !== undefined) this.#listen(change);
    for (const child of change.creates ?? []) this.#insertRun(child);
    const cancelled =
      change.cancelChildren === undefined ? [] : this.#cancelChildren(change.run, change.cancelChildren);
    for (const { to, row } of change.sends ?? []) this.#send(to, row);
    if (cancelled.length === 0) return applied(change.run, firstRef);
    return { ok: true, key: change.run, firstRef, cancelled };
  }

  #stale(run: number): ChangeResult {
    this.#heads.delete(run);
    return refused("stale");
  }

  /** A remembered head with another seq only says that the run was elsewhere meanwhile; the row knows. */
  #headOf(run: number, seq: number): Head | undefined {
    const known = this.#heads.get(run);
    if (known !== undefined && known.seq === seq) return known;
    const [cells] = rows<readonly [seq: number, ref: number]>(this.#sql.head, run);
    if (cells === undefined) return undefined;
    return this.#rememberHead(run, cells[0], cells[1]);
  }

  #rememberHead(run: number, seq: number, ref: number): Head {
    if (this.#heads.size >= headLimit) {
      const [oldest] = this.#heads.keys();
      if (oldest !== undefined) this.#heads.delete(oldest);
    }
    const head: Head = { seq, ref };
    this.#heads.set(run, head);
    return head;
  }

  /** The reference of the first entry, or 0 when there is none. */
  #insertEntries(run: number, head: Readonly<Head>, entries: readonly StoredEntry[]): number {
    let first = 0;
    let before = head.ref;
    let expected = head.seq;
    for (const entry of entries) {
      const { seq, kind, scope, op, name, at, meta, body, jump } = entry;
      // A fault of the caller; a journal with a gap could never be replayed, so it must not come to be.
      if (seq !== ++expected) throw new Error(`Entry ${seq} of run ${run} was offered where ${expected} is due.`);
      const inserted = this.#sql.insertEntry.run(before, jump, seq, run, kind, scope, op, name, at, meta, body);
      // Without bigint reading, and below 2^53 rows, this is a number already.
      before = inserted.lastInsertRowid as number;
      if (first === 0) first = before;
      this.#bytes += rowBytes + (body?.length ?? 0);
      if (seq % markEvery === 0) this.#sql.insertMark.run(run, seq, before);
    }
    return first;
  }

  #removeEntries(run: number, afterSeq: number, firstRef: number): void {
    this.#sql.deleteEntries.run(firstRef);
    this.#sql.deleteMarks.run(run, afterSeq);
  }

  /** Four statements, because SQLite rewrites an index whenever one of its columns is named, changed or not. */
  #compareAndSet({ run, epoch, expectedSeq, patch }: Append, seq: number, head: number): boolean {
    const sql = this.#sql;
    if (patch === undefined) return sql.advance.run(seq, head, run, epoch, expectedSeq).changes === 1;
    const note = [patch.note === undefined ? 0 : 1, patch.note ?? null] as const;
    const parked = patch.parked === undefined ? null : Number(patch.parked);
    const at = patch.at ?? null;
    if (patch.status === undefined) {
      return sql.advanceNote.run(seq, head, ...note, parked, at, run, epoch, expectedSeq).changes === 1;
    }
    const status = statusCodes[patch.status];
    const statement = status >= firstFinal ? sql.advanceFinal : sql.advanceStatus;
    return statement.run(seq, head, ...note, parked, at, run, epoch, expectedSeq, status).changes === 1;
  }

  /** Deletes what the entries admitted; what remains keeps the run awake. Both in the transaction of the entries. */
  #consume(run: number, rowIds: readonly number[]): void {
    for (const rowId of rowIds) this.#sql.deleteInboxRow.run(rowId, run);
    this.#sql.settleWake.run(run);
  }

  /** Consumed or not: nobody will read them, and a wake that they set would be found for ever. */
  #clearFinished(run: number, at: number): void {
    const [linked] = rows<readonly [number]>(this.#sql.linked, run);
    if (linked?.[0] === 1) {
      this.#mailboxes.close(run);
      this.#holds.close(run, at);
      this.#sql.clearState.run(run);
    }
    this.#sql.clearInbox.run(run);
    this.#heads.delete(run);
  }

  #create(change: Creation): ChangeResult {
    const { run } = change;
    const made = this.#insertRun(change);
    if (made !== undefined) return applied(made.key, made.firstRef);
    const existing = this.#existing(run);
    return existing === undefined ? refused("exists") : { ok: false, reason: "exists", run: existing };
  }

  /** Undefined when the id or the start key is taken already. */
  #insertRun({ run, entries, blobs, brings }: Creation): { key: number; firstRef: number } | undefined {
    const queued = run.owner === null;
    const inserted = this.#sql.insertRun.run(
      entries.length,
      queued ? statusCodes.queued : statusCodes.running,
      run.owner,
      queued ? 0 : null,
      this.#agents.idOf(run.agent),
      run.at,
      run.id,
      run.tenant,
      run.startKey,
      run.inputHash,
      run.parent,
      run.priority ?? defaultPriority,
      Number(run.detached === true),
      run.forkOf ?? null,
    );
    if (inserted.changes === 0) return undefined;
    const key = Number(inserted.lastInsertRowid);
    const firstRef = this.#insertEntries(key, noEntries, entries);
    if (blobs !== undefined) this.#keepBlobs(key, blobs);
    if (brings !== undefined) this.#settleIn(key, brings);
    if (run.end !== undefined) this.#sql.insertedEnd.run(statusCodes[run.end.status], run.end.note, run.end.at, key);
    else if (!queued) this.#rememberHead(key, entries.length, firstRef === 0 ? 0 : firstRef + entries.length - 1);
    return { key, firstRef };
  }

  #settleIn(run: number, { states, letters, messages }: Belongings): void {
    if (states.length > 0) this.#writeStates(run, states);
    for (const letter of letters) this.#mailboxes.offer(run, letter, Number.MAX_SAFE_INTEGER, null);
    for (const row of messages) this.#insertInboxRow(run, row);
  }

  /** A large payload that the tenant has already is not handed to SQLite again. */
  #keepBlobs(run: number, blobs: readonly NewBlob[]): void {
    for (const { hash, body } of blobs) {
      if (rows(this.#sql.findBlob, run, hash).length === 0) {
        this.#sql.insertBlob.run(run, hash, body);
        this.#bytes += body.length;
      }
      this.#sql.insertBlobRef.run(run, hash);
      this.#rows++;
    }
  }

  #existing(run: NewRun): RunRow | undefined {
    const label = (id: number): string => this.#agents.label(id);
    const [byId] = runRows(this.#sql.runById, label, run.id);
    if (byId !== undefined || run.startKey === null) return byId;
    return runRows(this.#sql.runByStartKey, label, run.tenant, run.startKey)[0];
  }

  #target(id: string): TargetCells | undefined {
    return rows<TargetCells>(this.#sql.target, id)[0];
  }

  #send(to: string, row: InboxSend): ChangeResult {
    const target = this.#target(to);
    if (target === undefined) return refused("missing");
    const [key, status] = target;
    if (status >= firstFinal) return refused("finished");
    this.#insertInboxRow(key, row);
    this.#sql.wakeNow.run(key);
    return applied(key);
  }

  #insertInboxRow(key: number, row: InboxSend): void {
    this.#sql.insertInboxRow.run(key, row.sender, row.n, inboxCodes[row.kind], row.name, row.at, row.body);
  }

  #cancel(to: string, row: InboxSend): ChangeResult {
    const target = this.#target(to);
    if (target === undefined) return refused("missing");
    const [key, status] = target;
    if (status >= firstFinal) return refused("finished");
    this.#insertInboxRow(key, row);
    this.#sql.cancel.run(key);
    return applied(key);
  }

  #cancelChildren(parent: number, { row, again }: NonNullable<Append["cancelChildren"]>): readonly number[] {
    const open = rows<readonly [key: number]>(this.#sql.openChildren, parent, Number(again)).map(([key]) => key);
    for (const key of open) {
      this.#insertInboxRow(key, row);
      this.#sql.cancel.run(key);
    }
    return open;
  }

  #evict({ run, epoch, seq, now, wake, parked }: Evict): ChangeResult {
    if (this.#sql.evict.run(wake, Number(parked), run, epoch, seq, now).changes === 1) {
      this.#heads.delete(run);
      return applied(run);
    }
    const [cells] = rows<OwnershipCells>(this.#sql.ownership, run);
    if (cells === undefined) return refused("missing");
    const [nowEpoch, nowSeq, owner] = cells;
    return refused(nowEpoch !== epoch || nowSeq !== seq || owner === null ? "stale" : "busy");
  }

  #release({ run, epoch, seq, status, note, wake, parked, needs, at, anew = false }: Release): ChangeResult {
    const needed = needs === null ? 0 : this.#agents.idOf(needs);
    const { release } = this.#sql;
    const values = [
      wake,
      Number(parked),
      statusCodes[status],
      note,
      needed,
      at,
      run,
      epoch,
      seq,
      Number(anew),
    ] as const;
    if (release.run(...values).changes !== 1) return refused("stale");
    this.#heads.delete(run);
    return applied(run);
  }

  #mail({ to, tenant, letter, limit, waiter }: Mail): ChangeResult {
    const [target] = rows<readonly [key: number, status: number, tenant: string]>(this.#sql.mailTarget, to);
    if (target === undefined || target[2] !== tenant) return refused("missing");
    if (this.#mailboxes.conflicts(target[0], letter)) return refused("conflict");
    if (target[1] >= firstFinal)
      return this.#mailboxes.accepted(target[0], letter) ? applied(target[0]) : refused("finished");
    return this.#mailboxes.offer(target[0], letter, limit, waiter) ? applied(target[0]) : refused("full");
  }

  #isCurrent(states: readonly StateWrite[]): boolean {
    const versions = new Map<string, number>();
    return states.every(({ owner, name, expected }) => {
      const place = `${owner}\n${name}`;
      const version = versions.get(place) ?? rows<readonly [number]>(this.#sql.stateVersion, owner, name)[0]?.[0] ?? 0;
      versions.set(place, version + 1);
      return expected === null || expected === version;
    });
  }

  #writeStates(run: number, states: readonly StateWrite[]): void {
    for (const { owner, name, body } of states) this.#sql.writeState.run(owner, name, body);
    this.#sql.linkRun.run(run);
  }

  #hold(run: number, { at, asks, releases, keeps }: HoldChange): void {
    for (const path of keeps ?? []) this.#holds.keep(run, path);
    for (const path of releases) this.#holds.release(run, path, at);
    for (const ask of asks) this.#holds.ask(run, ask, at);
  }

  /** A run that ends with this change asks for nothing any more. */
  #listen({ run, patch, listens, ignores }: Append): void {
    if (isFinalPatch(patch)) return;
    for (const channel of ignores ?? []) this.#mailboxes.ignore(run, channel);
    for (const channel of listens ?? []) this.#mailboxes.listen(run, channel);
  }

  #pause(target: PauseTarget, { by, since }: Pause): ChangeResult {
    if ("agent" in target) {
      this.#sql.pauseAgent.run(target.agent, by, since);
      return applied(0);
    }
    return this.#steer(target.run, (key) => this.#sql.pauseRun.run(JSON.stringify({ by, since }), key));
  }

  #resume(target: PauseTarget): ChangeResult {
    if ("run" in target) return this.#steer(target.run, (key) => this.#sql.resumeRun.run(key));
    this.#sql.resumeAgent.run(target.agent);
    return applied(0);
  }

  /** Changes what may become of a run that has not ended. */
  #steer(to: string, act: (key: number) => void): ChangeResult {
    const target = this.#target(to);
    if (target === undefined) return refused("missing");
    const [key, status] = target;
    if (status >= firstFinal) return refused("finished");
    act(key);
    return applied(key);
  }

  #prioritise(to: string, priority: number): ChangeResult {
    return this.#steer(to, (key) => this.#sql.prioritise.run(priority, key));
  }
}

function isFinalPatch(patch: RunPatch | undefined): boolean {
  return patch?.status !== undefined && statusCodes[patch.status] >= firstFinal;
}

/** Parameters 1 to 9 are those of `compareAndSet`; the comparison is the fence of every append. */
const patched = `seq = ?1, head = ?2, note = case when ?3 then ?4 else note end, parked = coalesce(?5, parked), updated_at = coalesce(?6, updated_at)`;
const fence = `key = ?7 and epoch = ?8 and seq = ?9 and status < ${firstFinal}`;

function prepareAll(db: DatabaseSync) {
  const statement = (sql: string): StatementSync => db.prepare(sql);
  const query = (sql: string): StatementSync => {
    const prepared = db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  };
  return {
    head: query(`select seq, head from run where key = ?`),
    mailTarget: query(`select key, status, tenant from run where id = ?`),
    stateVersion: query(`select version from state where owner = ? and name = ?`),
    writeState: statement(
      `insert into state (owner, name, version, body) values (?, ?, 1, ?)
       on conflict (owner, name) do update set version = version + 1, body = excluded.body`,
    ),
    clearState: statement(`delete from state where owner = (select 'run/' || id from run where key = ?)`),
    linkRun: statement(`update run set linked = 1 where key = ? and linked = 0`),
    linked: query(`select linked from run where key = ?`),
    target: query(`select key, status from run where id = ?`),
    ownership: query(`select epoch, seq, owner from run where key = ?`),
    runById: query(`select ${runColumns} from run where id = ?`),
    runByStartKey: query(`select ${runColumns} from run where tenant = ? and start_key = ?`),

    insertEntry: statement(
      `insert into entry (prev, jump, seq, run, kind, scope, op, name, at, meta, body) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertMark: statement(`insert into mark (run, seq, ref) values (?, ?, ?)`),
    deleteEntries: statement(`delete from entry where ref >= ?`),
    deleteMarks: statement(`delete from mark where run = ? and seq > ?`),

    advance: statement(
      `update run set seq = ?, head = ? where key = ? and epoch = ? and seq = ? and status < ${firstFinal}`,
    ),
    advanceNote: statement(`update run set ${patched} where ${fence}`),
    advanceStatus: statement(`update run set ${patched}, status = ?10 where ${fence}`),
    advanceFinal: statement(`update run set ${patched}, status = ?10, owner = null, wake = null where ${fence}`),

    // The head is the reference that the last entry is about to get: the first takes the largest plus one.
    insertRun: statement(
      `insert into run (seq, head, epoch, status, owner, wake, parked, cancelling, agent, created_at, updated_at,
         id, tenant, start_key, input_hash, parent, priority, detached, fork_of)
       values (?1, case ?1 when 0 then 0 else (select coalesce(max(ref), 0) from entry) + ?1 end,
         1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
       on conflict do nothing`,
    ),

    insertedEnd: statement(
      `update run set status = ?, note = ?, updated_at = ?, owner = null, wake = null where key = ?`,
    ),

    findBlob: query(`select 1 from blob where tenant = (select tenant from run where key = ?) and hash = ?`),
    insertBlob: statement(`insert into blob (tenant, hash, body) select tenant, ?2, ?3 from run where key = ?1`),
    insertBlobRef: statement(
      `insert into blob_ref (run, blob)
       select ?1, id from blob where tenant = (select tenant from run where key = ?1) and hash = ?2
       on conflict do nothing`,
    ),

    insertInboxRow: statement(
      `insert into inbox (run, sender, n, kind, name, at, body) values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    ),
    deleteInboxRow: statement(`delete from inbox where id = ? and run = ?`),
    clearInbox: statement(`delete from inbox where run = ?`),
    wakeNow: statement(`update run set wake = 0 where key = ? and wake is not 0`),
    settleWake: statement(
      `update run set wake = case when exists (select 1 from inbox where run = ?1) then 0 end
       where key = ?1 and wake is not case when exists (select 1 from inbox where run = ?1) then 0 end`,
    ),

    cancel: statement(
      `update run set epoch = epoch + 1, owner = null, cancelling = 1, needs = 0, wake = 0 where key = ?`,
    ),
    openChildren: query(
      `select key from run indexed by run_child where parent = (select id from run where key = ?1) and detached = 0
         and status < ${firstFinal} and (cancelling = 0 or ?2) order by key`,
    ),
    evict: statement(
      `update run set owner = null, epoch = epoch + 1, wake = ?1, parked = ?2,
         status = case status when ${statusCodes.running} then ${statusCodes.waiting} else status end
       where key = ?3 and epoch = ?4 and seq = ?5 and owner is not null and status < ${firstFinal}
         and (wake is null or wake > ?6) and not exists (select 1 from inbox where run = ?3)`,
    ),
    release: statement(
      `update run set owner = null, epoch = epoch + 1, parked = ?2, note = ?4, needs = ?5, updated_at = ?6,
         wake = case when exists (select 1 from inbox where run = ?7) then 0 else ?1 end,
         status = case when status = ${statusCodes.diverged} and not ?10 then status else ?3 end
       where key = ?7 and epoch = ?8 and seq = ?9 and owner is not null and status < ${firstFinal}`,
    ),
    pauseRun: statement(
      `update run set paused = coalesce(paused, ?1), wake = case when owner is null then wake else 0 end where key = ?2`,
    ),
    takeOver: statement(`update run set owner = null, epoch = epoch + 1, wake = 0 where key = ? and owner is not null`),
    putOut: statement(`update run set owner = null, epoch = epoch + 1, wake = 0 where owner = ?`),
    endTickets: statement(`delete from ticket where owner = ?`),
    resumeRun: statement(`update run set paused = null where key = ?`),
    pauseAgent: statement(`insert into pause (agent, paused_by, since) values (?, ?, ?) on conflict do nothing`),
    resumeAgent: statement(`delete from pause where agent = ?`),
    prioritise: statement(
      `update run set priority = ?1, wake = case when owner is null then wake else 0 end where key = ?2`,
    ),
  };
}
