/**
 * Types as users meet them: what is inferred without a cast, and what must not compile. `tsc` is the judge (`npm run
 * check`); running the file only proves that the calls under test exist.
 */
import { describe, expectTypeOf, test } from "vitest";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import {
  type Agent,
  type App,
  type Approver,
  type ChildHandle,
  type Context,
  done,
  human,
  type Job,
  type Json,
  next,
  type Outcome,
  run,
  type ItemWinner,
  type Settled,
  tool,
  workflow,
} from "../../src/index.ts";

/** A schema made by hand: any library that speaks Standard Schema will do. */
function handMade<Input, Output>(): StandardSchemaV1<Input, Output> {
  return { "~standard": { version: 1, vendor: "hand", validate: (value) => ({ value: value as Output }) } };
}

const Order = z.object({ id: z.string(), usd: z.number(), currency: z.string().default("EUR") });
const Receipt = z.object({ number: z.string() });
const Word = z.object({ approved: z.boolean(), note: z.string().optional() });

const pay = tool({
  name: "pay",
  description: "",
  input: Order,
  output: Receipt,
  execute: (order, attempt) => {
    expectTypeOf(order).toEqualTypeOf<{ id: string; usd: number; currency: string }>();
    expectTypeOf(attempt.idempotencyKey).toEqualTypeOf<string>();
    expectTypeOf(attempt.signal).toEqualTypeOf<AbortSignal>();
    return { number: order.id };
  },
});
const length = tool({
  name: "length",
  description: "",
  input: handMade<string, number>(),
  output: handMade<boolean, string>(),
  execute: (count) => {
    expectTypeOf(count).toEqualTypeOf<number>();
    return true;
  },
});
const nothing = tool({ name: "nothing", description: "", execute: () => undefined });
const manager = human({ name: "manager", output: Word });
const poet = human({ name: "poet", output: z.string() });

/** Compiled, never run: calls on a ctx or an app that is not there. */
const compiled = (_body: (ctx: Context, app: App) => unknown): void => undefined;

describe("a tool", () => {
  test("takes what its input schema takes and gives what its output schema makes", () => {
    expectTypeOf(pay).toEqualTypeOf<
      Agent<{ id: string; usd: number; currency?: string | undefined }, { number: string }>
    >();
    expectTypeOf(length).toEqualTypeOf<Agent<string, string>>();
    expectTypeOf(nothing).toEqualTypeOf<Agent<void, void>>();
  });

  test("returns what its output schema takes", () => {
    tool({
      name: "shout",
      description: "",
      output: z.number().transform((count) => "!".repeat(count)),
      execute: () => 3,
    });
    tool({
      name: "shout",
      description: "",
      output: z.number(),
      // @ts-expect-error -- a text is no number
      execute: () => "three",
    });
  });

  test("does not compile when it reads what its input does not have", () => {
    tool({
      name: "pay",
      description: "",
      input: Order,
      // @ts-expect-error -- an order has no "amount"
      execute: ({ amount }) => void amount,
    });
  });

  test("asks a person who gives a decision, and nobody else", () => {
    expectTypeOf(manager).toExtend<Approver>();
    tool({
      name: "refund",
      description: "",
      input: Order,
      approve: ({ usd }) => (usd > 50 ? manager : "allow"),
      approvers: [manager],
      execute: () => undefined,
    });
    tool({
      name: "refund",
      description: "",
      // @ts-expect-error -- a poet gives a text, not a decision
      approve: () => poet,
      execute: () => undefined,
    });
    tool({
      name: "refund",
      description: "",
      // @ts-expect-error -- the same, in the list
      approvers: [poet],
      execute: () => undefined,
    });
    tool({
      name: "refund",
      description: "",
      // @ts-expect-error -- "deny" is no answer: it names who decides, or "allow"
      approve: () => "deny",
      execute: () => undefined,
    });
  });

  test("has one of the four effects", () => {
    // @ts-expect-error -- there is no effect of this name
    tool({ name: "pay", description: "", effect: "harmless", execute: () => undefined });
  });

  test("probes for its own output", () => {
    tool({
      name: "pay",
      description: "",
      input: Order,
      output: Receipt,
      execute: ({ id }) => ({ number: id }),
      probe: async ({ id }) => ({ kind: "happened", output: { number: id } }),
    });
    tool({
      name: "pay",
      description: "",
      output: Receipt,
      execute: () => ({ number: "1" }),
      // @ts-expect-error -- a receipt has a number
      probe: async () => ({ kind: "happened", output: { id: "1" } }),
    });
  });
});

describe("a human", () => {
  test("takes anything and gives what an answer is parsed to", () => {
    expectTypeOf(manager).toEqualTypeOf<Agent<unknown, { approved: boolean; note?: string | undefined }>>();
    expectTypeOf(human({ name: "p", output: handMade<string, Date>() })).toEqualTypeOf<Agent<unknown, Date>>();
  });

  test("answers in time with what an answer may be", () => {
    human({ name: "p", output: Word, onTimeout: () => ({ approved: false }) });
    // @ts-expect-error -- a text is no decision
    human({ name: "p", output: Word, onTimeout: () => "no" });
    // @ts-expect-error -- without an output schema nobody knows what an answer is
    human({ name: "p" });
  });
});

describe("a workflow", () => {
  test("infers its output from its body when no schema says it", () => {
    const desk = workflow({ name: "desk", input: Order }, async (order) => {
      expectTypeOf(order.currency).toEqualTypeOf<string>();
      return { for: order.id };
    });
    expectTypeOf(desk).toEqualTypeOf<
      Agent<{ id: string; usd: number; currency?: string | undefined }, { for: string }>
    >();
    expectTypeOf(workflow({ name: "plain" }, () => Number("5"))).toEqualTypeOf<Agent<unknown, number>>();
  });

  test("gives what its output schema makes of what its body returns", () => {
    const shout = workflow({ name: "shout", output: z.number().transform(String) }, async () => 3);
    expectTypeOf(shout).toEqualTypeOf<Agent<unknown, string>>();
    // @ts-expect-error -- the schema takes a number
    workflow({ name: "shout", output: z.number() }, async () => "three");
    // @ts-expect-error -- the same without a promise
    workflow({ name: "shout", output: z.number() }, () => "three");
    // @ts-expect-error -- a field is missing
    workflow({ name: "shout", output: Receipt }, async () => ({}));
  });

  test("calls an agent that takes no input without one, and no other", () => {
    workflow({ name: "caller" }, async (_input, ctx) => {
      expectTypeOf(await ctx.run(nothing)).toEqualTypeOf<void>();
      // @ts-expect-error -- a payment needs an order
      await ctx.run(pay);
    });
  });

  test("may use agents of any types", () => {
    workflow({ name: "desk", uses: [pay, length, nothing, manager, poet] }, () => 1);
    // @ts-expect-error -- a function is no agent
    workflow({ name: "desk", uses: [() => 1] }, () => 1);
  });
});

describe("ctx", () => {
  test("run gives the output and takes the input of the agent", () => {
    compiled(async (ctx) => {
      expectTypeOf(await ctx.run(pay, { id: "A1", usd: 5 })).toEqualTypeOf<{ number: string }>();
      expectTypeOf(await ctx.run(length, "four")).toEqualTypeOf<string>();
      expectTypeOf(await ctx.run(manager, { anything: 1 })).toEqualTypeOf<{
        approved: boolean;
        note?: string | undefined;
      }>();
      // @ts-expect-error -- usd is a number
      await ctx.run(pay, { id: "A1", usd: "5" });
      // @ts-expect-error -- usd is missing
      await ctx.run(pay, { id: "A1" });
      // @ts-expect-error -- an order has no "amount"
      await ctx.run(pay, { id: "A1", usd: 5, amount: 5 });
      // @ts-expect-error -- a receipt has no "id"
      (await ctx.run(pay, { id: "A1", usd: 5 })).id;
      // @ts-expect-error -- it is not a text before it is awaited
      ctx.run(length, "four").toUpperCase();
    });
  });

  test("map gives a list of outputs, or of outcomes", () => {
    compiled(async (ctx) => {
      expectTypeOf(await ctx.map(["a"], length)).toEqualTypeOf<string[]>();
      expectTypeOf(await ctx.map(["a"], length, { concurrency: 2 })).toEqualTypeOf<string[]>();
      expectTypeOf(await ctx.map(["a"], length, { join: "settle" })).toEqualTypeOf<Settled<string>[]>();
      const [end] = await ctx.map(["a"], length, { join: "settle" });
      if (end?.status === "completed") expectTypeOf(end.output).toEqualTypeOf<string>();
      // @ts-expect-error -- items are texts
      await ctx.map([1], length);
      // @ts-expect-error -- outcomes must be looked at before their output is read
      (await ctx.map(["a"], length, { join: "settle" }))[0]?.output;
      // @ts-expect-error -- there is no join of this name
      await ctx.map(["a"], length, { join: "last" });
      expectTypeOf(await ctx.map(["a"], length, { join: "any" })).toEqualTypeOf<ItemWinner<string>>();
      expectTypeOf(await ctx.map(["a"], length, { join: "first" })).toEqualTypeOf<ItemWinner<string>>();
      expectTypeOf(await ctx.map(["a"], length, { join: { count: 2 } })).toEqualTypeOf<ItemWinner<string>[]>();
      // @ts-expect-error -- a count is a number
      await ctx.map(["a"], length, { join: { count: "2" } });
    });
  });

  test("any is tagged like race, settle tells how each branch ended", () => {
    compiled(async (ctx) => {
      const won = await ctx.any({ count: () => 5, text: (branch) => branch.run(length, "four") });
      if (won.branch === "count") expectTypeOf(won.value).toEqualTypeOf<number>();
      else expectTypeOf(won.value).toEqualTypeOf<string>();
      const ends = await ctx.settle({ count: () => 5, text: (branch) => branch.run(length, "four") });
      expectTypeOf(ends).toEqualTypeOf<{ count: Settled<number>; text: Settled<string> }>();
      // @ts-expect-error -- there is no branch of this name
      ends.other;
      // @ts-expect-error -- an end must be looked at before its output is read
      ends.text.output;
    });
  });

  test("emit, log and patched answer at once", () => {
    compiled((ctx) => {
      expectTypeOf(ctx.emit("progress", { done: 1 })).toEqualTypeOf<void>();
      expectTypeOf(ctx.log("line")).toEqualTypeOf<void>();
      expectTypeOf(ctx.patched("flag")).toEqualTypeOf<boolean>();
      // @ts-expect-error -- an event has a name
      ctx.emit({ done: 1 });
    });
  });

  test("a claim has a token and can be released", () => {
    compiled(async (ctx) => {
      const claim = await ctx.claim("customer:17", { within: "5m", lease: 1_000 });
      expectTypeOf(claim.token).toEqualTypeOf<number>();
      expectTypeOf(claim.release()).toEqualTypeOf<Promise<void>>();
      // @ts-expect-error -- a key is a text
      await ctx.claim(17);
    });
  });

  test("state has the type of its initial value", () => {
    compiled(async (ctx) => {
      const stock = ctx.state("stock", { initial: { left: 5 }, shared: true });
      expectTypeOf(await stock.get()).toEqualTypeOf<{ left: number }>();
      expectTypeOf(await stock.update(({ left }) => ({ left: left - 1 }))).toEqualTypeOf<{ left: number }>();
      expectTypeOf(await stock.set({ left: 0 })).toEqualTypeOf<void>();
      // @ts-expect-error -- what it is at first must be said
      ctx.state("stock", {});
      // @ts-expect-error -- it keeps its type
      await stock.set(5);
    });
  });

  test("continueAs never comes back, and fits the agent's input", () => {
    compiled(async (ctx) => {
      expectTypeOf(ctx.continueAs({ day: 2 })).toEqualTypeOf<Promise<never>>();
      expectTypeOf(ctx.continueAs("four", length)).toEqualTypeOf<Promise<never>>();
      // @ts-expect-error -- the agent takes a text
      await ctx.continueAs(4, length);
    });
  });

  test("receive gives what its schema says", () => {
    compiled(async (ctx, app) => {
      expectTypeOf(await ctx.receive("in", z.object({ id: z.string() }))).toEqualTypeOf<{ id: string }>();
      expectTypeOf(await ctx.receive("in")).toEqualTypeOf<Json>();
      expectTypeOf(await ctx.send("run_1", "in", { id: "a" }, { limit: 3 })).toEqualTypeOf<void>();
      expectTypeOf(await app.send("run_1", "in", 1)).toEqualTypeOf<void>();
      // @ts-expect-error -- a channel has a name
      await ctx.send("run_1");
      // @ts-expect-error -- a limit is a number
      await app.send("run_1", "in", 1, { limit: "3" });
    });
  });

  test("until takes a Date, a text or milliseconds", () => {
    compiled(async (ctx) => {
      await ctx.until(new Date(0));
      await ctx.until("2026-12-24T18:00:00Z");
      await ctx.until(5);
      // @ts-expect-error -- a moment is not a list
      await ctx.until([5]);
    });
  });

  test("all gives every branch under its name", () => {
    compiled(async (ctx) => {
      const both = await ctx.all({
        count: () => 5,
        text: (branch) => branch.run(length, "four"),
        later: async (branch) => ({ at: branch.now() }),
      });
      expectTypeOf(both).toEqualTypeOf<{ count: number; text: string; later: { at: number } }>();
      // @ts-expect-error -- there is no branch of this name
      both.other;
      // @ts-expect-error -- branches are functions of a ctx of their own: a promise has already begun
      await ctx.all({ text: ctx.run(length, "four") });
    });
  });

  test("race gives a value that its branch's name tells the type of", () => {
    compiled(async (ctx) => {
      const first = await ctx.race({ count: () => 5, text: (branch) => branch.run(length, "four") });
      expectTypeOf(first.branch).toEqualTypeOf<"count" | "text">();
      if (first.branch === "count") expectTypeOf(first.value).toEqualTypeOf<number>();
      else expectTypeOf(first.value).toEqualTypeOf<string>();
      // @ts-expect-error -- which branch won is not known
      first.value.toUpperCase();
    });
  });

  test("loop infers its state from the start and its result from the end", () => {
    compiled(async (ctx) => {
      const total = await ctx.loop({ at: 0, total: 0 }, async (state, turn) => {
        expectTypeOf(state).toEqualTypeOf<{ at: number; total: number }>();
        if (state.at === 5) return done(String(state.total));
        const grown = (await turn.run(length, "four")).length;
        return next({ at: state.at + 1, total: state.total + grown });
      });
      expectTypeOf(total).toEqualTypeOf<string>();
      expectTypeOf(await ctx.loop(0, (count) => (count > 3 ? done(count) : next(count + 1)))).toEqualTypeOf<number>();
      // @ts-expect-error -- the state is a number
      await ctx.loop(0, () => next("one"));
      // @ts-expect-error -- a turn ends with next() or done()
      await ctx.loop(0, (count) => count + 1);
    });
  });

  test("step, sleep and waitFor give what they promise", () => {
    compiled(async (ctx) => {
      expectTypeOf(await ctx.step("count", () => 5)).toEqualTypeOf<number>();
      expectTypeOf(await ctx.step("count", async ({ attempt }) => [attempt])).toEqualTypeOf<number[]>();
      expectTypeOf(await ctx.sleep("5m")).toEqualTypeOf<void>();
      expectTypeOf(await ctx.waitFor("go")).toEqualTypeOf<Json>();
      expectTypeOf(await ctx.waitFor("go", Receipt)).toEqualTypeOf<{ number: string }>();
      expectTypeOf(await ctx.waitFor("go", handMade<unknown, Date>())).toEqualTypeOf<Date>();
      // @ts-expect-error -- a duration is a text or milliseconds
      await ctx.sleep(new Date());
      // @ts-expect-error -- a step has a name
      await ctx.step(() => 5);
      // @ts-expect-error -- what was not checked is JSON, not a receipt
      (await ctx.waitFor("go")).number;
    });
  });

  test("start gives a handle of the child's output", () => {
    compiled(async (ctx) => {
      const handle = await ctx.start(pay, { id: "A1", usd: 5 });
      expectTypeOf(handle).toEqualTypeOf<ChildHandle<{ number: string }>>();
      expectTypeOf(await handle.outcome()).toEqualTypeOf<{ number: string }>();
      // @ts-expect-error -- usd is missing
      await ctx.start(pay, { id: "A1" });
    });
  });
});

describe("an app", () => {
  test("start and run are typed by the agent", () => {
    compiled(async (_ctx, app) => {
      const job = await app.start(pay, { id: "A1", usd: 5 }, { key: "one" });
      expectTypeOf(job).toEqualTypeOf<Job<{ number: string }>>();
      expectTypeOf(await job.result()).toEqualTypeOf<{ number: string }>();
      expectTypeOf(await run(length, "four")).toEqualTypeOf<string>();
      // @ts-expect-error -- an order is no text
      await run(length, { id: "A1", usd: 5 });
      // @ts-expect-error -- usd is missing
      await app.start(pay, { id: "A1" });
      // @ts-expect-error -- there is no such option
      await app.start(pay, { id: "A1", usd: 5 }, { retries: 3 });
    });
  });

  test("an outcome is an output or a failure, and says which", () => {
    compiled((_ctx, _app) => {
      const look = (end: Outcome<number>): string => {
        if (end.status === "completed") return end.output.toFixed();
        // @ts-expect-error -- only what is completed has an output
        end.output;
        return end.failure.code;
      };
      return look;
    });
  });
});

describe("agents as values", () => {
  test("an agent that takes more can stand where one that takes less is asked for", () => {
    const asked = (_agent: Agent<{ id: string }, unknown>): void => undefined;
    asked(workflow({ name: "any" }, () => 1));
    asked(workflow({ name: "id", input: z.object({ id: z.string() }) }, () => 1));
    // @ts-expect-error -- it also needs a price
    asked(workflow({ name: "more", input: z.object({ id: z.string(), usd: z.number() }) }, () => 1));
  });

  test("an agent that gives less can not stand where more is asked for", () => {
    const asked = (_agent: Agent<never, { number: string }>): void => undefined;
    asked(pay);
    // @ts-expect-error -- it gives no number
    asked(workflow({ name: "less" }, () => ({})));
  });
});
