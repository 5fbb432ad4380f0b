/** `ctx.map`: one agent over many items, in order, a few at a time, joined once. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, run, tool, workflow } from "../../src/index.ts";
import { Counts, failure, gate, Lab } from "./lab.ts";

const double = tool({
  name: "double",
  description: "Doubles",
  effect: "pure",
  input: z.number(),
  output: z.number(),
  execute: (value) => value * 2,
});
const odd = tool({
  name: "odd",
  description: "Refuses even numbers",
  effect: "read",
  input: z.number(),
  output: z.number(),
  execute: (value) => {
    if (value % 2 === 0) throw new Error(`${value} is even`);
    return value;
  },
});

describe("ctx.map", () => {
  test("gives outputs in the order of the items, whatever order they end in", async () => {
    const gates = [gate<string>(), gate<string>(), gate<string>()];
    const wait = tool({
      name: "wait",
      description: "",
      effect: "read",
      input: z.number(),
      output: z.string(),
      execute: (index) => gates[index]?.promise ?? "",
    });
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.map([0, 1, 2], wait));
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    for (const index of [2, 0, 1]) {
      gates[index]?.open(`item ${index}`);
      await lab.world.settle();
    }
    expect(await job.result()).toEqual(["item 0", "item 1", "item 2"]);
  });

  test("of no items is an empty list", async () => {
    expect(
      await run(
        workflow({ name: "body" }, (_input, ctx) => ctx.map([], double)),
        0,
      ),
    ).toEqual([]);
  });

  test.each([1, 2, 5])("runs at most %i at once", async (concurrency) => {
    let running = 0;
    let most = 0;
    const busy = workflow({ name: "busy" }, async (_input, ctx) => {
      most = Math.max(most, ++running);
      await ctx.sleep(10);
      running--;
    });
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.map([1, 2, 3, 4, 5, 6, 7], busy, { concurrency });
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(100);
    expect((await job.outcome()).status).toBe("completed");
    expect(most).toBe(concurrency);
  });

  test("fails with the first failure and gives up the rest", async () => {
    const begun = new Counts();
    const signals: AbortSignal[] = [];
    const maybe = tool({
      name: "maybe",
      description: "",
      effect: "read",
      input: z.number(),
      output: z.number(),
      execute: (value, { signal }) => {
        begun.add(String(value));
        signals.push(signal);
        if (value === 2) throw new Error("two");
        return new Promise<number>(() => undefined);
      },
    });
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.map([1, 2, 3, 4], maybe, { concurrency: 2 }));
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { message: "two", path: "0.0/1" } });
    expect(begun.names).toEqual(["1", "2"]);
    expect(signals[0]?.aborted).toBe(true);
  });

  test("can collect outcomes instead of failing", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.map([1, 2, 3], odd, { join: "settle" }));
    expect(await run(body, 0)).toEqual([
      { status: "completed", output: 1 },
      { status: "failed", code: "agent/failed", message: "2 is even" },
      { status: "completed", output: 3 },
    ]);
  });

  test("nests: a map of workflows that map", async () => {
    const row = workflow({ name: "row", input: z.array(z.number()) }, (items, ctx) => ctx.map(items, double));
    const table = workflow({ name: "table" }, (_input, ctx) => ctx.map([[1], [2, 3], []], row));
    expect(await run(table, 0)).toEqual([[2], [4, 6], []]);
  });

  test("asks a person per item, each at an address of its own", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.map(["a", "b", "c"], asked));
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    const questions = await lab.app.waiting();
    expect(questions.map(({ waitId, request }) => [waitId, request])).toEqual([
      ["0.0/0", "a"],
      ["0.0/1", "b"],
      ["0.0/2", "c"],
    ]);
    for (const { waitId, request } of questions.toReversed())
      await lab.app.answer(job.runId, waitId, `${String(request)}!`);
    await lab.world.settle();
    expect(await job.result()).toEqual(["a!", "b!", "c!"]);
  });

  test("goes on after a crash with what was open, and runs no finished item again", async () => {
    const done = new Counts();
    const work = workflow({ name: "work", input: z.number() }, async (value, ctx) => {
      await ctx.step("mark", () => done.add(String(value)), { effect: "read" });
      if (value > 1) await ctx.waitFor(`go ${value}`);
      return value * 10;
    });
    const body = workflow({ name: "body", uses: [work] }, (_input, ctx) =>
      ctx.map([0, 1, 2, 3], work, { concurrency: 3 }),
    );
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    const second = await lab.open([body]);
    await second.app.signal(job.runId, "go 3");
    await second.app.signal(job.runId, "go 2");
    await lab.world.settle();
    expect(await second.app.job(job.runId).result()).toEqual([0, 10, 20, 30]);
    expect(["0", "1", "2", "3"].map((name) => done.of(name))).toEqual([1, 1, 1, 1]);
  });

  // Finding F4c.
  test("items after a crash see the same parsed input as before it", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const item = workflow({ name: "item", input: z.object({ n: z.number().default(5) }) }, async (input, ctx) => {
      await ctx.run(asked, "?");
      return input.n;
    });
    const body = workflow({ name: "body", uses: [item, asked] }, (_input, ctx) => ctx.map([{}], item));
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body]);
    await lab.answer(job.runId, "go");
    expect(await lab.app.job(job.runId).result()).toEqual([5]);
  });

  // Finding F14.
  test("an undefined item means the same before and after a crash", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const item = workflow({ name: "item" }, async (input, ctx) => {
      await ctx.run(asked, "?");
      return String(input);
    });
    const body = workflow({ name: "body", uses: [item, asked] }, (_input, ctx) => ctx.map([undefined], item));
    const outcomes: unknown[] = [];
    for (const crashing of [false, true]) {
      const lab = new Lab();
      const { life, job } = await lab.begin(body, 0);
      if (crashing) {
        life.crash();
        await lab.open([body]);
        await lab.world.settle();
      }
      for (const { waitId } of await lab.waits(job.runId)) await lab.app.answer(job.runId, waitId, "go");
      await lab.world.settle();
      outcomes.push(await lab.app.job(job.runId).outcome());
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  test("the join is one entry that a replay reaches without the items", async () => {
    const body = workflow({ name: "body", uses: [double] }, async (_input, ctx) => {
      const work = await ctx.map(
        Array.from({ length: 100 }, (_, index) => index),
        double,
      );
      await ctx.waitFor("go");
      return work.length;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    const { key, seq } = lab.row(job.runId);
    expect(seq).toBeGreaterThan(100);
    expect(lab.store.replay(key).length).toBeLessThan(6);
    life.crash();
    const second = await lab.open([body]);
    await second.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await second.app.job(job.runId).result()).toBe(100);
  });

  test("a wrong item fails with the address of that item", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.map([1, "two" as never], double));
    const error = await failure(run(body, 0));
    expect(error).toMatchObject({ code: "agent/input-invalid", record: { path: "0.0/1" } });
  });
});
