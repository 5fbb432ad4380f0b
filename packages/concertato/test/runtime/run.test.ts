/** `run` and `ctx.run`: agents call agents, values cross as they are stored, failures carry what happened. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, open, run, tool, workflow } from "../../src/index.ts";
import { failure, Lab, runToEnd } from "./lab.ts";

const double = tool({
  name: "double",
  description: "Doubles",
  effect: "pure",
  input: z.number(),
  output: z.number(),
  execute: (value) => value * 2,
});
const breaks = tool({
  name: "breaks",
  description: "Always fails",
  effect: "read",
  output: z.string(),
  execute: () => {
    throw new RangeError("out of paper");
  },
});

describe("run()", () => {
  test("gives the output of a workflow", async () => {
    const twice = workflow({ name: "twice", input: z.number() }, async (value, ctx) =>
      ctx.run(double, await ctx.run(double, value)),
    );
    expect(await run(twice, 3)).toBe(12);
  });

  test("gives the output of a tool", async () => {
    expect(await run(double, 3)).toBe(6);
  });

  test("throws the failure of what it ran", async () => {
    const error = await failure(run(breaks, undefined));
    expect(error).toMatchObject({ name: "AgentFailure", code: "agent/failed", message: "out of paper" });
  });
});

describe("ctx.run", () => {
  test("nested workflows have addresses under their caller", async () => {
    const paths: string[] = [];
    const inner = workflow({ name: "inner" }, (_input, ctx) => void paths.push(ctx.path));
    const middle = workflow({ name: "middle" }, async (_input, ctx) => {
      paths.push(ctx.path);
      await ctx.run(inner, 0);
      await ctx.run(inner, 0);
    });
    const outer = workflow({ name: "outer" }, async (_input, ctx) => {
      paths.push(ctx.path);
      await ctx.run(middle, 0);
    });
    await run(outer, 0);
    expect(paths).toEqual(["0", "0.0", "0.0.0", "0.0.1"]);
  });

  test("a failure crosses scopes with the code, message and address of where it happened", async () => {
    const inner = workflow({ name: "inner" }, async (_input, ctx) => ctx.run(breaks, undefined));
    const outer = workflow({ name: "outer" }, async (_input, ctx) => {
      await ctx.run(double, 1);
      return ctx.run(inner, 0);
    });
    const lab = new Lab();
    const { job } = await lab.begin(outer, 0);
    expect(await job.outcome()).toMatchObject({
      status: "failed",
      failure: { code: "agent/failed", message: "out of paper", path: "0.1.0", details: { name: "RangeError" } },
    });
  });

  test("a caught failure lets the body go on", async () => {
    const careful = workflow({ name: "careful" }, async (_input, ctx) => {
      try {
        await ctx.run(breaks, undefined);
      } catch {
        return ctx.run(double, 4);
      }
      return 0;
    });
    expect(await run(careful, 0)).toBe(8);
  });

  test("a body sees what was stored, not what was returned", async () => {
    const kept = { list: [1] };
    const give = tool({
      name: "give",
      description: "",
      effect: "read",
      output: z.looseObject({ list: z.array(z.number()) }),
      execute: () => ({ ...kept, when: new Date(0), nothing: undefined }),
    });
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const got = await ctx.run(give, undefined);
      got.list.push(2);
      return got;
    });
    expect(await run(body, 0)).toEqual({ list: [1, 2], when: "1970-01-01T00:00:00.000Z" });
    expect(kept.list).toEqual([1]);
  });

  test("operations issued together run side by side and are awaited in any order", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const [first, second] = [ctx.run(double, 1), ctx.run(double, 2)];
      return [await second, await first];
    });
    expect(await run(body, 0)).toEqual([4, 2]);
  });

  // Finding F3.
  test("a failure that is awaited later is caught where it is awaited, and harms nothing until then", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const later = [ctx.run(breaks, undefined), ctx.all({ only: (branch) => branch.run(breaks, undefined) })];
      await ctx.run(asked, "go on?");
      const ends = await Promise.allSettled(later);
      return ends.map(({ status }) => status);
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.answer(job.runId, "yes");
    expect(await job.result()).toEqual(["rejected", "rejected"]);
  });

  test("a body that grows without bound is stopped with a clear error", async () => {
    const endless = workflow({ name: "endless" }, async (_input, ctx) => {
      for (;;) await ctx.run(double, 1);
    });
    const error = await failure(run(endless, 0));
    expect(error.code).toBe("runtime/too-many-operations");
    expect(error.message).toContain("ctx.loop");
  });

  test("two bodies of one run interleave without disturbing each other's numbering", async () => {
    const steps = workflow({ name: "steps", input: z.number() }, async (start, ctx) => {
      let value = start;
      for (let count = 0; count < 5; count++) value = await ctx.run(double, value);
      return value;
    });
    const both = workflow({ name: "both" }, (_input, ctx) => Promise.all([ctx.run(steps, 1), ctx.run(steps, 3)]));
    expect(await run(both, 0)).toEqual([32, 96]);
  });
});

describe("a job", () => {
  test("has an outcome and a result, in this process and in a later one", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(double, 5);
    expect(await job.outcome()).toEqual({ status: "completed", output: 10 });
    life.crash();
    const next = await lab.open([double]);
    expect(await next.app.job(job.runId).result()).toBe(10);
  });

  test("streams every committed entry once, in order, and ends with the run", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.run(double, 1);
      return ctx.run(asked, "well?");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const entry of job.events()) seen.push(entry.seq);
    })();
    await lab.world.settle();
    expect(seen).toEqual([1, 2, 3]);
    await lab.answer(job.runId, "done");
    await reading;
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  test("streams from any entry on, and only the present when asked", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, async (_input, ctx) => {
        await ctx.run(double, 1);
        await ctx.waitFor("go");
      }),
      0,
    );
    const seen: string[] = [];
    for await (const entry of job.events({ after: 1, live: false })) seen.push(entry.kind);
    expect(seen).toEqual(["result", "wait-opened"]);
  });

  test("of an unknown run says so when it is used", async () => {
    await using app = await open();
    expect((await failure(app.job("run_nobody").outcome())).code).toBe("run/not-found");
    expect((await failure(app.describe("run_nobody"))).code).toBe("run/not-found");
  });
});

test("derived time, randomness and ids are the same in every scope on replay, and differ between scopes", async () => {
  const draw = workflow({ name: "draw" }, async (_input, ctx) => {
    const first = [ctx.random(), ctx.random(), ctx.id(), ctx.id()];
    await ctx.sleep(10);
    return [...first, ctx.random(), ctx.id()];
  });
  const body = workflow({ name: "body" }, async (_input, ctx) => [await ctx.run(draw, 0), await ctx.run(draw, 0)]);
  const [first, second] = (await runToEnd(body, 0, 100)) as [unknown[], unknown[]];
  const all = [...first, ...second];
  expect(new Set(all).size).toBe(all.length);
});
