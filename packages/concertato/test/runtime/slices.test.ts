/** What a run lends to runs that it starts: counted as used from their start, given back with their end, whatever the end. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, tool, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const usd = (amount: number) => ({ amount, currency: "USD" }) as const;

const pay = tool({
  name: "pay",
  description: "",
  effect: "read",
  input: z.number(),
  reserve: (amount) => ({ usd: amount }),
  execute: (amount, attempt) => attempt.usage({ cost: usd(amount) }),
});

const child = workflow({ name: "child", uses: [pay], input: z.number() }, async (amount, ctx) => {
  await ctx.run(pay, amount);
  if (amount === 0.11) throw new Error("broken");
  if (amount === 0.12) await ctx.waitFor("never");
  return amount;
});

describe("a slice", () => {
  test("counts as used from the commit that makes the run, and what is left of it comes back with its end", async () => {
    const lab = new Lab(0);
    const seen: unknown[] = [];
    const parent = workflow({ name: "parent", uses: [child, pay] }, async (_input, ctx) => {
      const started = await ctx.start(child, 0.1, { budget: { usd: 0.7 } });
      const early = await ctx.run(pay, 0.5, { budget: { usd: 1 } }).catch((error: Error) => error.name);
      seen.push(early);
      return started.outcome();
    });
    const { job } = await lab.begin(parent, 0, { budget: { usd: 1 } });
    // 0.7 are lent, so 0.5 more do not fit, and the run is stopped with what it lent in its report.
    expect(await job.outcome()).toMatchObject({ status: "stopped", report: { lent: { cost: usd(0.7) }, spent: {} } });
    const born = lab.journal(job.runId).find(({ kind }) => kind === "child-started");
    expect(born?.meta.slice).toEqual({ path: "0.0", of: { cost: usd(0.7) } });
  });

  const ends: readonly (readonly [string, number, number])[] = [
    ["completes", 0.1, 0.1],
    ["fails", 0.11, 0.11],
    ["is cancelled", 0.12, 0.12],
  ];

  test.each(ends)("comes back when the run %s", async (how, amount, used) => {
    const lab = new Lab(0);
    const parent = workflow({ name: "parent", uses: [child, pay] }, async (_input, ctx) => {
      const started = await ctx.start(child, amount, { budget: { usd: 0.7 } });
      await started.outcome().catch(() => undefined);
      await ctx.run(pay, 0.8);
      return "paid";
    });
    const { job, life } = await lab.begin(parent, 0, { budget: { usd: 1 } });
    const [begun] = (await life.app.runs()).filter((run) => run.parent === job.runId);
    if (how === "is cancelled") await life.app.cancel(begun?.runId ?? "");
    await lab.world.settle();
    expect(await job.result()).toBe("paid");
    const refund = lab.journal(job.runId).find(({ meta }) => meta.refund !== undefined)?.meta.refund;
    expect(refund).toEqual({ path: "0.0", of: { cost: usd(0.7) }, used: { cost: usd(used) } });
    expect(lab.journal(job.runId).at(-1)?.meta).toMatchObject({ usage: { cost: usd(0.8) }, lent: { cost: usd(used) } });
  });

  test("is never more than what is left, and limits the new run", async () => {
    const lab = new Lab(0);
    const greedy = workflow({ name: "greedy", uses: [pay] }, async (_input, ctx) => {
      for (;;) await ctx.run(pay, 0.2);
    });
    const parent = workflow({ name: "parent", uses: [greedy, pay] }, async (_input, ctx) => {
      await ctx.run(pay, 0.5);
      const started = await ctx.start(greedy, 0, { budget: { usd: 0.9 } });
      return started.outcome();
    });
    const { job } = await lab.begin(parent, 0, { budget: { usd: 1 } });
    expect(await job.outcome()).toMatchObject({
      status: "stopped",
      failure: { code: "policy/budget-exceeded", details: { limit: { usd: 0.5 }, spent: { cost: usd(0.4) } } },
    });
  });

  test("cannot be raised by a person: its lender counts on no more than it lent", async () => {
    const lab = new Lab(0);
    const parent = workflow({ name: "parent", uses: [child] }, async (_input, ctx) => {
      const started = await ctx.start(child, 0.5, { budget: { usd: 0.3 }, onExhausted: "ask" });
      return started.outcome();
    });
    const { job, life } = await lab.begin(parent, 0, { budget: { usd: 1 } });
    const [begun] = (await life.app.runs()).filter((run) => run.parent === job.runId);
    const runId = begun?.runId ?? "";
    expect((await failure(life.app.raiseBudget(runId, "0", { usd: 0.1 }))).code).toBe("policy/raise-refused");
    // The owner decides by itself, whatever was asked.
    await lab.answer(runId, { approved: true });
    expect(lab.kinds(runId)).toContain("signal-refused");
    await lab.answer(runId, { approved: false });
    expect(await job.outcome()).toMatchObject({ status: "stopped", reason: "budget" });
  });

  test("is asked for by name", async () => {
    const lab = new Lab(0);
    const parent = workflow({ name: "parent", uses: [child] }, (_input, ctx) => ctx.start(child, 0.1));
    const { job } = await lab.begin(parent, 0, { budget: { usd: 1 } });
    expect((await failure(job.result())).code).toBe("policy/slice-missing");
  });

  test("comes back to what is still open when its starter has ended, over crashes and at every entry", async () => {
    const starter = workflow({ name: "starter", uses: [child] }, async (_input, ctx) => {
      await ctx.start(child, 0.12, { budget: { usd: 0.3, steps: 4 } });
      return "gone";
    });
    const parent = workflow({ name: "parent", uses: [starter, pay] }, async (_input, ctx) => {
      await ctx.run(starter, 0);
      await ctx.sleep(5);
      await ctx.waitFor("go");
      await ctx.run(pay, 0.1);
      await ctx.sleep(5);
    });
    for (const warmBytes of [0, 1_000_000]) {
      for (let moment = 1; ; moment++) {
        const lab = new Lab(0);
        const first = await lab.open([parent as Agent], { crashAfter: moment, warmBytes });
        const job = await first.app.start(parent, 0, { budget: { usd: 1, steps: 10 } });
        await lab.world.advance(10);
        const { dead } = first;
        first.crash();
        const second = await lab.open([parent as Agent], { warmBytes });
        await lab.world.advance(10);
        const [begun] = (await second.app.runs()).filter((run) => run.parent === job.runId);
        await second.app.cancel(begun?.runId ?? "");
        await lab.world.settle();
        await second.app.signal(job.runId, "go");
        await lab.world.advance(20);
        expect(await second.app.job(job.runId).outcome()).toMatchObject({ status: "completed" });
        expect(lab.journal(job.runId).at(-1)?.meta, `died after entry ${moment}`).toMatchObject({
          usage: { cost: usd(0.1), steps: 1 },
          lent: { cost: usd(0.12), steps: 1 },
        });
        if (!dead) break;
      }
    }
  });

  test("a run that starts runs without end is stopped by the depth", async () => {
    const lab = new Lab(0);
    const endless: Agent<number, unknown> = workflow({ name: "endless", input: z.number() }, async (n, ctx) => {
      const started = await ctx.start(endless, n + 1);
      return started.outcome();
    });
    const { job } = await lab.begin(endless, 0, { depth: 4 });
    expect(await job.outcome()).toMatchObject({ status: "stopped", reason: "depth" });
    expect(await lab.app.runs()).toHaveLength(5);
  });

  test("a deadline goes along", async () => {
    const lab = new Lab(0);
    const waiting = workflow({ name: "waiting" }, (_input, ctx) => ctx.waitFor("never"));
    const parent = workflow({ name: "parent", uses: [waiting] }, async (_input, ctx) => {
      await ctx.start(waiting, 0, { detached: true });
    });
    await lab.begin(parent, 0, { deadline: 500 });
    await lab.world.advance(1_000);
    expect((await lab.app.runs()).map((run) => run.status)).toEqual(["stopped", "completed"]);
  });
});
