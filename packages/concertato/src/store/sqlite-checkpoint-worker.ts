/**
 * Thread that moves pages from the log into the database file, so that the event loop never waits for the disk.
 * It runs one pragma per message and knows nothing of when.
 */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { resultCode } from "./sqlite-errors.ts";

/** `passive` disturbs nobody; `restart` and `truncate` need the writer's place and make the log start anew. */
export type CheckpointMode = "passive" | "restart" | "truncate";

/** What a checkpoint did: frames in the log and how many of them are in the database file now. */
export interface CheckpointOutcome {
  readonly busy: boolean;
  readonly log: number;
  readonly done: number;
}

/** An error's own fields do not survive the way between threads, so the code travels beside the message. */
export type CheckpointReply =
  | { readonly outcome: CheckpointOutcome }
  | { readonly message: string; readonly errcode: number | undefined };

/** `close` ends the thread. */
export type CheckpointOrder = CheckpointMode | "close";

/** Longest wait for another process's reader or writer; our own writer stands aside meanwhile. */
const patienceMs = 250;

const db = new DatabaseSync(workerData as string, { timeout: patienceMs });
db.exec("pragma synchronous = normal; pragma wal_autocheckpoint = 0");

/**
 * The first commit after a restart writes a new log header and syncs it, whatever the durability. It is made here,
 * by writing the schema version again, so that no commit on the event loop has to wait for that sync.
 */
function beginNewLog(): void {
  db.exec("begin immediate");
  const version = Number(db.prepare("pragma user_version").get()?.["user_version"]);
  db.exec(`pragma user_version = ${version}; commit`);
}

function run(mode: CheckpointMode): CheckpointOutcome {
  const row = db.prepare(`pragma wal_checkpoint(${mode})`).get();
  const outcome = { busy: row?.["busy"] === 1, log: Number(row?.["log"]), done: Number(row?.["checkpointed"]) };
  if (mode === "restart" && !outcome.busy) beginNewLog();
  return outcome;
}

function answer(mode: CheckpointMode): CheckpointReply {
  try {
    return { outcome: run(mode) };
  } catch (error) {
    if (db.isTransaction) db.exec("rollback");
    return { message: String(error), errcode: resultCode(error) };
  }
}

parentPort?.on("message", (order: CheckpointOrder) => {
  if (order !== "close") {
    parentPort?.postMessage(answer(order));
    return;
  }
  db.close();
  parentPort?.close();
});
