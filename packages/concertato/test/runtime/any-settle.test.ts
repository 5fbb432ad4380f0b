/** `ctx.any` and `ctx.settle`: branches of which one success is enough, or of which every end counts. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AgentFailure, human, run, tool, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const echo = tool({
  name: "echo",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text) => text,
});
const breaks = tool({
  name: "breaks",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text) => {
    throw new Error(`broken ${text}`);
  },
});
const asked = human({ name: "asked", output: z.string() });

describe("ctx.any", () => {
  test("is won by the first branch that succeeds, though others failed before", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.any({
        bad: (branch) => branch.run(breaks, "a"),
        good: async (branch) => {
          await branch.sleep(1);
          return branch.run(echo, "late");
        },
        slow: (branch) => branch.sleep("1h"),
      }),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(1);
    expect(await job.result()).toEqual({ branch: "good", value: "late" });
  });

  test("fails when every branch failed, with every cause by its branch", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.any({ one: (branch) => branch.run(breaks, "a"), two: (branch) => branch.run(breaks, "b") }),
    );
    const thrown = (await failure(run(body, 0))) as AgentFailure;
    expect(thrown.code).toBe("agent/too-few-succeeded");
    expect(thrown.message).toContain("one: broken a");
    expect(thrown.details).toMatchObject({
      needed: 1,
      of: 2,
      causes: { one: { message: "broken a", path: "0.0/one/0" }, two: { message: "broken b" } },
    });
    expect(thrown.record.cause).toMatchObject({ message: "broken a" });
  });

  test("of nothing fails at once", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.any({}));
    expect((await failure(run(body, 0))).code).toBe("agent/too-few-succeeded");
  });

  test("what a branch that failed had begun is given up, while the others go on", async () => {
    const body = workflow({ name: "body", uses: [asked] }, (_input, ctx) =>
      ctx.any({
        bad: (branch) => Promise.all([branch.run(asked, "left open"), branch.run(breaks, "a")]),
        good: (branch) => branch.run(asked, "still open"),
      }),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect((await lab.waits(job.runId)).map(({ waitId }) => waitId)).toEqual(["0.0/good/0"]);
    await lab.answer(job.runId, "yes");
    expect(await job.result()).toEqual({ branch: "good", value: "yes" });
  });
});

describe("ctx.settle", () => {
  test("tells how every branch ended, in the order of the branches", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const ends = await ctx.settle({
        slow: async (branch) => {
          await branch.sleep(5);
          return 1;
        },
        bad: (branch) => branch.run(breaks, "a"),
        plain: () => "now",
      });
      return Object.entries(ends);
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(5);
    expect(await job.result()).toEqual([
      ["slow", { status: "completed", output: 1 }],
      ["bad", { status: "failed", code: "agent/failed", message: "broken a" }],
      ["plain", { status: "completed", output: "now" }],
    ]);
  });

  test("of nothing is nothing", async () => {
    expect(
      await run(
        workflow({ name: "body" }, (_input, ctx) => ctx.settle({})),
        0,
      ),
    ).toEqual({});
  });

  test("a branch may throw at once", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.settle({
        bad: (): number => {
          throw new Error("at once");
        },
      }),
    );
    expect(await run(body, 0)).toEqual({ bad: { status: "failed", code: "agent/failed", message: "at once" } });
  });
});

describe("ctx.map joined by", () => {
  const some = tool({
    name: "some",
    description: "",
    effect: "read",
    input: z.number(),
    output: z.string(),
    execute: (value) => {
      if (value < 0) throw new Error(`${value} is below zero`);
      return `item ${value}`;
    },
  });
  const wait = workflow({ name: "wait", input: z.number(), uses: [some] }, async (value, ctx) => {
    await ctx.sleep(Math.abs(value));
    return ctx.run(some, value);
  });
  const mapped = (items: number[], options: object, agent = wait) =>
    workflow({ name: "mapped", uses: [wait] }, (_input, ctx) => ctx.map(items, agent, options));

  test("any: the first item that succeeds, with its place", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(mapped([-1, 9, 3, 5], { join: "any" }), 0);
    await lab.world.advance(9);
    expect(await job.result()).toEqual({ index: 2, value: "item 3" });
    expect(lab.row(job.runId).updatedAt - lab.row(job.runId).createdAt).toBe(3);
  });

  test("first: the first item to end, a failure too", async () => {
    const lab = new Lab();
    const won = await lab.begin(mapped([7, 2], { join: "first" }), 0);
    const lost = await lab.begin(mapped([7, -2], { join: "first" }), 0);
    await lab.world.advance(7);
    expect(await lab.app.job(won.job.runId).result()).toEqual({ index: 1, value: "item 2" });
    expect((await failure(lab.app.job(lost.job.runId).result())).message).toBe("-2 is below zero");
  });

  test("count: as soon as so many have succeeded, in the order of the items; the rest is given up", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(mapped([9, -1, 4, 5_000, 2], { join: { count: 3 } }), 0);
    await lab.world.advance(9);
    expect(await job.result()).toEqual([
      { index: 0, value: "item 9" },
      { index: 2, value: "item 4" },
      { index: 4, value: "item 2" },
    ]);
    expect(lab.journal(job.runId).filter(({ kind }) => kind === "op-cancelled")).toHaveLength(1);
  });

  test("count: fails as soon as it has become impossible, with every cause", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(mapped([5_000, -1, -2, 7_000], { join: { count: 3 } }), 0);
    await lab.world.advance(2);
    const thrown = await failure(job.result());
    expect(thrown.code).toBe("agent/too-few-succeeded");
    expect(thrown.details).toMatchObject({ needed: 3, of: 4, causes: { 1: { message: "-1 is below zero" } } });
  });

  test.each([
    [[], "any"],
    [[], "first"],
    [[1], { count: 2 }],
    [[-1, -2], "any"],
  ] as const)("%j joined by %j fails: too few can succeed", async (items, join) => {
    const lab = new Lab();
    const { job } = await lab.begin(mapped([...items], { join }), 0);
    await lab.world.advance(10);
    expect((await failure(job.result())).code).toBe("agent/too-few-succeeded");
  });

  test.each([0, -1, 1.5, Number.NaN])("a count of %d is refused where it is written", async (count) => {
    const lab = new Lab();
    const { job } = await lab.begin(mapped([1], { join: { count } }), 0);
    expect((await failure(job.result())).code).toBe("agent/input-invalid");
  });

  test("a join that was due when the process died gives up the item that ends while it is taken up again", async () => {
    const item = workflow({ name: "steps" }, async (count, ctx) => {
      for (let step = 0; step < Number(count); step++) await ctx.step("read", () => step, { effect: "read" });
      return count;
    });
    const body = workflow({ name: "body", uses: [item] }, async (_input, ctx) => {
      const first = await ctx.map([1, 2], item, { join: "any" });
      await ctx.waitFor("end");
      return first;
    });
    for (let crashAfter = 1; crashAfter < 9; crashAfter++) {
      const lab = new Lab();
      const { job } = await lab.begin(body, 0, { crashAfter });
      const second = await lab.open([body]);
      await lab.world.settle();
      second.crash();
      const third = await lab.open([body]);
      await third.app.signal(job.runId, "end");
      await lab.world.settle();
      const ended = await third.app.job(job.runId).outcome();
      expect(ended, `died after ${crashAfter} entries`).toEqual({
        status: "completed",
        output: { index: 0, value: 1 },
      });
    }
  });
});
