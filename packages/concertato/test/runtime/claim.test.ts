/** `ctx.claim`: one run at a time holds a key, over processes and crashes; nobody waits in a circle. */
import { expect, test } from "vitest";
import { z } from "zod";
import { type Agent, type AgentFailure, type Context, done, next, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { failure } from "./lab.ts";

const plan = z.object({
  keys: z.array(z.string()),
  hold: z.number(),
  within: z.number().optional(),
  lease: z.number().optional(),
});

/** Claims keys one after the other, holds them for a while and tells when and with which tokens. */
const holder = workflow({ name: "holder", input: plan }, async ({ keys, hold, within, lease }, ctx) => {
  const tokens: number[] = [];
  for (const key of keys) {
    const claim = await ctx.claim(key, {
      ...(within === undefined ? {} : { within }),
      ...(lease === undefined ? {} : { lease }),
    });
    tokens.push(claim.token);
    await ctx.sleep(hold);
  }
  return { tokens, until: ctx.now() };
});
const forced = workflow({ name: "forced" }, async (_input, ctx) => {
  await ctx.claim("k");
  await ctx.waitFor("end");
});
/** Adds one to a register that only its key protects: reads, takes its time, writes. */
const registers = new Map<string, number>();
const adder = workflow(
  { name: "adder", input: z.object({ register: z.string(), times: z.number() }) },
  ({ register, times }, ctx) =>
    ctx.loop<number, number>(0, async (count, turn) => {
      if (count === times) return done(count);
      const claim = await turn.claim(register);
      const seen = await turn.step("read", () => registers.get(register) ?? 0, { effect: "read" });
      await turn.sleep(2);
      await turn.step("write", () => void registers.set(register, seen + 1), { effect: "write" });
      await claim.release();
      return next(count + 1);
    }),
);
const agents = [holder, forced, adder] as Agent[];

onBothStores("a claim", (place) => {
  test("is held by one run at a time; the next comes in its turn, with a larger token", async () => {
    const { app } = await place().open(agents, { warmBytes: 0 });
    const jobs = [];
    for (let count = 0; count < 4; count++) jobs.push(await app.start(holder, { keys: ["k"], hold: 30 }));
    await place().world.advance(20);
    const [, second] = jobs;
    expect((await app.describe(second?.runId ?? "")).run.waiting).toMatchObject([{ kind: "claim", name: "k" }]);
    await place().until("all are done", async () => (await app.runs({ status: "completed" })).length === 4);
    const ends = await Promise.all(jobs.map((job) => job.result()));
    const sorted = ends.toSorted((a, b) => a.until - b.until);
    for (let index = 1; index < 4; index++) {
      expect((sorted[index]?.until ?? 0) - (sorted[index - 1]?.until ?? 0)).toBeGreaterThanOrEqual(30);
      expect(sorted[index]?.tokens[0]).toBeGreaterThan(sorted[index - 1]?.tokens[0] ?? 0);
    }
    expect(place().world.reports).toEqual([]);
  });

  test("is of one tenant: another's key of the same name is another", async () => {
    const { app } = await place().open(agents);
    await app.start(forced, undefined);
    const other = await app.start(holder, { keys: ["k"], hold: 0 }, { tenant: "other" });
    await place().until("it has it", async () => (await place().row(other.runId)).status === "completed");
  });

  test("is freed by release, and by the end of the body, branch or turn that made it", async () => {
    const inner = workflow({ name: "inner" }, async (_input, ctx) => {
      await ctx.claim("k");
      await ctx.sleep(1);
    });
    const body = workflow({ name: "body", uses: [inner] }, async (_input, ctx) => {
      await ctx.run(inner);
      await ctx.all({ left: (branch) => branch.claim("k"), right: (branch) => branch.sleep(3) });
      await ctx.loop(0, async (count, turn) => {
        await turn.claim("k");
        await turn.sleep(1);
        return count === 2 ? done(0) : next(count + 1);
      });
      const claim = await ctx.claim("k");
      await claim.release();
      await claim.release();
      await ctx.claim("k");
      return "held at the end";
    });
    const { app } = await place().open([body as Agent]);
    const first = await app.start(body, undefined);
    await place().until("it went through", async () => (await place().row(first.runId)).status === "completed");
    const second = await app.start(body, undefined);
    await place().until("and again", async () => (await place().row(second.runId)).status === "completed");
  });

  test("is freed when its run is cancelled", async () => {
    const { app } = await place().open(agents, { warmBytes: 0 });
    const first = await app.start(forced, undefined);
    await place().world.advance(50);
    const second = await app.start(holder, { keys: ["k"], hold: 0 });
    await place().world.advance(50);
    await app.cancel(first.runId);
    await place().until("the next has it", async () => (await place().row(second.runId)).status === "completed");
  });

  test("that was not granted in time fails and leaves the queue", async () => {
    const { app } = await place().open(agents, { warmBytes: 0 });
    const first = await app.start(forced, undefined);
    await place().world.advance(50);
    const hasty = await app.start(holder, { keys: ["k"], hold: 0, within: 100 });
    const patient = await app.start(holder, { keys: ["k"], hold: 0 });
    await place().until("it gave up", async () => (await place().row(hasty.runId)).status === "failed");
    expect((await failure(hasty.result())).code).toBe("agent/timeout");
    await app.signal(first.runId, "end");
    await place().until("the other has it", async () => (await place().row(patient.runId)).status === "completed");
  });

  test("with a lease lets the next in when the lease is over, and not before", async () => {
    const { app } = await place().open(agents, { warmBytes: 0 });
    const long = await app.start(holder, { keys: ["k"], hold: 2_000, lease: 500 });
    await place().world.advance(50);
    const second = await app.start(holder, { keys: ["k"], hold: 0 });
    await place().world.advance(400);
    expect((await place().row(second.runId)).status).toBe("waiting");
    await place().until("the lease is over", async () => (await place().row(second.runId)).status === "completed");
    expect((await place().row(long.runId)).status).toBe("waiting");
    const [later] = (await second.result()).tokens;
    await place().world.advance(2_000);
    expect(later).toBeGreaterThan((await long.result()).tokens[0] ?? 0);
  });

  test("that would close a circle of waiting runs fails, naming the circle; the others go on", async () => {
    const { app } = await place().open(agents, { warmBytes: 0 });
    const runs = [
      await app.start(holder, { keys: ["a", "b"], hold: 20 }),
      await app.start(holder, { keys: ["b", "c"], hold: 20 }),
      await app.start(holder, { keys: ["c", "a"], hold: 20 }),
    ];
    await place().until("all have ended", async () => {
      for (const { runId } of runs)
        if ((await place().row(runId)).wake !== null || (await place().row(runId)).status === "waiting") return false;
      return true;
    });
    const ends = await Promise.all(runs.map((run) => run.outcome()));
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["completed", "completed", "failed"]);
    const failed = ends.find((end) => end.status === "failed") as { failure: AgentFailure["record"] };
    expect(failed.failure.code).toBe("claim/deadlock");
    const { cycle } = failed.failure.details as { cycle: { run: string; holder: string }[] };
    expect(cycle).toHaveLength(3);
    for (const [index, { holder: next_ }] of cycle.entries()) expect(cycle[(index + 1) % 3]?.run).toBe(next_);
  });

  test("branches of one run wait for each other", async () => {
    const item = workflow({ name: "item", input: z.number() }, async (n, ctx) => {
      await ctx.claim("k");
      await ctx.sleep(10);
      return n;
    });
    const body = workflow({ name: "body", uses: [item] }, async (_input, ctx) => {
      const began = ctx.now();
      await ctx.map([1, 2, 3], item);
      return ctx.now() - began;
    });
    const { app } = await place().open([body as Agent]);
    const job = await app.start(body, undefined);
    await place().until("it is done", async () => (await place().row(job.runId)).status === "completed");
    expect(await job.result()).toBeGreaterThanOrEqual(30);
  });

  const claims = (name: string, keys: readonly string[], hold: number) =>
    workflow({ name }, async (_input, ctx) => {
      for (const key of keys) {
        await ctx.claim(key);
        await ctx.sleep(hold);
      }
      return keys;
    });

  test("of two branches that do not wait for each other are not refused, though their runs wait for each other", async () => {
    const both = workflow({ name: "both" }, (_input, ctx) =>
      ctx.all({
        x: async (b) => {
          await b.claim("a");
          await b.sleep(200);
          return "x";
        },
        y: async (b) => {
          await b.sleep(50);
          await b.claim("b");
          return "y";
        },
      }),
    );
    const other = claims("other", ["b", "a"], 100);
    const { app } = await place().open([both, other]);
    const [one, two] = [await app.start(both, undefined), await app.start(other, undefined)];
    await place().until("both are done", async () => {
      const rows = await Promise.all([one, two].map(({ runId }) => place().row(runId)));
      return rows.every(({ status }) => status === "completed" || status === "failed");
    });
    expect(await one.outcome()).toEqual({ status: "completed", output: { x: "x", y: "y" } });
    expect(await two.outcome()).toEqual({ status: "completed", output: ["b", "a"] });
  });

  test("of a body that waits for what it calls are refused where that closes a circle, over two processes", async () => {
    const inner = claims("inner", ["b"], 10);
    const outer = workflow({ name: "outer", uses: [inner] }, async (_input, ctx) => {
      await ctx.claim("a");
      await ctx.sleep(100);
      return ctx.run(inner);
    });
    const other = claims("other", ["b", "a"], 100);
    const [first, second] = [await place().open([outer, inner, other]), await place().open([outer, inner, other])];
    const jobs = [await first.app.start(outer, undefined), await second.app.start(other, undefined)];
    await place().until("both have ended", async () => {
      const rows = await Promise.all(jobs.map(({ runId }) => place().row(runId)));
      return rows.every(({ status }) => status === "completed" || status === "failed");
    });
    const ends = await Promise.all(jobs.map((job) => job.outcome()));
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["completed", "failed"]);
    expect(ends.find(({ status }) => status === "failed")).toMatchObject({ failure: { code: "claim/deadlock" } });
  });

  test("of branches of one run that wait for each other for ever are refused", async () => {
    const branch = (b: Context, keys: readonly [string, string]) =>
      b
        .claim(keys[0])
        .then(() => b.sleep(50))
        .then(() => b.claim(keys[1]))
        .then(() => keys.join(""));
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.settle({ x: (b) => branch(b, ["a", "b"]), y: (b) => branch(b, ["b", "a"]) }),
    );
    const { app } = await place().open([body]);
    const job = await app.start(body, undefined);
    await place().until("it has ended", async () => (await place().row(job.runId)).status === "completed");
    const ends = Object.values((await job.result()) as Record<string, { status: string; code?: string }>);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["completed", "failed"]);
    expect(ends.find(({ status }) => status === "failed")?.code).toBe("claim/deadlock");
  });

  test("of concurrent parts of one body, which no address tells apart, are not refused", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const part = async (key: string) => {
        const claim = await ctx.claim(key);
        await ctx.sleep(50);
        await claim.release();
      };
      await Promise.all([part("a"), part("b"), part("a"), part("b")]);
    });
    const { app } = await place().open([body]);
    const job = await app.start(body, undefined);
    await place().until("it has ended", async () => (await place().row(job.runId)).status === "completed");
  });

  test("keeps what it protects whole, whichever of several processes dies when", async () => {
    for (let round = 0; round < 4; round++) {
      const register = `register ${round} ${Math.random()}`;
      const open = () => place().open(agents, { warmBytes: round % 2 === 0 ? 0 : 1_000_000 });
      const processes = [await open(), await open(), await open()];
      const jobs: string[] = [];
      for (const { app } of processes) jobs.push((await app.start(adder, { register, times: 6 })).runId);
      let turn = 0;
      await place().until("all have ended", async () => {
        if (++turn % (11 + round) === 0 && turn < 150) {
          const victim = turn % 3;
          await processes[victim]?.crash();
          processes[victim] = await open();
        }
        for (const runId of jobs) if ((await place().row(runId)).status !== "completed") return false;
        return true;
      });
      expect(registers.get(register)).toBe(18);
      for (const process of processes) await process.close();
    }
  });
});
