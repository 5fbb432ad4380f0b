/**
 * The Store on SQLite (node:sqlite): one file, one writing connection per process, commits that answer in the same
 * turn. Several processes may use one file; each takes its runs by ownership.
 *
 *   working  transactions run in the write lane, reads at once
 *   down     the disk failed a write or a sync; everything is refused until the file was opened again and checked
 *   closed
 *
 * Never: an interactive transaction, a statement that stays open across a turn, a wait that stops the event loop.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { ConcertatoError } from "../kernel/errors.ts";
import type { CapRow } from "../journal/cap.ts";
import type {
  AgentPause,
  Awaitable,
  BackupDone,
  Change,
  ChangeResult,
  Durability,
  InboxRow,
  Letter,
  PrunePage,
  PruneQuery,
  OwnerRow,
  PokedRun,
  ReadEntry,
  RunQuery,
  RunRow,
  StateRow,
  Store,
} from "../journal/store.ts";
import { retryWhileBusy } from "./busy-retry.ts";
import { assertLocalDisk, type FileSystemType } from "./file-system.ts";
import { type DataSync, FullSync } from "./full-sync.ts";
import { AgentTable } from "./sqlite-agents.ts";
import { backupFile } from "./sqlite-backup.ts";
import { CapTable } from "./sqlite-caps.ts";
import { Checkpointer } from "./sqlite-checkpoint.ts";
import { isBusy, isCorrupt, isDeviceFailure, toStoreError, unavailable } from "./sqlite-errors.ts";
import { OwnerLock, ownerFile } from "./sqlite-owner-lock.ts";
import { OwnerTable } from "./sqlite-owners.ts";
import { Pruner } from "./sqlite-pruner.ts";
import { StoreReader } from "./sqlite-reader.ts";
import { runTask } from "./sqlite-task.ts";
import { openConnection } from "./sqlite-schema.ts";
import { ChangeWriter } from "./sqlite-writer.ts";
import { WriteLane } from "./write-lane.ts";

export interface SqliteStoreOptions {
  /** The file; made when absent, its folder must exist. On a local disk: network file systems do not keep locks. */
  readonly path: string;
  /** What plain commits get. Default `normal`. */
  readonly durability?: Durability;
  /** Faults that belong to no call: a checkpoint, a repair, a file that could not be removed. */
  readonly report: (error: unknown) => void;
  /** How long to wait for a file that another program holds, when opening. Default 10,000. */
  readonly openTimeoutMs?: number;
  /** Replaces `fs.fdatasync`, for tests of a failing disk. */
  readonly dataSync?: DataSync;
  /** Replaces `fs.statfs`, for tests of file systems that are not here. */
  readonly fileSystem?: FileSystemType;
}

/**
 * Opens the store, making the file when it is absent.
 * @throws ConcertatoError `store/newer-schema`, `store/not-a-database`, `store/locked`, `store/unavailable`,
 *   `store/upgrade-blocked`, `store/network-disk`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const store = new SqliteStore(options);
  await store.open();
  return store;
}

/** Pauses between attempts to open a file again after its disk failed. */
const repairPausesMs = [100, 200, 500, 1_000, 2_000, 5_000] as const;

const openTimeoutMs = 10_000;

/** Pages that a slice of deleting changes, roughly. */
const sweptRows = 64;

/** One open connection with everything prepared on it. Replaced as a whole by a repair. */
interface Session {
  readonly db: DatabaseSync;
  /** The file itself, symbolic links followed. */
  readonly file: string;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly writer: ChangeWriter;
  readonly reader: StoreReader;
  readonly owners: OwnerTable;
  readonly caps: CapTable;
  readonly pruner: Pruner;
  readonly writeMeta: StatementSync;
  readonly checkpointer: Checkpointer;
  /** Opened by the first commit that asks for `full`. */
  sync: Promise<FullSync> | undefined;
}

class SqliteStore implements Store {
  readonly name: string;
  readonly durability: Durability;
  readonly #options: SqliteStoreOptions;
  readonly #lane: WriteLane;
  /** Locks of the owners that joined through this store, by id. */
  readonly #locks = new Map<number, OwnerLock>();
  /** Full commits that wait for the disk. */
  readonly #confirming = new Set<Promise<unknown>>();
  #session: Session | undefined;
  #repair: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;
  #token = 0;

  constructor(options: SqliteStoreOptions) {
    this.name = options.path;
    this.durability = options.durability ?? "normal";
    this.#options = options;
    this.#lane = new WriteLane((busy) => toStoreError(busy, this.name));
  }

  async open(): Promise<void> {
    this.#session = await this.#openSession();
  }

  async #openSession(): Promise<Session> {
    const { path } = this.#options;
    assertLocalDisk(path, this.#options.report, this.#options.fileSystem);
    try {
      const patienceMs = this.#options.openTimeoutMs ?? openTimeoutMs;
      const db = await retryWhileBusy(() => openConnection(path), patienceMs, isInUse);
      return this.#prepare(db);
    } catch (error) {
      throw toStoreError(error, path);
    }
  }

  #prepare(db: DatabaseSync): Session {
    const file = db.location() ?? this.#options.path;
    const agents = new AgentTable(db);
    return {
      db,
      file,
      begin: db.prepare("begin immediate"),
      commit: db.prepare("commit"),
      writer: new ChangeWriter(db, agents),
      reader: new StoreReader(db, agents),
      pruner: new Pruner(db),
      owners: new OwnerTable(db, agents, file),
      caps: new CapTable(db),
      writeMeta: db.prepare("insert into meta (name, value) values (?, ?) on conflict do nothing"),
      checkpointer: new Checkpointer({
        path: file,
        db,
        holdWriters: (during) => this.#lane.holdFor(during),
        failed: (error) => this.#checkpointFailed(error),
      }),
      sync: undefined,
    };
  }

  // ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

  commit(changes: readonly Change[], durability: Durability): Awaitable<readonly ChangeResult[]> {
    const apply = ({ writer }: Session): readonly ChangeResult[] => changes.map((change) => writer.apply(change));
    if (durability === "normal") return this.#write(apply);
    const confirmed = this.#whenDurable(this.#write((session) => ({ session, result: apply(session) })));
    this.#confirming.add(confirmed);
    const forget = (): boolean => this.#confirming.delete(confirmed);
    confirmed.then(forget, forget);
    return confirmed;
  }

  /** Also when every change was refused: a refusal tells of rows that another commit may not have on the disk yet. */
  async #whenDurable<T>(committed: Awaitable<{ readonly session: Session; readonly result: T }>): Promise<T> {
    const { session, result } = await committed;
    try {
      const sync = await this.#syncOf(session);
      await sync.flush();
      return result;
    } catch (error) {
      // The commit is made; whether it would survive a power cut is unknown, and that is what was asked.
      throw unavailable(this.name, "the disk did not confirm a write", error);
    }
  }

  /** Only of the session that made the commit: after a repair another log says nothing of it. */
  async #syncOf(session: Session): Promise<FullSync> {
    if (session !== this.#session) throw this.#downError();
    const log = `${session.file}-wal`;
    const failed = (error: unknown): void => this.#goDown(unavailable(this.name, "a sync of its log failed", error));
    session.sync ??= FullSync.open(log, failed, this.#options.dataSync);
    try {
      return await session.sync;
    } catch (error) {
      session.sync = undefined;
      throw error;
    }
  }

  /** Runs `work` in one transaction: at once when nobody is in the way. */
  #write<T>(work: (session: Session) => T): Awaitable<T> {
    return this.#lane.run(() => this.#transaction(work));
  }

  /** If the process dies before COMMIT has returned, all of it is there or nothing; nobody was told either. */
  #transaction<T>(work: (session: Session) => T): T {
    const session = this.#working();
    let result: T;
    try {
      session.begin.run();
      result = work(session);
      session.commit.run();
    } catch (error) {
      throw this.#rolledBack(session, error);
    }
    const { rows, bytes } = session.writer.takeVolume();
    session.checkpointer.wrote(rows, bytes);
    return result;
  }

  /** The error for the caller. A busy one stays as it is: nothing was done, and the lane tries again. */
  #rolledBack(session: Session, error: unknown): unknown {
    session.writer.forget();
    try {
      if (session.db.isTransaction) session.db.exec("rollback");
    } catch (fault) {
      this.#goDown(fault);
    }
    if (isBusy(error)) return error;
    if (isDeviceFailure(error)) this.#goDown(error);
    return toStoreError(error, this.name);
  }

  // ── ownership ──────────────────────────────────────────────────────────────────────────────────────────────────

  join(): Awaitable<number> {
    return this.#lane.run(() => {
      let taken: OwnerLock | undefined;
      try {
        const id = this.#transaction(({ owners }) => {
          const joined = owners.join();
          taken = joined.lock;
          return joined.id;
        });
        if (taken !== undefined) this.#locks.set(id, taken);
        return id;
      } catch (error) {
        this.#release(taken);
        throw error;
      }
    });
  }

  /** `self` needs no mention: the locks of this store's owners are known, and other live ones cannot be taken. */
  reap(_self: number): Awaitable<number> {
    const dead = this.#findDead();
    if (dead.size === 0) return 0;
    return this.#releaseDead(dead);
  }

  /** The dead among the other owners, with their locks where they had a row: held, so that nobody else reaps them. */
  #findDead(): Map<number, OwnerLock | undefined> {
    const { owners, file } = this.#working();
    const dead = new Map<number, OwnerLock | undefined>();
    const candidates = this.#readNow(() => ({
      others: owners.others(new Set(this.#locks.keys())),
      orphaned: owners.orphaned(),
    }));
    for (const id of candidates?.others ?? []) {
      const lock = this.#tryLock(ownerFile(file, id));
      if (lock !== undefined) dead.set(id, lock);
    }
    for (const id of candidates?.orphaned ?? []) dead.set(id, undefined);
    return dead;
  }

  /** A file that cannot be examined counts as a living owner's: better late than twice. */
  #tryLock(file: string): OwnerLock | undefined {
    try {
      return OwnerLock.tryAcquire(file);
    } catch (error) {
      this.#options.report(toStoreError(error, file));
      return undefined;
    }
  }

  async #releaseDead(dead: ReadonlyMap<number, OwnerLock | undefined>): Promise<number> {
    try {
      return await this.#write(({ owners }) => {
        let released = 0;
        for (const id of dead.keys()) released += owners.leave(id);
        return released;
      });
    } finally {
      for (const lock of dead.values()) this.#release(lock);
    }
  }

  #release(lock: OwnerLock | undefined): void {
    try {
      lock?.release();
    } catch (error) {
      this.#options.report(error);
    }
  }

  announce(self: number, agents: readonly string[]): Awaitable<void> {
    return this.#write(({ owners }) => owners.announce(self, agents));
  }

  /** Who lives is known by the locks: one that can be taken belongs to nobody. */
  owners(): Awaitable<readonly OwnerRow[]> {
    return this.#read(({ owners, file }) => owners.list((id) => this.#isAlive(file, id)));
  }

  #isAlive(file: string, id: number): boolean {
    if (this.#locks.has(id)) return true;
    const lock = this.#tryLock(ownerFile(file, id));
    this.#release(lock);
    return lock === undefined;
  }

  claim(self: number, now: number, agents: readonly string[], limit: number, above = -1): Awaitable<readonly RunRow[]> {
    const { owners } = this.#working();
    const wish = { now, agents, limit, above };
    if (this.#readNow(() => owners.anyDue(wish)) === false) return [];
    return this.#write((session) => session.owners.claim(self, wish));
  }

  poked(self: number, now: number, limit: number): Awaitable<readonly PokedRun[]> {
    return this.#read(({ owners }) => owners.poked(self, now, limit));
  }

  pauses(): Awaitable<readonly AgentPause[]> {
    return this.#read(({ owners }) => owners.pauses());
  }

  caps(now: number): Awaitable<readonly CapRow[]> {
    return this.#read(({ caps }) => caps.list(now));
  }

  granted(self: number): Awaitable<readonly number[]> {
    return this.#read(({ owners }) => owners.granted(self));
  }

  owned(self: number): Awaitable<readonly number[]> {
    return this.#read(({ owners }) => owners.owned(self));
  }

  readState(owner: string, name: string): Awaitable<StateRow | undefined> {
    return this.#read(({ reader }) => reader.readState(owner, name));
  }

  nextLease(): Awaitable<number | null> {
    return this.#read(({ owners }) => owners.nextLease());
  }

  nextWake(now: number): Awaitable<number | null> {
    return this.#read(({ owners }) => owners.nextWake(now));
  }

  /** Answers the last token when the file is busy: whoever polls asks again. */
  changeToken(): number {
    const { reader } = this.#working();
    this.#token = this.#readNow(() => reader.changeToken()) ?? this.#token;
    return this.#token;
  }

  // ── deleting ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Looking comes first, so that a page without anything to delete does not write. */
  prune(query: PruneQuery): Awaitable<PrunePage> {
    const { pruner } = this.#working();
    const nothing = this.#readNow(() => pruner.nothing(query));
    if (nothing !== undefined) return nothing;
    return this.#write((session) => {
      const page = session.pruner.prune(query);
      session.writer.noteVolume(4 * page.runs, 0);
      return page;
    });
  }

  async reclaim(): Promise<boolean> {
    const { pruner, checkpointer } = this.#working();
    if (this.#readNow(() => pruner.anyLeft) === false) return false;
    const swept = await this.#write((session) => {
      const found = session.pruner.sweep();
      if (found) session.writer.noteVolume(sweptRows, 0);
      return found;
    });
    if (swept) return true;
    const more = await this.#lane.run(() => this.#shrink());
    // Pages leave the file itself when the log is moved into it.
    if (!more) checkpointer.soon();
    return more;
  }

  #shrink(): boolean {
    const session = this.#working();
    try {
      const more = session.pruner.shrink();
      session.checkpointer.wrote(sweptRows, 0);
      return more;
    } catch (error) {
      throw this.#rolledBack(session, error);
    }
  }

  /** Committed is what the write-ahead log has, so a reader of its own sees it; no writer waits. */
  backup(path: string): Promise<BackupDone> {
    return backupFile(this.#working().file, path);
  }

  async check(): Promise<readonly string[]> {
    try {
      return await runTask({ task: "check", file: this.#working().file });
    } catch (error) {
      // So damaged that it cannot even be looked through.
      if (isCorrupt(error)) return [String(error)];
      throw toStoreError(error, this.name);
    }
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  run(id: string): Awaitable<RunRow | undefined> {
    return this.#read(({ reader }) => reader.run(id));
  }

  runByKey(key: number): Awaitable<RunRow | undefined> {
    return this.#read(({ reader }) => reader.runByKey(key));
  }

  runs(query: RunQuery): Awaitable<readonly RunRow[]> {
    return this.#read(({ reader }) => reader.runs(query));
  }

  entries(run: number, after: number, limit: number): Awaitable<readonly ReadEntry[]> {
    return this.#read(({ reader }) => reader.entries(run, after, limit));
  }

  replay(run: number): Awaitable<readonly ReadEntry[]> {
    return this.#read(({ reader, writer }) => {
      const entries = reader.replay(run);
      const last = entries.at(-1);
      if (last !== undefined) writer.noteHead(run, last.seq, last.ref);
      return entries;
    });
  }

  blobs(run: number, hashes: readonly string[]): Awaitable<ReadonlyMap<string, string | Uint8Array>> {
    return this.#read(({ reader }) => reader.blobs(run, hashes));
  }

  letters(run: number): Awaitable<readonly Letter[]> {
    return this.#read(({ reader }) => reader.letters(run));
  }

  inbox(run: number, limit: number): Awaitable<readonly InboxRow[]> {
    return this.#read(({ reader }) => reader.inbox(run, limit));
  }

  readMeta(name: string): Awaitable<Uint8Array | undefined> {
    return this.#read(({ reader }) => reader.readMeta(name));
  }

  writeMetaOnce(name: string, value: Uint8Array): Awaitable<Uint8Array> {
    return this.#write(({ writeMeta, reader }) => {
      writeMeta.run(name, value);
      return reader.readMeta(name) ?? value;
    });
  }

  /** Readers are in nobody's way in a write-ahead log, except while another process opens or closes the file. */
  #read<T>(work: (session: Session) => T): Awaitable<T> {
    try {
      return work(this.#working());
    } catch (error) {
      if (!isBusy(error)) throw this.#readFailed(error);
    }
    return retryWhileBusy(() => work(this.#working())).catch((error: unknown) => {
      throw this.#readFailed(error);
    });
  }

  /** A read that may be left out this time: undefined when the file is busy. */
  #readNow<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (isBusy(error)) return undefined;
      throw this.#readFailed(error);
    }
  }

  #readFailed(error: unknown): unknown {
    if (isDeviceFailure(error)) this.#goDown(error);
    return toStoreError(error, this.name);
  }

  // ── failure, repair, end ───────────────────────────────────────────────────────────────────────────────────────

  #working(): Session {
    if (this.#closed) throw closedError(this.name);
    if (this.#session === undefined || this.#repair !== undefined) throw this.#downError();
    return this.#session;
  }

  #downError(): ConcertatoError {
    return unavailable(this.name, "its disk failed and the file is being opened again");
  }

  #checkpointFailed(error: unknown): void {
    if (isDeviceFailure(error)) this.#goDown(error);
    else if (!isBusy(error)) this.#options.report(toStoreError(error, this.name));
  }

  /**
   * The disk failed a write or a sync. What the system shows from its cache may never reach the disk, so nothing is
   * read or written until the file was opened anew (which checks the log's sums) and everything in the log was moved
   * into the database file and synced there. The failed sync itself is never repeated.
   */
  #goDown(error: unknown): void {
    if (this.#repair !== undefined || this.#closing !== undefined) return;
    this.#lane.refuse(() => this.#downError());
    this.#options.report(toStoreError(error, this.name));
    this.#repair = this.#reopen().finally(() => {
      this.#repair = undefined;
    });
  }

  async #reopen(): Promise<void> {
    for (let attempt = 0; this.#closing === undefined; attempt++) {
      await this.#dropSession();
      const pause = repairPausesMs[Math.min(attempt, repairPausesMs.length - 1)];
      await setTimeout(pause, undefined, { ref: false });
      if (await this.#reopenOnce(attempt === 0)) return;
    }
  }

  async #reopenOnce(isFirst: boolean): Promise<boolean> {
    try {
      this.#session = await this.#openSession();
      const { busy, log, done } = await this.#session.checkpointer.truncate();
      if (busy && log !== done) return false;
      this.#lane.reopen();
      return true;
    } catch (error) {
      // Said once, not at every attempt of a disk that stays away.
      if (isFirst) this.#options.report(error);
      return false;
    }
  }

  async #dropSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    try {
      await session.checkpointer.close();
      if (session.sync !== undefined) await (await session.sync).close();
    } catch (error) {
      this.#options.report(error);
    } finally {
      session.db.close();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Runs go back first, then the locks: the other way round others would reap them as those of a dead process. If
   * the process dies in between, that is what happens, and it is as good.
   */
  async #close(): Promise<void> {
    await this.#lane.idle();
    await Promise.allSettled(this.#confirming);
    this.#closed = true;
    this.#lane.refuse(() => closedError(this.name));
    await this.#giveBack();
    await this.#repair;
    await this.#dropSession();
    for (const lock of this.#locks.values()) this.#release(lock);
    this.#locks.clear();
  }

  async #giveBack(): Promise<void> {
    const session = this.#session;
    if (session === undefined || this.#repair !== undefined || this.#locks.size === 0) return;
    try {
      await retryWhileBusy(() => {
        session.begin.run();
        for (const id of this.#locks.keys()) session.owners.leave(id);
        session.commit.run();
      });
    } catch (error) {
      if (session.db.isTransaction) session.db.exec("rollback");
      this.#options.report(toStoreError(error, this.name));
    }
  }
}

/** Somebody else has the file: for a moment, or for as long as an older version of it is open. */
function isInUse(error: unknown): boolean {
  return isBusy(error) || (ConcertatoError.is(error) && error.code === "store/upgrade-blocked");
}

function closedError(name: string): ConcertatoError {
  return new ConcertatoError({ code: "runtime/closed", message: `The store ${name} is closed. Open the app again.` });
}
