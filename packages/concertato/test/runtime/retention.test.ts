/** Finished runs are deleted when they are old enough, their space goes back to the disk, and nothing else is touched. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { App } from "../../src/app.ts";
import { tool } from "../../src/agents/tool.ts";
import { workflow } from "../../src/agents/workflow.ts";
import { open } from "../../src/open.ts";
import { virtualWorld } from "../../src/testing/virtual-world.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { failure } from "./lab.ts";

/** Schema 3 has an index that is empty here. */
const page = 4_096;

const day = 86_400_000;

const fill = tool({
  name: "fill",
  description: "Makes much of little",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (input) => input.repeat(500),
});
const desk = workflow({ name: "desk", input: z.string(), uses: [fill] }, async (input, ctx) => {
  for (let step = 0; step < 4; step++) await ctx.run(fill, `${input} ${step}`);
  return "done";
});
const broken = workflow({ name: "broken" }, () => {
  throw new Error("Out of ink.");
});
const patient = workflow({ name: "patient" }, async (_input, ctx) => ctx.waitFor("go", z.string()));
const child = workflow({ name: "child", input: z.string() }, (input) => input.repeat(3));
const parent = workflow({ name: "parent", uses: [child] }, async (_input, ctx) => {
  const started = await ctx.start(child, "x");
  await ctx.waitFor("go", z.string());
  return started.outcome();
});
const hoard = workflow({ name: "hoard", input: z.string() }, (input) => "z".repeat(3_000_000) + input);
const agents = [desk, broken, patient, parent, child, hoard];

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "concertato-retention-"));
  file = join(folder, "desk.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function many(app: App, count: number, from = 0): Promise<void> {
  const jobs = Array.from({ length: count }, (_, index) => app.start(desk, `ticket ${from + index}`));
  for (const job of jobs) await (await job).result();
}

describe("app.prune", () => {
  test("makes the file small again, while runs go on beside it", async () => {
    {
      await using app = await open(file, { agents });
      await many(app, 300);
    }
    const full = statSync(file).size;
    expect(full).toBeGreaterThan(2_000_000);
    await using app = await open(file, { agents });
    const waiting = await app.start(patient, undefined);
    const [pruned] = await Promise.all([app.prune({ olderThan: 0, status: "completed" }), many(app, 20, 1_000)]);
    expect(pruned.runs).toBeGreaterThanOrEqual(300);
    await app.prune({ olderThan: 0 });
    expect((await app.runs()).map(({ runId }) => runId)).toEqual([waiting.runId]);
    await app.signal(waiting.runId, "go", "on");
    expect(await waiting.result()).toBe("on");
    await app.close();
    expect(statSync(file).size).toBeLessThan(full / 10);
    const db = new DatabaseSync(file);
    const rest = ["entry", "mark", "blob", "blob_ref", "deleted_run", "inbox"].map(
      (table) => db.prepare(`select count(*) as n from ${table} where true`).get()?.["n"],
    );
    expect([rest, db.prepare("pragma integrity_check").get()]).toEqual([
      [expect.any(Number), 0, 0, 0, 0, 0],
      { integrity_check: "ok" },
    ]);
    db.close();
  });

  test("gives large payloads back", async () => {
    await using app = await open(file, { agents });
    for (const mark of ["a", "b", "a"]) await (await app.start(hoard, mark)).result();
    await app.prune({ olderThan: 0 });
    await app.close();
    expect(statSync(file).size).toBeLessThan(200_000 + page);
  });

  test("goes on where a process that died had stopped", async () => {
    {
      await using app = await open(file, { agents });
      await many(app, 50);
    }
    const store = await openSqliteStore({ path: file, report: () => undefined });
    const query = { status: "completed", endedBefore: Date.now() + 1, after: 0, limit: 50 } as const;
    expect(await store.prune(query)).toMatchObject({ runs: 50 });
    for (let slice = 0; slice < 5; slice++) expect(await store.reclaim()).toBe(true);
    await store.close();
    const before = statSync(file).size;
    await using app = await open(file, { agents });
    expect(await app.prune({ olderThan: "1h" })).toEqual({ runs: 0, more: false });
    await app.close();
    expect(statSync(file).size).toBeLessThan(before / 2);
  });

  test("keeps what is young, open, needed by its parent, of another kind, or among the last ones", async () => {
    const world = virtualWorld();
    await using app = await open(undefined, { agents, world });
    const ids: string[] = [];
    const start = async (agent: typeof desk | typeof parent | typeof broken, input: string): Promise<void> => {
      ids.push((await app.start(agent as typeof desk, input)).runId);
      await world.settle();
      await world.advance(day);
    };
    for (const input of ["1", "2", "3"]) await start(desk, input);
    await start(broken, "");
    await start(parent, "");
    const pruning = async (options: Parameters<App["prune"]>[0]): Promise<unknown> => {
      const done = app.prune(options);
      await world.advance(1_000);
      return done;
    };
    expect(await pruning({ olderThan: "10d" })).toEqual({ runs: 0, more: false });
    expect(await pruning({ olderThan: "1d", keepLast: 2, agent: "desk" })).toEqual({ runs: 1, more: false });
    expect((await app.runs({ agent: "desk" })).map(({ runId }) => runId)).toEqual([ids[2], ids[1]]);
    expect(await pruning({ olderThan: "1d", status: ["failed", "stopped"] })).toEqual({ runs: 1, more: false });
    expect(await pruning({ olderThan: 0, limit: 1 })).toEqual({ runs: 1, more: true });
    expect(await pruning({ olderThan: 0 })).toEqual({ runs: 1, more: false });
    // The child of a parent that is still open.
    expect((await app.runs()).map(({ agent, status }) => [agent, status])).toEqual([
      ["child@1", "completed"],
      ["parent@1", "waiting"],
    ]);
    await app.signal(ids[4] ?? "", "go", "on");
    await world.settle();
    expect(await app.job(ids[4] ?? "").result()).toBe("xxx");
    expect(await pruning({ olderThan: 0 })).toEqual({ runs: 2, more: false });
  });

  test.each(["in memory", "on a file"])(
    "keeps what an open fork was taken from, %s: the fork reads it whenever it goes on",
    async (place) => {
      const world = virtualWorld();
      const options = { agents, world };
      await using app = await open(place === "in memory" ? undefined : file, options);
      const twice = workflow({ name: "twice", uses: [child] }, async (_input, ctx) => {
        const first = await (await ctx.start(child, "a")).outcome();
        const word = await ctx.waitFor("go", z.string());
        return [first, word, await ctx.waitFor("end", z.string())];
      });
      const job = await app.start(twice, undefined);
      const settle = async (): Promise<void> => {
        for (let round = 0; round < 20; round++) await world.settle();
        await world.advance(200);
      };
      await settle();
      await app.signal(job.runId, "go", "on");
      await app.signal(job.runId, "end", "it");
      await settle();
      expect((await job.outcome()).status).toBe("completed");
      const fork = await app.fork(job.runId, { effects: { people: "live" } });
      await settle();
      const pruning = async (): Promise<unknown> => {
        const done = app.prune({ olderThan: 0 });
        await settle();
        return done;
      };
      expect(await pruning()).toEqual({ runs: 0, more: false });
      await app.signal(fork.runId, "go", "off");
      await app.signal(fork.runId, "end", "that");
      await settle();
      expect(await fork.result()).toEqual(["aaa", "off", "that"]);
      expect(await pruning()).toEqual({ runs: 3, more: false });
    },
  );

  test("frees a start key: the same one starts a new run", async () => {
    await using app = await open(file, { agents });
    const first = await app.start(desk, "ticket", { key: "7" });
    await first.result();
    await app.prune({ olderThan: 0 });
    expect((await failure(app.describe(first.runId))).code).toBe("run/not-found");
    expect((await failure(app.job(first.runId).result())).code).toBe("run/not-found");
    const second = await app.start(desk, "another ticket", { key: "7" });
    expect([await second.result(), second.runId === first.runId]).toEqual(["done", false]);
  });

  test("refuses ages and counts that are none", async () => {
    await using app = await open(undefined, { agents });
    expect((await failure(app.prune({ olderThan: "soon" }))).code).toBe("runtime/duration");
    expect((await failure(app.prune({ olderThan: 0, keepLast: -1 }))).code).toBe("agent/input-invalid");
    expect((await failure(app.prune({ olderThan: 0, limit: 1.5 }))).code).toBe("agent/input-invalid");
  });
});

describe("retention", () => {
  test("deletes by itself, by the way a run ended, as long as the app is open", async () => {
    const world = virtualWorld();
    const app = await open(undefined, { agents, world, retention: { completed: "2d", failed: "7d", every: "1h" } });
    await app.start(desk, "ticket");
    await app.start(broken, undefined);
    await app.start(patient, undefined);
    await world.settle();
    const left = async (): Promise<string[]> => (await app.runs()).map(({ agent }) => agent).reverse();
    await world.advance(day);
    expect(await left()).toEqual(["desk@1", "broken@1", "patient@1"]);
    await world.advance(day + 2 * 3_600_000);
    expect(await left()).toEqual(["broken@1", "patient@1"]);
    await world.advance(5 * day);
    expect(await left()).toEqual(["patient@1"]);
    const closing = app.close();
    await world.advance(1_000);
    await closing;
  });

  test("is done by the oldest process alone, and by the next when that one is gone", async () => {
    const retention = { completed: 1, every: "1s" } as const;
    const first = await open(file, { agents });
    await many(first, 3);
    const young = await open(file, { agents, retention });
    await many(young, 3, 100);
    // The oldest has no retention of its own, so nothing goes as long as it lives.
    expect((await young.runs()).length).toBe(6);
    await first.close();
    const alone = await open(file, { role: "client", agents });
    const gone = async (): Promise<boolean> => (await alone.runs()).length === 0;
    for (let look = 0; look < 500 && !(await gone()); look++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await gone()).toBe(true);
    await alone.close();
    await young.close();
  });
});
