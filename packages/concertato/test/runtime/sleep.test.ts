/** `ctx.sleep`: never early, whatever the clock, a crash or an eviction does; and time in a journal never goes back. */
import { describe, expect, test } from "vitest";
import { workflow } from "../../src/index.ts";
import { failure, Lab, runToEnd } from "./lab.ts";

const nap = workflow({ name: "nap" }, async (duration, ctx) => {
  const before = ctx.now();
  await ctx.sleep(duration as string);
  return ctx.now() - before;
});

const hour = 3_600_000;

describe("ctx.sleep", () => {
  test.each([
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["4h", 4 * hour],
    ["2d", 48 * hour],
    [1_500, 1_500],
    [0, 0],
  ])("of %s lasts so long", async (duration, ms) => {
    expect(await runToEnd(nap, duration, ms)).toBe(ms);
  });

  test.each([1, 999, hour])("is not over 1 ms before %i ms", async (ms) => {
    const lab = new Lab();
    const { job } = await lab.begin(nap, ms);
    await lab.world.advance(ms - 1);
    expect(lab.kinds(job.runId)).not.toContain("result");
    await lab.world.advance(1);
    expect(await job.result()).toBe(ms);
  });

  test("refuses what is no duration", async () => {
    expect((await failure(runToEnd(nap, "soon"))).code).toBe("runtime/duration");
    expect((await failure(runToEnd(nap, -1))).code).toBe("runtime/duration");
  });

  test("goes on over a crash, and a long pause before the restart counts", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(nap, "1h");
    await lab.world.advance(hour / 4);
    life.crash();
    await lab.world.advance(hour / 4);
    await lab.open([nap]);
    await lab.world.advance(hour / 2 - 1);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect(await lab.app.job(job.runId).result()).toBe(hour);
  });

  test("that ended while nobody ran is over at the restart, not before its deadline", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(nap, "1h");
    life.crash();
    await lab.world.advance(10 * hour);
    await lab.open([nap]);
    await lab.world.advance(0);
    expect(await lab.app.job(job.runId).result()).toBe(10 * hour);
  });

  test("wakes an evicted run by itself", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(nap, "1h", { warmBytes: 0 });
    expect(life.engine.runs.size).toBe(0);
    await lab.world.advance(hour - 1);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect(await job.result()).toBe(hour);
  });

  test("in a living process follows the time that passed, not a wall clock that is set forward", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(nap, "1h");
    lab.world.jump(2 * hour);
    await lab.world.advance(hour - 1);
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.world.advance(1);
    expect((await job.outcome()).status).toBe("completed");
  });

  test("in a living process is not prolonged by a wall clock that is set back", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(nap, "1h");
    lab.world.jump(-5 * hour);
    await lab.world.advance(hour);
    expect((await job.outcome()).status).toBe("completed");
  });

  test("many in one run end in the order of their deadlines", async () => {
    const order: number[] = [];
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const naps = [30, 10, 20, 10].map(async (ms, index) => {
        await ctx.sleep(ms);
        order.push(index);
      });
      await Promise.all(naps);
    });
    await runToEnd(body, 0, 30);
    expect(order).toEqual([1, 3, 2, 0]);
  });
});

describe("time in a journal", () => {
  test("never decreases, even when the wall clock does", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const seen = [ctx.now()];
      for (const name of ["a", "b", "c"]) {
        await ctx.waitFor(name);
        seen.push(ctx.now());
      }
      return seen;
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    for (const [name, jump] of [
      ["a", hour],
      ["b", -3 * hour],
      ["c", 1],
    ] as const) {
      lab.world.jump(jump);
      await lab.app.signal(job.runId, name);
      await lab.world.settle();
    }
    const times = lab.journal(job.runId).map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const seen = (await job.result()) as number[];
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  test("is what ctx.now() says: the entry delivered last, the same on replay", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const times = [ctx.now()];
      await ctx.sleep("1m");
      times.push(ctx.now());
      await ctx.waitFor("go");
      return times;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.advance(60_000);
    life.crash();
    await lab.world.advance(hour);
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    const [started, , slept] = lab.journal(job.runId);
    expect(await lab.app.job(job.runId).result()).toEqual([started?.at, slept?.at]);
  });
});
