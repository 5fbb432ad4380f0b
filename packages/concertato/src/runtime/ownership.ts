/**
 * Which runs this process holds: it takes what is due, gives back what waits, drops what another took over.
 * Wake-ups are level-triggered: every event only makes the next look at the store come sooner; the sweep looks anyway,
 * so an event that is lost (a crash, a missed notice) costs time and nothing else.
 */
import { ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import type { StopTimer } from "../kernel/world.ts";
import type { FinalStatus } from "../journal/entry.ts";
import { readBlobs } from "../journal/large-payload.ts";
import { excerptAround } from "../journal/excerpt.ts";
import { Recording } from "../journal/recording.ts";
import type { Json } from "../kernel/json.ts";
import type { ReadEntry, RunRow } from "../journal/store.ts";
import { admitInbox } from "./admission.ts";
import { mayPark } from "./committer.ts";
import { earliestLook } from "./run-deadline.ts";
import { foreseeRisk } from "./usual-time.ts";
import { usageOf } from "./ledger.ts";
import { settlementOf } from "./slice.ts";
import { endOfCancelled, loadCancelled, readCancelOrder, undoCancelled } from "./cancelled-run.ts";
import { cancelScope } from "./cancellation.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun, Written } from "./live-run.ts";
import type { Operation } from "./operation.ts";
import { depart, type Departure, displaced, leaveWhenDone } from "./departure.ts";
import { loadRun, resumeRun } from "./recovery.ts";
import { isAway } from "./store-away.ts";
import { noteOf } from "./run-note.ts";
import { directFork, loadFork } from "./load-fork.ts";

export interface OwnershipOptions {
  readonly warmBytes: number;
  /** 0: the store is this process's own; nothing else writes. */
  readonly pollMs: number;
  readonly sweepMs: number;
  /** Runs at work at once; more stay in the store until some rest. */
  readonly maxActive: number;
}

/** Told when a run reached an end, or was parked. */
export type EndListener = (runId: string, status: FinalStatus | "diverged", text: string | null) => void;

/** It was paused, or its agent was: it waits for what it waited for, and to be resumed. */
const paused: Departure = { status: "waiting", note: null, noteThen: (run) => noteOf(run, false), needs: null };

/** Runs taken from the store at once; between pages the loop serves what it has. */
const claimPage = 64;

/** How long a store that did not answer is left alone, in ms. */
const retryMs = 100;

/** How long runs rest that found the disk full: doubled as long as it stays so, in ms. */
const shortestFullWaitMs = 250;
const longestFullWaitMs = 10_000;

export class Ownership {
  readonly #engine: Engine;
  readonly #options: OwnershipOptions;
  /** Resting runs, longest resting first. */
  readonly #warm = new Map<number, LiveRun>();
  #warmBytes = 0;
  readonly endListeners: Set<EndListener> = new Set();
  /** This process in the store; 0 for a client, which owns nothing. */
  owner = 0;
  #poll: StopTimer | null = null;
  #wakeTimer: StopTimer | null = null;
  /** The store did not answer: it is asked again soon. */
  #retry: StopTimer | null = null;
  /** The disk is full: the next look whether it has room again. */
  #roomTimer: StopTimer | null = null;
  #token = -1;
  #lastSweep = 0;
  #sweeping = false;
  #sweepAgain = false;
  /** The last claim did not answer. */
  #claimUnknown = false;
  /** Due runs were left in the store because enough are at work. */
  #backlog = false;
  /** Runs whose last commit is unknown; read again at the next sweep. */
  readonly #unknown = new Set<number>();
  /** Before this moment of the monotonic clock, runs that found the disk full are not taken up again. */
  #roomAt = 0;
  #fullWaitMs = 0;
  /** Runs that are being given back: they take no place any more. */
  readonly #departing = new Set<LiveRun>();
  /** Runs that only wait at the gate: they take no place of those that can work, up to nine times as many. */
  readonly #atGate = new Set<LiveRun>();
  /** This process is on its way out: it takes nothing. */
  #leaving = false;
  /** How many agents the store was told of. */
  #announced = 0;

  constructor(engine: Engine, options: OwnershipOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** Joins the store as a process that runs agents, and starts looking for work. */
  async join(): Promise<void> {
    this.owner = await this.#engine.store.join();
    this.#schedulePoll();
    await this.sweep(true);
  }

  stop(): void {
    this.#poll?.();
    this.#wakeTimer?.();
    this.#retry?.();
    this.#roomTimer?.();
    this.#poll = null;
    this.#wakeTimer = null;
    this.#retry = null;
  }

  /** Nothing goes on by itself: no run is at work, and no failed attempt waits for its next. */
  get settled(): boolean {
    if (
      this.active > 0 ||
      this.#departing.size > 0 ||
      this.#atGate.size > 0 ||
      this.#sweeping ||
      this.#unknown.size > 0 ||
      this.#engine.committer.busy
    )
      return false;
    for (const run of this.#warm.values()) for (const operation of run.pending) if (isRetry(operation)) return false;
    return true;
  }

  /** A run of this process whose beginning was not seen to be committed, but was. */
  takeOver(key: number): void {
    this.#unknown.add(key);
    this.sweepSoon();
  }

  /** Gives resting runs back with their deadlines and waits for commits under way. */
  async drain(): Promise<void> {
    this.#engine.draining = true;
    for (const run of [...this.#warm.values()]) this.evict(run);
    while (this.#engine.committer.busy && !this.#engine.stopped) {
      await new Promise<void>((resolve) => this.#engine.world.yield(resolve));
    }
  }

  /** Runs that are at work, not resting. */
  get active(): number {
    return (
      this.#engine.runs.size -
      this.#warm.size -
      this.#departing.size -
      Math.min(this.#atGate.size, this.#options.maxActive * 9)
    );
  }

  /** Takes nothing more; every run leaves as soon as what is under way of it has ended. */
  giveAllBack(): void {
    this.#leaving = true;
    for (const run of [...this.#engine.runs.values()]) depart(this.#engine, run, displaced);
  }

  /** Every run has left, and nothing is on its way to the store. */
  get emptied(): boolean {
    return this.#engine.runs.size === 0 && !this.#sweeping && !this.#engine.committer.busy;
  }

  /** Another run may be put to work; else it stands in line. */
  get hasRoom(): boolean {
    return !this.#leaving && this.active < this.#options.maxActive;
  }

  /** A run is on its way back. */
  departing(run: LiveRun): void {
    this.#unrest(run);
    this.#atGate.delete(run);
    this.#departing.add(run);
  }

  /** There are agents that were not here before: runs may wait for them. */
  agentsChanged(): void {
    if (this.owner !== 0) this.sweepSoon();
  }

  // --- looking for work -------------------------------------------------------------------------------------------

  #schedulePoll(): void {
    if (this.#options.pollMs === 0 || this.#engine.stopped) return;
    this.#poll = this.#engine.world.timer(this.#options.pollMs, () => this.#polled(), true);
  }

  #polled(): void {
    const { clock, report } = this.#engine.world;
    try {
      const token = this.#engine.store.changeToken();
      const due = clock.monotonic() - this.#lastSweep >= this.#options.sweepMs;
      if (token !== this.#token || due) {
        this.#token = token;
        void this.sweep(due);
      }
    } catch (error) {
      report(error);
    }
    this.#schedulePoll();
  }

  /** Looks soon; used when this process itself wrote something for a run. */
  sweepSoon(): void {
    void this.sweep(false);
  }

  /** Takes due runs, admits messages, reads unknown runs again. `thorough` also releases the runs of dead processes. */
  async sweep(thorough: boolean): Promise<void> {
    let reaps = thorough;
    if (this.#engine.stopped || this.owner === 0) return;
    if (this.#sweeping) {
      this.#sweepAgain = true;
      return;
    }
    this.#sweeping = true;
    try {
      do {
        this.#sweepAgain = false;
        await this.#announce();
        // Once a sweep: rounds may follow each other for as long as something comes.
        if (reaps) await this.#thorough();
        reaps = false;
        await this.#reread();
        await this.#readPauses();
        if (this.#engine.caps.active) await this.#engine.caps.refresh();
        await this.#claim();
        await this.#poke();
        await this.#engine.gate.look();
        await this.#armWake();
      } while (this.#sweepAgain && !this.#engine.stopped);
    } catch (error) {
      // The next poll tries again; nothing is forgotten by failing here.
      this.#engine.report(error);
    } finally {
      this.#sweeping = false;
    }
  }

  /** Others see from it who can run what. */
  async #announce(): Promise<void> {
    const agents = this.#engine.agentIds();
    if (agents.length === this.#announced) return;
    await this.#engine.store.announce(this.owner, agents);
    this.#announced = agents.length;
  }

  /** Runs that are in memory and not this process's any more. One that is writing finds out by itself. */
  async #dropTaken(): Promise<void> {
    const owned = new Set(await this.#engine.store.owned(this.owner));
    for (const run of [...this.#engine.runs.values()])
      if (!owned.has(run.key) && !run.committing && run.out.length === 0) this.lost(run);
  }

  /** Asked at every look, so a pause is noticed wherever it was said. */
  async #readPauses(): Promise<void> {
    const { store, pauses, runs } = this.#engine;
    pauses.update(await store.pauses());
    if (pauses.none) return;
    for (const run of [...runs.values()])
      if (pauses.of(run.root.agentId) !== undefined) depart(this.#engine, run, paused);
  }

  async #thorough(): Promise<void> {
    const now = this.#engine.world.clock.monotonic();
    // It stood still (stopped, suspended, an event loop that was blocked): what it holds may have been taken from it.
    const stood = this.#lastSweep > 0 && now - this.#lastSweep > this.#options.sweepMs * 4;
    this.#lastSweep = now;
    if (stood) await this.#dropTaken();
    await this.#engine.store.reap(this.owner);
    if (!this.#engine.caps.active) await this.#engine.caps.refresh();
    this.#engine.gate.askAgain();
  }

  async #claim(): Promise<void> {
    if (this.#leaving) return this.giveAllBack();
    while (!this.#engine.stopped) {
      const room = Math.min(claimPage, this.#options.maxActive - this.active);
      this.#backlog = room <= 0;
      if (this.#backlog) return this.#displace();
      const rows = await this.#claimPage(room);
      await this.#takeAll(rows);
      if (rows.length < room) return;
    }
  }

  /** Enough are at work: more urgent runs come all the same, and as many of the least urgent make room for them. */
  async #displace(): Promise<void> {
    for (;;) {
      const victims = this.#leastUrgent();
      const lowest = victims[0]?.priority;
      if (lowest === undefined || this.#engine.stopped) return;
      const room = Math.min(claimPage, victims.length);
      const rows = await this.#claimPage(room, lowest);
      // To end a cancelled run takes no place.
      const coming = rows.filter(({ cancelling }) => !cancelling).length;
      for (const victim of victims.slice(0, coming)) depart(this.#engine, victim, displaced);
      await this.#takeAll(rows);
      if (rows.length < room) return;
    }
  }

  /** Those of the lowest priority at work, the ones with nothing under way first. */
  #leastUrgent(): readonly LiveRun[] {
    let found: LiveRun[] = [];
    for (const run of this.#engine.runs.values()) {
      if (run.departure !== null || run.finished || this.#warm.has(run.key)) continue;
      const lowest = found[0]?.priority ?? Number.POSITIVE_INFINITY;
      if (run.priority < lowest) found = [run];
      else if (run.priority === lowest) found.push(run);
    }
    return found.toSorted((a, b) => a.attempts - b.attempts);
  }

  async #takeAll(rows: readonly RunRow[]): Promise<void> {
    // Should one of them throw, the others are owned and not held: they stay noted and are read again.
    for (const row of rows) this.#unknown.add(row.key);
    for (const row of rows) {
      this.#unknown.delete(row.key);
      await this.#take(row);
    }
  }

  /** A claim whose outcome is unknown may have taken runs: what this process owns and does not hold is read again. */
  async #claimPage(room: number, above?: number): Promise<readonly RunRow[]> {
    const { store, world } = this.#engine;
    if (this.#claimUnknown) {
      for (const key of await store.owned(this.owner)) this.#unknown.add(key);
      this.#claimUnknown = false;
      await this.#reread();
    }
    this.#claimUnknown = true;
    const rows = await store.claim(this.owner, world.clock.now(), this.#engine.agentIds(), room, above);
    this.#claimUnknown = false;
    return rows;
  }

  async #take(row: RunRow): Promise<void> {
    if (this.#engine.stopped) return;
    const stale = this.#engine.runs.get(row.key);
    if (stale !== undefined) this.#engine.drop(stale);
    try {
      await this.#engine.codec.prepare(row.tenant);
      if (row.cancelling) return await this.#finishCancelled(row);
      const entries = await this.#journalOf(row);
      if (entries === undefined || this.#engine.stopped) return;
      const blobs = await readBlobs(this.#engine.store, this.#engine.codec, row, entries);
      if (this.#engine.stopped) return;
      const fork = await loadFork(this.#engine, row, entries);
      if (this.#engine.stopped) return;
      const run = loadRun(this.#engine, row, entries, blobs, fork?.seq);
      if (fork !== undefined) directFork(run, fork);
      if (!this.#engine.hold(run)) return;
      resumeRun(this.#engine, run, row.parked);
      // Started by a process that runs nothing: it begins here.
      if (row.seq === 1) foreseeRisk(this.#engine, run);
      this.#begin(run);
    } catch (error) {
      if (isAway(error)) {
        this.#unknown.add(row.key);
        throw error;
      }
      // A key that is not here may be elsewhere: the run is left as it is.
      if (ConcertatoError.is(error, "codec/key-missing")) return this.#engine.report(error);
      await this.#setAside(row, ConcertatoError.is(error) ? toFailureRecord(error) : damagedRecord(row, error));
    }
  }

  /** Undefined for one that was written on since its row was read. */
  async #journalOf(row: RunRow): Promise<readonly ReadEntry[] | undefined> {
    const entries = await this.#engine.store.replay(row.key);
    return entries.at(-1)?.seq !== row.seq && (await this.#movedOn(row)) ? undefined : entries;
  }

  /** The row was read before a write that was still under way, or another process has taken the run: it is read again. */
  async #movedOn(row: RunRow): Promise<boolean> {
    const now = await this.#engine.store.runByKey(row.key);
    if (now === undefined || (now.seq === row.seq && now.epoch === row.epoch)) return false;
    this.#unknown.add(row.key);
    this.#sweepAgain = true;
    return true;
  }

  /** A journal that cannot be read harms one run: it is marked, named and left alone. */
  async #setAside(row: RunRow, failure: FailureRecord): Promise<void> {
    const { clock, report } = this.#engine.world;
    const result = await this.#engine.committer.submit({
      kind: "append",
      run: row.key,
      epoch: row.epoch,
      expectedSeq: row.seq,
      entries: [],
      patch: { status: "diverged", note: JSON.stringify({ failure: failure.code }), at: clock.now() },
    });
    // Refused: it was somebody else's by then, and what was read was half of one state and half of another.
    if (!result.ok) return;
    report(new ConcertatoError({ code: "journal/damaged", message: failure.message, details: { runId: row.id } }));
    this.#tell(row.id, "diverged", JSON.stringify(failure));
  }

  /** Ends a cancelled run, at once or once what it registered is undone. */
  async #finishCancelled(row: RunRow): Promise<void> {
    const order = await readCancelOrder(this.#engine, row);
    const run = await loadCancelled(this.#engine, row, () => this.#journalOf(row));
    if (run === undefined) return;
    if (run?.compensates === true && !order.terminate) {
      if (!this.#engine.hold(run)) return;
      undoCancelled(this.#engine, run, row, order);
      return this.#begin(run);
    }
    const used = usageOf(run?.ledger?.root);
    const slice = run === null ? undefined : settlementOf(run);
    if (run !== null) this.#engine.drop(run);
    const { change, text } = await endOfCancelled(this.#engine, row, order, used, slice);
    const result = await this.#engine.committer.submit(change);
    // Refused: the row that was read is not the one that is there.
    if (result.ok && result.cancelled !== undefined) this.takenAway(result.cancelled);
    if (result.ok) this.#tell(row.id, "cancelled", text);
    else this.#unknown.add(row.key);
    if (row.parent !== null) this.sweepSoon();
  }

  /** Sets a loaded run to work. */
  #begin(run: LiveRun): void {
    this.admit(run);
    this.#engine.settled(run);
  }

  async #poke(): Promise<void> {
    const { store, world } = this.#engine;
    for (const poked of await store.poked(this.owner, world.clock.now(), 1_000)) {
      const run = this.#engine.runs.get(poked.key);
      if (run === undefined) continue;
      if (poked.paused) {
        // Who paused it stands in its inbox; left there, it is admitted when the run goes on.
        await admitInbox(this.#engine, run);
        depart(this.#engine, run, paused);
        continue;
      }
      if (run.priority !== poked.priority) this.#reprioritise(run, poked.priority);
      this.#stirred(run);
    }
  }

  #reprioritise(run: LiveRun, priority: number): void {
    run.priority = priority;
    this.#engine.gate.reprioritise(run);
  }

  async #armWake(): Promise<void> {
    const { store, world } = this.#engine;
    const now = world.clock.now();
    const lease = await store.nextLease();
    if (lease !== null && lease <= now) {
      await this.#engine.committer.submit({ kind: "expire", now });
      this.#sweepAgain = true;
    }
    const wake = await store.nextWake(now);
    const next = lease !== null && lease > now && (wake === null || lease < wake) ? lease : wake;
    this.#wakeTimer?.();
    this.#wakeTimer = null;
    if (next === null || this.#engine.stopped) return;
    const delay = Math.min(Math.max(1, next - world.clock.now()), 3_600_000);
    this.#wakeTimer = world.timer(delay, () => this.sweepSoon());
  }

  /** Its row says that something came: a message, or a change without one. */
  #stirred(run: LiveRun): void {
    run.poked = true;
    this.admit(run);
  }

  /** Reads a run's inbox. */
  admit(run: LiveRun): void {
    // It takes no message any more; but it may just have been kept from leaving.
    if (run.departure !== null) return leaveWhenDone(this.#engine, run);
    this.#unrest(run);
    admitInbox(this.#engine, run)
      .then((looked) => {
        if (!looked || run.dead) return;
        this.#engine.settled(run);
        if (run.admitAgain && run.queuedScopes === 0) {
          run.admitAgain = false;
          this.admit(run);
        }
      })
      .catch((error: unknown) => {
        this.#engine.report(error);
        leaveWhenDone(this.#engine, run);
      });
  }

  // --- what became of a commit ------------------------------------------------------------------------------------

  /** The append was refused: another process took the run over, or it was cancelled. It is theirs now. */
  lost(run: LiveRun): void {
    this.#engine.drop(run);
    // Or this process itself took it again, in a claim that did not answer.
    this.#unknown.add(run.key);
    this.sweepSoon();
  }

  /** Runs were cancelled by what this process committed: those that it holds are nobody's now, and somebody must end them. */
  takenAway(keys: readonly number[]): void {
    for (const key of keys) {
      const run = this.#engine.runs.get(key);
      if (run !== undefined) this.#engine.drop(run);
    }
    this.sweepSoon();
  }

  /** Nobody knows whether the append was committed: forget everything and read again. */
  unknown(run: LiveRun, error: unknown): void {
    this.#engine.drop(run);
    this.#unknown.add(run.key);
    if (ConcertatoError.is(error, "store/full")) return this.#waitForRoom();
    this.#retry ??= this.#engine.world.timer(retryMs, () => {
      this.#retry = null;
      this.sweepSoon();
    });
  }

  /** While the disk is full, taking runs up again would do their reads over and over, model calls included, for nothing. */
  #waitForRoom(): void {
    const now = this.#engine.world.clock.monotonic();
    if (now < this.#roomAt) return;
    const isFirst = now > this.#roomAt + 2 * this.#fullWaitMs;
    this.#fullWaitMs = isFirst ? shortestFullWaitMs : Math.min(longestFullWaitMs, 2 * this.#fullWaitMs);
    this.#roomAt = now + this.#fullWaitMs;
    this.#roomTimer?.();
    this.#roomTimer = this.#engine.world.timer(this.#fullWaitMs, () => this.sweepSoon());
  }

  async #reread(): Promise<void> {
    if (this.#engine.world.clock.monotonic() < this.#roomAt) return;
    for (const key of [...this.#unknown]) {
      const row = await this.#engine.store.runByKey(key);
      this.#unknown.delete(key);
      if (row === undefined || row.owner !== this.owner || row.status === "diverged") continue;
      // Held in the epoch that the store has: nothing was missed.
      if (this.#engine.runs.get(key)?.epoch === row.epoch) continue;
      await this.#take(row);
    }
  }

  ended(run: LiveRun, written: Written): void {
    const status = run.finalPatch?.status as FinalStatus;
    this.#engine.drop(run);
    this.#tell(run.id, status, written.text);
    // Its parent may rest in the store, and runs that found no room may be waiting there.
    // Nobody else would notice for a store of its own: who waited for a key, or for room, of this run.
    if (run.parent !== null || this.#backlog || this.#options.pollMs === 0) this.sweepSoon();
  }

  #tell(runId: string, status: FinalStatus | "diverged", text: string | null): void {
    for (const listener of this.endListeners) listener(runId, status, text);
  }

  /** Sets a run aside with the reason in its journal; it keeps its place and is tried again by the next process. */
  park(run: LiveRun, failure: FailureRecord): void {
    if (run.dead || run.finished) return;
    silence(run);
    this.#writeParked(run, failure);
  }

  /**
   * The same, with the recorded operations around the place. They are read anew, because a run in memory forgets what was
   * delivered. Crash before they are: the next owner comes to the same place.
   */
  parkDiverged(run: LiveRun, path: string, found: string, failure: FailureRecord): void {
    if (run.dead || run.finished) return;
    silence(run);
    excerptOf(this.#engine, run, path, found).then(
      (excerpt) => {
        if (!run.dead) this.#writeParked(run, { ...failure, details: { ...failure.details, excerpt } });
      },
      () => {
        if (!run.dead) this.#writeParked(run, failure);
      },
    );
  }

  #writeParked(run: LiveRun, failure: FailureRecord): void {
    const text = JSON.stringify(failure);
    if (text === run.divergedText) return this.#parkAgain(run, failure, text);
    const written = run.write("diverged", run.root, { meta: '{"failed":true}', text, failed: true });
    run.finalPatch = {
      status: "diverged",
      note: JSON.stringify({ failure: failure.code }),
      parked: false,
      at: written.stored.at,
    };
  }

  /** Tried again with the same code: the journal says so already, and a service that restarts often must not fill it. */
  #parkAgain(run: LiveRun, failure: FailureRecord, text: string): void {
    const patch = {
      status: "diverged",
      note: JSON.stringify({ failure: failure.code }),
      parked: false,
      at: run.tick(),
    } as const;
    const change = {
      kind: "append",
      run: run.key,
      epoch: run.epoch,
      expectedSeq: run.seq,
      entries: [],
      patch,
    } as const;
    this.#engine.drop(run);
    this.#engine.committer.submit(change).then(
      (result) => {
        if (result.ok) this.#tell(run.id, "diverged", text);
      },
      (error: unknown) => this.#engine.report(error),
    );
  }

  parked(run: LiveRun, written: Written): void {
    this.#engine.drop(run);
    this.#tell(run.id, "diverged", written.text);
  }

  // --- resting ----------------------------------------------------------------------------------------------------

  /** A commit was applied: the run may rest now, and the longest resting may have to leave. */
  rested(run: LiveRun): void {
    if (run.departure !== null) return leaveWhenDone(this.#engine, run);
    this.#noteGate(run);
    if (run.dead || !run.quiet || run.out.length > 0 || run.shownStatus !== "waiting") return this.#unrest(run);
    if (this.#warm.has(run.key)) return;
    this.#warm.set(run.key, run);
    this.#warmBytes += run.weight;
    run.warmWeight = run.weight;
    this.#makeRoom();
    // It takes no place any more.
    if (this.#backlog) this.sweepSoon();
  }

  #noteGate(run: LiveRun): void {
    if (!run.atGate || run.dead) this.#atGate.delete(run);
    else if (!this.#atGate.has(run)) {
      this.#atGate.add(run);
      if (this.#backlog) this.sweepSoon();
    }
  }

  #unrest(run: LiveRun): void {
    if (this.#warm.get(run.key) !== run) return;
    this.#warm.delete(run.key);
    this.#warmBytes -= run.warmWeight;
  }

  forget(run: LiveRun): void {
    this.#unrest(run);
    this.#departing.delete(run);
    this.#atGate.delete(run);
  }

  /** Wall clock (ms) at which somebody must look at a resting run, or null. */
  deadlineOf(run: LiveRun): number | null {
    return earliestDeadline(run);
  }

  #makeRoom(): void {
    for (const run of this.#warm.values()) {
      if (this.#warmBytes <= this.#options.warmBytes) return;
      // One that is due would come back at once; it stays among the resting until its deadline is served.
      if (isDue(run, this.#engine.world.clock.now())) continue;
      this.#unrest(run);
      this.evict(run);
    }
  }

  /**
   * Gives a resting run back to the store, unless something has come for it meanwhile: one conditional change, so a
   * message that arrives between looking and leaving is never lost. Crash here: the run has its owner's death noticed.
   */
  evict(run: LiveRun): void {
    if (run.dead || !run.quiet || run.out.length > 0 || run.committing || run.admitting || run.leaving) return;
    const now = this.#engine.world.clock.now();
    const wake = earliestDeadline(run);
    if (isDue(run, now)) return;
    const change = {
      kind: "evict",
      run: run.key,
      epoch: run.epoch,
      seq: run.seq,
      now,
      wake,
      parked: mayPark(run),
    } as const;
    run.leaving = true;
    this.#engine.committer.submit(change).then(
      (result) => {
        run.leaving = false;
        if (run.dead) return;
        // Whatever the run began meanwhile wrote no entry, so it is found again from the journal.
        if (result.ok) this.lost(run);
        else if (result.reason === "busy") this.#stirred(run);
        else if (hasWritten(run, change.seq)) this.#stays(run);
        else this.lost(run);
      },
      (error: unknown) => {
        this.#engine.report(error);
        run.leaving = false;
        if (run.dead) return;
        // Kept on the chance that it was not given back, one that was would take its place here until this process ends:
        // it rests, so nothing would ever find out (found by the simulator, seeds 152800, 191679 and 223136).
        if (hasWritten(run, change.seq)) this.#stays(run);
        else this.unknown(run, error);
      },
    );
  }

  /** It was not given back: what was put off meanwhile is done now, and then it rests again. */
  #stays(run: LiveRun): void {
    if (run.departure !== null) return leaveWhenDone(this.#engine, run);
    if (!run.admitAgain) return this.#engine.settled(run);
    run.admitAgain = false;
    this.admit(run);
  }
}

/** A deadline was recorded while it was to leave: the answer for that tells whose it is, or has told. */
function hasWritten(run: LiveRun, seq: number): boolean {
  return run.seq !== seq || run.committing || run.out.length > 0;
}

/** It waits for nobody: its own deadline starts the next attempt. */
function isRetry(operation: Operation): boolean {
  return operation.until !== null && !operation.opened && !operation.inDoubt;
}

function isDue(run: LiveRun, now: number): boolean {
  const deadline = earliestDeadline(run);
  return deadline !== null && deadline <= now;
}

function earliestDeadline(run: LiveRun): number | null {
  let earliest = run.ledger === null ? null : earliestLook(run);
  for (const operation of run.pending) {
    if (operation.until !== null && (earliest === null || operation.until < earliest)) earliest = operation.until;
  }
  return earliest;
}

function damagedRecord(row: RunRow, error: unknown): FailureRecord {
  const what = error instanceof Error ? error.message : String(error);
  return {
    code: "journal/damaged",
    message: `The journal of run ${row.id} cannot be read: ${what}. The run is set aside; restore it from a backup.`,
    retryable: false,
    details: { runId: row.id },
  };
}

/** Nothing of a run counts any more: no drain, no end, no answer of an attempt may write after the last entry. */
function silence(run: LiveRun): void {
  run.finished = true;
  for (const scope of [...run.scopes.values()]) cancelScope(scope);
  // Entries on their way to the store keep their numbers.
  run.nextSeq -= run.out.length;
  run.out = [];
  run.consumed = [];
  run.sends = [];
  run.listens = [];
  run.ignores = [];
  run.asks = [];
  run.releases = [];
  run.keeps = [];
  run.states = [];
  run.creates = [];
  run.engine.caps.drop(run);
  run.cancelChildren = null;
  run.blobs = [];
  run.blobsKnown = null;
}

/** Names and places only: payloads stay sealed. */
async function excerptOf(engine: Engine, run: LiveRun, path: string, found: string): Promise<readonly Json[]> {
  const recording = new Recording(await engine.store.replay(run.key), () => null);
  return excerptAround(recording, path, found).map((line) => ({ ...line }));
}
