/**
 * A body may await ctx and pure promises only. Whatever else it awaits is caught on the first live execution, because
 * its order would differ on replay; nobody has to crash to find out.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Context, human, open, tool, workflow } from "../../src/index.ts";
import { Lab } from "./lab.ts";

const echo = tool({
  name: "echo",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text) => text,
});
const slowly = tool({
  name: "slowly",
  description: "",
  effect: "read",
  input: z.number(),
  output: z.number(),
  execute: (ms, { signal }) => delay(ms, ms, { signal }),
});

/** The failure of a body that runs in real time: real timers and files are what is tested here. */
async function failureOf(body: (ctx: Context) => unknown): Promise<{ code: string; message: string; runId: string }> {
  await using app = await open();
  const job = await app.start(
    workflow({ name: "body" }, (_input, ctx) => body(ctx)),
    0,
  );
  const end = await job.outcome();
  if (end.status !== "failed") throw new Error(`Expected a failure, got ${JSON.stringify(end)}.`);
  return { ...end.failure, runId: job.runId };
}

const foreign: readonly (readonly [string, (ctx: Context) => unknown])[] = [
  ["a timer before any call", async (ctx) => [await delay(1), await ctx.run(echo, "a")]],
  ["a timer between two calls", async (ctx) => [await ctx.run(echo, "a"), await delay(1), await ctx.run(echo, "b")]],
  ["a timer after the last call", async (ctx) => [await ctx.run(echo, "a"), await delay(1)]],
  ["a timer and nothing else", () => delay(1)],
  ["a file", async (ctx) => [await readFile(new URL(import.meta.url)), await ctx.run(echo, "a")]],
  [
    "a timer while an operation is pending",
    async (ctx) => {
      const pending = ctx.run(slowly, 10_000);
      await delay(5);
      await ctx.run(echo, "a");
      return pending;
    },
  ],
  [
    "a timer in one branch of all",
    (ctx) => ctx.all({ good: (branch) => branch.run(slowly, 10_000), bad: () => delay(5) }),
  ],
  [
    "a timer and then a call in one branch of all",
    (ctx) =>
      ctx.all({
        good: (branch) => branch.run(slowly, 10_000),
        bad: async (branch) => {
          await delay(5);
          return branch.run(echo, "a");
        },
      }),
  ],
  ["a timer in a race", (ctx) => ctx.race({ work: (branch) => branch.run(slowly, 10_000), late: () => delay(5) })],
  [
    "a native race that a foreign timer wins",
    async (ctx) => {
      await Promise.race([ctx.run(slowly, 10_000), delay(5)]);
      return ctx.run(echo, "a");
    },
  ],
  ["a native race that a foreign timer wins, at the end", (ctx) => Promise.race([ctx.run(slowly, 10_000), delay(5)])],
  [
    "a timer in a turn of a loop",
    (ctx) =>
      ctx.loop(0, async (_state, turn) => {
        await delay(1);
        await turn.run(echo, "a");
        return { kind: "done", result: 1 };
      }),
  ],
  ["a call from a callback", (ctx) => new Promise((resolve) => setTimeout(() => resolve(ctx.run(echo, "a")), 1))],
];

describe("a body that awaits", () => {
  test.each(foreign)("%s fails at once, on its first live execution", async (_what, body) => {
    const began = performance.now();
    const { code, message, runId } = await failureOf(body);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(code).toBe("runtime/foreign-await");
    expect(message).toContain(`of run ${runId}`);
    expect(message).toContain("body@1");
    expect(message).toContain("tool or ctx.step");
  });

  test("a promise that never settles, with nothing pending, fails at once", async () => {
    const { code } = await failureOf(() => new Promise(() => undefined));
    expect(code).toBe("runtime/foreign-await");
  });

  test("tells which call came too late, and from where", async () => {
    await using app = await open();
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await delay(1);
      return ctx.run(echo, "a");
    });
    const nested = workflow({ name: "nested" }, async (_input, ctx) => ctx.run(body, 0));
    const end = await (await app.start(nested, 0)).outcome();
    // Nothing was pending, so the body was stopped before its call.
    expect(end).toMatchObject({ status: "failed", failure: { code: "runtime/foreign-await", path: "0.0" } });
  });

  test("fails its own scope only: the caller may go on", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await delay(1);
      return ctx.run(echo, "a");
    });
    const careful = workflow({ name: "careful" }, async (_input, ctx) => {
      try {
        await ctx.run(body, 0);
      } catch {
        return ctx.run(echo, "went on");
      }
      return "";
    });
    await using app = await open();
    expect(await (await app.start(careful, 0)).result()).toBe("went on");
  });
});

describe("a ctx that leaves its body", () => {
  test("fails the run it belongs to and the one that calls it", async () => {
    let captured: Context | undefined;
    const owner = workflow({ name: "owner" }, async (_input, ctx) => {
      captured = ctx;
      await ctx.waitFor("never");
    });
    const thief = workflow({ name: "thief" }, async () => captured?.run(echo, "stolen"));
    const lab = new Lab();
    const { job: owned } = await lab.begin(owner, 0);
    const stolen = await lab.app.start(thief, 0);
    await lab.world.settle();
    for (const job of [owned, stolen])
      expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "runtime/foreign-await" } });
  });

  test("of a run that has ended fails only who calls it", async () => {
    let captured: Context | undefined;
    const owner = workflow({ name: "owner" }, (_input, ctx) => {
      captured = ctx;
      return "fine";
    });
    const thief = workflow({ name: "thief" }, async () => captured?.run(echo, "stolen"));
    const lab = new Lab();
    const { job: owned } = await lab.begin(owner, 0);
    const stolen = await lab.app.start(thief, 0);
    await lab.world.settle();
    expect(await owned.result()).toBe("fine");
    expect(await stolen.outcome()).toMatchObject({ failure: { code: "runtime/foreign-await" } });
  });

  test("a scope may not use its caller's ctx", async () => {
    const body = workflow({ name: "body" }, (_input, outer) => {
      const inner = workflow({ name: "inner" }, () => outer.run(echo, "captured"));
      return outer.run(inner, 0);
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "runtime/foreign-await" } });
  });
});

describe("pure promises are fine, and replay the same", () => {
  const asked = human({ name: "asked", output: z.string() });

  /** Runs a body up to a question, replays it in a new process, and gives both outputs. */
  async function twice(body: (ctx: Context) => Promise<unknown>): Promise<unknown> {
    const outputs: unknown[] = [];
    for (const crashing of [false, true]) {
      const lab = new Lab();
      const whole = workflow({ name: "body", uses: [echo, asked] }, async (_input, ctx) => {
        const output = await body(ctx);
        await ctx.run(asked, "?");
        return output;
      });
      const { life, job } = await lab.begin(whole, 0);
      await lab.world.advance(1_000);
      if (crashing) {
        life.crash();
        await lab.open([whole]);
        await lab.world.settle();
      }
      await lab.answer(job.runId, "go");
      outputs.push(await lab.app.job(job.runId).result());
    }
    expect(outputs[1]).toEqual(outputs[0]);
    return outputs[0];
  }

  test("Promise.all over calls", async () => {
    const both = (ctx: Context) => Promise.all([ctx.run(echo, "a"), ctx.sleep(5), ctx.run(echo, "b")]);
    expect(await twice(both)).toEqual(["a", null, "b"]);
  });

  test("Promise.race over calls", async () => {
    const race = (ctx: Context) => Promise.race([ctx.sleep(5), ctx.run(echo, "a"), ctx.run(echo, "b")]);
    expect(await twice(race)).toBe("a");
  });

  test("Promise.race over calls with chains of different length behind them", async () => {
    const after = async (work: Promise<string>, hops: number) => {
      const text = await work;
      for (let hop = 0; hop < hops; hop++) await Promise.resolve();
      return text;
    };
    const race = (ctx: Context) =>
      Promise.race([
        after(ctx.run(echo, "long"), 50),
        after(ctx.run(echo, "short"), 0),
        after(ctx.run(echo, "mid"), 9),
      ]);
    expect(await twice(race)).toBe("long");
  });

  test("Promise.any and allSettled, resolved promises and async functions of one's own", async () => {
    const mixed = async (ctx: Context) => {
      const any = await Promise.any([ctx.sleep(50).then(() => "slow"), ctx.run(echo, "any")]);
      const settled = await Promise.allSettled([ctx.run(echo, "s"), Promise.reject(new Error("no"))]);
      const own = async () => `${await Promise.resolve("own")} ${await ctx.run(echo, "call")}`;
      return [any, settled.map(({ status }) => status), await own()];
    };
    expect(await twice(mixed)).toEqual(["any", ["fulfilled", "rejected"], "own call"]);
  });
});
