/**
 * The Store contract: what a database must do so that a kernel can be durable on it.
 * One atomic verb writes (`commit`, in batches, no interactive transaction); the rest reads in pages.
 *
 * Rules every implementation keeps (the conformance suite checks them):
 *  1. A change is applied whole or not at all; a refused change does not stop the others of its batch.
 *  2. `commit` answers only when the batch has the durability asked for. If it throws, the outcome of the WHOLE batch
 *     is unknown: the caller drops those runs from memory and reads them again.
 *  3. Only the owner appends: an `append` compares epoch and sequence with the run row in the same statement that
 *     advances them.
 *  4. Whoever sends a row to an inbox also sets `wake` on the run in the same transaction, and an owner's append that
 *     consumes rows leaves `wake` set when rows remain. So a wake-up can be late, never lost.
 *  5. A final status never changes.
 */
import type { Cap, CapAsk, CapRow, CapSpend } from "./cap.ts";
import type { RateLimit } from "./rate.ts";
import type { FinalStatus, StoredEntry } from "./entry.ts";

export type Awaitable<T> = T | Promise<T>;

/** `normal` survives the death of the process; `full` also the loss of power. */
export type Durability = "normal" | "full";

/** Statuses of a run. `queued`: nobody has taken it yet. */
export type RunStatus = "queued" | "running" | "waiting" | "diverged" | FinalStatus;

/** The row of a run: what schedulers and lists need. Payloads live in the journal only. */
export interface RunRow {
  /** Small integer of this store; rows and entries refer to it. */
  readonly key: number;
  /** The id people and other systems use. */
  readonly id: string;
  /** `name@version`. */
  readonly agent: string;
  readonly tenant: string;
  readonly status: RunStatus;
  /** Process that owns the run, or null. */
  readonly owner: number | null;
  /** Raised whenever the run changes hands or is cancelled; an append must name the current one. */
  readonly epoch: number;
  /** Sequence number of the last entry. */
  readonly seq: number;
  /** Wall clock (ms) at which somebody should look at the run; 0 = at once; null = nothing to do. */
  readonly wake: number | null;
  /** Every pending operation is durable, so a wake needs to run only the scopes it concerns. */
  readonly parked: boolean;
  /** Somebody asked to cancel; the next owner ends the run. */
  readonly cancelling: boolean;
  /** The caller's key: starting again with it finds this run. */
  readonly startKey: string | null;
  /** Hash of the input, to refuse the same key with another input. */
  readonly inputHash: string;
  /** Id of the run that started this one, or null. */
  readonly parent: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** JSON without payloads for lists: what it waits for, or the code of its failure. */
  readonly note: string | null;
  /** 0 (whenever there is time) to 9 (before everything else). */
  readonly priority: number;
  /** `name@version` of an agent that whoever takes the run must have beside the run's own; null for none. */
  readonly needs: string | null;
  /** Nobody may take it until it is resumed. */
  readonly paused: Pause | null;
}

/** Who paused something, and since when (wall clock, ms). */
export interface Pause {
  readonly by: string;
  readonly since: number;
}

/** An agent that is paused. */
export interface AgentPause extends Pause {
  /** `name` for all versions, or `name@version`. */
  readonly agent: string;
}

/** What is paused or resumed. */
export type PauseTarget = { readonly run: string } | { readonly agent: string };

/** Priority of a run that was given none. */
export const defaultPriority = 5;

/** A row for a run's inbox. `(run, sender, n)` is unique while the row exists. */
export interface InboxSend {
  readonly sender: string;
  /** Counts up per sender; delivery is in this order per sender. */
  readonly n: number;
  /**
   * `mail`: a letter that a receive asked for. `room`: a channel that was full has room again. `grant`: a key that was
   * asked for, by the path `name`, is the run's, and `n` is its token; or, with a body (a HoldCycle as JSON, never sealed),
   * waiting for it would never end. `budget`: a raise of the budget at the path `name`. `steered`: word that somebody paused,
   * resumed or prioritised it (`name`), for its journal; what counts is the row of the run.
   */
  readonly kind: "signal" | "child-ended" | "cancel" | "mail" | "room" | "grant" | "budget" | "steered";
  /** Name of the signal, or the operation's address. */
  readonly name: string;
  readonly body: string | Uint8Array | null;
  readonly at: number;
}

/** A message for a channel of a run. It lies in the run's mail until a receive asks for it. */
export interface Letter {
  readonly channel: string;
  /** Who sent it, for this channel; unique in itself where `n` is 0. */
  readonly sender: string;
  /** Counts up per sender and channel: one that was accepted before counts as done. 0: sent once, by nobody who repeats it. */
  readonly n: number;
  /**
   * `sender` is a client's key, used for one letter only, and `n` (from 1) a fingerprint of what is sent: accepted before
   * with the same `n` counts as done, with another it is refused as `conflict`.
   */
  readonly keyed?: true;
  readonly body: string | Uint8Array | null;
  readonly at: number;
}

/** A named value, as stored. */
export interface StateRow {
  /** Counts its writes, from 1. */
  readonly version: number;
  readonly body: string | Uint8Array | null;
}

/** A write of a named value. */
export interface StateWrite {
  /** Whose it is: "run/<id>" of the run that writes, which takes it along when it ends; or anything else, which stays. */
  readonly owner: string;
  readonly name: string;
  readonly body: string | Uint8Array | null;
  /** The version that it replaces, 0 for none; null: whatever is there. */
  readonly expected: number | null;
}

/** What a run that comes from another store has beside its journal. */
export interface Belongings {
  /** Its named values. */
  readonly states: readonly StateWrite[];
  /** Letters that no receive has taken, those of each channel oldest first; no limit of a mailbox holds them up. */
  readonly letters: readonly Letter[];
  /** Messages that it has not admitted, oldest first. */
  readonly messages: readonly InboxSend[];
}

/** A run asks for a key of its tenant. */
export interface HoldAsk {
  readonly key: string;
  /** Names the ask within its run; asking again by the same path changes nothing. */
  readonly path: string;
  /** Held at most so long (ms) once somebody else asks. Null: until it is released. */
  readonly lease: number | null;
}

/** What an append does to keys: releases first. `at`: the wall clock, from which leases count. */
export interface HoldChange {
  readonly at: number;
  readonly asks: readonly HoldAsk[];
  /** Paths of asks, granted or not. */
  readonly releases: readonly string[];
  /** Paths of asks that count by their key alone from here on: the run's next ask for it takes the key over, token and all. */
  readonly keeps?: readonly string[];
}

/** Runs that wait for each other: each for a key that the next one holds or has asked for before. */
export type HoldCycle = readonly { readonly run: string; readonly key: string; readonly holder: string }[];

export interface InboxRow extends InboxSend {
  readonly rowId: number;
}

/** A run to be created. */
export interface NewRun {
  readonly id: string;
  readonly agent: string;
  readonly tenant: string;
  readonly owner: number | null;
  readonly startKey: string | null;
  readonly inputHash: string;
  readonly parent: string | null;
  readonly at: number;
  /** Default 5. */
  readonly priority?: number;
  /** It has ended already, elsewhere: nobody takes it, whatever `owner` says. */
  readonly end?: { readonly status: FinalStatus; readonly note: string | null; readonly at: number };
  /** The end of its parent does not concern it. */
  readonly detached?: boolean;
  /** Id of the run it was forked from: that one, and what that one started, are kept as long as this run is open. */
  readonly forkOf?: string;
}

/** A process that runs agents, as the store knows it. */
export interface OwnerRow {
  readonly id: number;
  /** Process id, for people. */
  readonly process: number;
  /** False: it died, and nobody has released its runs yet. */
  readonly alive: boolean;
  /** `name@version` of what it can run. */
  readonly agents: readonly string[];
  /** How many runs it owns. */
  readonly runs: number;
}

/** A run whose row was changed by somebody else while its owner held it. */
export interface PokedRun {
  readonly key: number;
  readonly priority: number;
  readonly paused: boolean;
}

/** What an owner changes on its run's row. Absent fields stay. */
export interface RunPatch {
  readonly status?: RunStatus;
  readonly note?: string | null;
  readonly parked?: boolean;
  /** Final statuses also clear owner, wake and the inbox. */
  readonly at?: number;
}

/** A large payload, kept once per tenant however many entries name it in `meta.blobs`. */
export interface NewBlob {
  /** Keyed hash of the content. */
  readonly hash: string;
  readonly body: string | Uint8Array;
}

export type Change =
  /** Creates a run with its first entries (epoch 1; `queued` and wake 0 when nobody owns it, else `running`). */
  | {
      readonly kind: "create";
      readonly run: NewRun;
      readonly entries: readonly StoredEntry[];
      readonly blobs?: readonly NewBlob[];
      readonly brings?: Belongings;
    }
  /** The owner's write. Refused as `stale` unless epoch and seq match. */
  | {
      readonly kind: "append";
      readonly run: number;
      readonly epoch: number;
      readonly expectedSeq: number;
      readonly entries: readonly StoredEntry[];
      readonly patch?: RunPatch;
      /** Inbox rows that these entries admit; deleted here. `wake` then becomes 0 if rows remain, else null; also for an empty list. */
      readonly consumed?: readonly number[];
      /**
       * Channels that open receives ask one letter each of: the oldest that lies there becomes an inbox row (kind `mail`,
       * named after the channel) in this transaction, or the next to come does in the transaction that brings it.
       */
      readonly listens?: readonly string[];
      /** Channels that receives were given up on: each takes back one that was asked for and has not come. */
      readonly ignores?: readonly string[];
      /**
       * Named values that are written with these entries, in order. The whole append is refused as `conflict` when one of
       * them is not at the version that is expected.
       */
      readonly states?: readonly StateWrite[];
      /**
       * Keys asked for and released. A key has one holder; the others wait in the order of asking. Whoever gets it is told
       * by an inbox row (kind `grant`) in the same transaction; tokens of one key only grow. An ask that would close a circle
       * of waits (judged by branches, `circleOf`) is refused by such a row too. A run that ends holds and asks for nothing any more.
       */
      readonly holds?: HoldChange;
      /** What its attempts used of caps: counted with the entries that tell it, so no crash loses or repeats it. */
      readonly spends?: readonly CapSpend[];
      /** Rows for other runs' inboxes; one to a missing or finished run is dropped. */
      readonly sends?: readonly { readonly to: string; readonly row: InboxSend }[];
      /**
       * Cancels the runs that have this one as parent, and are not detached or finished, as by a `cancel` with this row; those
       * that are being cancelled already only if `again`. Applied after `creates`; the result names them.
       */
      readonly cancelChildren?: { readonly row: InboxSend; readonly again: boolean };
      /** Child runs; one whose id exists already is left as it is. */
      readonly creates?: readonly {
        readonly run: NewRun;
        readonly entries: readonly StoredEntry[];
        readonly blobs?: readonly NewBlob[];
      }[];
      /** Large payloads that the run refers to from here on; the body of one that the tenant has already is dropped. */
      readonly blobs?: readonly NewBlob[];
    }
  /** Anybody's message. A row with the same (run, sender, n) counts as done. Refused as `missing` or `finished`. */
  | { readonly kind: "send"; readonly to: string; readonly row: InboxSend }
  /**
   * Anybody's letter. One whose number was accepted before counts as done, also when the run has ended since. Refused as
   * `missing` (also for a run of another tenant), `conflict` (a key that was used for something else), `finished`, or `full` when `limit` letters
   * lie in the channel; then the run `waiter` gets an inbox row of kind `room` once one of them has gone or the run ended.
   */
  | {
      readonly kind: "mail";
      readonly to: string;
      readonly tenant: string;
      readonly letter: Letter;
      readonly limit: number;
      readonly waiter: string | null;
    }
  /**
   * Anybody's cancel: raises the epoch, clears the owner, sets `cancelling` and wake 0. From its commit on no entry of
   * the old owner is accepted. Refused as `missing` or `finished`.
   */
  | { readonly kind: "cancel"; readonly to: string; readonly row: InboxSend }
  /**
   * Gives a waiting run back: owner null, epoch + 1 (so that a write of the old owner still under way is refused),
   * `parked`, wake = `wake`. Refused as `busy` when an inbox row exists or wake is already due at `now`, as `stale`
   * when epoch or seq differ or nobody owns it.
   */
  | {
      readonly kind: "evict";
      readonly run: number;
      readonly epoch: number;
      readonly seq: number;
      readonly now: number;
      readonly wake: number | null;
      readonly parked: boolean;
    }
  /**
   * Gives a run back though it has work left: owner null, epoch + 1, and `status`, `note`, `needs` as said. Never `busy`:
   * wake = 0 when an inbox row exists, else `wake`. Refused as `stale` when epoch or seq differ or nobody owns it.
   */
  | {
      readonly kind: "release";
      readonly run: number;
      readonly epoch: number;
      readonly seq: number;
      /** `queued`: it only waits for its turn. */
      readonly status: "queued" | "waiting";
      readonly note: string | null;
      readonly wake: number | null;
      readonly parked: boolean;
      readonly needs: string | null;
      readonly at: number;
      /** A diverged run is tried again: it gets this `status` too. Without, it stays diverged. */
      readonly anew?: boolean;
    }
  /** Ends leases that are over by `now` and that somebody waits for: the next is granted. */
  | { readonly kind: "expire"; readonly now: number }
  /** Anybody's: another priority; an owner is poked. Refused as `missing` or `finished`. */
  | { readonly kind: "prioritise"; readonly to: string; readonly priority: number }
  /**
   * Anybody's: nobody takes the run, or a run of the agent, until it is resumed; the owner of a run is poked. Who paused
   * it first stands. A run is refused as `missing` or `finished`.
   */
  | { readonly kind: "pause"; readonly target: PauseTarget; readonly pause: Pause }
  | { readonly kind: "resume"; readonly target: PauseTarget }
  /**
   * Anybody's: takes a run from its owner, dead or alive (owner null, epoch + 1, wake 0). From its commit on no entry of
   * the old owner is accepted. Refused as `missing` or `finished`; a run that nobody owns stays as it is.
   */
  | { readonly kind: "take-over"; readonly to: string }
  /** Anybody's: the same for all runs of an owner, and ends its tickets. It stays registered: it may be alive, and wake. */
  | { readonly kind: "put-out"; readonly owner: number }
  /**
   * An attempt of `owner` asks for what its agent limits. It is granted at once, or waits in line: the highest priority
   * first, then who asked first. `(owner, n)` names it; asked again, with another priority perhaps, it answers how it stands now. A dead owner's go when
   * it is reaped, so no slot is ever lost. Only a grant of a rate alone leaves nothing to be ended.
   */
  | {
      readonly kind: "ticket";
      readonly owner: number;
      readonly n: number;
      readonly ticket: Ticket;
      readonly at: number;
    }
  /** Ends a ticket, granted or not; whoever is next is granted in the same transaction. One that is not there is ended. */
  | { readonly kind: "ticket-end"; readonly owner: number; readonly n: number; readonly at: number }
  /** Anybody's: sets a cap, or changes it. What is spent in the window stays spent. */
  | { readonly kind: "set-cap"; readonly cap: Cap }
  /** Anybody's: removes a cap with all that it counted. One that is not there is removed. */
  | { readonly kind: "remove-cap"; readonly scope: string }
  /**
   * A process asks for a slice of a cap: from here on it holds what it says to hold and what the result grants. Refused as
   * `missing` (no such cap), `exhausted` (what is spent leaves no room for what it needs) or `busy` (others hold it). A dead
   * owner's slices go when it is reaped; what it had settled stays spent.
   */
  | {
      readonly kind: "cap-lease";
      readonly scope: string;
      readonly since: number;
      readonly owner: number;
      readonly ask: CapAsk;
    }
  /** A process gives back what it holds of a cap. */
  | { readonly kind: "cap-return"; readonly scope: string; readonly since: number; readonly owner: number };

/** What an attempt needs before it begins: a slot, a place in a rate, or both at the same moment. */
export interface Ticket {
  /** At most `limit` granted tickets of this name at once, over all processes. */
  readonly slot: { readonly name: string; readonly limit: number } | null;
  readonly rate: RateLimit | null;
  readonly priority: number;
  /** For people: which run asks. */
  readonly run: string;
}

/** How a ticket stands. */
export type TicketState =
  | { readonly granted: true }
  | {
      readonly granted: false /** Wall clock (ms) from which its rate would let it, where that is what it waits for. */;
      readonly retryAt: number | null;
    };

export type Refusal = "stale" | "exists" | "missing" | "finished" | "busy" | "full" | "conflict" | "exhausted";

export type ChangeResult =
  | {
      readonly ok: true;
      /** `create`: the run's integer key. */
      readonly key: number;
      /** `create`, `append`: reference of the first entry written; the others follow by one. */
      readonly firstRef: number;
      /** `append`: keys of the children that were cancelled with it; absent when there were none. */
      readonly cancelled?: readonly number[];
      /** `ticket` */
      readonly ticket?: TicketState;
      /** `cap-lease`: how much more the process holds, in billionths of a US dollar. */
      readonly leased?: number;
    }
  | { readonly ok: false; readonly reason: Refusal /** `exists`: the run already there. */; readonly run?: RunRow };

/** An entry as read back, with the reference that a later `jump` may name. */
export interface ReadEntry extends StoredEntry {
  readonly ref: number;
}

export interface RunQuery {
  readonly status?: readonly RunStatus[];
  /** Name of the agent, without version. */
  readonly agent?: string;
  readonly tenant?: string;
  /** Rows with a smaller key than this: the next page of a list that is newest first. */
  readonly before?: number;
  /** At most so many rows. Default 50. */
  readonly limit?: number;
}

/** Which finished runs may go. Asked page by page, from the oldest on. */
export interface PruneQuery {
  readonly status: FinalStatus;
  /** Only runs that ended before this, in ms since 1970. */
  readonly endedBefore: number;
  /** Only keys after this one: 0, then what the page before answered as `next`. */
  readonly after: number;
  /** Keys from this one on stay. Absent: none does for its key. */
  readonly keepFrom?: number;
  /** Name of the agent, without version. */
  readonly agent?: string;
  readonly tenant?: string;
  /** At most so many are deleted. */
  readonly limit: number;
}

export interface PrunePage {
  /** How many were deleted. */
  readonly runs: number;
  /** Where the next page begins; null when no further run of this status is old enough. */
  readonly next: number | null;
}

export interface BackupDone {
  readonly path: string;
  /** Size of the copy. */
  readonly bytes: number;
}

export interface Store {
  /** For messages: "memory", or the file. */
  readonly name: string;
  /** The durability that plain commits get. */
  readonly durability: Durability;

  /** Applies changes in one transaction. May answer at once (no promise) when the durability is reached. */
  commit(changes: readonly Change[], durability: Durability): Awaitable<readonly ChangeResult[]>;

  /** Registers this process; its runs are released by `reap` of others once it is dead. */
  join(): Awaitable<number>;
  /** Releases the runs of dead processes (owner null, epoch + 1, wake 0). Answers how many. */
  reap(self: number): Awaitable<number>;
  /** Says which agents a process has: all of them, every time. */
  announce(self: number, agents: readonly string[]): Awaitable<void>;
  /** The processes that run agents, oldest first. */
  owners(): Awaitable<readonly OwnerRow[]>;
  /**
   * Takes up to `limit` unowned runs that are due, of agents this process has (the run's own and the one it needs):
   * owner = self, epoch + 1, wake null, needs null, `parked` as it was. Higher priority first, then one run of each tenant
   * in turn, then the longest due. None that is paused, or whose agent is. A run that is being cancelled goes to whoever asks, whatever its agents.
   * @param above takes only runs of a higher priority
   */
  claim(
    self: number,
    now: number,
    agents: readonly string[],
    limit: number,
    above?: number,
  ): Awaitable<readonly RunRow[]>;
  /** Runs owned by `self` whose wake is due: somebody wrote to their inbox, or changed what they may do. */
  poked(self: number, now: number, limit: number): Awaitable<readonly PokedRun[]>;
  /** The agents that are paused, in the order of their names. */
  pauses(): Awaitable<readonly AgentPause[]>;
  /** The caps, in the order of their scopes, with what is used in the window that `now` lies in. */
  caps(now: number): Awaitable<readonly CapRow[]>;
  /** Which tickets of this process hold what they asked for. */
  granted(self: number): Awaitable<readonly number[]>;
  /** Keys of all runs owned by `self`: asked only when a claim did not answer. */
  owned(self: number): Awaitable<readonly number[]>;
  /** Earliest wake of an unowned run later than `now`, or null. */
  nextWake(now: number): Awaitable<number | null>;
  /** A named value; undefined when nobody wrote it. */
  readState(owner: string, name: string): Awaitable<StateRow | undefined>;
  /** Earliest end of a lease that somebody waits for, also one that is over; null when there is none. */
  nextLease(): Awaitable<number | null>;
  /** Changes when another connection wrote. Cheap enough to ask many times a second. */
  changeToken(): number;

  run(id: string): Awaitable<RunRow | undefined>;
  runByKey(key: number): Awaitable<RunRow | undefined>;
  runs(query: RunQuery): Awaitable<readonly RunRow[]>;
  /** Entries in order of seq, those after `after`, at most `limit`. */
  entries(run: number, after: number, limit: number): Awaitable<readonly ReadEntry[]>;
  /** Entries that replay needs, in order of seq: jumps are taken. */
  replay(run: number): Awaitable<readonly ReadEntry[]>;
  /** Large payloads that the run refers to, of those named; one that is not there is absent. */
  blobs(run: number, hashes: readonly string[]): Awaitable<ReadonlyMap<string, string | Uint8Array>>;
  /** Inbox rows in order of arrival. */
  inbox(run: number, limit: number): Awaitable<readonly InboxRow[]>;
  /** Letters that lie in a run's mail, those of each channel oldest first. */
  letters(run: number): Awaitable<readonly Letter[]>;

  /**
   * Deletes a page of finished runs, each with all that is its own: entries, messages, large payloads that no other run
   * refers to. Never a run that is not final, never one whose parent is not, nor one that an open run was forked from (or a
   * child of that one). Its id and start key are free again.
   */
  prune(query: PruneQuery): Awaitable<PrunePage>;
  /** Gives some of the space of deleted runs back, in a few milliseconds. True while there is more to give back. */
  reclaim(): Awaitable<boolean>;

  /**
   * Copies the whole store into a new file, while it is used: what was committed before the call, and of each run a prefix.
   * Durable when it resolves. A store that is not a file refuses with `store/unsupported`.
   */
  backup(path: string): Awaitable<BackupDone>;

  /** What is wrong with the store's own structure, one line each; none when it is sound. Runs are read by who asks. */
  check(): Awaitable<readonly string[]>;

  /** A small value of the store itself (wrapped keys, schema marks). */
  readMeta(name: string): Awaitable<Uint8Array | undefined>;
  /** Writes it when absent; answers what is there afterwards. */
  writeMetaOnce(name: string, value: Uint8Array): Awaitable<Uint8Array>;

  /** Gives ownership back and closes. */
  close(): Awaitable<void>;
}

/** Turns payload text into what a store may keep and back. The clear codec keeps the text. */
export interface PayloadCodec {
  /** Makes the tenant's key ready for the calls below, which answer at once. */
  prepare(tenant: string): Awaitable<void>;
  /** @param run what the text belongs to and is bound to: the id of a run, or the name of a blob */
  seal(tenant: string, run: string, text: string): string | Uint8Array;
  /**
   * The name under which a large text is stored once: the same for the same text of a tenant. Under a key of the tenant
   * where there is one, so that it does not give the text away to whoever can guess it.
   */
  hash(tenant: string, text: string): string;
  /** @throws ConcertatoError `codec/key-missing` when the key is not there or wrong */
  open(tenant: string, run: string, sealed: string | Uint8Array): string;
}
