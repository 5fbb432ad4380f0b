/** A replay runs the code again on the whole journal, does nothing, writes nothing, and says where they part. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type Agent,
  type Context,
  done,
  history,
  human,
  next,
  type ReplayReport,
  tool,
  workflow,
} from "../../src/index.ts";
import { Counts, Lab } from "./lab.ts";

const counts = new Counts();
const look = tool({
  name: "look",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: async (text) => {
    counts.add("look");
    return text.toUpperCase();
  },
});
const pay = tool({
  name: "pay",
  description: "",
  input: z.number(),
  output: z.string(),
  execute: async (usd, { idempotencyKey }) => {
    counts.add("pay");
    return `${usd} ${idempotencyKey}`;
  },
});
const boss = human({ name: "boss", output: z.string() });
const nested = workflow({ name: "nested", uses: [look, pay] }, async (input: unknown, ctx) => {
  const text = await ctx.run(look, String(input));
  return ctx.run(pay, text.length);
});
const waiting = workflow({ name: "waiting", uses: [boss] }, (input: unknown, ctx) => ctx.run(boss, input));
const pure = workflow({ name: "pure" }, (input: unknown) => `pure ${String(input)}`);

/** A bit of everything. */
const everything: Body = async (ctx) => {
  const both = await ctx.all({
    first: (branch) => branch.run(look, "a"),
    second: (branch) => branch.run(nested, "bb"),
  });
  const won = await ctx.race({
    slow: (branch) => branch.sleep("1h"),
    fast: (branch) => branch.step("fast", () => 1, { effect: "read" }),
  });
  const items = await ctx.map(["x", "y", "z"], nested, { concurrency: 2 });
  const settled = await ctx.map([1, 2], waiting, { join: "settle" });
  const total = await ctx.loop({ list: history<number>(), sum: 0 }, async ({ list, sum }, turn) => {
    const add = await turn.step("add", () => list.length, { effect: "read" });
    if (list.length === 4) return done([...list, sum]);
    return next({ list: list.append(add), sum: sum + add });
  });
  const child = await ctx.start(pure, "child");
  await ctx.sleep("1m");
  ctx.emit("almost", { total });
  const ended = await child.outcome();
  const lost = await ctx.step("fails", () => Promise.reject(new Error("no")), { effect: "read" }).catch(String);
  const patched = ctx.patched("new") ? await ctx.run(pure, "patched") : "old";
  return { both, won, items, settled, total, ended, lost, patched, id: ctx.id(), now: ctx.now(), random: ctx.random() };
};

type Body = (ctx: Context) => Promise<unknown>;

const desk = (body: Body, version = 1): Agent<number> =>
  workflow({ name: "desk", version, uses: [look, pay, boss, nested, waiting, pure] }, (_input: unknown, ctx) =>
    body(ctx),
  );

/** A run of everything, to its end. */
async function finished(body: Body = everything) {
  const lab = new Lab();
  const { job, life } = await lab.begin(desk(body), 0, { warmBytes: 0 });
  for (let rounds = 0; rounds < 5; rounds++) {
    for (const { waitId, kind } of await lab.waits(job.runId)) {
      if (kind === "answer") await lab.app.answer(job.runId, waitId, `yes ${waitId}`);
      await lab.world.settle();
    }
    await lab.world.advance(60_000);
  }
  expect(await job.outcome()).toMatchObject({ status: "completed" });
  return { lab, job, life };
}

describe("a replay with the same code", () => {
  test("of a finished run, with finished scopes, says same, does nothing and writes nothing", async () => {
    const { lab, job } = await finished();
    const done = [counts.of("look"), counts.of("pay")];
    const before = JSON.stringify([lab.journal(job.runId), await lab.app.runs()]);
    await lab.world.advance(86_400_000);
    expect(await lab.app.replay(job.runId)).toEqual({
      runId: job.runId,
      agent: "desk@1",
      status: "same",
      entries: lab.journal(job.runId).length,
      warnings: [],
    });
    expect([counts.of("look"), counts.of("pay")]).toEqual(done);
    expect(JSON.stringify([lab.journal(job.runId), await lab.app.runs()])).toBe(before);
  });

  test("of every beginning of it says same", async () => {
    const { lab, job } = await finished();
    for (let at = 1; at < lab.journal(job.runId).length; at++) {
      const fork = await lab.app.fork(job.runId, { at });
      expect(await lab.app.replay(fork.runId)).toMatchObject({ status: "same", warnings: [] });
      await lab.world.settle();
      expect(await fork.result()).toEqual(await job.result());
      expect(await lab.app.replay(fork.runId)).toMatchObject({ status: "same", warnings: [] });
    }
  });

  test("of a run under way says same, at every step", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(desk(everything), 0);
    for (let rounds = 0; rounds < 8; rounds++) {
      expect(await lab.app.replay(job.runId)).toMatchObject({ status: "same", warnings: [] });
      for (const { waitId, kind } of (await lab.waits(job.runId)).slice(0, 1)) {
        if (kind === "answer") await lab.app.answer(job.runId, waitId, "yes");
      }
      await lab.world.advance(20_000);
    }
    expect(lab.row(job.runId).status).toBe("completed");
  });

  test("of a fork with another state says same: what was put in counts", async () => {
    const body: Body = (ctx) =>
      ctx.loop({ sum: 0 }, async ({ sum }, turn) => {
        const add = await turn.step("add", () => 1, { effect: "read" });
        return sum > 2 ? done(sum) : next({ sum: sum + add });
      });
    const lab = new Lab();
    const { job } = await lab.begin(desk(body), 0);
    const turn = lab.journal(job.runId).find(({ kind }) => kind === "loop-advanced");
    const fork = await lab.app.fork(job.runId, { at: turn?.seq ?? 0, state: { sum: 50 } });
    await lab.world.settle();
    expect(await fork.result()).toBe(50);
    expect(await lab.app.replay(fork.runId)).toMatchObject({ status: "same", warnings: [] });
  });

  test("of forks in which something was undone says same, though the failure names the run it happened in", async () => {
    const take = tool({ name: "take", description: "", effect: "write", execute: () => undefined });
    const inVain = workflow({ name: "in-vain", uses: [take] }, async (_input, ctx) => {
      await ctx.compensate(take);
      throw new Error(`in vain in ${ctx.runId}`);
    });
    const caught = workflow({ name: "caught", uses: [inVain] }, (_input, ctx) =>
      ctx.run(inVain, 0).catch((error: unknown) => String((error as Error).message)),
    );
    for (const body of [caught, inVain]) {
      const lab = new Lab();
      const { life, job } = await lab.begin(body as Agent<unknown>, 0);
      for (let at = 1; at <= lab.row(job.runId).seq; at++) {
        const fork = await life.app.fork(job.runId, { at });
        await lab.world.settle();
        expect((await fork.outcome()).status).toBe(body === caught ? "completed" : "failed");
        expect(await life.app.replay(fork.runId)).toMatchObject({ status: "same" });
      }
    }
  });

  test("of what a losing branch did after a crash, before it was told that it had lost, says same", async () => {
    const items = [0, 1, 2, 3, 4];
    const body = workflow({ name: "body", uses: [look, nested] }, (_input, ctx: Context) =>
      ctx.race({
        map: (branch) => branch.map(items.map(String), look, { concurrency: 2 }),
        scopes: (branch) => branch.map(items, nested, { concurrency: 2 }),
        won: (branch) => branch.step("fast", () => 1, { effect: "read" }),
      }),
    );
    for (let crash = 1; crash < 16; crash++) {
      const lab = new Lab();
      const first = await lab.open([body], { crashAfter: crash });
      const job = await first.app.start(body, undefined);
      await lab.world.settle();
      first.crash();
      const { app } = await lab.open([body]);
      await lab.world.settle();
      expect(await app.replay(job.runId), `crash after ${crash}`).toMatchObject({ status: "same" });
    }
  });

  test("of forks says same where a loop's history names the run it happened in", async () => {
    const body = workflow({ name: "body" }, (_input, ctx: Context) =>
      ctx.loop({ said: history<string>(), sum: 0 }, async ({ said, sum }, turn) => {
        const add = await turn.step("add", () => 1, { effect: "read" });
        if (sum === 5) return done([...said]);
        // From time to time what was said is summarised: the history begins anew.
        const kept = sum === 3 ? history([`summary of ${said.length}`]) : said;
        return next({ said: kept.append(`${turn.runId} ${sum}`), sum: sum + add });
      }),
    );
    const lab = new Lab();
    const { life, job } = await lab.begin(body, undefined);
    for (let at = 1; at <= lab.row(job.runId).seq; at++) {
      const fork = await life.app.fork(job.runId, { at });
      await lab.world.settle();
      expect(await fork.result()).toHaveLength(3);
      const { status, firstDivergence } = await life.app.replay(fork.runId);
      expect({ status, firstDivergence }, `fork at ${at}`).toEqual({ status: "same", firstDivergence: undefined });
    }
  });

  test("of a losing branch that was given up before it began to undo says same", async () => {
    const vain = workflow({ name: "vain", uses: [look] }, async (_input, ctx) => {
      await ctx.compensate(look, "a");
      throw new Error("in vain");
    });
    const body = workflow({ name: "body", uses: [vain] }, (_input, ctx: Context) =>
      ctx.race({
        won: (branch) => branch.step("fast", () => 1, { effect: "read" }),
        vain: (branch) => branch.run(vain).catch(() => branch.sleep("1h")),
      }),
    );
    const lab = new Lab();
    const { life, job } = await lab.begin(body, undefined);
    expect(lab.kinds(job.runId)).not.toContain("compensating");
    expect(await life.app.replay(job.runId)).toMatchObject({ status: "same" });
  });

  test("of runs that failed, were cancelled or are tools says same", async () => {
    const lab = new Lab();
    await lab.open([]);
    const failing = desk(async (ctx) => {
      await ctx.run(look, "a");
      throw new Error("bug");
    });
    const failed = await lab.app.start(failing, 0);
    const leaf = await lab.app.start(pay, 3);
    const asked = await lab.app.start(boss, "?");
    const cancelled = await lab.app.start(waiting, "?");
    await lab.world.settle();
    await lab.app.cancel(cancelled.runId);
    await lab.world.settle();
    for (const { runId } of [failed, leaf, asked, cancelled])
      expect(await lab.app.replay(runId)).toMatchObject({ status: "same" });
  });
});

interface Change {
  readonly what: string;
  readonly to: Body;
  readonly path: string;
  readonly recorded: string;
  readonly found: string;
}

const original: Body = async (ctx) => {
  const text = await ctx.run(look, "a");
  const inner = await ctx.run(nested, "bb");
  return [text, inner, await ctx.run(pure, "c")];
};
const renamed = workflow({ name: "nested", uses: [look] }, async (_input: unknown, ctx) => ctx.run(look, "only"));

const changes: readonly Change[] = [
  {
    what: "another agent",
    to: async (ctx) => [await ctx.run(pay, 1), await ctx.run(nested, "bb"), await ctx.run(pure, "c")],
    path: "0.0",
    recorded: "run look@1",
    found: "run pay@1",
  },
  {
    what: "another version of an agent",
    to: async (ctx) => [await ctx.run({ ...look, version: 2 }, "a")],
    path: "0.0",
    recorded: "run look@1",
    found: "run look@2",
  },
  {
    what: "one operation more, in between",
    to: async (ctx) => [await ctx.run(look, "a"), await ctx.sleep(1), await ctx.run(nested, "bb")],
    path: "0.1",
    recorded: "run nested@1",
    found: "sleep",
  },
  {
    what: "one operation less",
    to: async (ctx) => [await ctx.run(look, "a"), await ctx.run(nested, "bb")],
    path: "0.2",
    recorded: "run pure@1",
    found: "the end of the body",
  },
  {
    what: "a change inside a scope that is finished",
    to: async (ctx) => [await ctx.run(look, "a"), await ctx.run(renamed, "bb"), await ctx.run(pure, "c")],
    path: "0.1.1",
    recorded: "run pay@1",
    found: "the end of the body",
  },
  {
    what: "one operation more, at the end",
    to: async (ctx) => {
      const output = await original(ctx);
      await ctx.run(look, "more");
      return output;
    },
    path: "0.3",
    recorded: "the end of the run",
    found: "run look@1",
  },
  {
    what: "another output",
    to: async (ctx) => [...((await original(ctx)) as unknown[]), "more"],
    path: "0",
    recorded: 'completed: ["A","2 run_virtual000001/1.0/0.1.1","pure c"]',
    found: 'completed: ["A","2 run_virtual000001/1.0/0.1.1","pure c","more"]',
  },
  {
    what: "a failure",
    to: async (ctx) => {
      await original(ctx);
      throw new Error("bug");
    },
    path: "0",
    recorded: 'completed: ["A","2 run_virtual000001/1.0/0.1.1","pure c"]',
    found: "failed: bug",
  },
  {
    what: "something awaited that is not ctx",
    to: async (ctx) => {
      await ctx.run(look, "a");
      await new Promise(setImmediate);
      return ctx.run(nested, "bb");
    },
    path: "0.1",
    recorded: "run nested@1",
    found: "the end of the body",
  },
];

describe("a replay with", () => {
  test.each(changes)("$what says where it parts, and from what", async ({ to, path, recorded, found }) => {
    const { lab, job } = await finished(original);
    const report = await lab.app.replay(job.runId, { agents: [desk(to) as Agent] });
    expect(report).toMatchObject({ status: "diverged", firstDivergence: { path, recorded, found } });
    // The app's own agents are as they were.
    expect(await lab.app.replay(job.runId)).toMatchObject({ status: "same" });
    expect(lab.row(job.runId).status).toBe("completed");
  });

  test("another operation shows those around it like a diff, and where the code asks for it", async () => {
    const { lab, job } = await finished(original);
    const { firstDivergence } = await lab.app.replay(job.runId, {
      agents: [desk(changes[2]?.to ?? original) as Agent],
    });
    expect(firstDivergence?.excerpt).toEqual([
      { mark: " ", seq: 2, path: "0.0", operation: "run look@1" },
      { mark: "-", seq: 3, path: "0.1", operation: "run nested@1" },
      { mark: "+", path: "0.1", operation: "sleep" },
      { mark: " ", seq: 4, path: "0.1.0", operation: "run look@1" },
      { mark: " ", seq: 5, path: "0.1.1", operation: "run pay@1" },
    ]);
    expect(firstDivergence?.stack[0]).toContain("replay-run.test.ts");
  });

  test("another input, output or state inside warns: the recorded value counts", async () => {
    const counting =
      (step: number): Body =>
      async (ctx) => {
        const text = await ctx.run(look, `a${step > 1 ? "!" : ""}`);
        const inner = await ctx.run(
          workflow({ name: "computes" }, () => step),
          0,
        );
        const sum = await ctx.loop(0, async (sum: number) => (sum > 3 ? done(sum) : next(sum + step)));
        return [text, inner, sum];
      };
    const { lab, job } = await finished(counting(1));
    const report = await lab.app.replay(job.runId, { agents: [desk(counting(2)) as Agent] });
    expect(report.status).toBe("same");
    expect(report.warnings.map(({ path, what }) => [path, what])).toEqual([
      ["0.0", "input"],
      ["0.1", "output"],
      ["0.2", "state"],
      ["0.2", "state"],
      ["0.2", "state"],
      ["0.2", "state"],
    ]);
  });
});

describe("before a deployment", () => {
  test("all runs under way are replayed with the new code, and those that would part are named", async () => {
    const lab = new Lab();
    const old = desk(async (ctx) => ctx.run(boss, await ctx.run(look, "a")));
    const { job } = await lab.begin(old, 0);
    const early = await lab.app.start(old, 0);
    const other = await lab.app.start(waiting, 0);
    const ended = await lab.app.start(pure, 0);
    await lab.world.settle();
    const changed = desk(async (ctx) => ctx.run(boss, await ctx.run(pure, "a")));
    const named = (reports: readonly ReplayReport[]) => reports.map(({ runId, status }) => [runId, status]);
    expect(named(await lab.app.replayAll({ agents: [changed as Agent] }))).toEqual([
      [other.runId, "same"],
      [early.runId, "diverged"],
      [job.runId, "diverged"],
    ]);
    expect(named(await lab.app.replayAll({ agent: "waiting" }))).toEqual([[other.runId, "same"]]);
    expect(named(await lab.app.replayAll({ status: "completed" }))).toEqual([[ended.runId, "same"]]);
  });

  test("a run whose agent is not there, or whose journal is damaged, is incomplete", async () => {
    const { lab, job } = await finished(original);
    const stranger = await lab.open([]);
    expect(await stranger.app.replay(job.runId)).toMatchObject({
      status: "incomplete",
      failure: { code: "run/no-agent" },
    });
    await expect(lab.app.replay("run_none")).rejects.toMatchObject({ code: "run/not-found" });
  });
});
