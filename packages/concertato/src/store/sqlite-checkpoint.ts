/**
 * Decides when the log goes into the database file. Without it the log would grow for ever; done carelessly, inside
 * commits, it stops the event loop, or a busy writer never lets it finish (2 GB of log in 3 seconds were measured).
 *
 *   the log reached 16 MB -> passive (worker, nobody waits) -> restart (worker; our writer stands aside, the event
 *   loop does not) -> the next commits fill the log from its start again
 *
 * If the process dies in any of these, the log is still whole; the next opener replays it.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type {
  CheckpointMode,
  CheckpointOrder,
  CheckpointOutcome,
  CheckpointReply,
} from "./sqlite-checkpoint-worker.ts";

/** Frames (4 KB pages) at which a checkpoint begins: 16 MB. */
const beginAtFrames = 4096;

/** Frames from which writers wait for the checkpoint that is running: 64 MB. They are faster than the disk then. */
const holdAtFrames = 4 * beginAtFrames;

/** After so many pages written, by a rough count, the log's length is looked at. */
const lookEveryPages = 256;

const pageSize = 4096;

export interface CheckpointerOptions {
  readonly path: string;
  /** The writing connection, to ask how long the log is. */
  readonly db: DatabaseSync;
  /** Keeps writers aside until the promise has settled. */
  readonly holdWriters: (during: () => Promise<void>) => Promise<void>;
  /** Told of every checkpoint that failed. */
  readonly failed: (error: unknown) => void;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #thread: CheckpointThread;
  /** Reads the log's length and does nothing; undefined when this SQLite cannot. */
  readonly #look: StatementSync | undefined;
  #pagesSinceLook = 0;
  #beginAt = beginAtFrames;
  #running: Promise<void> | undefined;
  #slowed = false;
  #closed = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#thread = new CheckpointThread(options.path);
    this.#look = lookStatement(options.db);
  }

  /** Called after each commit. Rough on purpose: it errs towards looking too often, and a look costs a microsecond. */
  wrote(rows: number, bytes: number): void {
    this.#pagesSinceLook += 2 + rows + Math.floor(bytes / pageSize);
    if (this.#pagesSinceLook < lookEveryPages || this.#closed) return;
    const length = this.#logLength();
    if (this.#look !== undefined || length >= this.#beginAt) this.#pagesSinceLook = 0;
    if (this.#running !== undefined) this.#slowDown(this.#running, length);
    else if (length >= this.#beginAt) this.#begin();
  }

  /** Moves the log into the file now, long or not, without making anybody wait. */
  soon(): void {
    if (this.#running === undefined && !this.#closed) this.#begin();
  }

  #begin(): void {
    this.#running = this.#checkpoint()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#running = undefined;
        this.#slowed = false;
      });
  }

  #slowDown(running: Promise<void>, length: number): void {
    if (this.#slowed || length < this.#beginAt + holdAtFrames) return;
    this.#slowed = true;
    void this.#options.holdWriters(() => running);
  }

  #logLength(): number {
    if (this.#look === undefined) return this.#pagesSinceLook;
    try {
      return Number(this.#look.get()?.["log"] ?? 0);
    } catch {
      // The commit before this look has succeeded and must not seem to have failed; the next look asks again.
      return 0;
    }
  }

  /** When others kept the log from restarting, the next try comes after as much again: hurrying would not help. */
  async #checkpoint(): Promise<void> {
    const passive = await this.#thread.run("passive");
    if (passive.log < beginAtFrames || this.#closed) return;
    let restarted = false;
    await this.#options.holdWriters(async () => {
      const outcome = await this.#thread.run("restart");
      restarted = !outcome.busy;
    });
    this.#beginAt = restarted ? beginAtFrames : passive.log + beginAtFrames;
  }

  /** The log is whole, only longer. Where no thread can run, the event loop has to wait rather than the log grow for ever. */
  #failed(error: unknown): void {
    this.#options.failed(error);
    this.#beginAt += beginAtFrames;
    if (!this.#thread.works && !this.#closed) this.#options.db.exec("pragma wal_checkpoint(passive)");
  }

  /** Moves everything and empties the log. For repair after a failed sync: its success means that all is on the disk. */
  async truncate(): Promise<CheckpointOutcome> {
    return this.#thread.run("truncate");
  }

  /** Waits for a running checkpoint and ends the thread. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#thread.close();
  }
}

/**
 * `wal_checkpoint(noop)` came with SQLite 3.51; an older one would take the word for `passive` and checkpoint on the
 * event loop. There the rough count has to do, and the worker's answer says how long the log really is.
 */
function lookStatement(db: DatabaseSync): StatementSync | undefined {
  const version = String(db.prepare("select sqlite_version() as version").get()?.["version"]);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const hasNoop = major > 3 || (major === 3 && minor >= 51);
  return hasNoop ? db.prepare("pragma wal_checkpoint(noop)") : undefined;
}

/** The worker thread, started at the first checkpoint: most stores never need one. */
class CheckpointThread {
  readonly #path: string;
  #worker: Worker | undefined;
  #reply: PromiseWithResolvers<CheckpointOutcome> | undefined;
  /** False after a thread died without ever answering: it cannot run here (a bundle without its file, a permission). */
  works = true;

  constructor(path: string) {
    this.#path = path;
  }

  /** One at a time; the caller sees to it. */
  async run(mode: CheckpointMode): Promise<CheckpointOutcome> {
    const reply = Promise.withResolvers<CheckpointOutcome>();
    this.#reply = reply;
    this.#worker ??= this.#start();
    // Writers wait for the answer, so until it comes the thread may keep the process alive; idle it may not.
    this.#worker.ref();
    this.#worker.postMessage(mode satisfies CheckpointOrder);
    try {
      return await reply.promise;
    } finally {
      this.#worker?.unref();
    }
  }

  #start(): Worker {
    // Node runs the source and the built file alike; only the extension differs.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./sqlite-checkpoint-worker.${extension}`, import.meta.url), {
      workerData: this.#path,
      // The parent's flags may not suit a worker, and it needs none of them.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    this.works = false;
    worker.on("message", (reply: CheckpointReply) => {
      this.works = true;
      if ("outcome" in reply) this.#reply?.resolve(reply.outcome);
      else this.#reply?.reject(Object.assign(new Error(reply.message), { errcode: reply.errcode }));
    });
    worker.on("error", (error) => this.#ended(error));
    worker.on("exit", () => this.#ended(new Error("The checkpoint thread ended.")));
    return worker;
  }

  /** Whoever waits hears it; the next checkpoint starts a new thread. */
  #ended(error: unknown): void {
    this.#worker = undefined;
    this.#reply?.reject(error);
    this.#reply = undefined;
  }

  /** The thread closes its connection itself: ending it from outside could leave the file's locks behind. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = once(worker, "exit");
    worker.ref();
    worker.postMessage("close" satisfies CheckpointOrder);
    await ended;
  }
}
