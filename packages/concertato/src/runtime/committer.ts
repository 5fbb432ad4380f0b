/**
 * The commit loop: everything written since the last time, by all runs, in one transaction; what was committed is then
 * applied and published, run by run, in journal order. A refused run is dropped, the rest goes on. When the store
 * throws, nobody knows what was committed: those runs are dropped and read again.
 */
import type { Change, ChangeResult, Durability, RunPatch } from "../journal/store.ts";
import type { CapSpend } from "../journal/cap.ts";
import type { StoredEntry } from "../journal/entry.ts";
import { appended } from "../kernel/short-list.ts";
import { Container } from "./container.ts";
import type { Engine } from "./engine.ts";
import { deliver, deliverTurn } from "./delivery.ts";
import { offerLetter } from "./mail-sending.ts";
import { startAttempt } from "./outside-work.ts";
import type { LiveRun, Written } from "./live-run.ts";
import { noteOf } from "./run-note.ts";
import { continueEnd } from "./scope-end.ts";

/** A change that belongs to no run in memory: a start, a message, a cancel. */
interface LooseChange {
  readonly change: Change;
  readonly durability: Durability;
  readonly done: (result: ChangeResult) => void;
  readonly failed: (error: unknown) => void;
}

/** A run's part of a batch. */
interface Share {
  readonly run: LiveRun;
  readonly written: readonly Written[];
  readonly consumed: readonly number[];
  readonly patch: RunPatch | undefined;
  /** It asked for letters or keys, or gave some back: what the store gave for it is in inboxes now. */
  readonly listened: boolean;
  readonly spends: readonly CapSpend[];
}

interface Batch {
  shares: Share[];
  readonly loose: LooseChange[];
  changes: Change[];
}

/** What one flush commits; most flushes make one batch. */
interface Batches {
  normal: Batch | null;
  full: Batch | null;
}

/** An append under construction: one shape, fields set as they are needed (this is the hottest object of a step). */
type Building = { -readonly [K in keyof Extract<Change, { kind: "append" }>]: Extract<Change, { kind: "append" }>[K] };

/** Kinds after whose commit the run has something to do. */
const stirring = new Set<string>([
  "compensation-registered",
  "compensating",
  "result",
  "scope-ended",
  "child-started",
  "loop-advanced",
  "intent",
  "run-ended",
  "send-opened",
  "continued",
]);

export class Committer {
  readonly #engine: Engine;
  #dirty: LiveRun[] = [];
  #loose: LooseChange[] = [];
  #fullInFlight = false;
  #normalInFlight = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Something is written and not yet answered for. */
  get busy(): boolean {
    return this.#dirty.length > 0 || this.#loose.length > 0 || this.#fullInFlight || this.#normalInFlight;
  }

  /** The run has something to commit, or its row may need another status. */
  add(run: LiveRun): void {
    if (run.dirty || run.dead) return;
    run.dirty = true;
    this.#dirty.push(run);
  }

  /** The run may have come to rest. */
  touch(run: LiveRun): void {
    if (run.quiet || run.atGate) this.add(run);
  }

  /** Commits one change with the next batch. */
  submit(change: Change, durability: Durability = this.#engine.store.durability): Promise<ChangeResult> {
    return new Promise((done, failed) => {
      this.#loose.push({ change, durability, done, failed });
      this.#engine.wake();
    });
  }

  /** Commits what there is. True when something was applied at once, so that there may be more to deliver. */
  flush(): boolean {
    if (this.#dirty.length === 0 && this.#loose.length === 0) return false;
    const batches: Batches = { normal: null, full: null };
    this.#collect(batches);
    const first = batches.normal !== null && this.#commit(batches.normal, "normal");
    const second = batches.full !== null && this.#commit(batches.full, "full");
    return first || second;
  }

  #collect(batches: Batches): void {
    const alwaysFull = this.#engine.store.durability === "full";
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const run of dirty) {
      if (run.dead) continue;
      const needsFull = alwaysFull || run.needsFull;
      if (run.committing || (needsFull ? this.#fullInFlight : this.#normalInFlight)) {
        this.#dirty.push(run);
        continue;
      }
      run.dirty = false;
      // Found exactly as its row says: it rests without a commit.
      if (!takeShare(run, batches, needsFull ? "full" : "normal")) this.#engine.ownership.rested(run);
    }
    if (this.#loose.length === 0) return;
    const loose = this.#loose;
    this.#loose = [];
    for (const one of loose) {
      if (one.durability === "full" ? this.#fullInFlight : this.#normalInFlight) {
        this.#loose.push(one);
        continue;
      }
      // Shares stand before loose changes in a batch.
      const batch = batchFor(batches, one.durability);
      batch.loose.push(one);
      batch.changes = appended(batch.changes, one.change);
    }
  }

  /** True when the store answered at once. */
  #commit(batch: Batch, durability: Durability): boolean {
    let answer: ReturnType<Engine["store"]["commit"]>;
    try {
      answer = this.#engine.store.commit(batch.changes, durability);
    } catch (error) {
      this.#unknown(batch, error);
      return true;
    }
    if (!(answer instanceof Promise)) {
      this.#apply(batch, answer);
      return true;
    }
    this.#inFlight(durability, true);
    answer.then(
      (results) => this.#answered(durability, () => this.#apply(batch, results)),
      (error: unknown) => this.#answered(durability, () => this.#unknown(batch, error)),
    );
    return false;
  }

  #inFlight(durability: Durability, value: boolean): void {
    if (durability === "full") this.#fullInFlight = value;
    else this.#normalInFlight = value;
  }

  #answered(durability: Durability, act: () => void): void {
    this.#inFlight(durability, false);
    if (this.#engine.stopped) return;
    act();
    this.#engine.wake();
  }

  #apply(batch: Batch, results: readonly ChangeResult[]): void {
    if (results.length !== batch.changes.length) {
      return this.#engine.world.exit(
        `The store ${this.#engine.store.name} answered ${results.length} of ${batch.changes.length} changes; nothing it says can be trusted.`,
      );
    }
    // Runs first: whoever started or signalled hears of it when what it set off is under way.
    const { shares, loose } = batch;
    for (let index = 0; index < shares.length; index++) {
      const share = shares[index];
      const result = results[index];
      if (share === undefined || result === undefined) continue;
      share.run.committing = false;
      if (result.ok && result.cancelled !== undefined) this.#engine.ownership.takenAway(result.cancelled);
      if (share.spends.length > 0) this.#engine.caps.settled(share.spends, result.ok ? "stored" : "lost");
      if (result.ok) this.#applyShare(share, result.firstRef);
      else this.#engine.ownership.lost(share.run);
    }
    for (let index = 0; index < loose.length; index++) {
      const result = results[shares.length + index];
      if (result !== undefined) loose[index]?.done(result);
    }
  }

  #applyShare(share: Share, firstRef: number): void {
    const { run, written, patch } = share;
    if (run.dead) return;
    for (const row of share.consumed) run.consuming.delete(row);
    if (patch?.status !== undefined) run.shownStatus = patch.status;
    if (patch?.note !== undefined) run.shownNote = patch.note;
    if (patch?.parked !== undefined) run.shownParked = patch.parked;
    run.seq += written.length;
    let ref = firstRef;
    for (const one of written) {
      if (one.container !== null) Container.locate(one.container, one.stored.seq, run.headRef);
      run.headRef = ref++;
      if (run.dead) continue;
      this.#publish(one, run);
      this.#applied(one, run);
    }
    if (share.listened) this.#engine.ownership.sweepSoon();
    this.#engine.ownership.rested(run);
    // An item of a map may have been the last thing under way: no body was drained, and the row must still say so.
    this.touch(run);
  }

  #publish(written: Written, run: LiveRun): void {
    for (const listener of this.#engine.listeners) {
      try {
        listener(written, run);
      } catch (error) {
        this.#engine.report(error);
      }
    }
  }

  #applied(written: Written, run: LiveRun): void {
    const { operation } = written;
    switch (written.kind) {
      case "child-started":
        // The new run belongs to nobody yet; any process may take it.
        this.#engine.ownership.sweepSoon();
        if (operation !== null && !written.delivered) deliver(this.#engine, operation, written);
        return;
      case "result":
      case "scope-ended":
        if (operation !== null && !written.delivered) deliver(this.#engine, operation, written);
        return;
      case "compensation-registered":
        // Its payload is for whoever undoes; the body hears that it is registered.
        if (operation !== null) deliver(this.#engine, operation, { ...written, text: null });
        return;
      case "compensating":
        return continueEnd(this.#engine, written.scope);
      case "loop-advanced":
        if (operation !== null && !written.delivered) deliverTurn(this.#engine, operation, written);
        return;
      case "intent":
        // Not given up between writing and commit; its effect may begin now, and not before.
        if (operation?.live === true) startAttempt(this.#engine, operation);
        return;
      case "send-opened":
        if (operation?.live === true) offerLetter(this.#engine, operation);
        return;
      case "continued":
        // What it goes on as begins as after a crash: from its journal.
        return this.#engine.ownership.lost(run);
      case "run-ended":
        return this.#engine.ownership.ended(run, written);
      case "diverged":
        return this.#engine.ownership.parked(run, written);
      default:
        return;
    }
  }

  #unknown(batch: Batch, error: unknown): void {
    this.#engine.report(error);
    for (const { run, spends } of batch.shares) {
      this.#engine.caps.settled(spends, "stored");
      this.#engine.ownership.unknown(run, error);
    }
    for (const one of batch.loose) one.failed(error);
  }
}

const nothing: readonly number[] = [];

const storedOf = ({ stored }: Written): StoredEntry => stored;

/** Moves what a run wants to commit into a batch. False when there is nothing. */
function takeShare(run: LiveRun, batches: Batches, durability: Durability): boolean {
  const patch = nextPatch(run);
  const held = run.asks.length > 0 || run.releases.length > 0 || run.keeps.length > 0;
  const listened = held || run.listens.length > 0 || run.ignores.length > 0;
  const { poked, capSpends: spends } = run;
  const settles = spends.length > 0;
  if (run.out.length === 0 && run.consumed.length === 0 && patch === undefined && !listened && !poked && !settles)
    return false;
  // Never the run's own empty list: what it admits while this commit is under way belongs to the next.
  const consumed = run.consumed.length === 0 ? nothing : run.consumed;
  const { out } = run;
  const entries = out.map(storedOf);
  const share: Share = { run, written: out, consumed, patch, listened, spends };
  const change: Building = { kind: "append", run: run.key, epoch: run.epoch, expectedSeq: run.seq, entries };
  if (patch !== undefined) change.patch = patch;
  if (run.consumed.length > 0 || poked) {
    // Also an empty list: a row that was changed without a message has been seen.
    change.consumed = consumed;
    run.consumed = [];
    run.poked = false;
  }
  if (run.sends.length > 0) {
    change.sends = run.sends;
    run.sends = [];
  }
  if (run.cancelChildren !== null) {
    change.cancelChildren = run.cancelChildren;
    run.cancelChildren = null;
  }
  if (run.blobs.length > 0) {
    change.blobs = run.blobs;
    run.blobs = [];
  }
  if (listened) {
    change.listens = run.listens;
    change.ignores = run.ignores;
    run.listens = [];
    run.ignores = [];
  }
  if (held) {
    change.holds = { at: run.engine.world.clock.now(), asks: run.asks, releases: run.releases, keeps: run.keeps };
    run.keeps = [];
    run.asks = [];
    run.releases = [];
  }
  if (run.states.length > 0) {
    change.states = run.states;
    run.states = [];
  }
  if (settles) {
    change.spends = spends;
    run.capSpends = [];
  }
  if (run.creates.length > 0) {
    change.creates = run.creates;
    run.creates = [];
  }
  run.out = [];
  run.needsFull = false;
  const batch = batchFor(batches, durability);
  batch.changes = appended(batch.changes, change);
  batch.shares = appended(batch.shares, share);
  // From here on, and not from the call of the store: while an earlier batch of this flush is applied, this run must not
  // look as if it had nothing under way and be given back without its deadline.
  run.committing = true;
  return true;
}

function batchFor(batches: Batches, durability: Durability): Batch {
  const known = batches[durability];
  if (known !== null) return known;
  const made: Batch = { shares: [], loose: [], changes: [] };
  batches[durability] = made;
  return made;
}

/** How the run's row must change with this commit: what lists show, and whether a crash after it may wake it lazily. */
function nextPatch(run: LiveRun): RunPatch | undefined {
  if (run.finalPatch !== null) return run.finalPatch;
  // What its row shows is for the change that gives it back to say. If that is on its way already, and was meant for a run
  // at rest, the row keeps what stands there: what the run waits for (found by the simulator, seed 622220).
  if (run.departure !== null && run.out.length === 0) return undefined;
  const quiet = run.quiet && !stirs(run.out);
  if (run.atGate && run.departure === null && !stirs(run.out)) return gatePatch(run);
  if (!quiet) {
    if (run.shownStatus === "running" && !run.shownParked && !run.askedAnew) return undefined;
    run.askedAnew = false;
    return { status: "running", parked: false, note: noteOf(run, true), at: run.lastAt };
  }
  run.askedAnew = false;
  const note = noteOf(run, false);
  const parked = mayPark(run);
  if (run.shownStatus === "waiting" && run.shownParked === parked && note === run.shownNote) return undefined;
  return { status: "waiting", parked, note, at: run.lastAt };
}

/** Work that waits for a budget is in no journal: only its body knows it, so a wake must run all of them. */
export function mayPark(run: LiveRun): boolean {
  return run.ledger === null || run.ledger.blocked.size === 0;
}

/** It waits at the gate: shown as waiting, and yet not at rest, for what waits there has no entry. */
function gatePatch(run: LiveRun): RunPatch | undefined {
  run.askedAnew = false;
  const note = noteOf(run, false);
  if (run.shownStatus === "waiting" && !run.shownParked && note === run.shownNote) return undefined;
  return { status: "waiting", parked: false, note, at: run.lastAt };
}

function stirs(out: readonly Written[]): boolean {
  for (const written of out) if (stirring.has(written.kind) && !written.delivered) return true;
  return false;
}
