/** What work used is recorded with it and summed up the tree: exact, over every jump and crash, and never made up. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type Agent,
  type AttemptUsage,
  done,
  human,
  next,
  type TreeNode,
  tool,
  type Usage,
  workflow,
} from "../../src/index.ts";
import { Spent } from "../../src/journal/usage.ts";
import { amountOf, billionthsOf } from "../../src/kernel/money.ts";
import { failure, gate, Lab } from "./lab.ts";

const usd = (amount: number) => ({ amount, currency: "USD" }) as const;

/** Tells what its input says it used. */
const spend = tool({
  name: "spend",
  description: "",
  effect: "read",
  input: z.custom<AttemptUsage>(),
  // Taken apart, as users do.
  execute: (used, { usage }) => usage(used),
});

const cent = { inputTokens: 10, outputTokens: 1, cost: usd(0.01) };

const twice = workflow({ name: "twice", uses: [spend] }, async (_input, ctx) => {
  await ctx.run(spend, cent);
  await ctx.run(spend, cent);
});

/** Every way of nesting: scopes, a map, a loop, branches, and something after each that keeps replays jumping. */
const everything = workflow({ name: "everything", uses: [twice, spend] }, async (_input, ctx) => {
  await ctx.run(twice, 0);
  await ctx.map([1, 2, 3], twice, { concurrency: 2 });
  await ctx.map([cent, cent], spend);
  await ctx.loop(0, async (turn, inner) => {
    if (turn === 3) return done(turn);
    await inner.run(twice, turn);
    return next(turn + 1);
  });
  await ctx.all({ left: (branch) => branch.run(twice, 0), right: (branch) => branch.run(spend, cent) });
  await ctx.sleep(5);
  return ctx.step("last", (attempt) => attempt.usage(cent), { effect: "write" });
});
/** Calls of `spend` in it. */
const calls = 2 + 6 + 2 + 6 + 3 + 1;

const total = (count: number): Usage => ({ inputTokens: 10 * count, outputTokens: count, cost: usd(count / 100) });

const find = (node: TreeNode, path: string): TreeNode | undefined =>
  node.path === path ? node : node.children.map((child) => find(child, path)).find((found) => found !== undefined);

describe("usage", () => {
  test("is recorded with the result and summed over scopes, maps, loops and branches", async () => {
    const lab = new Lab(0);
    const { job } = await lab.begin(everything, 0);
    await lab.world.advance(10);
    const { run, tree } = await lab.app.describe(job.runId);
    expect(run).toMatchObject({ status: "completed", usage: total(calls) });
    expect(tree.usage).toEqual(total(calls));
    expect(find(tree, "0.0")?.usage).toEqual(total(2));
    expect(find(tree, "0.1")?.usage).toEqual(total(6));
    expect(find(tree, "0.1/2")?.usage).toEqual(total(2));
    expect(find(tree, "0.2")?.usage).toEqual(total(2));
    expect(find(tree, "0.3/1/0")?.usage).toEqual(total(2));
    const ended = lab.journal(job.runId).at(-1);
    expect(ended?.meta.usage).toEqual(total(calls));
  });

  test.each([0, 1_000_000])("is the same whichever entry the process dies after (%i bytes kept)", async (warmBytes) => {
    for (let moment = 1; ; moment++) {
      const lab = new Lab(0);
      const first = await lab.open([everything as Agent], { crashAfter: moment, warmBytes });
      const job = await first.app.start(everything, 0);
      await lab.world.advance(10);
      await lab.open([everything as Agent], { warmBytes });
      await lab.world.advance(10);
      expect(lab.journal(job.runId).at(-1)?.meta.usage, `died after entry ${moment}`).toEqual(total(calls));
      expect((await lab.app.describe(job.runId)).tree.usage).toEqual(total(calls));
      if (!first.dead) break;
    }
  });

  test("a run that used nothing says nothing", async () => {
    const lab = new Lab(0);
    const { job } = await lab.begin(
      workflow({ name: "free" }, (_input, ctx) => ctx.step("free", () => 1)),
      0,
    );
    expect((await lab.app.find(job.runId))?.usage).toBeUndefined();
    expect(JSON.stringify(lab.journal(job.runId))).not.toContain("usage");
  });

  test("counts for failed attempts and for retries, and over a crash in between", async () => {
    const lab = new Lab(0);
    const flaky = tool({
      name: "flaky",
      description: "",
      effect: "read",
      retry: { attempts: 3, backoff: 100 },
      execute: (_input, attempt) => {
        attempt.usage({ inputTokens: 5 });
        attempt.usage({ cost: usd(0.1) });
        throw new Error("no");
      },
    });
    const { life, job } = await lab.begin(flaky, undefined);
    life.crash();
    await lab.open([flaky as Agent]);
    await lab.world.advance(1_000);
    expect(await job.outcome().catch(() => "dead")).toBeDefined();
    const { run, tree } = await lab.app.describe(job.runId);
    expect(run).toMatchObject({ status: "failed", usage: { inputTokens: 15, cost: usd(0.3) } });
    expect(tree.children[0]?.usage).toEqual({ inputTokens: 15, cost: usd(0.3) });
  });

  test("of a race's loser counts, and nothing it tells later", async () => {
    const lab = new Lab(0);
    const late = gate();
    const slow = tool({
      name: "slow",
      description: "",
      effect: "read",
      execute: async (_input, attempt) => {
        attempt.usage(cent);
        await late.promise;
        attempt.usage(cent);
      },
    });
    const racing = workflow({ name: "racing", uses: [slow] }, async (_input, ctx) => {
      await ctx.race({ slow: (branch) => branch.run(slow), quick: (branch) => branch.sleep(5) });
      await ctx.sleep(5);
    });
    const { life, job } = await lab.begin(racing, 0);
    await lab.world.advance(6);
    late.open();
    await lab.world.settle();
    life.crash();
    await lab.open([racing as Agent]);
    await lab.world.advance(10);
    expect(await lab.app.find(job.runId)).toMatchObject({ status: "completed", usage: total(1) });
  });

  test("unknown cost stays unknown beside what is known", async () => {
    const lab = new Lab(0);
    const mixed = workflow({ name: "mixed", uses: [spend] }, async (_input, ctx) => {
      await ctx.run(spend, { inputTokens: 7 });
      await ctx.run(spend, { inputTokens: 1, cost: usd(0) });
      await ctx.run(spend, { outputTokens: 2 });
    });
    const { job } = await lab.begin(mixed, 0);
    const { tree } = await lab.app.describe(job.runId);
    expect(tree.usage).toEqual({ inputTokens: 8, outputTokens: 2, cost: usd(0), unpriced: 2 });
    expect(tree.children[0]?.usage).toEqual({ inputTokens: 7, unpriced: 1 });
    expect(tree.children[1]?.usage).toEqual({ inputTokens: 1, cost: usd(0) });
  });

  test("is shown for a run that waits, and kept when it is cancelled", async () => {
    const lab = new Lab(0);
    const person = human({ name: "person", output: z.string() });
    const asking = workflow({ name: "asking", uses: [twice, person] }, async (_input, ctx) => {
      await ctx.run(twice, 0);
      await ctx.run(person, "?");
    });
    const { life, job } = await lab.begin(asking, 0);
    expect(await lab.app.find(job.runId)).toMatchObject({ status: "waiting", usage: total(2) });
    await life.app.cancel(job.runId);
    await lab.world.settle();
    expect(await lab.app.find(job.runId)).toMatchObject({ status: "cancelled", usage: total(2) });
    expect(lab.journal(job.runId).at(-1)?.meta.usage).toEqual(total(2));
  });

  test.each([
    { inputTokens: -1 },
    { outputTokens: 1.5 },
    { cost: { amount: -0.5, currency: "USD" } },
    { cost: { amount: 1, currency: "EUR" } },
  ])("what cannot be counted fails the attempt: %j", async (used) => {
    const lab = new Lab(0);
    const { job } = await lab.begin(spend, used as AttemptUsage);
    expect((await failure(job.result())).code).toBe("policy/usage-invalid");
  });
});

describe("money", () => {
  test("an amount and its billionths name each other", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000_000_000_000_000 }), (billionths) => {
        expect(billionthsOf(amountOf(billionths), "test")).toBe(billionths);
      }),
    );
  });

  test("a sum does not depend on the order, where floating point would", () => {
    const told = fc.array(fc.integer({ min: 0, max: 10_000_000 }).map((micro) => micro / 1_000_000));
    fc.assert(
      fc.property(told, (amounts) => {
        const sum = (list: readonly number[]) => {
          const spent = new Spent();
          for (const amount of list) spent.add(Spent.of({ cost: usd(amount) }));
          return spent.toUsage();
        };
        expect(sum(amounts)).toEqual(sum(amounts.toReversed()));
        expect(sum([0.1, 0.2])?.cost?.amount).toBe(0.3);
      }),
    );
  });
});
