/** Caps of tenants and agents over processes: what fits begins, what does not stops or waits, and the sums are those of the journals. */
import { expect, test } from "vitest";
import { z } from "zod";
import { type Agent, type Entry, tool, workflow } from "../../src/index.ts";
import { capWindow } from "../../src/journal/cap.ts";
import { EntryReader } from "../../src/journal/entry-reader.ts";
import type { StoredEntry } from "../../src/journal/entry.ts";
import { billionthsOf } from "../../src/kernel/money.ts";
import { onBothStores, type Place, type Process } from "./both-stores.ts";
import { failure, Lab } from "./lab.ts";

const dayMs = 86_400_000;

/** Thousandths of a dollar. */
const Plan = z.object({ estimate: z.number(), actual: z.number(), ms: z.number() });
type Plan = z.infer<typeof Plan>;

/** Pays for something: it takes a while and costs what it costs. */
function payer(timer: (ms: number, fire: () => void) => unknown) {
  return tool({
    name: "pay",
    description: "",
    effect: "read",
    input: Plan,
    output: z.number(),
    reserve: ({ estimate }) => ({ usd: estimate / 1000 }),
    execute: async ({ actual, ms }, attempt) => {
      await new Promise<void>((resolve) => void timer(ms, resolve));
      attempt.usage({ cost: { amount: actual / 1000, currency: "USD" } });
      return actual;
    },
  });
}

function buyerOf(pay: Agent<Plan, number>, name = "buyer") {
  return workflow({ name, uses: [pay], input: z.array(Plan) }, async (plans, ctx) => {
    let sum = 0;
    for (const plan of plans) sum += await ctx.run(pay, plan);
    return sum;
  });
}

const one = (estimate: number, actual = estimate, ms = 1): Plan => ({ estimate, actual, ms });

/** What the entries of a run tell of cost, in billionths: of its attempts, not the sums. */
function told(entries: readonly Entry[]): number {
  let sum = 0;
  for (const { kind, meta } of entries) {
    if (kind === "run-ended" || kind === "scope-ended") continue;
    sum += billionthsOf(meta.usage?.cost?.amount ?? 0, "cost");
  }
  return sum;
}

async function toldAtAll({ reader }: Place): Promise<number> {
  let sum = 0;
  for (const { key } of await reader.runs({ limit: 10_000 })) {
    const stored = await reader.entries(key, 0, 10_000);
    const entries = new EntryReader(
      ({ body }: StoredEntry) => (body === null ? null : String(body)),
      (seq) => stored[seq - 1],
    );
    sum += told(stored.map((entry) => entries.read(entry) as Entry));
  }
  return sum;
}

onBothStores("caps", (place) => {
  const cast = () => {
    const pay = payer((ms, fire) => place().world.timer(ms, fire));
    return { pay, buyer: buyerOf(pay) };
  };
  const done = (process: Process, runId: string) => async (): Promise<boolean> => {
    const { run } = await process.app.describe(runId);
    return run.status !== "running" && run.status !== "waiting" && run.status !== "queued";
  };

  test("a run whose attempt does not fit ends as stopped, with what was spent and until when", async () => {
    const { buyer } = cast();
    const process = await place().open([buyer]);
    await process.app.setCap({ tenant: "acme", usd: 0.01, per: "day" });
    const job = await process.app.start(buyer, [one(4), one(4), one(4)]);
    await place().until("it is stopped", done(process, job.runId));
    const outcome = await job.outcome();
    const until = (Math.floor(place().world.clock.now() / dayMs) + 1) * dayMs;
    expect(outcome).toMatchObject({
      status: "stopped",
      reason: "cap",
      failure: { code: "policy/cap-exceeded" },
      report: {
        limit: { usd: 0.01 },
        spent: { cost: { amount: 0.008 } },
        cap: { tenant: "acme", per: "day", until },
        open: ["0.2"],
      },
    });
    expect(await process.app.caps()).toMatchObject([{ tenant: "acme", usd: 0.01, spent: 0.008, window: { until } }]);
    expect((await failure(job.result())).code).toBe("policy/cap-exceeded");
  });

  test("one that may wait goes on when the cap is raised, also by another process", async () => {
    const { buyer } = cast();
    const process = await place().open([buyer]);
    const client = await place().client();
    await client.setCap({ agent: "buyer", usd: 0.005, per: "ever", onExhausted: "wait" });
    await place().world.advance(600);
    const job = await process.app.start(buyer, [one(4), one(4)]);
    await place().until("it waits", async () => (await client.describe(job.runId)).run.waiting.length > 0);
    const { run } = await client.describe(job.runId);
    expect(run).toMatchObject({ status: "waiting", waiting: [{ kind: "cap", name: "agent buyer", waitId: "0.1" }] });
    await client.setCap({ agent: "buyer", usd: 0.009, per: "ever", onExhausted: "wait" });
    await place().until("it has ended", done(process, job.runId));
    expect(await job.result()).toBe(8);
    expect((await client.describe(job.runId)).run.waiting).toEqual([]);
  });

  test("what waits for room that attempts under way hold begins when they used less", async () => {
    const { pay } = cast();
    const both = workflow({ name: "both", uses: [pay] }, (_input, ctx) =>
      ctx.all({ a: () => ctx.run(pay, one(8, 1, 50)), b: () => ctx.run(pay, one(8, 2)) }),
    );
    const process = await place().open([both]);
    await process.app.setCap({ tenant: "acme", usd: 0.01 });
    const job = await process.app.start(both, undefined);
    await place().until("it has ended", done(process, job.runId));
    expect(await job.result()).toEqual({ a: 1, b: 2 });
    expect(await process.app.caps()).toMatchObject([{ spent: 0.003 }]);
  });

  test("a process that dies holds nothing any more; what it had settled stays spent", async () => {
    const { buyer } = cast();
    const first = await place().open([buyer]);
    await first.app.setCap({ tenant: "acme", usd: 0.02 });
    const job = await first.app.start(buyer, [one(3), one(10, 5, 1_000), one(3)]);
    await place().until("it is at the second", async () => (await first.app.caps())[0]?.spent === 0.003);
    await place().world.advance(10);
    expect((await first.app.caps())[0]?.reserved).toBeGreaterThanOrEqual(0.01);
    await first.crash();
    const second = await place().open([buyer]);
    await place().until("it has ended", done(second, job.runId));
    expect(await second.app.job(job.runId).result()).toBe(11);
    expect(await second.app.caps()).toMatchObject([{ spent: 0.011 }]);
    await second.close();
    const third = await place().open([]);
    await place().until("nothing is held", async () => (await third.app.caps())[0]?.reserved === 0);
  });

  test("what a process does not use is given back when others need it, or after a while", async () => {
    const { buyer } = cast();
    const [first, second] = [await place().open([buyer]), await place().open([])];
    await first.app.setCap({ tenant: "acme", usd: 1 });
    const job = await first.app.start(buyer, [one(1)]);
    await place().until("it has ended", done(first, job.runId));
    expect((await second.app.caps())[0]?.reserved).toBeGreaterThan(0.04);
    await place().world.advance(7_000);
    expect((await second.app.caps())[0]).toMatchObject({ spent: 0.001, reserved: 0 });
  });

  test("whose runs are not counted are not held up; a removed cap holds up nothing", async () => {
    const { pay, buyer } = cast();
    const other = buyerOf(pay, "other");
    const process = await place().open([buyer, other]);
    await process.app.setCap({ tenant: "acme", agent: "buyer", usd: 0 });
    await process.app.setCap({ tenant: "elsewhere", usd: 0 });
    const free = await process.app.start(other, [one(5)]);
    const held = await process.app.start(buyer, [one(5)]);
    await place().until("both ended", async () => (await done(process, free.runId)()) && done(process, held.runId)());
    expect([await free.result(), (await held.outcome()).status]).toEqual([5, "stopped"]);
    await process.app.setCap({ tenant: "acme", agent: "buyer", usd: null });
    const again = await process.app.start(buyer, [one(5)]);
    await place().until("it has ended", done(process, again.runId));
    expect(await again.result()).toBe(5);
    expect(await process.app.caps()).toMatchObject([{ tenant: "elsewhere" }]);
  });

  test("three processes that crash spend what the journals tell, and never above the cap but for what estimates left out", async () => {
    for (const seed of [1, 2, 3]) {
      let state = seed * 7919;
      const below = (limit: number): number => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return Math.floor((state / 2_147_483_648) * limit);
      };
      const tenant = `tenant-${seed}`;
      const { pay, buyer } = cast();
      const agents = [buyer, pay];
      const processes = [
        await place().open(agents, { tenant }),
        await place().open(agents, { tenant }),
        await place().open(agents, { tenant }),
      ];
      const before = await toldAtAll(place());
      const limit = 0.15;
      await processes[0]?.app.setCap({ tenant, usd: limit, onExhausted: seed === 2 ? "wait" : "stop" });
      await place().world.advance(600);
      // With estimates that are never too small, nothing may go over the cap.
      const most = seed === 1 ? 3 : 0;
      for (let run = 0; run < 18; run++) {
        const plans = Array.from({ length: 1 + below(4) }, () => {
          const actual = below(12);
          return one(Math.max(0, actual - below(most + 1) + below(3)), actual, 1 + below(40));
        });
        await processes[run % 3]?.app.start(buyer, plans);
        await place().world.advance(below(30));
        if (run % 5 !== 4) continue;
        const victim = below(3);
        await processes[victim]?.crash();
        processes[victim] = await place().open(agents, { tenant });
      }
      await place().until("nothing goes on", async () => {
        const open = await place().reader.runs({ tenant, status: ["queued", "running", "waiting"], limit: 100 });
        if (seed !== 2) return open.length === 0;
        return open.every(({ status, note }) => status === "waiting" && String(note).includes('"cap"'));
      });
      const [row] = (await place().reader.caps(place().world.clock.now())).filter(({ scope }) =>
        scope.includes(tenant),
      );
      expect(row?.spent).toBe((await toldAtAll(place())) - before);
      // Three processes, and in each at most so many attempts at once as it has runs: here each may be above by `most`.
      expect(row?.spent).toBeLessThanOrEqual(billionthsOf(limit + (most * 18) / 1000, ""));
      expect(row?.spent).toBeGreaterThan(billionthsOf(limit * 0.6, ""));
      for (const process of processes) await process.close();
    }
  });
});

test("one that waits goes on with the next window; what was leased before counts before", async () => {
  const lab = new Lab(Date.UTC(2026, 0, 31, 23, 59, 50));
  const pay = payer((ms, fire) => lab.world.timer(ms, fire));
  const buyer = buyerOf(pay);
  const { app } = await lab.open([buyer]);
  await app.setCap({ tenant: "acme", agent: "buyer", usd: 0.005, per: "month", onExhausted: "wait" });
  const now = lab.world.clock.now();
  const late = await app.start(buyer, [one(1), one(3, 3, 11_000), one(5)]);
  await lab.world.advance(10);
  const waiting = await app.start(buyer, [one(2)]);
  await lab.world.advance(9_000);
  expect(lab.row(waiting.runId)).toMatchObject({ status: "waiting" });
  expect(await app.caps()).toMatchObject([{ spent: 0.001, window: { until: Date.UTC(2026, 1, 1) } }]);
  await lab.world.advance(1_500);
  expect(await waiting.result()).toBe(2);
  await lab.world.advance(2_000);
  expect(await app.caps()).toMatchObject([{ spent: 0.002, window: { until: Date.UTC(2026, 2, 1) } }]);
  expect(lab.store.caps(now)).toMatchObject([{ spent: 4_000_000 }]);
  await app.setCap({ tenant: "acme", agent: "buyer", usd: 0.007, per: "month" });
  await lab.world.advance(100);
  expect(await late.result()).toBe(9);
  expect(lab.world.reports).toEqual([]);
});

test("a process that dies after any entry leaves the cap with what the journal tells", async () => {
  const run = async (crashAfter: number | undefined) => {
    const lab = new Lab();
    const pay = payer((ms, fire) => lab.world.timer(ms, fire));
    const write = tool({
      name: "write",
      description: "",
      effect: "write",
      output: z.string(),
      reserve: () => ({ usd: 0.002 }),
      execute: async (_input, attempt) => {
        attempt.usage({ cost: { amount: 0.003, currency: "USD" } });
        return "written";
      },
    });
    const inner = workflow({ name: "inner", uses: [pay], input: Plan }, (plan, ctx) => ctx.run(pay, plan));
    const buyer = workflow({ name: "buyer", uses: [pay, inner, write] }, async (_input, ctx) => {
      await ctx.all({ a: () => ctx.run(pay, one(2, 4)), b: () => ctx.run(inner, one(5, 3)) });
      await ctx.run(write, undefined);
      await ctx.race({ quick: () => ctx.run(pay, one(1, 1, 1)), slow: () => ctx.run(pay, one(1, 1, 500)) });
      return ctx.run(pay, one(3, 3));
    });
    const first = await lab.open([buyer], crashAfter === undefined ? {} : { crashAfter });
    await first.app.setCap({ agent: "buyer", usd: 0.1 });
    const job = await first.app.start(buyer, undefined);
    await lab.world.advance(50);
    const entries = lab.journal(job.runId).length;
    if (first.dead) {
      const second = await lab.open([buyer]);
      await lab.world.advance(50);
      expect(await second.app.job(job.runId).result()).toBe(3);
      await lab.world.advance(1_000);
    }
    const [row] = lab.store.caps(lab.world.clock.now());
    expect(row?.spent).toBe(told(lab.journal(job.runId)));
    expect((row?.spent ?? 0) + (row?.leased ?? 0)).toBeLessThanOrEqual(billionthsOf(0.1, ""));
    return entries;
  };
  const entries = await run(undefined);
  expect(entries).toBeGreaterThan(8);
  for (let crashAfter = 1; crashAfter < entries; crashAfter++) await run(crashAfter);
});

test("days and months are those of the calendar", () => {
  for (let day = -800; day < 60_000; day += 7) {
    const now = day * dayMs + ((day * 7_919) % dayMs);
    const at = new Date(now);
    expect(capWindow("month", now)).toEqual({
      since: Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1),
      until: Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1),
    });
    const midnight = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate());
    expect(capWindow("day", now)).toEqual({ since: midnight, until: midnight + dayMs });
  }
  expect(capWindow("ever", 5)).toEqual({ since: 0, until: null });
});

test("a cap that names nobody, a version or another period is refused", async () => {
  const lab = new Lab();
  const { app } = await lab.open([]);
  const codes: string[] = [];
  for (const options of [{ usd: 1 }, { agent: "a@1", usd: 1 }, { tenant: "a", usd: 1, per: "week" as "day" }])
    codes.push((await failure(app.setCap(options))).code);
  codes.push((await failure(app.setCap({ tenant: "a", usd: -1 }))).code);
  expect(codes).toEqual(["policy/cap-invalid", "policy/cap-invalid", "policy/cap-invalid", "policy/usage-invalid"]);
});
