/** W5: runs that wait for a person; how fast they are started, and, by a process that did not start them, finished. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { type App, open } from "concertato";
import { assertEqual, type Cell } from "../cell.ts";
import type { Payload } from "../payload.ts";
import { answerTo, approval, startWaiting } from "./approval.ts";
import { otherProcess } from "./other-process.ts";

export interface WaitingOptions {
  /** In one repetition. */
  readonly runs: number;
  /** Waiting runs that are there all the time and never answered. */
  readonly others?: number;
}

/** A unit is a start: from the call to the run at rest, its question asked. */
export async function startingCell(folder: string, options: WaitingOptions): Promise<Cell> {
  const file = join(folder, "waiting.db");
  const app = await open(file, { agents: [approval] });
  let started = 0;
  return {
    repeat: async () => {
      started += (await startWaiting(app, options.runs)).length;
      return options.runs;
    },
    check: async () => {
      await app.close();
      const entries = await checkWaiting(file, started);
      return { entries, keptBytes: statSync(file).size };
    },
    figures: async () => {
      const heldBytes = await heapOf(file);
      const emptyBytes = await heapOf(join(folder, "empty.db"));
      return {
        heapBytesEach: (heldBytes.heapBytes - emptyBytes.heapBytes) / started,
        readyMs: heldBytes.readyMs,
      };
    },
  };
}

async function heapOf(file: string): Promise<{ readonly heapBytes: number; readonly readyMs: number }> {
  const other = otherProcess("./waiting-process.ts", ["heap", file]);
  return (await other.line()) as { heapBytes: number; readyMs: number };
}

/** A unit is a resume: from the call that answers to the run's committed end, by a process that did not start it. */
export async function resumingCell(
  folder: string,
  options: WaitingOptions & { readonly batches: number },
): Promise<Cell> {
  const file = join(folder, "waiting.db");
  const count = options.runs * options.batches + (options.others ?? 0);
  const ids = (await otherProcess("./waiting-process.ts", ["start", file, String(count)]).line()) as readonly string[];
  const app = await open(file, { agents: [approval] });
  let answered = 0;
  return {
    repeat: async () => {
      const batch = ids.slice(answered, answered + options.runs);
      answered += batch.length;
      for (let from = 0; from < batch.length; from += 100)
        await Promise.all(batch.slice(from, from + 100).map((runId, index) => resume(app, runId, from + index)));
      return batch.length;
    },
    check: async () => {
      await app.close();
      return { entries: await checkEnded(file, ids, options.runs, answered) };
    },
  };
}

async function resume(app: App, runId: string, n: number): Promise<void> {
  await app.answer(runId, "0.0", answerTo(n));
  await app.job(runId).outcome();
}

/** All wait, each with its one question; a sample is read entry by entry. */
async function checkWaiting(file: string, count: number): Promise<number> {
  const reader = await open(file, { role: "client" });
  let found = 0;
  let entries = 0;
  for (let before: string | undefined; ; ) {
    const page = await reader.runs({ limit: 1_000, status: "waiting", ...(before === undefined ? {} : { before }) });
    for (const run of page) {
      assertEqual(run.waiting.length, 1, "questions");
      found++;
      entries += run.entries;
    }
    before = page.at(-1)?.runId;
    if (before === undefined) break;
  }
  await reader.close();
  assertEqual(found, count, "waiting runs");
  return entries;
}

async function checkEnded(file: string, ids: readonly string[], batch: number, answered: number): Promise<number> {
  const reader = await open(file, { role: "client" });
  let entries = 0;
  for (const [index, runId] of ids.entries()) {
    const run = await reader.find(runId);
    assertEqual(run?.status, index < answered ? "completed" : "waiting", "status");
    entries += run?.entries ?? 0;
    if (index >= answered || index % 10 !== 0) continue;
    const end = await reader.job<Payload>(runId).outcome();
    assertEqual(end.status === "completed" ? end.output.n : end.status, (index % batch) + 1, "answer");
  }
  await reader.close();
  return entries;
}
