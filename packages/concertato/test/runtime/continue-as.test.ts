/** `ctx.continueAs`: a run begins anew under its id, and its past is not read any more. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, human, tool, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { failure, Lab } from "./lab.ts";

const read = { effect: "read" } as const;
const counting = workflow({ name: "counting", input: z.number() }, async (n, ctx) => {
  await ctx.step("work", () => n, read);
  if (n < 1_000) return ctx.continueAs(n + 1);
  await ctx.waitFor("end");
  return n;
});

describe("a run that begins anew", () => {
  test("a thousand times is loaded from a handful of entries, and ends under its id", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(counting, 1);
    await lab.world.settle();
    expect(lab.store.replay(lab.row(job.runId).key).length).toBeLessThan(6);
    life.crash();
    await lab.open([counting] as Agent[]);
    await lab.app.signal(job.runId, "end");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe(1_000);
    expect(await job.outcome().catch(() => "closed")).toBeDefined();
    expect(lab.kinds(job.runId).filter((kind) => kind === "continued")).toHaveLength(999);
  });

  test("is one run to whoever awaits it, reads its events, or starts it again by its key", async () => {
    const body = workflow({ name: "body", input: z.number() }, async (n, ctx) => {
      ctx.emit("generation", n);
      await ctx.sleep(10);
      return n < 3 ? ctx.continueAs(n + 1) : n;
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 1, { key: "one" });
    const told: unknown[] = [];
    const reading = (async () => {
      for await (const { kind, body: value } of job.events()) if (kind === "emitted") told.push(value);
    })();
    await lab.world.advance(15);
    const again = await lab.app.start(body, 1, { key: "one" });
    expect(again.runId).toBe(job.runId);
    const result = job.result();
    await lab.world.advance(30);
    expect(await result).toBe(3);
    await reading;
    expect(told).toEqual([1, 2, 3]);
  });

  test("as another agent: its schema holds, and the run that started it hears of the last", async () => {
    const second = workflow({ name: "second", input: z.object({ text: z.string() }) }, async ({ text }, ctx) => {
      await ctx.sleep(5);
      return `second: ${text}`;
    });
    const first = workflow({ name: "first", uses: [second], input: z.string() }, (text, ctx) =>
      ctx.continueAs({ text }, second),
    );
    const parent = workflow({ name: "parent", uses: [first] }, async (_input, ctx) => {
      const child = await ctx.start(first, "hello");
      return child.outcome();
    });
    for (const warmBytes of [0, 1_000_000]) {
      const lab = new Lab();
      const { job } = await lab.begin(parent, undefined, { warmBytes });
      await lab.world.advance(10);
      expect(await lab.app.job(job.runId).result()).toBe("second: hello");
    }
  });

  test("takes along signals that nobody took, letters, named values and held keys; leaves timers and questions behind", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const body = workflow({ name: "body", input: z.number(), uses: [asked] }, async (n, ctx) => {
      const claim = await ctx.claim("k");
      if (n === 1) {
        await ctx.state("cart", { initial: "" }).set("full");
        void ctx.run(asked, "left behind");
        void ctx.sleep("1h");
        await ctx.waitFor("go");
        return ctx.continueAs(2);
      }
      const early = await ctx.waitFor("early");
      return [early, await ctx.receive("in"), await ctx.state("cart", { initial: "" }).get(), claim.token];
    });
    const next = workflow({ name: "next" }, async (_input, ctx) => (await ctx.claim("k")).token);
    for (const warmBytes of [0, 1_000_000]) {
      const lab = new Lab();
      const { job } = await lab.begin(body, 1, { warmBytes });
      await lab.app.signal(job.runId, "early", "bird", { key: "e" });
      await lab.app.send(job.runId, "in", "letter");
      await lab.world.settle();
      const left = await lab.app.waiting();
      expect(left.map(({ kind, waitId }) => [kind, waitId])).toContainEqual(["answer", "0.2"]);
      await lab.app.signal(job.runId, "go");
      await lab.world.settle();
      const [early, letter, cart, token] = (await lab.app.job(job.runId).result()) as unknown[];
      expect([early, letter, cart]).toEqual(["bird", "letter", "full"]);
      const after = await lab.begin(next, undefined);
      expect(await after.job.result()).toBeGreaterThan(token as number);
    }
  });

  test("a client's key stays used, and an answer to an old question does not answer a new one", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const body = workflow({ name: "body", input: z.number(), uses: [asked] }, async (n, ctx) => {
      if (n === 1) {
        await ctx.race({ person: (b) => b.run(asked, "old"), go: (b) => b.waitFor("go") });
        return ctx.continueAs(2);
      }
      const { value } = await ctx.race({ person: (b) => b.run(asked, "new"), go: (b) => b.waitFor("go") });
      return value;
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 1);
    await lab.app.signal(job.runId, "go", "first", { key: "k" });
    await lab.world.settle();
    await lab.app.signal(job.runId, "go", "again", { key: "k" });
    await lab.world.settle();
    expect((await failure(lab.app.answer(job.runId, "0.0/person/0", "late"))).code).toBe("run/not-waiting");
    await lab.app.answer(job.runId, "0~2.0/person/0", "yes");
    await lab.world.settle();
    expect(await job.result()).toBe("yes");
    const { tree } = await lab.app.describe(job.runId);
    expect(tree).toMatchObject({ path: "0", generation: 2, status: "completed", input: 2 });
    expect(tree.children.map(({ path }) => path)).toContain("0~2.0/person/0");
  });

  test("effects of each generation have keys of their own, and derived ids differ", async () => {
    const keys: string[] = [];
    const body = workflow({ name: "body", input: z.array(z.string()) }, async (ids, ctx) => {
      await ctx.step("pay", ({ idempotencyKey }) => void keys.push(idempotencyKey), { effect: "write" });
      const seen = [...ids, ctx.id()];
      return seen.length < 3 ? ctx.continueAs(seen) : seen;
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, []);
    expect(new Set(await job.result()).size).toBe(3);
    expect(new Set(keys).size).toBe(3);
  });

  test("keeps what is left of its budget", async () => {
    const body = workflow({ name: "body", input: z.number() }, async (n, ctx) => {
      await ctx.step("one", () => n, read);
      await ctx.step("two", () => n, read);
      return ctx.continueAs(n + 1);
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 1, { budget: { steps: 5 } });
    expect(await job.outcome()).toMatchObject({ status: "stopped" });
    expect(lab.kinds(job.runId).filter((kind) => kind === "continued")).toHaveLength(2);
  });

  test("is a matter of its own body, with an input that fits", async () => {
    const nested = workflow({ name: "nested" }, (_input, ctx) => ctx.continueAs(1));
    const outer = workflow({ name: "outer", uses: [nested] }, (_input, ctx) => ctx.run(nested));
    const unfit = workflow({ name: "unfit", input: z.number() }, (_input, ctx) => ctx.continueAs("text"));
    const lab = new Lab();
    expect((await failure((await lab.begin(outer, 0)).job.result())).code).toBe("runtime/continue-nested");
    expect((await failure((await lab.begin(unfit, 1)).job.result())).code).toBe("agent/input-invalid");
  });

  test("can be cancelled in any generation", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(counting, 999);
    await lab.app.cancel(job.runId);
    await lab.world.settle();
    expect((await job.outcome()).status).toBe("cancelled");
  });
});

onBothStores("generations", (place) => {
  test("go on in another process, whichever dies when", async () => {
    const deeds: string[] = [];
    const body = workflow({ name: "body", input: z.number() }, async (n, ctx) => {
      await ctx.sleep(3);
      await ctx.step("deed", ({ idempotencyKey }) => void deeds.push(`${n} ${idempotencyKey}`), { effect: "write" });
      await ctx.state("sum", { initial: 0 }).update((sum) => sum + n);
      return n < 12 ? ctx.continueAs(n + 1) : ctx.state("sum", { initial: 0 }).get();
    });
    const open = () => place().open([body] as Agent[], { warmBytes: 0 });
    let process = await open();
    const { runId } = await process.app.start(body, 1);
    let turn = 0;
    await place().until("it has ended", async () => {
      if (++turn % 9 === 0 && turn < 100) {
        await process.crash();
        process = await open();
      }
      return (await place().row(runId)).status === "completed";
    });
    expect(await process.app.job(runId).result()).toBe(78);
    expect(new Set(deeds).size).toBe(12);
  });
});

describe("what is registered to be undone", () => {
  function trip(deeds: string[], end: (n: number) => "again" | "fail" | "done" | "wait") {
    const deed = (name: string) =>
      tool({
        name,
        description: "",
        effect: "write",
        input: z.string(),
        execute: (what) => void deeds.push(`${name} ${what}`),
      });
    const [book, unbook] = [deed("book"), deed("unbook")];
    const inner = workflow({ name: "inner", input: z.string(), uses: [book, unbook] }, async (what, ctx) => {
      await ctx.compensate(unbook, what);
      await ctx.run(book, what);
    });
    return workflow({ name: "trip", input: z.number(), uses: [inner, book, unbook] }, async (n, ctx) => {
      await ctx.compensate(unbook, `seat ${n}`);
      await ctx.run(book, `seat ${n}`);
      await ctx.run(inner, `meal ${n}`);
      const then = end(n);
      if (then === "again") return ctx.continueAs(n + 1);
      if (then === "fail") throw new Error("in vain");
      if (then === "wait") await ctx.waitFor("end");
    });
  }
  const undone = ["meal 3", "seat 3", "meal 2", "seat 2", "meal 1", "seat 1"].map((what) => `unbook ${what}`);

  test("stays registered over generations: all is undone when the last body fails, last first", async () => {
    const deeds: string[] = [];
    const lab = new Lab();
    const { job } = await lab.begin(
      trip(deeds, (n) => (n < 3 ? "again" : "fail")),
      1,
    );
    expect(await job.outcome()).toMatchObject({ failure: { details: { compensation: { of: 6, undone: 6 } } } });
    expect(deeds.slice(6)).toEqual(undone);
  });

  test("and over a crash after every entry", async () => {
    for (let crash = 1; crash < 60; crash++) {
      const deeds: string[] = [];
      const body = trip(deeds, (n) => (n < 3 ? "again" : "fail"));
      const lab = new Lab();
      const life = await lab.open([body], { crashAfter: crash });
      const job = await life.app.start(body, 1).catch(() => undefined);
      await lab.world.settle();
      const over = !life.dead;
      life.crash();
      const { app } = await lab.open([body]);
      await lab.world.advance(1_000);
      const [run] = await app.runs();
      expect(run).toMatchObject({ status: "failed", undone: { done: 6, of: 6 } });
      // A write whose end was not recorded is done again under its key; nothing else is, and the order holds.
      expect([...new Set(deeds)].slice(6)).toEqual(undone);
      expect(deeds.length).toBeLessThanOrEqual(13);
      if (job === undefined || over) return;
    }
    throw new Error("It never ran through.");
  });

  test("is undone when the run is cancelled, and forgotten when it completes", async () => {
    for (const cancelled of [true, false]) {
      const deeds: string[] = [];
      const lab = new Lab();
      const { life, job } = await lab.begin(
        trip(deeds, (n) => (n < 3 ? "again" : "wait")),
        1,
      );
      expect(deeds).toHaveLength(6);
      if (cancelled) await life.app.cancel(job.runId);
      else await life.app.signal(job.runId, "end");
      await lab.world.settle();
      expect((await job.outcome()).status).toBe(cancelled ? "cancelled" : "completed");
      expect(deeds.slice(6)).toEqual(cancelled ? undone : []);
    }
  });

  test("of a branch that was still open is undone with the rest", async () => {
    const deeds: string[] = [];
    const unbook = tool({
      name: "unbook",
      description: "",
      effect: "write",
      input: z.string(),
      execute: (what) => void deeds.push(what),
    });
    const open = workflow({ name: "open", uses: [unbook] }, async (_input, ctx) => {
      await ctx.compensate(unbook, "half-way");
      await ctx.waitFor("never");
    });
    const body = workflow({ name: "body", input: z.number(), uses: [open, unbook] }, async (n, ctx) => {
      if (n === 2) throw new Error("in vain");
      void ctx.run(open);
      await ctx.sleep(10);
      return ctx.continueAs(2);
    });
    const lab = new Lab();
    await lab.begin(body, 1);
    await lab.world.advance(20);
    expect(deeds).toEqual(["half-way"]);
  });

  test("is all done again, as new effects, when the failed run is put back", async () => {
    const deeds: string[] = [];
    let failing = true;
    const body = trip(deeds, (n) => (n < 3 ? "again" : failing ? "fail" : "done"));
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 1);
    failing = false;
    const again = await life.app.retry(job.runId);
    await lab.world.settle();
    expect((await again.outcome()).status).toBe("completed");
    expect(deeds.slice(12)).toEqual(deeds.slice(0, 6));
  });
});
