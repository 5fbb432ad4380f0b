/**
 * The Store in memory: the reference for the contract's meaning, and what `run()` uses. It answers at once.
 * It survives nothing; `full` and `normal` are the same here. The simulator builds crashes on top of it.
 */
import { ConcertatoError } from "../kernel/errors.ts";
import type { StoredEntry } from "../journal/entry.ts";
import { inFairOrder } from "../journal/claim-order.ts";
import {
  type AgentPause,
  type Belongings,
  type Change,
  type ChangeResult,
  defaultPriority,
  type Durability,
  type InboxRow,
  type InboxSend,
  type Letter,
  type NewBlob,
  type NewRun,
  type OwnerRow,
  type Pause,
  type PauseTarget,
  type PokedRun,
  type PrunePage,
  type PruneQuery,
  type ReadEntry,
  type Refusal,
  type RunQuery,
  type RunRow,
  type RunStatus,
  type StateRow,
  type StateWrite,
  type Store,
} from "../journal/store.ts";
import type { CapRow } from "../journal/cap.ts";
import { MemoryCaps } from "./memory-caps.ts";
import { MemoryHolds } from "./memory-holds.ts";
import { type MailEffects, MemoryMailbox } from "./memory-mailbox.ts";

import { MemoryTickets } from "./memory-tickets.ts";

type Append = Extract<Change, { kind: "append" }>;
type Mail = Extract<Change, { kind: "mail" }>;
type Evict = Extract<Change, { kind: "evict" }>;
type Release = Extract<Change, { kind: "release" }>;

/** A run row while this store holds it. */
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface MemoryRun {
  readonly row: Mutable<RunRow>;
  readonly entries: StoredEntry[];
  readonly refs: number[];
  inbox: InboxRow[];
  /** Hashes of the large payloads it refers to. */
  readonly blobs: Set<string>;
  mailbox: MemoryMailbox | null;
  /** Id of the run it was forked from. */
  readonly forkOf: string | undefined;
}

const refused = (reason: Refusal): ChangeResult => ({ ok: false, reason });
const applied: ChangeResult = { ok: true, key: 0, firstRef: 0 };

function leaseResult(more: number | Refusal): ChangeResult {
  return typeof more === "number" ? { ok: true, key: 0, firstRef: 0, leased: more } : refused(more);
}

/** A row with a wake that may be claimed now. */
type Due = Mutable<RunRow> & { wake: number };

function isDue(row: Mutable<RunRow>, now: number): row is Due {
  return row.owner === null && row.wake !== null && row.wake <= now;
}

/** True for statuses that never change again. */
function isFinal(status: RunStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "stopped";
}

export class MemoryStore implements Store {
  readonly name = "memory";
  readonly durability: Durability = "normal";
  readonly #runs = new Map<number, MemoryRun>();
  readonly #byId = new Map<string, MemoryRun>();
  /** Keys of runs that end with their parent, by its id. */
  readonly #children = new Map<string, number[]>();
  readonly #byStartKey = new Map<string, MemoryRun>();
  /** Keys of runs with a wake set, owned or not: what claim and poked look through. */
  readonly #wakes = new Set<number>();
  readonly #meta = new Map<string, Uint8Array>();
  /** The processes that live, with their agents. */
  readonly #owners = new Map<number, readonly string[]>();
  /** The tenant served last. */
  #served = "";
  /** Large payloads by tenant and hash. */
  readonly #blobs = new Map<string, string | Uint8Array>();
  readonly #holds = new MemoryHolds((run, row) => this.#send(run, row));
  /** Named values by owner. */
  readonly #states = new Map<string, Map<string, StateRow>>();
  readonly #tickets = new MemoryTickets();
  readonly #caps = new MemoryCaps();
  readonly #pauses = new Map<string, Pause>();
  #nextKey = 1;
  #nextRef = 1;
  #nextRow = 1;
  #nextOwner = 1;
  #token = 0;

  commit(changes: readonly Change[], _durability: Durability): readonly ChangeResult[] {
    this.#token++;
    const results: ChangeResult[] = [];
    for (const change of changes) results.push(this.#apply(change));
    return results;
  }

  #apply(change: Change): ChangeResult {
    switch (change.kind) {
      case "create":
        return this.#create(change);
      case "append":
        return this.#append(change);
      case "send":
        return this.#send(change.to, change.row);
      case "cancel":
        return this.#cancel(change.to, change.row);
      case "evict":
        return this.#evict(change);
      case "release":
        return this.#giveBack(change);
      case "prioritise":
        return this.#prioritise(change.to, change.priority);
      case "mail":
        return this.#offer(change);
      case "expire":
        this.#holds.expire(change.now);
        return applied;
      case "pause":
        return this.#pause(change.target, change.pause);
      case "resume":
        return this.#resume(change.target);
      case "set-cap":
        this.#caps.set(change.cap);
        return applied;
      case "remove-cap":
        this.#caps.remove(change.scope);
        return applied;
      case "cap-lease":
        return leaseResult(this.#caps.lease(change.scope, change.since, change.owner, change.ask));
      case "cap-return":
        this.#caps.giveBack(change.scope, change.since, change.owner);
        return applied;
      case "take-over":
        return this.#steer(change.to, (row) => {
          if (row.owner !== null) this.#release(row);
        });
      case "put-out":
        return this.#putOut(change.owner);
      case "ticket":
        return {
          ok: true,
          key: 0,
          firstRef: 0,
          ticket: this.#tickets.ask(change.owner, change.n, change.ticket, change.at),
        };
      case "ticket-end":
        this.#tickets.end(change.owner, change.n, change.at);
        return applied;
    }
  }

  #create({
    run,
    entries,
    blobs,
    brings,
  }: {
    readonly run: NewRun;
    readonly entries: readonly StoredEntry[];
    readonly blobs?: readonly NewBlob[];
    readonly brings?: Belongings;
  }): ChangeResult {
    const startKey = run.startKey === null ? null : `${run.tenant}\n${run.startKey}`;
    const existing = this.#byId.get(run.id) ?? (startKey === null ? undefined : this.#byStartKey.get(startKey));
    if (existing) return { ok: false, reason: "exists", run: { ...existing.row } };
    const key = this.#nextKey++;
    const row: RunRow = {
      key,
      id: run.id,
      agent: run.agent,
      tenant: run.tenant,
      status: run.end?.status ?? (run.owner === null ? "queued" : "running"),
      owner: run.end === undefined ? run.owner : null,
      epoch: 1,
      seq: entries.length,
      wake: run.owner === null && run.end === undefined ? 0 : null,
      parked: false,
      cancelling: false,
      startKey: run.startKey,
      inputHash: run.inputHash,
      parent: run.parent,
      createdAt: run.at,
      updatedAt: run.end?.at ?? run.at,
      note: run.end?.note ?? null,
      priority: run.priority ?? defaultPriority,
      needs: null,
      paused: null,
    };
    const held: MemoryRun = {
      row,
      entries: [],
      refs: [],
      inbox: [],
      blobs: new Set(),
      mailbox: null,
      forkOf: run.forkOf,
    };
    const firstRef = this.#write(held, entries);
    this.#runs.set(key, held);
    this.#byId.set(run.id, held);
    this.#keep(held, blobs);
    if (startKey !== null) this.#byStartKey.set(startKey, held);
    if (row.wake !== null) this.#wakes.add(key);
    if (run.parent !== null && run.detached !== true)
      this.#children.set(run.parent, [...(this.#children.get(run.parent) ?? []), key]);
    if (brings !== undefined) this.#settleIn(held, brings);
    return { ok: true, key, firstRef };
  }

  #write(held: MemoryRun, entries: readonly StoredEntry[]): number {
    const first = this.#nextRef;
    for (const entry of entries) {
      held.entries.push(entry);
      held.refs.push(this.#nextRef++);
    }
    return first;
  }

  #keep(held: MemoryRun, blobs: readonly NewBlob[] = []): void {
    for (const { hash, body } of blobs) {
      const name = blobName(held.row.tenant, hash);
      if (!this.#blobs.has(name)) this.#blobs.set(name, body);
      held.blobs.add(hash);
    }
  }

  #append(change: Append): ChangeResult {
    const held = this.#runs.get(change.run);
    if (!held) return refused("missing");
    const { row } = held;
    if (row.epoch !== change.epoch || row.seq !== change.expectedSeq || isFinal(row.status)) return refused("stale");
    if (!this.#isCurrent(change.states ?? [])) return refused("conflict");
    const firstRef = this.#write(held, change.entries);
    row.seq += change.entries.length;
    for (const state of change.states ?? []) this.#writeState(state);
    for (const spend of change.spends ?? []) this.#caps.spend(spend);
    if (change.consumed) this.#consume(held, change.consumed);
    const { patch } = change;
    if (patch) {
      if (patch.status !== undefined) row.status = patch.status;
      if (patch.note !== undefined) row.note = patch.note;
      if (patch.parked !== undefined) row.parked = patch.parked;
      if (patch.at !== undefined) row.updatedAt = patch.at;
      if (isFinal(row.status)) {
        row.owner = null;
        held.mailbox?.close(this.#effects(held));
        this.#holds.close(row.id, patch.at ?? 0);
        this.#states.delete(`run/${row.id}`);
        held.inbox = [];
        this.#setWake(row, null);
      }
    }
    this.#keep(held, change.blobs);
    if (change.holds && !isFinal(row.status)) {
      const { at, asks, releases, keeps } = change.holds;
      for (const path of keeps ?? []) this.#holds.keep(row.id, path);
      for (const path of releases) this.#holds.release(row.id, path, at);
      for (const ask of asks) this.#holds.ask(row.tenant, row.id, ask, at);
    }
    if (!isFinal(row.status)) this.#listen(held, change.listens ?? [], change.ignores ?? []);
    for (const child of change.creates ?? []) this.#create(child);
    const cancelled = change.cancelChildren && this.#cancelChildren(row.id, change.cancelChildren);
    for (const send of change.sends ?? []) this.#send(send.to, send.row);
    return cancelled === undefined || cancelled.length === 0
      ? { ok: true, key: row.key, firstRef }
      : { ok: true, key: row.key, firstRef, cancelled };
  }

  #isCurrent(states: readonly StateWrite[]): boolean {
    const versions = new Map<string, number>();
    return states.every(({ owner, name, expected }) => {
      const place = `${owner}\n${name}`;
      const version = versions.get(place) ?? this.readState(owner, name)?.version ?? 0;
      versions.set(place, version + 1);
      return expected === null || expected === version;
    });
  }

  #writeState({ owner, name, body }: StateWrite): void {
    const named = this.#states.get(owner) ?? new Map<string, StateRow>();
    this.#states.set(owner, named);
    named.set(name, { version: (named.get(name)?.version ?? 0) + 1, body });
  }

  #listen(held: MemoryRun, listens: readonly string[], ignores: readonly string[]): void {
    if (listens.length > 0) held.mailbox ??= new MemoryMailbox();
    for (const channel of ignores) held.mailbox?.ignore(channel);
    for (const channel of listens) held.mailbox?.listen(channel, this.#effects(held));
  }

  #settleIn(held: MemoryRun, { states, letters, messages }: Belongings): void {
    for (const state of states) this.#writeState(state);
    for (const letter of letters) {
      held.mailbox ??= new MemoryMailbox();
      held.mailbox.offer(letter, Number.POSITIVE_INFINITY, null, this.#effects(held));
    }
    for (const row of messages) this.#send(held.row.id, row);
  }

  #offer({ to, tenant, letter, limit, waiter }: Mail): ChangeResult {
    const held = this.#byId.get(to);
    if (!held || held.row.tenant !== tenant) return refused("missing");
    if (held.mailbox?.conflicts(letter) === true) return refused("conflict");
    if (isFinal(held.row.status)) return held.mailbox?.accepted(letter) === true ? applied : refused("finished");
    held.mailbox ??= new MemoryMailbox();
    return held.mailbox.offer(letter, limit, waiter, this.#effects(held)) ? applied : refused("full");
  }

  #effects(held: MemoryRun): MailEffects {
    return {
      deliver: (row) => this.#send(held.row.id, row),
      room: (waiter, channel) => {
        const sender = `room:${this.#nextRow}`;
        this.#send(waiter, { sender, n: 1, kind: "room", name: channel, body: null, at: held.row.updatedAt });
      },
    };
  }

  #consume(held: MemoryRun, rowIds: readonly number[]): void {
    const gone = new Set(rowIds);
    held.inbox = held.inbox.filter((row) => !gone.has(row.rowId));
    this.#setWake(held.row, held.inbox.length > 0 ? 0 : null);
  }

  #setWake(row: Mutable<RunRow>, wake: number | null): void {
    row.wake = wake;
    if (wake === null) this.#wakes.delete(row.key);
    else this.#wakes.add(row.key);
  }

  #send(to: string, row: InboxSend): ChangeResult {
    const held = this.#byId.get(to);
    if (!held) return refused("missing");
    if (isFinal(held.row.status)) return refused("finished");
    if (!held.inbox.some((other) => other.sender === row.sender && other.n === row.n)) {
      held.inbox.push({ ...row, rowId: this.#nextRow++ });
    }
    this.#setWake(held.row, 0);
    return applied;
  }

  #cancel(to: string, row: InboxSend): ChangeResult {
    const sent = this.#send(to, row);
    const held = this.#byId.get(to);
    if (!sent.ok || !held) return sent;
    held.row.epoch++;
    held.row.owner = null;
    held.row.cancelling = true;
    // Whatever it needed to go on: anybody can end it, or find out what undoing it needs.
    held.row.needs = null;
    return applied;
  }

  #cancelChildren(parent: string, { row, again }: NonNullable<Append["cancelChildren"]>): readonly number[] {
    const open = (this.#children.get(parent) ?? []).filter((key) => {
      const child = this.#runs.get(key)?.row;
      return child !== undefined && !isFinal(child.status) && (again || !child.cancelling);
    });
    for (const key of open) this.#cancel(this.#runs.get(key)?.row.id ?? "", row);
    return open;
  }

  #evict(change: Evict): ChangeResult {
    const held = this.#runs.get(change.run);
    if (!held) return refused("missing");
    const { row } = held;
    if (row.epoch !== change.epoch || row.seq !== change.seq || row.owner === null || isFinal(row.status))
      return refused("stale");
    if (held.inbox.length > 0 || (row.wake !== null && row.wake <= change.now)) return refused("busy");
    row.owner = null;
    row.epoch++;
    row.parked = change.parked;
    if (row.status === "running") row.status = "waiting";
    this.#setWake(row, change.wake);
    return applied;
  }

  #giveBack(change: Release): ChangeResult {
    const held = this.#runs.get(change.run);
    if (!held) return refused("stale");
    const { row } = held;
    if (row.epoch !== change.epoch || row.seq !== change.seq || row.owner === null || isFinal(row.status))
      return refused("stale");
    row.owner = null;
    row.epoch++;
    row.parked = change.parked;
    row.note = change.note;
    row.needs = change.needs;
    row.updatedAt = change.at;
    if (row.status !== "diverged" || change.anew === true) row.status = change.status;
    this.#setWake(row, held.inbox.length > 0 ? 0 : change.wake);
    return applied;
  }

  #pause(target: PauseTarget, pause: Pause): ChangeResult {
    if ("agent" in target) {
      if (!this.#pauses.has(target.agent)) this.#pauses.set(target.agent, pause);
      return applied;
    }
    return this.#steer(target.run, (row) => {
      row.paused ??= pause;
      if (row.owner !== null) this.#setWake(row, 0);
    });
  }

  #resume(target: PauseTarget): ChangeResult {
    if ("run" in target) return this.#steer(target.run, (row) => (row.paused = null));
    this.#pauses.delete(target.agent);
    return applied;
  }

  #steer(to: string, act: (row: Mutable<RunRow>) => void): ChangeResult {
    const held = this.#byId.get(to);
    if (!held) return refused("missing");
    if (isFinal(held.row.status)) return refused("finished");
    act(held.row);
    return applied;
  }

  #putOut(owner: number): ChangeResult {
    for (const { row } of this.#runs.values()) if (row.owner === owner) this.#release(row);
    this.#tickets.keep((other) => other !== owner);
    return applied;
  }

  #prioritise(to: string, priority: number): ChangeResult {
    return this.#steer(to, (row) => {
      row.priority = priority;
      if (row.owner !== null) this.#setWake(row, 0);
    });
  }

  join(): number {
    const owner = this.#nextOwner++;
    this.#owners.set(owner, []);
    return owner;
  }

  /** Tells the store that a process is gone, as the operating system does for a file lock. */
  leave(owner: number): void {
    this.#owners.delete(owner);
  }

  reap(_self: number): number {
    let count = 0;
    this.#tickets.keep((owner) => this.#owners.has(owner));
    this.#caps.keep((owner) => this.#owners.has(owner));
    for (const held of this.#runs.values()) {
      const { owner } = held.row;
      if (owner === null || this.#owners.has(owner)) continue;
      this.#release(held.row);
      count++;
    }
    if (count > 0) this.#token++;
    return count;
  }

  #release(row: Mutable<RunRow>): void {
    row.owner = null;
    row.epoch++;
    this.#setWake(row, 0);
  }

  announce(self: number, agents: readonly string[]): void {
    if (this.#owners.has(self)) this.#owners.set(self, agents);
  }

  owners(): readonly OwnerRow[] {
    return [...this.#owners].map(([id, agents]) => ({
      id,
      process: 0,
      alive: true,
      agents,
      runs: this.owned(id).length,
    }));
  }

  claim(self: number, now: number, agents: readonly string[], limit: number, above = -1): readonly RunRow[] {
    const known = new Set(agents);
    const due: Due[] = [];
    const ending: Due[] = [];
    for (const key of this.#wakes) {
      const row = this.#runs.get(key)?.row;
      if (row === undefined || !isDue(row, now)) continue;
      if (row.needs !== null && !known.has(row.needs)) continue;
      if (row.cancelling) ending.push(row);
      else if (known.has(row.agent) && row.priority > above && row.paused === null && !this.#isPaused(row.agent))
        due.push(row);
    }
    const turns = inFairOrder(due, this.#served, limit - ending.length);
    this.#served = turns.at(-1)?.tenant ?? this.#served;
    return [...ending.slice(0, limit), ...turns].map(({ key }) => this.#hand(key, self));
  }

  #hand(key: number, self: number): RunRow {
    const held = this.#runs.get(key);
    if (held === undefined) throw new Error(`Run ${key} was due and is not there.`);
    const { row } = held;
    row.owner = self;
    row.epoch++;
    row.needs = null;
    if (row.status === "queued") row.status = "running";
    this.#setWake(row, null);
    return { ...row };
  }

  poked(self: number, now: number, limit: number): readonly PokedRun[] {
    const found: PokedRun[] = [];
    for (const key of this.#wakes) {
      const row = this.#runs.get(key)?.row;
      if (row?.owner === self && row.wake !== null && row.wake <= now)
        found.push({ key, priority: row.priority, paused: row.paused !== null });
      if (found.length >= limit) break;
    }
    return found;
  }

  pauses(): readonly AgentPause[] {
    const found = [...this.#pauses].map(([agent, pause]) => ({ agent, ...pause }));
    return found.toSorted((a, b) => (a.agent < b.agent ? -1 : 1));
  }

  #isPaused(agent: string): boolean {
    if (this.#pauses.size === 0) return false;
    return this.#pauses.has(agent) || this.#pauses.has(agent.slice(0, agent.lastIndexOf("@")));
  }

  caps(now: number): readonly CapRow[] {
    return this.#caps.list(now);
  }

  granted(self: number): readonly number[] {
    return this.#tickets.granted(self);
  }

  owned(self: number): readonly number[] {
    const keys: number[] = [];
    for (const { row } of this.#runs.values()) if (row.owner === self) keys.push(row.key);
    return keys;
  }

  nextWake(now: number): number | null {
    let earliest: number | null = null;
    for (const key of this.#wakes) {
      const row = this.#runs.get(key)?.row;
      if (!row || row.owner !== null || row.wake === null || row.wake <= now || row.paused !== null) continue;
      if (earliest === null || row.wake < earliest) earliest = row.wake;
    }
    return earliest;
  }

  readState(owner: string, name: string): StateRow | undefined {
    return this.#states.get(owner)?.get(name);
  }

  nextLease(): number | null {
    return this.#holds.nextLease();
  }

  changeToken(): number {
    return this.#token;
  }

  run(id: string): RunRow | undefined {
    const held = this.#byId.get(id);
    return held && { ...held.row };
  }

  runByKey(key: number): RunRow | undefined {
    const held = this.#runs.get(key);
    return held && { ...held.row };
  }

  runs(query: RunQuery): readonly RunRow[] {
    const rows: RunRow[] = [];
    const limit = query.limit ?? 50;
    for (const { row } of [...this.#runs.values()].reverse()) {
      if (rows.length >= limit) break;
      if (matches(row, query)) rows.push({ ...row });
    }
    return rows;
  }

  entries(run: number, after: number, limit: number): readonly ReadEntry[] {
    const held = this.#runs.get(run);
    if (!held) return [];
    return held.entries
      .slice(after, after + limit)
      .map((entry, index) => ({ ...entry, ref: held.refs[after + index] ?? 0 }));
  }

  /** A journal as it is held here, not a copy: for whoever only looks, like the checkers of the simulator. */
  journal(run: number): readonly StoredEntry[] {
    return this.#runs.get(run)?.entries ?? [];
  }

  replay(run: number): readonly ReadEntry[] {
    const held = this.#runs.get(run);
    if (!held) return [];
    const found: ReadEntry[] = [];
    for (let index = held.entries.length - 1; index >= 0; ) {
      const entry = held.entries[index];
      const ref = held.refs[index];
      if (!entry || ref === undefined) break;
      found.push({ ...entry, ref });
      index = entry.jump === null ? index - 1 : held.refs.indexOf(entry.jump);
    }
    return found.reverse();
  }

  blobs(run: number, hashes: readonly string[]): ReadonlyMap<string, string | Uint8Array> {
    const found = new Map<string, string | Uint8Array>();
    const held = this.#runs.get(run);
    for (const hash of hashes) {
      const body = held?.blobs.has(hash) === true ? this.#blobs.get(blobName(held.row.tenant, hash)) : undefined;
      if (body !== undefined) found.set(hash, body);
    }
    return found;
  }

  inbox(run: number, limit: number): readonly InboxRow[] {
    return this.#runs.get(run)?.inbox.slice(0, limit) ?? [];
  }

  letters(run: number): readonly Letter[] {
    return this.#runs.get(run)?.mailbox?.lying ?? [];
  }

  prune(query: PruneQuery): PrunePage {
    let deleted = 0;
    const forked = this.#forkedByOpen();
    for (const [key, { row }] of this.#runs) {
      if (key <= query.after || row.status !== query.status || row.updatedAt >= query.endedBefore) continue;
      if (query.keepFrom !== undefined && key >= query.keepFrom) continue;
      if (query.tenant !== undefined && row.tenant !== query.tenant) continue;
      if (query.agent !== undefined && !row.agent.startsWith(`${query.agent}@`)) continue;
      if (this.#hasOpenParent(row) || forked.has(row.id) || forked.has(row.parent ?? "")) continue;
      this.#delete(row);
      if (++deleted >= query.limit) return { runs: deleted, next: key };
    }
    return { runs: deleted, next: null };
  }

  /** Ids of runs that open ones were forked from. */
  #forkedByOpen(): ReadonlySet<string> {
    const found = new Set<string>();
    for (const { row, forkOf } of this.#runs.values())
      if (forkOf !== undefined && !isFinal(row.status)) found.add(forkOf);
    return found;
  }

  #hasOpenParent({ parent }: RunRow): boolean {
    const held = parent === null ? undefined : this.#byId.get(parent);
    return held !== undefined && !isFinal(held.row.status);
  }

  #delete(row: RunRow): void {
    const gone = this.#runs.get(row.key);
    this.#runs.delete(row.key);
    this.#byId.delete(row.id);
    if (row.startKey !== null) this.#byStartKey.delete(`${row.tenant}\n${row.startKey}`);
    for (const hash of gone?.blobs ?? [])
      if (!this.#refersTo(row.tenant, hash)) this.#blobs.delete(blobName(row.tenant, hash));
    this.#token++;
  }

  #refersTo(tenant: string, hash: string): boolean {
    for (const { row, blobs } of this.#runs.values()) if (row.tenant === tenant && blobs.has(hash)) return true;
    return false;
  }

  /** What is deleted here is gone at once. */
  reclaim(): boolean {
    return false;
  }

  check(): readonly string[] {
    return [];
  }

  backup(_path: string): never {
    throw new ConcertatoError({
      code: "store/unsupported",
      message: "A store in memory has no file to copy. Open the app on a file to make backups of it.",
    });
  }

  readMeta(name: string): Uint8Array | undefined {
    return this.#meta.get(name);
  }

  writeMetaOnce(name: string, value: Uint8Array): Uint8Array {
    const present = this.#meta.get(name);
    if (present) return present;
    this.#meta.set(name, value);
    return value;
  }

  close(): void {
    this.#owners.clear();
  }
}

function blobName(tenant: string, hash: string): string {
  return `${tenant}\n${hash}`;
}

function matches(row: RunRow, query: RunQuery): boolean {
  if (query.before !== undefined && row.key >= query.before) return false;
  if (query.tenant !== undefined && row.tenant !== query.tenant) return false;
  if (query.status && !query.status.includes(row.status)) return false;
  return query.agent === undefined || row.agent.startsWith(`${query.agent}@`);
}
