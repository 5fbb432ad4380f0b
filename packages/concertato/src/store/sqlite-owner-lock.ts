/**
 * A lock that says "this process lives". The operating system frees it when the process dies, so there is no clock, no
 * renewal and no false death of a process that was only slow.
 *
 * It is an exclusive transaction on a small SQLite file of its own. SQLite takes care of what makes plain file locks
 * dangerous: locks of one process do not exclude each other, and closing any handle of a file drops them all.
 */
import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isBusy } from "./sqlite-errors.ts";

export class OwnerLock {
  readonly #file: string;
  readonly #db: DatabaseSync;

  private constructor(file: string, db: DatabaseSync) {
    this.#file = file;
    this.#db = db;
  }

  /** The lock, or undefined when somebody alive holds it, in this process or another. */
  static tryAcquire(file: string): OwnerLock | undefined {
    const db = new DatabaseSync(file, { timeout: 0 });
    try {
      // Nothing is ever written, so the rollback journal that an exclusive lock would make beside the file is not wanted.
      db.exec("pragma journal_mode = memory; pragma locking_mode = exclusive; begin exclusive");
      return new OwnerLock(file, db);
    } catch (error) {
      db.close();
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  /** Frees the lock. The file goes first, while nobody else can hold it; if the process dies between, a lock on nothing is free. */
  release(): void {
    try {
      rmSync(this.#file, { force: true });
      this.#db.close();
    } catch {
      // Windows does not remove an open file: close first, then remove.
      if (this.#db.isOpen) this.#db.close();
      rmSync(this.#file, { force: true });
    }
  }
}

/** The file whose lock stands for owner `id` of the store at `path`. */
export function ownerFile(path: string, id: number): string {
  return `${path}-owner-${id}`;
}
