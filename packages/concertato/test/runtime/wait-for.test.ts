/** `ctx.waitFor` and `app.signal`: what is sent arrives once, in order, whenever it was sent. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const once = workflow({ name: "once" }, (_input, ctx) => ctx.waitFor("go"));

/** Waits for so many "item" signals and gives them in order. */
const collect = workflow({ name: "collect" }, async (count, ctx) => {
  const items: unknown[] = [];
  while (items.length < Number(count)) items.push(await ctx.waitFor("item"));
  return items;
});

/** Does something else before it waits. */
const late = workflow({ name: "late" }, async (_input, ctx) => {
  await ctx.sleep(100);
  return ctx.waitFor("go");
});

describe("a signal", () => {
  test("ends the wait that is open for it", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(once, 0);
    await lab.app.signal(job.runId, "go", { speed: 3 });
    await lab.world.settle();
    expect(await job.result()).toEqual({ speed: 3 });
  });

  test("sent before its wait is delivered once", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(late, 0);
    await lab.app.signal(job.runId, "go", "early");
    await lab.world.advance(100);
    expect(await job.result()).toBe("early");
    expect(lab.kinds(job.runId).filter((kind) => kind === "signal")).toHaveLength(1);
  });

  test("sent before its wait is kept over a crash", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(late, 0);
    await lab.app.signal(job.runId, "go", "early");
    await lab.world.settle();
    life.crash();
    await lab.open([late]);
    await lab.world.advance(100);
    expect(await lab.app.job(job.runId).result()).toBe("early");
  });

  test("sent while nobody runs is delivered when somebody does", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(once, 0);
    life.crash();
    const client = await lab.open([]);
    await client.app.signal(job.runId, "go", "while away");
    await lab.open([once]);
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe("while away");
  });

  test("of another name is kept, and does not end the wait", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(once, 0);
    await lab.app.signal(job.runId, "stop", 1);
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("waiting");
  });

  test("several are delivered in the order they were sent, before and after the wait began", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(collect, 4);
    for (const item of [1, 2, 3, 4]) await lab.app.signal(job.runId, "item", item);
    await lab.world.settle();
    expect(await job.result()).toEqual([1, 2, 3, 4]);
  });

  test("without a value is a signal all the same", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(once, 0);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect((await job.outcome()).status).toBe("completed");
  });

  test("with a key is delivered once however often it is sent", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(collect, 2);
    await lab.app.signal(job.runId, "item", "a", { key: "one" });
    await lab.app.signal(job.runId, "item", "a", { key: "one" });
    await lab.world.settle();
    await lab.app.signal(job.runId, "item", "a", { key: "one" });
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.app.signal(job.runId, "item", "b", { key: "two" });
    await lab.world.settle();
    expect(await job.result()).toEqual(["a", "b"]);
  });

  test("with a key is delivered once over a crash and a replay that passes over finished work", async () => {
    const inner = workflow({ name: "inner" }, (_input, ctx) => ctx.waitFor("item"));
    const body = workflow({ name: "body", uses: [inner] }, async (_input, ctx) => [
      await ctx.run(inner, 0),
      await ctx.waitFor("item"),
    ]);
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.app.signal(job.runId, "item", "a", { key: "one" });
    await lab.world.settle();
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "item", "again", { key: "one" });
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.app.signal(job.runId, "item", "b", { key: "two" });
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toEqual(["a", "b"]);
  });

  test("goes to the oldest of several waits for its name", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) =>
      Promise.all([ctx.waitFor("go"), ctx.waitFor("go"), ctx.waitFor("other")]),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.app.signal(job.runId, "go", 1);
    await lab.app.signal(job.runId, "other", 3);
    await lab.app.signal(job.runId, "go", 2);
    await lab.world.settle();
    expect(await job.result()).toEqual([1, 2, 3]);
  });

  test("is not lost when the wait it came for is given up first", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.race({ go: (branch) => branch.waitFor("go"), late: (branch) => branch.sleep(10) });
      return ctx.waitFor("go");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(10);
    await lab.app.signal(job.runId, "go", "for the second");
    await lab.world.settle();
    expect(await job.result()).toBe("for the second");
  });

  test("to a run that is not there or has ended is refused", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(once, 0);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect((await failure(lab.app.signal(job.runId, "go"))).code).toBe("run/already-finished");
    expect((await failure(lab.app.signal("run_nobody", "go"))).code).toBe("run/not-found");
  });

  test("that no journal can store is refused at the sender", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(once, 0);
    expect((await failure(lab.app.signal(job.runId, "go", Number.NaN))).code).toBe("codec/unstorable");
  });
});

describe("a wait with a schema", () => {
  const typed = workflow({ name: "typed" }, (_input, ctx) =>
    ctx.waitFor("go", z.object({ speed: z.number(), unit: z.string().default("km/h") })),
  );

  test("gives what the schema parsed", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(typed, 0);
    await lab.app.signal(job.runId, "go", { speed: 3 });
    await lab.world.settle();
    expect(await job.result()).toEqual({ speed: 3, unit: "km/h" });
  });

  test("stays open when what comes does not fit, and the journal says so", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(typed, 0);
    await lab.app.signal(job.runId, "go", "fast");
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("waiting");
    expect(lab.kinds(job.runId)).toContain("signal-refused");
    await lab.app.signal(job.runId, "go", { speed: 3 });
    await lab.world.settle();
    expect((await job.outcome()).status).toBe("completed");
  });

  test("after eviction still checks with the schema that only its body knows", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(typed, 0, { warmBytes: 0 });
    expect(lab.row(job.runId).owner).toBeNull();
    await lab.app.signal(job.runId, "go", "fast");
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.app.signal(job.runId, "go", { speed: 4 });
    await lab.world.settle();
    expect(await job.result()).toEqual({ speed: 4, unit: "km/h" });
  });

  test("passes over kept signals that do not fit, and takes the first that does", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.sleep(100);
      return [await ctx.waitFor("n", z.number()), await ctx.waitFor("n", z.number())];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    for (const value of ["x", 1, "y", 2]) await lab.app.signal(job.runId, "n", value);
    await lab.world.settle();
    life.crash();
    await lab.open([body]);
    await lab.world.advance(100);
    expect(await lab.app.job(job.runId).result()).toEqual([1, 2]);
  });
});

describe("a wait with a limit", () => {
  const patient = workflow({ name: "patient" }, (_input, ctx) => ctx.waitFor("go", undefined, { within: "1h" }));

  test("fails when nothing came in time, and not earlier", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(patient, 0);
    await lab.world.advance(3_599_999);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "agent/timeout", path: "0.0" } });
  });

  test.each([0, 1_000_000])("keeps its deadline over a crash or eviction (warm bytes %i)", async (warmBytes) => {
    const lab = new Lab();
    const { life, job } = await lab.begin(patient, 0, { warmBytes });
    await lab.world.advance(1_800_000);
    life.crash();
    await lab.open([patient], { warmBytes });
    await lab.world.advance(1_799_999);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect(await lab.app.job(job.runId).outcome()).toMatchObject({ failure: { code: "agent/timeout" } });
  });

  test("that was met in time leaves no timer behind", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(patient, 0);
    await lab.app.signal(job.runId, "go", "in time");
    await lab.world.advance(2 * 3_600_000);
    expect(await job.result()).toBe("in time");
  });

  test("shows what is asked for to whoever may answer", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.waitFor("go", undefined, { request: { document: "d1" }, within: "1h" }),
    );
    const lab = new Lab(0);
    const { job } = await lab.begin(body, 0);
    expect(await lab.app.waiting()).toEqual([
      {
        runId: job.runId,
        agent: "body@1",
        waitId: "0.0",
        kind: "signal",
        name: "go",
        since: 0,
        until: 3_600_000,
        request: { document: "d1" },
      },
    ]);
  });
});
