/** W9: a process with open runs is killed; how long after the start of the next one its first step runs. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { open } from "concertato";
import { assertEqual, type Cell } from "../cell.ts";
import { otherProcess } from "./other-process.ts";

interface Restarted {
  readonly firstMs: number;
  readonly allMs: number;
  readonly resumed: number;
  readonly cpuMs: number;
}

/** A unit is a restart; its time ends with the first step. Files are one for each repetition. */
export async function restartCell(folder: string, options: { readonly runs: number }): Promise<Cell> {
  const count = String(options.runs);
  const files: string[] = [];
  const lastSteps: number[] = [];
  return {
    prepare: async () => {
      const file = join(folder, `restart-${files.length}.db`);
      const worker = otherProcess("./restart-process.ts", ["work", file, count]);
      await worker.line();
      await worker.kill();
      files.push(file);
    },
    repeat: async () => {
      const restarted = otherProcess("./restart-process.ts", ["restart", files.at(-1) ?? "", count]);
      const { firstMs, allMs, resumed, cpuMs } = (await restarted.line()) as Restarted;
      assertEqual(resumed, options.runs, "resumed runs");
      lastSteps.push(allMs);
      return { units: 1, wallUs: firstMs * 1000, cpuUs: cpuMs * 1000 };
    },
    check: async () => {
      let entries = 0;
      for (const file of files) entries += await checkFile(file, options.runs);
      return { entries };
    },
    figures: async () => ({ allStepsMs: lastSteps.toSorted((a, b) => a - b)[Math.floor(lastSteps.length / 2)] ?? 0 }),
  };
}

/** Every run ended, with three steps and no more. */
async function checkFile(file: string, runs: number): Promise<number> {
  const reader = await open(file, { role: "client" });
  let found = 0;
  let entries = 0;
  for (let before: string | undefined; ; ) {
    const page = await reader.runs({ limit: 1_000, status: "completed", ...(before === undefined ? {} : { before }) });
    for (const run of page) {
      assertEqual(run.entries, 5, "entries");
      entries += run.entries;
    }
    found += page.length;
    before = page.at(-1)?.runId;
    if (before === undefined) break;
  }
  await reader.close();
  assertEqual(found, runs, "ended runs");
  return entries;
}

/** The floor: a bare process that opens a file of such rows, gives them back in one statement and reads one. */
export async function restartFloor(folder: string, options: { readonly runs: number }): Promise<Cell> {
  const file = join(folder, "hand.db");
  const db = new DatabaseSync(file);
  db.exec(
    "pragma journal_mode = wal; create table run (key integer primary key, owner integer, wake integer, body text)",
  );
  const insert = db.prepare("insert into run (owner, wake, body) values (1, null, ?)");
  db.exec("begin");
  for (let run = 0; run < options.runs; run++) insert.run("x".repeat(100));
  db.exec("commit");
  db.close();
  let checked = 0;
  return {
    repeat: async () => {
      const other = otherProcess("./restart-by-hand.ts", [file]);
      const { firstMs, rows, cpuMs } = (await other.line()) as { firstMs: number; rows: number; cpuMs: number };
      assertEqual(rows, options.runs, "rows given back");
      checked += rows;
      return { units: 1, wallUs: firstMs * 1000, cpuUs: cpuMs * 1000 };
    },
    check: async () => ({ entries: checked }),
  };
}
