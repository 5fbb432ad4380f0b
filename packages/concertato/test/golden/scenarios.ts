/**
 * What golden journals were recorded with. An agent here is never changed: the journals in this folder replay on it for
 * ever. For something new, add a scenario and run record.ts; it writes what is not there and touches nothing else.
 */
import { z } from "zod";
import { type Agent, type App, done, history, human, next, tool, workflow } from "../../src/index.ts";
import type { VirtualWorld } from "../../src/testing/index.ts";

/** Where a scenario plays. */
export interface Stage {
  readonly world: VirtualWorld;
  /** The process that lives now. */
  readonly app: () => App;
  /** Ends that process as it stands, and starts another one with these agents. */
  readonly restart: (agents: readonly Agent[]) => Promise<void>;
  /** Lets everything follow. */
  readonly settle: () => Promise<void>;
}

export interface Scenario {
  readonly name: string;
  readonly agents: readonly Agent[];
  /** Plays it to its end; answers the run to be recorded. */
  readonly play: (stage: Stage) => Promise<string>;
}

// --- tools and people -------------------------------------------------------------------------------------------------

const look = tool({
  name: "look",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text) => text.toUpperCase(),
});
const write = tool({
  name: "write",
  description: "",
  effect: "write",
  input: z.object({ text: z.string() }),
  output: z.number(),
  execute: async ({ text }, attempt) => {
    attempt.usage({ inputTokens: 3, outputTokens: text.length });
    return text.length;
  },
});
const pay = tool({
  name: "pay",
  description: "",
  input: z.number(),
  output: z.string(),
  execute: async (usd, { idempotencyKey }) => `${usd} as ${idempotencyKey}`,
});
const flaky = tool({
  name: "flaky",
  description: "",
  effect: "read",
  output: z.string(),
  retry: { attempts: 3, backoff: "1s" },
  execute: (_input, { attempt }) => {
    if (attempt < 3) throw new Error(`attempt ${attempt}`);
    return "at last";
  },
});
/** Begun and never ended in the process that begins it. */
const hanging = tool({
  name: "hanging",
  description: "",
  output: z.string(),
  execute: () => new Promise<string>(() => {}),
});
const boss = human({ name: "boss", output: z.object({ yes: z.boolean() }) });
const sample = z.string();

// --- everything -------------------------------------------------------------------------------------------------------

const nested = workflow({ name: "nested", uses: [look, pay] }, async (input: unknown, ctx) => {
  const text = await ctx.run(look, String(input));
  return ctx.run(pay, text.length);
});
const pure = workflow({ name: "pure" }, (input: unknown) => ({ pure: input as string }));
const pattern: Agent<string, string> = {
  ...workflow({ name: "pattern", uses: [look] }, async (_input: unknown, ctx) =>
    ctx.run(look, `revision ${ctx.revision}`),
  ),
  kind: "pattern",
  revision: 2,
};
const everything = workflow(
  { name: "everything", version: 2, owner: "ada", uses: [look, write, pay, flaky, nested, pure, pattern] },
  async (input: unknown, ctx) => {
    const read = await ctx.run(look, `read ${String(input)}`);
    const written = await ctx.run(write, { text: "x".repeat(40_000) });
    const both = await ctx.all({ one: (b) => b.run(look, "one"), two: (b) => b.run(nested, "two") });
    const race = await ctx.race({
      slow: (b) => b.sleep("1h"),
      fast: (b) => b.step("fast", () => "fast", { effect: "pure" }),
    });
    const any = await ctx.any({
      bad: (b) => b.step("bad", () => Promise.reject(new Error("no")), { effect: "read" }),
      good: (b) => b.run(flaky, undefined),
    });
    const ends = await ctx.settle({
      a: (b) => b.run(pure, "a"),
      b: (b) => b.waitFor("never", sample, { within: "1s" }),
    });
    const items = await ctx.map(["x", "yy", "zzz"], nested, { concurrency: 2 });
    const settled = await ctx.map([1, 2, 3], pay, { join: "settle" });
    const loop = await ctx.loop({ list: history<number>(), sum: 0 }, async ({ list, sum }, turn) => {
      const add = await turn.step("add", () => list.length + 1, { effect: "read" });
      if (list.length === 3) return done({ list: [...list], sum });
      return next({ list: list.append(add), sum: sum + add });
    });
    const child = await ctx.start(pure, "child");
    ctx.emit("half", { items });
    ctx.log("half way");
    await ctx.sleep("1m");
    await ctx.until(ctx.now() + 1_000);
    const outcome = await child.outcome();
    const patched = ctx.patched("later") ? await ctx.run(pattern, "?") : "before";
    return {
      read,
      written,
      both,
      race,
      any,
      ends,
      items,
      settled,
      loop,
      outcome,
      patched,
      id: ctx.id(),
      random: ctx.random(),
      now: ctx.now(),
    };
  },
);

// --- people, signals, letters, claims ---------------------------------------------------------------------------------

const asking = workflow({ name: "asking", uses: [boss] }, async (_input, ctx) => {
  const early = await ctx.waitFor("early", sample);
  const claim = await ctx.claim("order 1");
  const answers = await Promise.all([ctx.run(boss, { usd: 5 }), ctx.waitFor("late", sample)]);
  await claim.release();
  const letter = await ctx.receive("post", sample);
  return { early, answers, letter, token: claim.token };
});
const sender = workflow({ name: "sender" }, async (to: unknown, ctx) => {
  await ctx.send(String(to), "post", 7);
  await ctx.send(String(to), "post", "a letter");
  return "sent";
});

// --- doubt, divergence, undoing ---------------------------------------------------------------------------------------

const doubting = workflow({ name: "doubting", uses: [hanging] }, async (_input, ctx) => [
  await ctx.run(hanging, undefined),
]);

const diverging = (wrong: boolean) =>
  workflow({ name: "diverging", uses: [look, boss] }, async (_input, ctx) => {
    if (wrong) await ctx.sleep(1);
    return [await ctx.run(look, "a"), await ctx.run(boss, "?")];
  });

const undo = tool({
  name: "undo",
  description: "",
  effect: "write",
  input: z.string(),
  output: z.string(),
  execute: (text) => `${text} undone`,
});
const failing = workflow({ name: "failing", uses: [look, undo] }, async (_input, ctx) => {
  for (const text of ["first", "second"]) {
    await ctx.run(look, text);
    await ctx.compensate(undo, text);
  }
  throw new Error("It cannot be done.");
});

// --- limits and state -------------------------------------------------------------------------------------------------

const spend = tool({
  name: "spend",
  description: "",
  effect: "read",
  input: z.number(),
  output: z.number(),
  reserve: () => ({ usd: 0.4 }),
  execute: (place, attempt) => {
    attempt.usage({ cost: { amount: 0.4, currency: "USD" } });
    return place;
  },
});
const limited = workflow({ name: "limited", uses: [spend] }, async (_input, ctx) => {
  const own = ctx.state("own", { initial: 0 });
  const shared = ctx.state("shared", { initial: "nobody's", shared: true });
  const before = await shared.get();
  for (const place of [1, 2, 3]) {
    await ctx.run(spend, place);
    await own.update((value) => value + place);
  }
  await shared.set("golden");
  await ctx.waitFor("later");
  return { before, own: await own.get(), shared: await shared.update((value) => `${value}!`) };
});

// --- a run that begins anew -------------------------------------------------------------------------------------------

const shift = workflow({ name: "shift", uses: [look] }, async (input: unknown, ctx): Promise<unknown> => {
  const day = Number(input);
  const seen = [await ctx.run(look, `day ${day}`), ctx.patched(`day ${day}`)];
  const total = await ctx.state("total", { initial: 0 }).update((value) => value + day);
  ctx.emit("day over", day);
  if (day < 3) return ctx.continueAs(day + 1);
  return { seen, total, id: ctx.id(), order: await ctx.waitFor("order") };
});

// --- tools that edges granted -----------------------------------------------------------------------------------------

const clerk = workflow({ name: "clerk", input: z.string(), uses: [look, write] }, async (text, ctx) => ({
  may: [ctx.mayUse(look), ctx.mayUse(write)],
  ends: await ctx.settle({
    look: (branch) => branch.run(look, text),
    write: (branch) => branch.run(write, { text }),
    each: (branch) => branch.map([{ text }], write),
    start: (branch) => branch.start(write, { text }),
  }),
  undo: ctx.mayUse(look) ? await ctx.compensate(look, `undo ${text}`) : "may not",
}));
const granted = workflow({ name: "granted", uses: [clerk, look, write] }, async (_input, ctx) => {
  const narrow = await ctx.run(clerk, "narrow", { tools: [look] });
  const wide = await ctx.settle({ clerk: (branch) => branch.run(clerk, "wide", { tools: [look, "pay"] }) });
  const each = await ctx.map(["a", "b"], clerk, { edge: { tools: [] }, join: "settle" });
  ctx.log("done", { narrow, wide, each });
  throw new Error("undo it");
});

// --- the list ---------------------------------------------------------------------------------------------------------

export const scenarios: readonly Scenario[] = [
  {
    name: "everything",
    agents: [everything as Agent],
    play: async ({ app, world }) => {
      const { runId } = await app().start(everything, "the input", { key: "golden", principal: "tester" });
      await world.advance(600_000);
      return runId;
    },
  },
  {
    name: "asking",
    agents: [asking as Agent, sender as Agent],
    play: async ({ app, settle }) => {
      const { runId } = await app().start(asking, 0);
      await app().signal(runId, "late", "before it was asked");
      await app().signal(runId, "early", 5);
      await app().signal(runId, "early", "word");
      await settle();
      const [question] = await app().waiting();
      await app().answer(runId, question?.waitId ?? "", "perhaps", { by: "ben" });
      await settle();
      await app().answer(runId, question?.waitId ?? "", { yes: true }, { by: "ada" });
      await settle();
      await app().start(sender, runId);
      await settle();
      return runId;
    },
  },
  {
    name: "sending",
    agents: [asking as Agent, sender as Agent],
    play: async ({ app, settle }) => {
      const to = await app().start(asking, 0);
      const { runId } = await app().start(sender, to.runId);
      await settle();
      return runId;
    },
  },
  {
    name: "doubting",
    agents: [doubting as Agent],
    play: async ({ app, restart, settle }) => {
      const { runId } = await app().start(doubting, 0);
      await settle();
      await restart([doubting as Agent]);
      await app().answer(runId, "0.0", { happened: true, output: "it did" }, { by: "ada" });
      await settle();
      return runId;
    },
  },
  {
    name: "diverging",
    agents: [diverging(false) as Agent],
    play: async ({ app, restart, settle }) => {
      const { runId } = await app().start(diverging(false), 0);
      await settle();
      await restart([diverging(true) as Agent]);
      await app().answer(runId, "0.1", { yes: true });
      await settle();
      await restart([diverging(false) as Agent]);
      return runId;
    },
  },
  {
    name: "failing",
    agents: [failing as Agent],
    play: async ({ app, settle }) => {
      const { runId } = await app().start(failing, 0);
      await settle();
      return runId;
    },
  },
  {
    name: "limited",
    agents: [limited as Agent],
    play: async ({ app, world, settle }) => {
      const { runId } = await app().start(limited, 0, { budget: { usd: 1, time: "100s" }, onExhausted: "ask" });
      await settle();
      await app().raiseBudget(runId, "0", { usd: 1 }, { by: "ann" });
      await world.advance(90_000);
      await app().signal(runId, "later");
      await settle();
      return runId;
    },
  },
  {
    name: "granted",
    agents: [granted as Agent],
    play: async ({ app, settle }) => {
      const { runId } = await app().start(granted, 0, { tools: [look, write] });
      await settle();
      return runId;
    },
  },
  {
    name: "shift",
    agents: [shift as Agent],
    play: async ({ app, settle }) => {
      const { runId } = await app().start(shift, 1);
      await app().signal(runId, "order", "early");
      await settle();
      return runId;
    },
  },
  {
    name: "forked",
    agents: [diverging(false) as Agent],
    play: async ({ app, settle }) => {
      const original = await app().start(diverging(false), 0);
      await settle();
      await app().answer(original.runId, "0.1", { yes: true });
      await settle();
      const { runId } = await app().fork(original.runId, { at: 2, effects: { stubs: { boss: { yes: false } } } });
      await settle();
      return runId;
    },
  },
  {
    name: "steered",
    agents: [diverging(false) as Agent],
    play: async ({ app, settle }) => {
      const { runId } = await app().start(diverging(false), 0);
      await settle();
      await app().prioritise(runId, 8, { by: "ann" });
      await app().pause({ runId }, { by: "ann" });
      await settle();
      await app().resume({ runId }, { by: "bob" });
      await settle();
      await app().answer(runId, "0.1", { yes: true });
      await settle();
      return runId;
    },
  },
];
