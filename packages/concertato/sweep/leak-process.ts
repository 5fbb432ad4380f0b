/**
 * A process of its own that runs many small runs one after the other in one app on a real file, and says how much its heap
 * has grown: what a run leaves behind is on the disk and nowhere else. Needs `--expose-gc`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { done, next, open, tool, workflow } from "../src/index.ts";

/** Before it is measured: code is compiled, caches are full. */
const warmUp = 500;
const runs = 2_000;

// Reads: nothing waits for the disk to sync.
const text = { description: "", input: z.string(), output: z.string() };
const write = tool({ ...text, name: "write", effect: "read", execute: (id) => `write ${id}` });
const undo = tool({ ...text, name: "undo", effect: "read", execute: (id) => `undo ${id}` });
const inner = workflow({ name: "inner", uses: [write, undo] }, async (id, ctx) => {
  await ctx.compensate(undo, String(id));
  return ctx.run(write, String(id));
});
const body = workflow({ name: "body", uses: [inner, write] }, async (turn, ctx) => {
  const outputs = await ctx.map(["a", "b"], inner);
  const sum = await ctx.loop(0, async (count, loop) => {
    if (count === 2) return done(count);
    await loop.run(write, String(count));
    return next(count + 1);
  });
  await ctx.race({ slow: (branch) => branch.waitFor("never"), fast: (branch) => branch.sleep(0) });
  // Every other one fails and undoes what it did.
  if (Number(turn) % 2 === 1) throw new Error("in vain");
  return [outputs, sum];
});

const { gc } = globalThis as { gc?: () => void };
if (gc === undefined) throw new Error("Run this with --expose-gc.");

const heap = (): number => {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
};

const folder = await mkdtemp(join(tmpdir(), "concertato-leak-"));
try {
  await using app = await open(join(folder, "leak.db"), { agents: [body] });
  const runOne = async (turn: number) => {
    const end = await (await app.start(body, turn)).outcome();
    if (end.status !== (turn % 2 === 1 ? "failed" : "completed")) throw new Error(`Run ${turn} is ${end.status}.`);
  };
  for (let turn = 0; turn < warmUp; turn++) await runOne(turn);
  const before = heap();
  for (let turn = 0; turn < runs; turn++) await runOne(turn);
  process.stdout.write(`${JSON.stringify({ runs, bytesPerRun: (heap() - before) / runs })}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
