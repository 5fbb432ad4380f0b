/**
 * Thread that copies a database into a new file, as it is at one moment: everything committed before, nothing after.
 * Writers are not stopped: in a write-ahead log a reader keeps its moment. `vacuum into` was faster than the backup API under
 * load, and its copy has no free pages (docs/decisions/0007-backup.md).
 */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { resultCode } from "./sqlite-errors.ts";

/** Which database, and the file that is made. */
export interface BackupOrder {
  readonly from: string;
  readonly to: string;
}

/** Nothing when it is done and on the disk; an error's own fields do not survive the way between threads. */
export type BackupReply = { readonly message: string; readonly errcode: number | undefined } | "done";

/** Longest wait for a process that opens or closes the file. */
const patienceMs = 10_000;

function copy({ from, to }: BackupOrder): void {
  const db = new DatabaseSync(from, { timeout: patienceMs, readOnly: true });
  try {
    db.prepare("vacuum into ?").run(to);
  } finally {
    db.close();
  }
  const file = openSync(to, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function answer(order: BackupOrder): BackupReply {
  try {
    copy(order);
    return "done";
  } catch (error) {
    return { message: String(error), errcode: resultCode(error) };
  }
}

parentPort?.postMessage(answer(workerData as BackupOrder));
