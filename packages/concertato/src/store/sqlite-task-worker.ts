/**
 * Thread for what reads a whole database, so that the event loop does not wait for it: a copy into a new file, as it is at one
 * moment, and a check of the file's structure. Writers are not stopped: in a write-ahead log a reader keeps its moment.
 * `vacuum into` was faster than the backup API under load, and its copy has no free pages (docs/decisions/0007-backup.md).
 */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { resultCode } from "./sqlite-errors.ts";

/** What is to be done with which database. */
export type TaskOrder =
  | { readonly task: "copy"; readonly file: string; readonly to: string }
  | { readonly task: "check"; readonly file: string };

/** What a check found, nothing for a copy; an error's own fields do not survive the way between threads. */
export type TaskReply =
  | { readonly found: readonly string[] }
  | { readonly message: string; readonly errcode: number | undefined };

/** Longest wait for a process that opens or closes the file. */
const patienceMs = 10_000;

/** So many faults of the structure are named. */
const mostFaults = 20;

function reading<T>(file: string, read: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { timeout: patienceMs, readOnly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}

/** Durable when it returns. */
function copy(from: string, to: string): void {
  reading(from, (db) => db.prepare("vacuum into ?").run(to));
  const file = openSync(to, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What SQLite has against the structure of the file; nothing when it is sound. */
function check(file: string): readonly string[] {
  const rows = reading(file, (db) => db.prepare(`pragma integrity_check(${mostFaults})`).all());
  return rows.map((row) => String(row["integrity_check"])).filter((line) => line !== "ok");
}

function answer(order: TaskOrder): TaskReply {
  try {
    if (order.task === "check") return { found: check(order.file) };
    copy(order.file, order.to);
    return { found: [] };
  } catch (error) {
    return { message: String(error), errcode: resultCode(error) };
  }
}

parentPort?.postMessage(answer(workerData as TaskOrder));
