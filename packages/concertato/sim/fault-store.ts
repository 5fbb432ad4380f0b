/**
 * A Store that fails as disks and processes do: answers come late, commits throw before or after they took effect,
 * a power cut takes what was not synced. The truth is a MemoryStore rebuilt from the operations that survived.
 */
import type {
  AgentPause,
  Change,
  ChangeResult,
  Durability,
  InboxRow,
  Letter,
  OwnerRow,
  PokedRun,
  PrunePage,
  PruneQuery,
  ReadEntry,
  RunQuery,
  RunRow,
  StateRow,
  Store,
} from "../src/journal/store.ts";
import type { CapRow } from "../src/journal/cap.ts";
import { ConcertatoError } from "../src/kernel/errors.ts";
import { MemoryStore } from "../src/store/memory-store.ts";
import type { Process, Schedule } from "./schedule.ts";

/** How badly a disk behaves. */
export interface Faults {
  /** Chance that a commit throws. */
  errors: number;
  /** Plain commits answer at once, like SQLite without sync. */
  readonly synchronous: boolean;
  /** Longest delay of an operation, in virtual ms. */
  readonly slow: number;
  /** Chance that a read takes time as a commit does; the others answer at once, from a cache. */
  readonly lateReads: number;
}

/** Calls of a store that one event may set off. */
const mostCalls = 20_000;

/** Told of each applied commit: the checkers' view of the truth. */
export interface CommitObserver {
  committed(changes: readonly Change[], results: readonly ChangeResult[]): void;
}

/** What survives: operations in the order they took effect, and how many of them are synced. */
export class Disk {
  readonly schedule: Schedule;
  readonly faults: Faults;
  readonly durability: Durability;
  truth = new MemoryStore();
  #log: ((store: MemoryStore) => void)[] = [];
  #synced = 0;
  #calledAt = -1;
  #calls = 0;
  observer: CommitObserver | null = null;

  constructor(schedule: Schedule, faults: Faults, durability: Durability) {
    this.schedule = schedule;
    this.faults = faults;
    this.durability = durability;
  }

  /** Something that asks for ever without a pause would never let the next event come. @throws Error */
  countCall(): void {
    if (this.#calledAt !== this.schedule.count) {
      this.#calledAt = this.schedule.count;
      this.#calls = 0;
    }
    if (++this.#calls <= mostCalls) return;
    const reason = `${mostCalls} calls of the store in one event at ${this.schedule.now}.`;
    this.schedule.end(reason);
    throw new Error(reason);
  }

  /** An operation takes effect. */
  apply<T>(operation: (store: MemoryStore) => T): T {
    this.#log.push(operation);
    return operation(this.truth);
  }

  commit(changes: readonly Change[]): readonly ChangeResult[] {
    const results = this.apply((store) => store.commit(changes, "normal"));
    this.observer?.committed(changes, results);
    return results;
  }

  sync(): void {
    this.#synced = this.#log.length;
  }

  /** The power fails: a prefix survives, at least everything synced. Owners are gone. */
  cutPower(): void {
    const unsynced = this.#log.length - this.#synced;
    this.#log.length = this.#synced + this.schedule.random.below(unsynced + 1);
    this.#synced = this.#log.length;
    this.truth = new MemoryStore();
    for (const operation of this.#log) operation(this.truth);
    // No process survived, whatever the log remembers of its joining.
    this.apply((store) => store.close());
    this.sync();
  }
}

/** One process's connection to the disk. */
export class FaultStore implements Store {
  readonly name = "simulated";
  readonly durability: Durability;
  readonly #disk: Disk;
  readonly #process: Process;
  /** Commits under way, which a crash may or may not let take effect. */
  readonly #underWay = new Set<() => void>();

  constructor(disk: Disk, process: Process) {
    this.#disk = disk;
    this.#process = process;
    this.durability = disk.durability;
  }

  commit(
    changes: readonly Change[],
    durability: Durability,
  ): readonly ChangeResult[] | Promise<readonly ChangeResult[]> {
    const { schedule, faults } = this.#disk;
    const { random } = schedule;
    this.#disk.countCall();
    const failing = random.chance(faults.errors);
    if (durability === "normal" && faults.synchronous) {
      if (!failing) return this.#disk.commit(changes);
      if (random.chance(0.5)) this.#disk.commit(changes);
      throw unavailable();
    }
    return this.#slowCommit(changes, durability, failing);
  }

  #slowCommit(changes: readonly Change[], durability: Durability, failing: boolean): Promise<readonly ChangeResult[]> {
    const { schedule, faults } = this.#disk;
    const { random } = schedule;
    return new Promise((resolve, reject) => {
      let results: readonly ChangeResult[] = [];
      const fails = failing ? random.below(2) : 2;
      const take = () => {
        this.#underWay.delete(take);
        results = this.#disk.commit(changes);
      };
      this.#underWay.add(take);
      schedule.after(random.next() * faults.slow, this.#process, () => {
        if (fails === 0) this.#underWay.delete(take);
        if (fails === 0) return reject(unavailable());
        take();
        schedule.after(random.next() * faults.slow, this.#process, () => {
          if (durability === "full") this.#disk.sync();
          if (fails === 1) reject(unavailable());
          else resolve(results);
        });
      });
    });
  }

  /** The process died: what it had sent may have arrived. */
  died(): void {
    const { random } = this.#disk.schedule;
    for (const take of this.#underWay) if (random.chance(0.5)) take();
    this.#underWay.clear();
  }

  #read<T>(read: (store: MemoryStore) => T): Promise<T> {
    const { schedule, faults } = this.#disk;
    this.#disk.countCall();
    if (faults.synchronous || (faults.lateReads < 1 && !schedule.random.chance(faults.lateReads)))
      return Promise.resolve(read(this.#disk.truth));
    return new Promise((resolve) => {
      schedule.after(schedule.random.next() * faults.slow, this.#process, () => resolve(read(this.#disk.truth)));
    });
  }

  join(): number {
    return this.#disk.apply((store) => store.join());
  }

  reap(self: number): number {
    return this.#disk.apply((store) => store.reap(self));
  }

  announce(self: number, agents: readonly string[]): Promise<void> {
    const names = [...agents];
    return this.#read(() => this.#disk.apply((store) => store.announce(self, names)));
  }

  owners(): Promise<readonly OwnerRow[]> {
    return this.#read((store) => store.owners());
  }

  claim(
    self: number,
    now: number,
    agents: readonly string[],
    limit: number,
    above?: number,
  ): Promise<readonly RunRow[]> {
    const names = [...agents];
    // With failing disks, a claim may have taken runs and say nothing of it.
    const fails = this.#disk.schedule.random.chance(this.#disk.faults.errors);
    return this.#read(() => this.#disk.apply((store) => store.claim(self, now, names, limit, above))).then((rows) => {
      if (fails) throw unavailable();
      return rows;
    });
  }

  poked(self: number, now: number, limit: number): Promise<readonly PokedRun[]> {
    return this.#read((store) => store.poked(self, now, limit));
  }

  pauses(): Promise<readonly AgentPause[]> {
    return this.#read((store) => store.pauses());
  }

  caps(now: number): Promise<readonly CapRow[]> {
    return this.#read((store) => store.caps(now));
  }

  granted(self: number): Promise<readonly number[]> {
    return this.#read((store) => store.granted(self));
  }

  owned(self: number): Promise<readonly number[]> {
    return this.#read((store) => store.owned(self));
  }

  nextWake(now: number): Promise<number | null> {
    return this.#read((store) => store.nextWake(now));
  }

  readState(owner: string, name: string): Promise<StateRow | undefined> {
    return this.#read((store) => store.readState(owner, name));
  }

  nextLease(): Promise<number | null> {
    return this.#read((store) => store.nextLease());
  }

  changeToken(): number {
    return this.#disk.truth.changeToken();
  }

  run(id: string): Promise<RunRow | undefined> {
    return this.#read((store) => store.run(id));
  }

  runByKey(key: number): Promise<RunRow | undefined> {
    return this.#read((store) => store.runByKey(key));
  }

  runs(query: RunQuery): Promise<readonly RunRow[]> {
    return this.#read((store) => store.runs(query));
  }

  entries(run: number, after: number, limit: number): Promise<readonly ReadEntry[]> {
    return this.#read((store) => store.entries(run, after, limit));
  }

  replay(run: number): Promise<readonly ReadEntry[]> {
    return this.#read((store) => store.replay(run));
  }

  blobs(run: number, hashes: readonly string[]): Promise<ReadonlyMap<string, string | Uint8Array>> {
    return this.#read((store) => store.blobs(run, hashes));
  }

  letters(run: number): Promise<readonly Letter[]> {
    return this.#read((store) => store.letters(run));
  }

  inbox(run: number, limit: number): Promise<readonly InboxRow[]> {
    return this.#read((store) => store.inbox(run, limit));
  }

  prune(query: PruneQuery): Promise<PrunePage> {
    return this.#read(() => this.#disk.apply((store) => store.prune(query)));
  }

  reclaim(): Promise<boolean> {
    return this.#read(() => this.#disk.apply((store) => store.reclaim()));
  }

  check(): readonly string[] {
    return this.#disk.truth.check();
  }

  backup(path: string): never {
    return this.#disk.truth.backup(path);
  }

  readMeta(name: string): Uint8Array | undefined {
    return this.#disk.truth.readMeta(name);
  }

  writeMetaOnce(name: string, value: Uint8Array): Uint8Array {
    return this.#disk.truth.writeMetaOnce(name, value);
  }

  close(): void {}
}

function unavailable(): ConcertatoError {
  return new ConcertatoError({ code: "store/unavailable", message: "Simulated I/O error: the outcome is unknown." });
}
