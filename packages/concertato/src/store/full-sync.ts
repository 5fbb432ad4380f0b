/**
 * `full` durability: waits, off the event loop, until what was committed is on the disk.
 *
 * Commits are made with synchronous=NORMAL: they are written to the log file and not synced. This class then syncs the
 * log file with fdatasync on the thread pool. One sync serves every commit that was made before it STARTED; a commit
 * made while one is running waits for the next, because the running one may have passed its pages already.
 *
 * Why syncing the log is enough even when a checkpoint came between the commit and the sync:
 *  - While the log has not been restarted, the commit's frames are in the log file, and fdatasync writes them out.
 *  - A log is restarted (its start overwritten) only after a checkpoint has copied ALL its frames. With synchronous
 *    NORMAL or FULL, which every connection of Concertato has, such a checkpoint syncs the log before it copies the
 *    first page, and syncs the database file before it records that everything is copied; restarting looks at that
 *    record. So a commit whose frames are no longer in the log is in the database file, and on the disk.
 *  - A checkpoint that copied only some frames does not allow a restart; its frames are still in the log: first case.
 *  - The log file is not replaced by another while we hold its handle: SQLite removes it only when the last connection
 *    closes, and our writer is one.
 * If the process dies while waiting, nobody was told that the commit is durable; the data is whole either way.
 */
import { close, fdatasync, fsync, open } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

const openFile = promisify(open);
const closeFile = promisify(close);

/** Syncs the data of an open file; `fs.fdatasync`, or a faulty one in tests. */
export type DataSync = (fd: number, done: (error: Error | null) => void) => void;

export class FullSync {
  readonly #fd: number;
  readonly #dataSync: DataSync;
  readonly #failed: (error: unknown) => void;
  /** Whom the next sync serves. */
  #waiting: PromiseWithResolvers<void> | undefined;
  #running: Promise<void> | undefined;
  #fault: Error | undefined;

  private constructor(fd: number, dataSync: DataSync, failed: (error: unknown) => void) {
    this.#fd = fd;
    this.#dataSync = dataSync;
    this.#failed = failed;
  }

  /**
   * Opens the log file, which must exist, and makes its directory entry durable once.
   * @param failed called once when a sync failed; from then on every flush is refused
   */
  static async open(log: string, failed: (error: unknown) => void, dataSync: DataSync = fdatasync): Promise<FullSync> {
    // Writable, because Windows flushes only what may be written.
    const fd = await openFile(log, "r+");
    try {
      await syncDirectory(dirname(log));
    } catch (error) {
      await closeFile(fd);
      throw error;
    }
    return new FullSync(fd, dataSync, failed);
  }

  /** Resolves when everything committed before this call is on the disk; rejects when that cannot be known. */
  flush(): Promise<void> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers();
      // Behind the microtasks that are queued already: other commits of this turn, which then share the sync.
      if (this.#running === undefined) queueMicrotask(() => this.#start());
    }
    return this.#waiting.promise;
  }

  #start(): void {
    const served = this.#waiting;
    if (served === undefined) return;
    this.#waiting = undefined;
    this.#running = served.promise;
    this.#dataSync(this.#fd, (error) => this.#end(served, error));
  }

  /** Never a second try after a failure: the system may have dropped the pages, and a later success would say nothing of them. */
  #end(served: PromiseWithResolvers<void>, error: Error | null): void {
    this.#running = undefined;
    if (error === null) {
      served.resolve();
      this.#start();
      return;
    }
    this.#fault = error;
    served.reject(error);
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#failed(error);
  }

  /** Waits for those who wait, then closes the file. A later flush is refused: the file's number may be another's by then. */
  async close(): Promise<void> {
    this.#fault ??= new Error("The log file was closed.");
    await (this.#waiting?.promise ?? this.#running)?.catch(() => undefined);
    await closeFile(this.#fd);
  }
}

/** Makes the names of new files durable. Windows has no such call and needs none. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const fd = await openFile(directory, "r");
  try {
    await promisify(fsync)(fd);
  } finally {
    await closeFile(fd);
  }
}
