/**
 * A process of its own on a store file, for tests that kill it or let it compete.
 *   write <durability>   appends for ever to a run of that name and prints each acknowledged seq
 *   race <id> <count>    appends so often as it can, then prints "done"
 *   idle                 opens, joins, prints "open" and has nothing more to do
 */
import { writeSync } from "node:fs";
import type { Durability, Store } from "../../src/journal/store.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";

const [path = "", task, name = "", count = "0"] = process.argv.slice(2);

const store = await openSqliteStore({ path, report: (error) => console.error(error) });
const owner = await store.join();

/** Straight to the pipe: what is printed was acknowledged before, and survives the kill that follows. */
function print(line: string | number): void {
  for (;;) {
    try {
      return void writeSync(1, `${line}\n`);
    } catch (error) {
      // The reader is busy and the pipe full: what was acknowledged waits to be told.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
}

async function createRun(on: Store, id: string): Promise<number> {
  const run = { id, agent: "desk@1", tenant: "acme", owner, startKey: null, inputHash: "h", parent: null, at: 0 };
  const [result] = await on.commit([{ kind: "create", run, entries: [line(1)] }], "normal");
  if (result?.ok !== true) throw new Error(`Run ${id} was refused.`);
  return result.key;
}

function line(seq: number) {
  return { seq, kind: 6, scope: 1, op: "0", name: "step", at: seq, meta: null, body: "x".repeat(200), jump: null };
}

async function appendOne(run: number, seq: number, durability: Durability): Promise<void> {
  const [result] = await store.commit(
    [{ kind: "append", run, epoch: 1, expectedSeq: seq - 1, entries: [line(seq)] }],
    durability,
  );
  if (result?.ok !== true) throw new Error(`Entry ${seq} was refused.`);
}

if (task === "write") {
  const run = await createRun(store, name);
  for (let seq = 2; ; seq++) {
    await appendOne(run, seq, name === "full" ? "full" : "normal");
    print(seq);
    if (seq % 20 === 0) await new Promise(setImmediate);
  }
} else if (task === "race") {
  const run = await createRun(store, name);
  for (let seq = 2; seq <= Number(count) + 1; seq++) await appendOne(run, seq, "normal");
  print("done");
  await store.close();
} else {
  print("open");
}
