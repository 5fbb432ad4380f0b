/** Budgets: reserved before, settled after, narrowed on every call; what is used up stops with a report, or asks a person. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, ConcertatoError, done, human, next, tool, workflow } from "../../src/index.ts";
import { failure, gate, Lab } from "./lab.ts";

const usd = (amount: number) => ({ amount, currency: "USD" }) as const;

/** Costs what it is told to, and says so before where `reserves` is given. */
function spender(name: string, reserves?: number) {
  const started: number[] = [];
  const agent = tool({
    name,
    description: "",
    effect: "read",
    input: z.number(),
    output: z.number(),
    ...(reserves === undefined ? {} : { reserve: () => ({ usd: reserves }) }),
    execute: (amount, attempt) => {
      started.push(amount);
      attempt.usage({ inputTokens: 10, cost: usd(amount) });
      return amount;
    },
  });
  return { agent, started };
}

describe("a budget of money", () => {
  test("lets what fits begin and stops the run before what does not, with a report", async () => {
    const lab = new Lab(0);
    const { agent: pay, started } = spender("pay", 0.4);
    const flow = workflow({ name: "flow", uses: [pay] }, async (_input, ctx) => {
      for (;;) await ctx.run(pay, 0.4);
    });
    const { job } = await lab.begin(flow, 0, { budget: { usd: 1 } });
    expect(started).toHaveLength(2);
    expect(await job.outcome()).toMatchObject({
      status: "stopped",
      reason: "budget",
      failure: { code: "policy/budget-exceeded", path: "0" },
      report: {
        path: "0",
        limit: { usd: 1 },
        spent: { inputTokens: 20, cost: usd(0.8), steps: 2 },
        top: [{ path: "0.0" }, { path: "0.1" }],
        open: ["0.2"],
      },
    });
    expect(await lab.app.find(job.runId)).toMatchObject({ status: "stopped", failure: "policy/budget-exceeded" });
  });

  test("branches side by side cannot overspend together; one that does not fit now waits for what comes back", async () => {
    const lab = new Lab(0);
    let running = 0;
    let most = 0;
    const slow = tool({
      name: "slow",
      description: "",
      effect: "read",
      input: z.number(),
      reserve: () => ({ usd: 0.5 }),
      execute: async (_n, attempt) => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => lab.world.timer(10, resolve));
        running--;
        attempt.usage({ cost: usd(0.1) });
      },
    });
    const flow = workflow({ name: "flow", uses: [slow] }, (_input, ctx) => ctx.map([1, 2, 3, 4, 5], slow));
    const { job } = await lab.begin(flow, 0, { budget: { usd: 1 } });
    await lab.world.advance(100);
    expect((await job.outcome()).status).toBe("completed");
    expect(most).toBe(2);
    expect((await lab.app.find(job.runId))?.usage).toEqual({ cost: usd(0.5), steps: 5 });
  });

  test("work that declares no estimate begins while something is left", async () => {
    const lab = new Lab(0);
    const { agent: pay, started } = spender("pay");
    const flow = workflow({ name: "flow", uses: [pay] }, async (_input, ctx) => {
      for (;;) await ctx.run(pay, 0.5);
    });
    const { job } = await lab.begin(flow, 0, { budget: { usd: 1 } });
    expect(started).toHaveLength(2);
    expect((await job.outcome()).status).toBe("stopped");
  });

  test("pure work spends nothing and goes on when nothing is left", async () => {
    const lab = new Lab(0);
    const flow = workflow({ name: "flow" }, (_input, ctx) => ctx.step("add", () => 2, { effect: "pure" }));
    const { job } = await lab.begin(flow, 0, { budget: { usd: 0, tokens: 0 } });
    expect(await job.result()).toBe(2);
  });

  test("retries count, each of them", async () => {
    const lab = new Lab(0);
    let attempts = 0;
    const flaky = tool({
      name: "flaky",
      description: "",
      effect: "read",
      retry: { attempts: 10, backoff: 1 },
      execute: (_input, attempt) => {
        attempts++;
        attempt.usage({ cost: usd(0.3) });
        throw new Error("busy");
      },
    });
    const { job } = await lab.begin(flaky, undefined, { budget: { usd: 1 } });
    await lab.world.advance(10_000);
    expect(attempts).toBe(4);
    expect(await job.outcome()).toMatchObject({ status: "stopped", report: { spent: { cost: usd(1.2), steps: 4 } } });
  });

  test("a call's own budget is a failure its caller may catch; the caller's is not", async () => {
    const lab = new Lab(0);
    const { agent: pay } = spender("pay", 0.4);
    const greedy = workflow({ name: "greedy", uses: [pay] }, async (_input, ctx) => {
      for (;;) await ctx.run(pay, 0.4);
    });
    const flow = workflow({ name: "flow", uses: [greedy] }, async (_input, ctx) => {
      const caught: string[] = [];
      for (let n = 0; n < 5; n++) {
        await ctx.run(greedy, 0, { budget: { usd: 0.5 } }).catch((error: unknown) => {
          caught.push(ConcertatoError.is(error) ? error.code : "?");
        });
      }
      return caught;
    });
    const rich = await lab.begin(flow, 0, { budget: { usd: 10 } });
    expect(await rich.job.result()).toEqual(new Array(5).fill("policy/budget-exceeded"));
    const tree = await lab.app.describe(rich.job.runId);
    expect(tree.tree.children[0]).toMatchObject({ status: "stopped", budget: { limits: { usd: 0.5 } } });
    const poor = await lab.app.start(flow, 0, { budget: { usd: 1 } });
    await lab.world.settle();
    expect(await poor.outcome()).toMatchObject({ status: "stopped", report: { path: "0", spent: { cost: usd(0.8) } } });
  });

  test("an agent's own budget holds, and the edge of a call makes it smaller", async () => {
    const lab = new Lab(0);
    const { agent: pay, started } = spender("pay", 0.1);
    const thrifty = workflow({ name: "thrifty", uses: [pay], budget: { usd: 0.3 } }, async (_input, ctx) => {
      for (;;) await ctx.run(pay, 0.1);
    });
    const flow = workflow({ name: "flow", uses: [thrifty] }, async (_input, ctx) => {
      await ctx.run(thrifty, 0).catch(() => undefined);
      const first = started.length;
      await ctx.run(thrifty, 0, { budget: { usd: 0.2 } }).catch(() => undefined);
      return [first, started.length - first];
    });
    expect(await (await lab.begin(flow, 0)).job.result()).toEqual([3, 2]);
  });

  test("a tool's own budget holds over its attempts, also after a crash", async () => {
    const lab = new Lab(0);
    let attempts = 0;
    const flaky = tool({
      name: "flaky",
      description: "",
      effect: "read",
      retry: { attempts: 10, backoff: 100 },
      execute: () => {
        attempts++;
        throw new Error("busy");
      },
    });
    const flow = workflow({ name: "flow", uses: [flaky] }, (_input, ctx) =>
      ctx.run(flaky, undefined, { budget: { steps: 3 } }),
    );
    const { life, job } = await lab.begin(flow, 0);
    await lab.world.advance(50);
    life.crash();
    const second = await lab.open([flow as Agent]);
    await lab.world.advance(10_000);
    expect(attempts).toBe(3);
    expect(await second.app.job(job.runId).outcome()).toMatchObject({
      status: "stopped",
      reason: "steps",
      failure: { code: "policy/steps-exceeded", path: "0.0" },
    });
  });

  test("items of a map each get what its edge hands over", async () => {
    const lab = new Lab(0);
    const { agent: pay } = spender("pay", 0.4);
    const twice = workflow({ name: "twice", uses: [pay], input: z.number() }, async (times, ctx) => {
      for (let n = 0; n < times; n++) await ctx.run(pay, 0.4);
      return times;
    });
    const flow = workflow({ name: "flow", uses: [twice] }, (_input, ctx) =>
      ctx.map([1, 2, 3], twice, { join: "settle", edge: { budget: { usd: 1 } } }),
    );
    const { job } = await lab.begin(flow, 0);
    expect(await job.result()).toMatchObject([
      { status: "completed" },
      { status: "completed" },
      { status: "failed", code: "policy/budget-exceeded" },
    ]);
  });
});

describe("an edge", () => {
  const leaf = workflow({ name: "leaf" }, () => 1);

  test.each([
    [{ usd: 2 }, "usd"],
    [{ tokens: 101 }, "tokens"],
    [{ steps: 11 }, "steps"],
    [{ turns: 11 }, "turns"],
  ] as const)("that would widen is refused and names both: %j", async (budget, limit) => {
    const lab = new Lab(0);
    const flow = workflow({ name: "flow", uses: [leaf] }, (_input, ctx) => ctx.run(leaf, 0, { budget }));
    const { job } = await lab.begin(flow, 0, { budget: { usd: 1, tokens: 100, steps: 10, turns: 10 } });
    const thrown = await failure(job.result());
    expect(thrown.code).toBe("policy/edge-widens");
    expect(thrown.details).toMatchObject({ limit, aroundPath: "0", path: "0.0" });
  });

  test.each([
    { budget: { usd: -1 } },
    { budget: { tokens: 1.5 } },
    { depth: -1 },
    { atRisk: 2 },
    { deadline: new Date(Number.NaN) },
  ])("that is no limit is refused: %j", async (edge) => {
    const lab = new Lab(0);
    const life = await lab.open([leaf]);
    expect((await failure(life.app.start(leaf, 0, edge))).code).toBe("policy/edge-invalid");
  });

  test("limits the depth of calls, 32 where nothing else is said", async () => {
    const lab = new Lab(0);
    let deepest = 0;
    const recursive: Agent<number, number> = workflow({ name: "recursive", input: z.number() }, (level, ctx) => {
      deepest = Math.max(deepest, level);
      return ctx.run(recursive, level + 1);
    });
    const endless = await lab.begin(recursive, 0);
    expect(await endless.job.outcome()).toMatchObject({
      status: "stopped",
      reason: "depth",
      failure: { code: "policy/depth-exceeded" },
    });
    expect(deepest).toBe(32);
    deepest = 0;
    const shallow = await lab.app.start(recursive, 0, { depth: 3 });
    await lab.world.settle();
    expect(await shallow.outcome()).toMatchObject({ reason: "depth", failure: { details: { depth: 3 } } });
    expect(deepest).toBe(3);
  });
});

describe("a budget that asks", () => {
  const flowOf = (started: number[]) => {
    const pay = tool({
      name: "pay",
      description: "",
      effect: "read",
      input: z.number(),
      reserve: () => ({ usd: 0.4 }),
      execute: (n, attempt) => {
        started.push(n);
        attempt.usage({ cost: usd(0.4) });
      },
    });
    return workflow({ name: "flow", uses: [pay] }, async (_input, ctx) => {
      for (let n = 0; n < 4; n++) await ctx.run(pay, n);
      return "done";
    });
  };
  const asking = { budget: { usd: 1 }, onExhausted: "ask" } as const;

  test("waits with its report until a person raises it, also over crashes, and the journal has who", async () => {
    for (const warmBytes of [0, 1_000_000]) {
      const lab = new Lab(0);
      const started: number[] = [];
      const flow = flowOf(started);
      const { life, job } = await lab.begin(flow, 0, { ...asking, warmBytes });
      expect(started).toEqual([0, 1]);
      life.crash();
      const second = await lab.open([flow as Agent], { warmBytes });
      await lab.world.settle();
      const [question] = await second.app.waiting();
      expect(question).toMatchObject({
        kind: "budget",
        runId: job.runId,
        request: { reason: "budget", limit: { usd: 1 }, spent: { cost: usd(0.8) }, open: ["0.2"] },
      });
      await second.app.raiseBudget(job.runId, "0", { usd: 0.6 }, { by: "ann" });
      await lab.world.settle();
      expect(started).toEqual([0, 1, 2, 3]);
      expect(await second.app.job(job.runId).result()).toBe("done");
      const { tree } = await second.app.describe(job.runId);
      expect(tree.budget).toEqual({ limits: { usd: 1.6, ask: true }, raisedBy: "ann" });
      expect(lab.kinds(job.runId).filter((kind) => kind.startsWith("budget"))).toEqual([
        "budget-exhausted",
        "budget-raised",
      ]);
    }
  });

  test("an approval without amounts gives as much again", async () => {
    const lab = new Lab(0);
    const { job } = await lab.begin(flowOf([]), 0, asking);
    await lab.answer(job.runId, { approved: true });
    expect(await job.result()).toBe("done");
  });

  test("a refusal stops it", async () => {
    const lab = new Lab(0);
    const { job } = await lab.begin(flowOf([]), 0, asking);
    await lab.answer(job.runId, { approved: false });
    expect(await job.outcome()).toMatchObject({
      status: "stopped",
      reason: "budget",
      report: { spent: { cost: usd(0.8) } },
    });
  });

  test("asks again when the raise is used up", async () => {
    const lab = new Lab(0);
    const { job } = await lab.begin(flowOf([]), 0, asking);
    const first = await lab.question(job.runId);
    await lab.answer(job.runId, { approved: true, budget: { usd: 0.2 } });
    const second = await lab.question(job.runId);
    expect(second).not.toBe(first);
    await lab.answer(job.runId, { approved: true, budget: { usd: 10 } });
    expect(await job.result()).toBe("done");
  });

  test("can be raised by no more than is left around it", async () => {
    const lab = new Lab(0);
    const inner = flowOf([]);
    const outer = workflow({ name: "outer", uses: [inner] }, (_input, ctx) => ctx.run(inner, 0, asking));
    const { job } = await lab.begin(outer, 0, { budget: { usd: 1.3 } });
    const { app } = lab;
    expect((await failure(app.raiseBudget(job.runId, "0.0", { usd: 1 }))).code).toBe("policy/raise-refused");
    expect((await failure(app.raiseBudget(job.runId, "0.7", { usd: 1 }))).code).toBe("policy/raise-refused");
    expect((await failure(app.raiseBudget(job.runId, "0.0", { steps: 1 }))).code).toBe("policy/raise-refused");
    // The owner decides by itself, whatever was asked.
    await lab.answer(job.runId, { approved: true, budget: { usd: 1 } });
    expect(lab.kinds(job.runId)).toContain("signal-refused");
    await app.raiseBudget(job.runId, "0", { usd: 1 });
    await lab.world.settle();
    await app.raiseBudget(job.runId, "0.0", { usd: 1 });
    await lab.world.settle();
    expect(await job.result()).toBe("done");
  });

  test("a budget can be raised before it is used up", async () => {
    const lab = new Lab(0);
    const person = human({ name: "person", output: z.string() });
    const { agent: pay } = spender("pay", 0.6);
    const flow = workflow({ name: "flow", uses: [person, pay] }, async (_input, ctx) => {
      await ctx.run(person, "?");
      await ctx.run(pay, 0.6);
      await ctx.run(pay, 0.6);
      return "done";
    });
    const { job } = await lab.begin(flow, 0, { budget: { usd: 1 } });
    await lab.app.raiseBudget(job.runId, "0", { usd: 1 });
    await lab.world.settle();
    await lab.answer(job.runId, "yes");
    expect(await job.result()).toBe("done");
  });
});

describe("the fold", () => {
  const { agent: pay } = spender("pay", 0.2);
  const inner = workflow({ name: "inner", uses: [pay] }, async (_input, ctx) => {
    await ctx.run(pay, 0.1);
    await ctx.sleep(1);
    await ctx.run(pay, 0.1);
  });
  const flow = workflow({ name: "flow", uses: [inner, pay] }, async (_input, ctx) => {
    await ctx.run(inner, 0, { budget: { usd: 0.5, steps: 4 } });
    await ctx.map([1, 2], inner, { edge: { budget: { usd: 0.5 } } });
    await ctx.loop(0, async (n, turn) => {
      await turn.run(inner, 0);
      return n === 2 ? done(n) : next(n + 1);
    });
    await ctx.race({ a: (branch) => branch.run(inner, 0), b: (branch) => branch.sleep(500) });
    return ctx.run(pay, 0.1);
  });

  test.each([0, 1_000_000])("is the same after a crash at every entry (%i bytes kept)", async (warmBytes) => {
    for (let moment = 1; ; moment++) {
      const lab = new Lab(0);
      const limits = { budget: { usd: 1.7, steps: 15, turns: 3 } };
      const first = await lab.open([flow as Agent], { crashAfter: moment, warmBytes });
      const job = await first.app.start(flow, 0, limits);
      await lab.world.advance(30);
      const second = await lab.open([flow as Agent], { warmBytes });
      await lab.world.advance(30);
      expect(await second.app.job(job.runId).outcome(), `died after entry ${moment}`).toMatchObject({
        status: "completed",
      });
      const usage = lab.journal(job.runId).at(-1)?.meta.usage;
      expect(usage, `died after entry ${moment}`).toEqual({ inputTokens: 150, cost: usd(1.5), steps: 15, turns: 2 });
      if (!first.dead) break;
    }
  });
});

describe("stop conditions", () => {
  test("done, out of budget, out of time, no progress, loop detected, cancelled: each is its own outcome", async () => {
    const lab = new Lab(0);
    const { agent: pay } = spender("pay", 1);
    const agentOf = (name: string, body: Parameters<typeof workflow>[1]): Agent<number, unknown> =>
      workflow({ name, uses: [pay], input: z.number() }, body);
    const ends: Record<string, string> = {};
    const end = async (name: string, agent: Agent<number, unknown>, options = {}, cancel = false) => {
      const { life, job } = await lab.begin(agent, 0, options);
      if (cancel) await life.app.cancel(job.runId);
      await lab.world.advance(1_000);
      const outcome = await job.outcome();
      ends[name] = outcome.status === "stopped" ? `stopped: ${outcome.reason}` : outcome.status;
      life.crash();
    };
    await end(
      "done",
      agentOf("done", () => 1),
    );
    await end(
      "out of budget",
      agentOf("rich", (_n, ctx) => ctx.run(pay, 1)),
      { budget: { usd: 0.5 } },
    );
    await end(
      "out of time",
      agentOf("slow", (_n, ctx) => ctx.waitFor("never")),
      { deadline: 500 },
    );
    await end(
      "no progress",
      agentOf("stuck", (_n, ctx) => ctx.loop(0, () => next(0), { stall: 3 })),
    );
    await end(
      "loop detected",
      agentOf("circle", (_n, ctx) => ctx.loop(0, (n) => next((n + 1) % 3), { stall: 2 })),
    );
    await end(
      "out of turns",
      agentOf("busy", (_n, ctx) => ctx.loop(0, (n) => next(n + 1), { maxTurns: 5 })),
    );
    await end(
      "cancelled",
      agentOf("waiting", (_n, ctx) => ctx.waitFor("never")),
      {},
      true,
    );
    expect(ends).toEqual({
      done: "completed",
      "out of budget": "stopped: budget",
      "out of time": "stopped: time",
      "no progress": "stopped: no-progress",
      "loop detected": "stopped: loop",
      "out of turns": "stopped: steps",
      cancelled: "cancelled",
    });
  });

  test.each(["maxTurns", "turns"])("a loop has exactly as many turns as %s says", async (how) => {
    const lab = new Lab(0);
    let turns = 0;
    const flow = workflow({ name: "flow" }, (_input, ctx) =>
      ctx.loop(
        0,
        (n) => {
          turns++;
          return next(n + 1);
        },
        how === "maxTurns" ? { maxTurns: 7 } : {},
      ),
    );
    const { job } = await lab.begin(flow, 0, how === "turns" ? { budget: { turns: 7 } } : {});
    expect(await job.outcome()).toMatchObject({ status: "stopped", reason: "steps" });
    expect(turns).toBe(7);
  });

  test("a loop that changes its state is no circle, however long it runs", async () => {
    const lab = new Lab(0);
    const flow = workflow({ name: "flow" }, (_input, ctx) =>
      ctx.loop(0, (n) => (n === 200 ? done(n) : next(n + 1)), { stall: 1 }),
    );
    expect(await (await lab.begin(flow, 0)).job.result()).toBe(200);
  });

  test("a loop is watched over crashes", async () => {
    for (let moment = 1; ; moment++) {
      const lab = new Lab(0);
      const flow = workflow({ name: "flow" }, (_input, ctx) => ctx.loop(0, (n) => next((n + 1) % 2), { stall: 2 }));
      const first = await lab.open([flow as Agent], { crashAfter: moment });
      const job = await first.app.start(flow, 0);
      await lab.world.settle();
      const second = await lab.open([flow as Agent]);
      await lab.world.settle();
      expect(await second.app.job(job.runId).outcome()).toMatchObject({ status: "stopped", reason: "loop" });
      expect(lab.kinds(job.runId).filter((kind) => kind === "loop-advanced").length).toBe(5);
      if (!first.dead) break;
    }
  });
});

describe("deadlines", () => {
  const waiting = workflow({ name: "waiting" }, (_input, ctx) => ctx.waitFor("never"));

  test.each([0, 1_000_000])(
    "tell that they are at risk, once, and stop the run when they come (%i bytes kept)",
    async (warmBytes) => {
      const lab = new Lab(0);
      const { life, job } = await lab.begin(waiting, 0, { deadline: 1_000, warmBytes });
      await lab.world.advance(790);
      expect((await lab.app.find(job.runId))?.atRisk).toBeUndefined();
      await lab.world.advance(20);
      expect(await lab.app.find(job.runId)).toMatchObject({
        status: "waiting",
        atRisk: [{ path: "0", deadline: 1_000 }],
      });
      life.crash();
      await lab.open([waiting as Agent], { warmBytes });
      await lab.world.advance(100);
      expect(await lab.app.find(job.runId)).toMatchObject({ status: "waiting" });
      await lab.world.advance(200);
      expect(await lab.app.job(job.runId).outcome()).toMatchObject({
        status: "stopped",
        reason: "time",
        failure: { code: "policy/deadline-exceeded" },
      });
      expect(lab.kinds(job.runId).filter((kind) => kind === "at-risk")).toHaveLength(1);
    },
  );

  test("are told to be at risk from the start when earlier runs usually took longer", async () => {
    const lab = new Lab(0);
    const slow = workflow({ name: "slow" }, (_input, ctx) => ctx.sleep(500));
    const { life } = await lab.begin(slow, 0);
    for (let n = 0; n < 2; n++) await life.app.start(slow, 0);
    await lab.world.advance(600);
    const relaxed = await life.app.start(slow, 0, { deadline: 2_000 });
    const hurried = await life.app.start(slow, 0, { deadline: 450 });
    await lab.world.settle();
    expect((await life.app.find(relaxed.runId))?.atRisk).toBeUndefined();
    expect((await life.app.find(hurried.runId))?.atRisk).toHaveLength(1);
    expect(lab.journal(hurried.runId).find(({ kind }) => kind === "at-risk")?.body).toMatchObject({
      reason: "history",
      usualMs: 500,
    });
    await lab.world.advance(600);
    expect(lab.kinds(hurried.runId).filter((kind) => kind === "at-risk")).toHaveLength(1);
  });

  test("abort what is under way", async () => {
    const lab = new Lab(0);
    const aborted = gate<string>();
    const slow = tool({
      name: "slow",
      description: "",
      effect: "read",
      execute: (_input, { signal }) =>
        new Promise<void>(() => signal.addEventListener("abort", () => aborted.open("aborted"))),
    });
    const { job } = await lab.begin(slow, undefined, { within: "1s" });
    await lab.world.advance(2_000);
    expect(await aborted.promise).toBe("aborted");
    expect(await job.outcome()).toMatchObject({ status: "stopped", reason: "time" });
  });

  test("of a call end the call, and its caller may go on", async () => {
    const lab = new Lab(0);
    const flow = workflow({ name: "flow", uses: [waiting] }, async (_input, ctx) => {
      const code = await ctx
        .run(waiting, 0, { deadline: 100 })
        .catch((error: unknown) => ConcertatoError.is(error) && error.code);
      return [code, ctx.now()];
    });
    const { job } = await lab.begin(flow, 0);
    await lab.world.advance(200);
    expect(await job.result()).toEqual(["policy/deadline-exceeded", 100]);
  });

  test("of a tool's call hold over its retries", async () => {
    const lab = new Lab(0);
    let attempts = 0;
    const flaky = tool({
      name: "flaky",
      description: "",
      effect: "read",
      retry: { attempts: 100, backoff: 100, maxBackoff: 100 },
      execute: () => {
        attempts++;
        throw new Error("busy");
      },
    });
    const flow = workflow({ name: "flow", uses: [flaky] }, (_input, ctx) =>
      ctx.run(flaky, undefined, { deadline: 350 }),
    );
    const { job } = await lab.begin(flow, 0);
    await lab.world.advance(2_000);
    expect(await job.outcome()).toMatchObject({ status: "stopped", reason: "time" });
    expect(attempts).toBeLessThanOrEqual(5);
  });

  test("of a question to a person end the wait for the answer, over a crash", async () => {
    const lab = new Lab(0);
    const person = human({ name: "person", output: z.string(), within: "1h" });
    const flow = workflow({ name: "flow", uses: [person] }, async (_input, ctx) => {
      const code = await ctx
        .run(person, "?", { within: 300 })
        .catch((error: unknown) => ConcertatoError.is(error) && error.code);
      return [code, ctx.now()];
    });
    const { life, job } = await lab.begin(flow, 0);
    await lab.world.advance(100);
    life.crash();
    const second = await lab.open([flow as Agent]);
    await lab.world.advance(300);
    expect(await second.app.job(job.runId).result()).toEqual(["agent/timeout", 300]);
  });

  test("are told to bodies, the same on replay, also when a person puts them off", async () => {
    const lab = new Lab(0);
    const flow = workflow({ name: "flow" }, async (_input, ctx) => {
      const left = [ctx.deadline()];
      await ctx.sleep(100);
      left.push(ctx.deadline());
      await ctx.waitFor("go");
      left.push(ctx.deadline());
      await ctx.sleep(100);
      return left;
    });
    const { life, job } = await lab.begin(flow, 0, { deadline: 1_000 });
    await lab.world.advance(200);
    await life.app.raiseBudget(job.runId, "0", { time: 5_000 });
    await lab.world.advance(100);
    await life.app.signal(job.runId, "go");
    await lab.world.advance(50);
    life.crash();
    const second = await lab.open([flow as Agent]);
    await lab.world.advance(2_000);
    expect(await second.app.job(job.runId).result()).toEqual([1_000, 900, 5_700]);
  });

  test("without one there is none to tell", async () => {
    const lab = new Lab(0);
    const flow = workflow({ name: "flow" }, (_input, ctx) => String(ctx.deadline()));
    expect(await (await lab.begin(flow, 0)).job.result()).toBe("undefined");
  });
});
