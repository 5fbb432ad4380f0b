/** Runs one task on a database in a thread of its own, which ends with it. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { TaskOrder, TaskReply } from "./sqlite-task-worker.ts";

/** Answers what a check found. Throws what SQLite threw, with its code. */
export async function runTask(order: TaskOrder): Promise<readonly string[]> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./sqlite-task-worker.${extension}`, import.meta.url), {
    workerData: order,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const ended = once(worker, "exit");
  const [reply] = (await once(worker, "message")) as [TaskReply];
  await ended;
  if ("found" in reply) return reply.found;
  throw Object.assign(new Error(reply.message), { errcode: reply.errcode });
}
