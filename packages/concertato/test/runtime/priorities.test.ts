/** Who is served first: by priority, then tenant by tenant; and who makes room when enough is at work. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { tool, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { Counts, failure, gate, Lab } from "./lab.ts";

/** Notes in which order runs were begun. */
function noting() {
  const order: string[] = [];
  const note = workflow({ name: "note" }, async (input, ctx) => {
    await ctx.step("begin", () => void order.push(String(input)), { effect: "read" });
  });
  return { order, note };
}

onBothStores("runs that stand in line", (place) => {
  test("are begun by priority, then one of each tenant in turn", async () => {
    const { order, note } = noting();
    const client = await place().client();
    const start = (input: string, tenant: string, priority?: number) =>
      client.start(note, input, { tenant, ...(priority === undefined ? {} : { priority }) });
    await start("a1", "acme");
    await start("a2", "acme");
    await start("a3", "acme");
    await start("b1", "beta");
    await start("low", "beta", 1);
    await start("urgent", "acme", 9);
    await place().open([note]);
    await place().until("all begun", () => order.length === 6);
    expect(order).toEqual(["urgent", "a1", "b1", "a2", "a3", "low"]);
  });

  test("change their place when their priority changes", async () => {
    const { order, note } = noting();
    const client = await place().client();
    await client.start(note, "first");
    const { runId } = await client.start(note, "second");
    await client.prioritise(runId, 6);
    expect((await client.find(runId))?.priority).toBe(6);
    await place().open([note]);
    await place().until("both begun", () => order.length === 2);
    expect(order).toEqual(["second", "first"]);
  });

  test("that rest are looked at once when their priority changes, and not over and over", async () => {
    const waiting = workflow({ name: "waiting" }, (_input, ctx) => ctx.waitFor("go"));
    const worker = await place().open([waiting]);
    const job = await worker.app.start(waiting, 0);
    await place().until("at rest", async () => (await place().row(job.runId)).status === "waiting");
    await worker.app.prioritise(job.runId, 8);
    await place().world.advance(1_000);
    expect(await place().row(job.runId)).toMatchObject({ priority: 8, wake: null });
    await worker.app.signal(job.runId, "go", "went");
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
  });

  test("that are about to leave memory are looked at once when their priority changes, and leave", async () => {
    const hold = gate();
    const body = workflow({ name: "held" }, async (_input, ctx) => {
      await ctx.step("hold", () => hold.promise, { effect: "read" });
      return ctx.waitFor("go");
    });
    const worker = await place().open([body], { warmBytes: 0 });
    const job = await worker.app.start(body, 0);
    await worker.app.prioritise(job.runId, 8);
    hold.open();
    await place().until("left", async () => (await place().row(job.runId)).owner === null);
    expect(await place().row(job.runId)).toMatchObject({ priority: 8, wake: null, parked: true });
  });

  test("pass their priority on to the runs they start", async () => {
    const { order, note } = noting();
    const parent = workflow({ name: "parent", uses: [note] }, async (input, ctx) => {
      const handle = await ctx.start(note, input);
      return handle.runId;
    });
    const worker = await place().open([parent]);
    const job = await worker.app.start(parent, "child", { priority: 8 });
    await place().until("child begun", () => order.length === 1);
    expect(await place().row(await job.result())).toMatchObject({ priority: 8 });
  });
});

onBothStores("when enough runs are at work", (place) => {
  /** Reads in steps that the test lets go on. */
  function working() {
    const begun: string[] = [];
    const holds = new Map<string, ReturnType<typeof gate<void>>>();
    const step = (name: string) => {
      begun.push(name);
      const hold = gate();
      holds.set(name, hold);
      return hold.promise;
    };
    const work = workflow({ name: "work" }, async (input, ctx) => {
      await ctx.step("one", () => step(`${String(input)} one`), { effect: "write" });
      await ctx.step("two", () => step(`${String(input)} two`), { effect: "write" });
      return input;
    });
    return { begun, holds, work };
  }

  test("a more urgent one takes the place of the least urgent, between its steps; nothing is done twice", async () => {
    const { begun, holds, work } = working();
    const { app, engine } = await place().open([work], { maxActive: 1 });
    const low = await app.start(work, "low", { priority: 3 });
    await place().until("low works", () => begun.length === 1);
    const same = await app.start(work, "same", { priority: 3 });
    await place().world.advance(2_000);
    expect(begun).toEqual(["low one"]);
    expect(await place().row(same.runId)).toMatchObject({ owner: null, status: "queued" });

    const urgent = await app.start(work, "urgent", { priority: 7 });
    await place().until("urgent works", () => begun.length === 2);
    expect(begun).toEqual(["low one", "urgent one"]);
    // What the other was about goes to its end and is recorded; its next step is not begun.
    expect((await place().row(low.runId)).owner).toBe(engine.ownership.owner);
    holds.get("low one")?.open();
    await place().until("low gave way", async () => (await place().row(low.runId)).owner === null);
    expect(await place().row(low.runId)).toMatchObject({ status: "queued", wake: 0 });

    holds.get("urgent one")?.open();
    await place().until("urgent goes on", () => begun.includes("urgent two"));
    holds.get("urgent two")?.open();
    await place().until("the next works", () => begun.length === 4);
    for (const name of ["low two", "same one", "same two"]) {
      await place().until(`${name} begun`, () => begun.includes(name));
      holds.get(name)?.open();
    }
    await place().until("all ended", async () => {
      const rows = await Promise.all([low, same, urgent].map(({ runId }) => place().row(runId)));
      return rows.every(({ status }) => status === "completed");
    });
    expect(begun.toSorted()).toEqual(["low one", "low two", "same one", "same two", "urgent one", "urgent two"]);
  });

  test("one that became urgent while it stood in line comes too", async () => {
    const { begun, holds, work } = working();
    const { app } = await place().open([work], { maxActive: 1 });
    await app.start(work, "low", { priority: 3 });
    const later = await app.start(work, "later", { priority: 3 });
    await place().until("low works", () => begun.length === 1);
    await app.prioritise(later.runId, 4);
    await place().until("later works", () => begun.length === 2);
    expect(begun).toEqual(["low one", "later one"]);
    for (const hold of holds.values()) hold.open();
  });
});

describe("a run in memory only", () => {
  test("beyond what may be at work at once, all are carried out, each once", async () => {
    const lab = new Lab();
    const done = new Counts();
    const add = tool({
      name: "add",
      description: "Adds",
      effect: "write",
      input: z.number(),
      execute: (n) => void done.add(String(n)),
    });
    const { app } = await lab.open([add], { maxActive: 3 });
    const jobs = await Promise.all(Array.from({ length: 50 }, (_, index) => app.start(add, index)));
    await lab.world.settle();
    expect(jobs.map(({ runId }) => lab.row(runId).status)).toEqual(jobs.map(() => "completed"));
    expect(done.names.filter((name) => done.of(name) !== 1)).toEqual([]);
  });

  test("a priority that is none is refused", async () => {
    const { note } = noting();
    const lab = new Lab();
    const { app } = await lab.open([note]);
    for (const priority of [-1, 10, 2.5, Number.NaN])
      expect((await failure(app.start(note, 1, { priority }))).code).toBe("run/priority");
    const { runId } = await app.start(note, 1);
    expect((await failure(app.prioritise(runId, 11))).code).toBe("run/priority");
    expect((await failure(app.prioritise("nobody", 1))).code).toBe("run/not-found");
  });
});
