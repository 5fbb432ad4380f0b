/**
 * A run that this process owns and holds in memory: its scopes, its unwritten entries, its place in the journal.
 * It writes entries into `out`; the engine commits them and only then lets anybody see them.
 */
import type { EntryKind, StoredEntry } from "../journal/entry.ts";
import { entryKinds } from "../journal/entry.ts";
import { byReference, sealBlob } from "../journal/large-payload.ts";
import type { HoldAsk, InboxSend, NewBlob, NewRun, RunPatch, RunRow, StateWrite } from "../journal/store.ts";
import { appended } from "../kernel/short-list.ts";
import { Container } from "./container.ts";
import type { Continuation } from "./continuation.ts";
import type { CapSpend } from "../journal/cap.ts";
import type { CapHold } from "./caps.ts";
import type { Pass } from "./attempt-gate.ts";
import type { Departure } from "./departure.ts";
import type { Direction } from "./direction.ts";
import type { ChildrenCancel } from "./children.ts";
import type { Engine } from "./engine.ts";
import type { Ledger } from "./ledger.ts";
import type { Operation } from "./operation.ts";
import { Scope } from "./scope.ts";
import type { Agent } from "./agent.ts";

/** An entry with what its commit sets off. */
export interface Written {
  readonly kind: EntryKind;
  readonly stored: StoredEntry;
  /** Payload in clear: what will be delivered. */
  readonly text: string | null;
  readonly failed: boolean;
  readonly operation: Operation | null;
  readonly scope: Scope;
  readonly container: Container | null;
  /** Whom it concerns has it already. */
  delivered: boolean;
}

/** What an entry says beside its kind. */
export interface EntryDraft {
  readonly op?: string;
  readonly name?: string;
  readonly meta?: string | null;
  readonly text?: string | null;
  /** Second line of the body: the input. */
  readonly inputText?: string | null;
  readonly failed?: boolean;
  readonly operation?: Operation | null;
  readonly container?: Container | null;
  readonly jump?: number | null;
  /** The entry's time is not before this (a deadline that has passed). */
  readonly notBefore?: number;
}

/** A signal admitted before anybody waited for it. */
export interface BufferedSignal {
  readonly seq: number;
  readonly text: string | null;
  readonly at: number;
}

/** Most runs are counted by no cap. */
const noSpends: readonly CapSpend[] = [];
const noScopes: readonly string[] = [];

/** Most runs never wait at the gate. */
const noPasses: ReadonlySet<Pass> = new Set();

/** Most runs never undo anything. */
const none: ReadonlySet<Scope> = new Set();

/** Most runs are no forks. */
const nothing: ReadonlySet<Operation> = new Set();
const noKeys: ReadonlyMap<string, string> = new Map();

export class LiveRun {
  readonly engine: Engine;
  readonly key: number;
  readonly id: string;
  readonly tenant: string;
  readonly parent: string | null;
  readonly createdAt: number;
  readonly epoch: number;
  /** Of what bodies draw; a fork draws what its original drew. */
  seed: string;
  readonly root: Scope;
  /** Seq of the last committed entry. */
  seq: number;
  /** Seq of the last written entry, committed or not. */
  nextSeq: number;
  headRef = 0;
  /** Reference of the first entry. */
  firstRef: number | null = null;
  /** How often it began: `ctx.continueAs` begins it anew. */
  generation = 1;
  /** What it goes on as, once its body said so. */
  continuation: Continuation | null = null;
  lastAt = 0;

  out: Written[] = [];
  consumed: number[] = [];
  sends: { to: string; row: InboxSend }[] = [];
  creates: { run: NewRun; entries: StoredEntry[]; blobs: readonly NewBlob[] }[] = [];
  /** Large payloads to be committed with `out`. */
  blobs: NewBlob[] = [];
  /** Hashes of large payloads that the run refers to already, where this process knows it. */
  blobsKnown: Set<string> | null = null;
  /** Channels of receives that open with the next commit, and of those that are given up with it. */
  listens: string[] = [];
  ignores: string[] = [];
  /** Keys that claims ask for with the next commit, and paths of those that are over with it. */
  asks: HoldAsk[] = [];
  releases: string[] = [];
  /** Paths of claims whose keys the next generation has. */
  keeps: string[] = [];
  /** Named values that are written with `out`. */
  states: StateWrite[] = [];
  /** What attempts used of caps, to be settled with `out`. */
  capSpends: readonly CapSpend[] = noSpends;
  /** What attempts about to begin or under way have reserved of caps. */
  capHolds: Map<Operation, CapHold> | null = null;
  /** Caps that count this run, as of a version of what caps there are. */
  capScopes: readonly string[] = noScopes;
  capVersion = -1;
  finalPatch: RunPatch | null = null;
  /** Goes with the commit that ends it, or decides that it ends. */
  cancelChildren: ChildrenCancel | null = null;
  /** What the run used; null while nothing was. */
  ledger: Ledger | null = null;
  needsFull = false;
  committing = false;
  dirty = false;

  attempts = 0;
  /** Ends that are known and wait for their turn. */
  held = 0;
  queuedScopes = 0;
  /** Eager scopes that have not caught up yet. */
  recovering = 0;
  /** Some scope waits for the body that knows its agent. */
  wanting = false;
  /** Why it was parked before, where the journal says so. */
  divergedText: string | null = null;
  dead = false;
  finished = false;
  /** It is being given back: nothing new of it begins. */
  departure: Departure | null = null;
  /** What gives it back is on the way to the store: until that is answered, no message is taken. */
  leaving = false;
  /** Something was kept back because it is being given back: the next owner must look at all of it. */
  withheld = false;
  /** Attempts of it that wait at the gate. */
  gated: ReadonlySet<Pass> = noPasses;
  #ownGated: Set<Pass> | null = null;
  /** Among the runs that wait for a turn, in this process and in the store. */
  priority: number;
  /** Something was registered to be undone. */
  compensates = false;
  /** Scopes that are being undone. */
  undoings: ReadonlySet<Scope> = none;
  /** Last status and note written, so that an unchanged row is not written again. */
  shownStatus: string;
  shownNote: string | null;
  shownParked = false;

  /** Scopes by the seq of their start. */
  readonly scopes: Map<number, Scope> = new Map();
  /** Open waits by channel, oldest first. */
  readonly waits: Map<string, Operation[]> = new Map();
  readonly buffer: Map<string, BufferedSignal[]> = new Map();
  /** Highest n admitted per sender. */
  readonly admitted: Map<string, number> = new Map();
  readonly consuming: Set<number> = new Set();
  /** Letters on their way, by run and channel they go to: the first is under way, the others wait for it. */
  readonly sending: Map<string, Operation[]> = new Map();
  /** Pending operations with a deadline or a place in lists: what it is waiting for. */
  readonly pending: Set<Operation> = new Set();
  /** What people are asked has changed since the row was last written. */
  askedAnew = false;
  /** Somebody changed its row; the next append says that this was seen. */
  poked = false;
  admitting = false;
  admitAgain = false;
  /** Where the ends of its operations come from, in a fork or a replay. */
  direction: Direction | null = null;
  /** The journal's time while everything in it was recorded elsewhere; null: the present. */
  pinnedAt: number | null = null;
  /** A fork took over entries up to this one: what they began was begun by another run. */
  inherited = 0;
  /** Operations whose beginning the journal has from elsewhere (a fork, an import), and which begin anew here. */
  begunElsewhere: ReadonlySet<Operation> = nothing;
  /** Keys that were granted to the run it was forked from, by the paths of their claims: the fork holds none of them. */
  grantedElsewhere: ReadonlyMap<string, string> = noKeys;
  /** Entries up to this one were written on another store. */
  imported = 0;
  /** Rough size in memory, for the warm cache. */
  weight = 4_096;
  /** What it was counted with in the warm cache. */
  warmWeight = 0;

  constructor(engine: Engine, row: RunRow, agent: Agent | undefined, seed: string) {
    this.engine = engine;
    this.key = row.key;
    this.id = row.id;
    this.tenant = row.tenant;
    this.parent = row.parent;
    this.createdAt = row.createdAt;
    this.epoch = row.epoch;
    this.seq = row.seq;
    this.nextSeq = row.seq;
    this.seed = seed;
    this.shownStatus = row.status;
    this.shownNote = row.note;
    this.shownParked = row.parked;
    this.priority = row.priority;
    this.root = new Scope(this, null, row.agent, agent, null);
    this.root.seq = 1;
    this.scopes.set(1, this.root);
  }

  /** The journal's clock: the wall clock, but never back. */
  tick(notBefore = 0): number {
    const at = Math.max(this.lastAt, this.pinnedAt ?? this.engine.world.clock.now(), notBefore);
    this.lastAt = at;
    return at;
  }

  /** Writes an entry of `scope`; nobody sees it before its commit. */
  write(kind: EntryKind, scope: Scope, draft: EntryDraft): Written {
    const seq = ++this.nextSeq;
    const text = draft.text ?? null;
    const input = draft.inputText ?? null;
    let plain = input === null ? text : `${text ?? ""}\n${input}`;
    let meta = draft.meta ?? null;
    this.weight += 96 + (plain === null ? 0 : plain.length);
    if (plain !== null && plain.length >= this.engine.largeFrom) {
      const referring = byReference(this.engine.codec, this.tenant, this.engine.largeFrom, text, input, meta);
      this.#keepBlobs(referring.texts);
      ({ plain } = referring);
      ({ meta } = referring);
    }
    const stored: StoredEntry = {
      seq,
      kind: entryKinds[kind],
      scope: scope.seq,
      op: draft.op ?? "",
      name: draft.name ?? "",
      at: this.tick(draft.notBefore),
      meta,
      body: plain === null ? null : this.engine.codec.seal(this.tenant, this.id, plain),
      jump: draft.jump ?? null,
    };
    const container = draft.container ?? null;
    if (container !== null) Container.count(container, seq);
    const written: Written = {
      kind,
      stored,
      text,
      failed: draft.failed === true,
      operation: draft.operation ?? null,
      scope,
      container,
      delivered: false,
    };
    this.out = appended(this.out, written);
    this.engine.markDirty(this);
    return written;
  }

  /** A payload that this run was seen to refer to is stored, and stays as long as the run does. */
  #keepBlobs(texts: ReadonlyMap<string, string>): void {
    this.blobsKnown ??= new Set();
    for (const [hash, text] of texts) {
      if (this.blobsKnown.has(hash)) continue;
      this.blobsKnown.add(hash);
      this.blobs.push(sealBlob(this.engine.codec, this.tenant, hash, text));
    }
  }

  /** Nothing is running and nothing will run before something arrives from outside or a deadline passes. */
  get quiet(): boolean {
    return (
      this.attempts === 0 &&
      this.queuedScopes === 0 &&
      this.recovering === 0 &&
      !this.finished &&
      this.departure === null &&
      this.held === 0 &&
      this.gated.size === 0
    );
  }

  /** Nothing of it goes on before an attempt is let in, or something arrives from outside. */
  get atGate(): boolean {
    return (
      this.gated.size > 0 && this.attempts === 0 && this.queuedScopes === 0 && this.recovering === 0 && this.held === 0
    );
  }

  addGated(pass: Pass): void {
    this.#ownGated ??= new Set();
    this.#ownGated.add(pass);
    this.gated = this.#ownGated;
  }

  removeGated(pass: Pass): void {
    this.#ownGated?.delete(pass);
  }

  addUndoing(scope: Scope): void {
    this.undoings = new Set([...this.undoings, scope]);
  }

  removeUndoing(scope: Scope): void {
    this.undoings = new Set([...this.undoings].filter((other) => other !== scope));
  }

  addWait(channel: string, operation: Operation): void {
    const waiting = this.waits.get(channel);
    if (waiting) waiting.push(operation);
    else this.waits.set(channel, [operation]);
    this.askedAnew = true;
  }

  removeWait(channel: string, operation: Operation): void {
    const waiting = this.waits.get(channel);
    if (!waiting) return;
    const index = waiting.indexOf(operation);
    if (index >= 0) waiting.splice(index, 1);
    this.askedAnew = true;
    if (waiting.length === 0) this.waits.delete(channel);
  }
}
