/**
 * Random trees of calls with random use, budgets and crashes. What every run says it used is what its entries tell one by
 * one, and no scope is above its limit by more than its attempts were above their estimates.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  type Agent,
  type Budget,
  type Context,
  done,
  type Entry,
  next,
  tool,
  type TreeNode,
  workflow,
} from "../../src/index.ts";
import { Spent } from "../../src/journal/usage.ts";
import { Lab } from "./lab.ts";

/** What a call does; amounts in thousandths of a dollar. */
type Plan =
  | { readonly do: "pay"; readonly estimate: number; readonly actual: number; readonly fails: number }
  | { readonly do: "call" | "each" | "beside" | "loop"; readonly limit?: number; readonly of: readonly Plan[] }
  | { readonly do: "start"; readonly limit: number; readonly of: readonly Plan[] };

const plan: fc.Arbitrary<Plan> = fc.letrec<{ plan: Plan }>((tie) => {
  const of = fc.array(tie("plan"), { minLength: 1, maxLength: 3 });
  const limit = fc.integer({ min: 0, max: 60 });
  return {
    plan: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.record({
        do: fc.constant("pay" as const),
        estimate: fc.integer({ min: 0, max: 12 }),
        actual: fc.integer({ min: 0, max: 15 }),
        fails: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record(
        { do: fc.constantFrom("call" as const, "each" as const, "beside" as const, "loop" as const), limit, of },
        { requiredKeys: ["do", "of"] },
      ),
      fc.record({ do: fc.constant("start" as const), limit, of }),
    ),
  };
}).plan;

const budgetOf = (limit: number | undefined): { readonly budget?: Budget } =>
  limit === undefined ? {} : { budget: { usd: limit / 1000, steps: 40 } };

/** The agents; attempts fail as often as planned, counted by their path so that a crash changes nothing. */
function castOf(lab: Lab) {
  const pay = tool({
    name: "pay",
    description: "",
    effect: "read",
    retry: { attempts: 3, backoff: 1, maxBackoff: 1 },
    input: z.object({ estimate: z.number(), actual: z.number(), fails: z.number() }),
    reserve: ({ estimate }) => ({ usd: estimate / 1000 }),
    execute: async ({ actual, fails }, attempt) => {
      await new Promise<void>((resolve) => lab.world.timer(1, resolve));
      attempt.usage({ inputTokens: 1, cost: { amount: actual / 1000, currency: "USD" } });
      if (attempt.attempt <= fails) throw new Error("again");
    },
  });
  const node: Agent<Plan, number> = workflow(
    { name: "node", uses: [pay], input: z.custom<Plan>(), output: z.number() },
    async (given, ctx) => {
      if (given.do === "pay") return pays(ctx, given);
      const { of } = given;
      if (given.do === "call" || given.do === "start") for (const inner of of) await quietly(() => acts(ctx, inner));
      if (given.do === "each") await ctx.map(of, node, { join: "settle", concurrency: 2 });
      if (given.do === "beside")
        await ctx.settle(Object.fromEntries(of.map((inner, n) => [`b${n}`, (branch: Context) => acts(branch, inner)])));
      if (given.do === "loop")
        await quietly(() =>
          ctx.loop(0, async (n, turn) => {
            const inner = of[n];
            if (inner === undefined) return done(n);
            await quietly(() => acts(turn, inner));
            return next(n + 1);
          }),
        );
      return of.length;
    },
  );
  const pays = async (ctx: Context, given: Extract<Plan, { do: "pay" }>): Promise<number> => {
    await ctx.run(pay, given);
    return 1;
  };
  const acts = async (ctx: Context, inner: Plan): Promise<unknown> => {
    if (inner.do === "pay") return pays(ctx, inner);
    if (inner.do !== "start") return ctx.run(node, inner, budgetOf(inner.limit));
    const started = await ctx.start(node, inner, { budget: { usd: inner.limit / 1000, steps: 20 } });
    return started.outcome();
  };
  return node as Agent;
}

async function quietly(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch {
    // A limit inside, or a payment that failed three times: the caller goes on.
  }
}

/** Sum of what entries of outside work tell, one by one. */
function told(journal: readonly Entry[]): Spent {
  const sum = new Spent();
  for (const { kind, meta } of journal) {
    const single =
      kind === "attempt-failed" || (kind === "result" && meta.effect !== undefined) || kind === "op-cancelled";
    if (single && meta.usage !== undefined) sum.add(Spent.of(meta.usage));
  }
  return sum;
}

/** By how much attempts were above their estimates, in billionths. */
function above(tree: TreeNode): number {
  const below = tree.children.reduce((sum, child) => sum + above(child), 0);
  if (!tree.agent?.startsWith("pay@")) return below;
  // What was given up says nothing of its input: then the most that any is off.
  const { estimate, actual } = (tree.input ?? { estimate: 0, actual: 15 }) as { estimate: number; actual: number };
  return below + Math.max(0, actual - estimate) * 1_000_000 * Math.max(1, tree.attempts);
}

function assertLimits(tree: TreeNode): void {
  const limit = tree.budget?.limits.usd;
  if (limit !== undefined) {
    const spent = Spent.of(tree.usage ?? {}).billionths;
    expect(spent, `at ${tree.path}`).toBeLessThanOrEqual(Math.round(limit * 1e9) + above(tree));
    expect(tree.usage?.steps ?? 0).toBeLessThanOrEqual(tree.budget?.limits.steps ?? Number.POSITIVE_INFINITY);
  }
  for (const child of tree.children) assertLimits(child);
}

async function live(
  root: Plan,
  limit: number | undefined,
  crashes: readonly number[],
  warmBytes: number,
): Promise<void> {
  const lab = new Lab(0);
  const open = (crashAfter?: number) =>
    lab.open([castOf(lab)], { warmBytes, ...(crashAfter === undefined ? {} : { crashAfter }) });
  const left = [...crashes];
  let life = await open(left.shift());
  await life.app.start(castOf(lab), root as never, { key: "one", ...budgetOf(limit) });
  const open_ = () => lab.store.runs({ limit: 1_000, status: ["queued", "running", "waiting"] }).length;
  for (let round = 0; open_() > 0; round++) {
    if (round > 3_000) throw new Error("Stuck.");
    await lab.world.advance(1);
    if (life.dead) life = await open(left.shift());
  }
  life.crash();
  const reader = await lab.open([]);
  for (const { id } of lab.store.runs({ limit: 1_000 })) {
    const journal = lab.journal(id);
    const ended = Spent.of(journal.at(-1)?.meta.usage ?? {});
    const sum = told(journal);
    expect([ended.billionths, ended.tokens], `run ${id}`).toEqual([sum.billionths, sum.tokens]);
    const { tree } = await reader.app.describe(id);
    assertLimits(tree);
  }
}

test("totals are what the entries tell, and no scope is above its limit by more than the estimates were off", async () => {
  await fc.assert(
    fc.asyncProperty(
      plan,
      fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
      fc.constantFrom(0, 1_000_000),
      live,
    ),
    { numRuns: 400 },
  );
});
