/** A fork goes on from any entry of a run, pays nothing twice unless told so, and is a run like any other. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, done, type ForkOptions, human, next, tool, workflow } from "../../src/index.ts";
import { Counts, Lab } from "./lab.ts";

/** A world with a ledger of what was really done. */
function desk() {
  const done = new Counts();
  const keys: string[] = [];
  const look = tool({
    name: "look",
    description: "",
    effect: "read",
    input: z.string(),
    output: z.string(),
    execute: async (text) => `${text} seen ${done.add("look")}`,
  });
  const pay = tool({
    name: "pay",
    description: "",
    effect: "irreversible",
    input: z.object({ usd: z.number() }),
    output: z.string(),
    execute: async ({ usd }, { idempotencyKey }) => {
      keys.push(idempotencyKey);
      return `paid ${usd}: receipt ${done.add("pay")}`;
    },
  });
  const note = tool({
    name: "note",
    description: "",
    effect: "write",
    input: z.string(),
    output: z.number(),
    execute: async () => done.add("note"),
  });
  const boss = human({ name: "boss", output: z.object({ yes: z.boolean() }) });
  const order = workflow(
    { name: "order", input: z.object({ usd: z.number() }), uses: [look, pay, note, boss] },
    async ({ usd }, ctx) => {
      const seen = await ctx.run(look, "stock");
      const { yes } = await ctx.run(boss, { usd });
      if (!yes) return "refused";
      const receipt = await ctx.run(pay, { usd });
      const id = ctx.id();
      const noted = await ctx.run(note, receipt);
      return { seen, receipt, id, noted, drawn: ctx.random(), at: ctx.now() };
    },
  );
  return { done, keys, look, pay, note, boss, order };
}

/** An order that was approved and paid. */
async function paid() {
  const lab = new Lab();
  const world = desk();
  const { life, job } = await lab.begin(world.order, { usd: 5 });
  await lab.world.advance(60_000);
  await lab.answer(job.runId, { yes: true });
  return { lab, life, job, ...world, output: await job.result() };
}

async function forked(lab: Lab, runId: string, options: ForkOptions = {}) {
  const job = await lab.app.fork(runId, options);
  await lab.world.settle();
  return job;
}

describe("by default a fork", () => {
  test("from the beginning takes over everything and does nothing: same output, same ids, same times", async () => {
    const { lab, job, done, output } = await paid();
    await lab.world.advance(1_000_000);
    const fork = await forked(lab, job.runId);
    expect(await fork.result()).toEqual(output);
    expect(done.names.map((name) => [name, done.of(name)])).toEqual([
      ["look", 1],
      ["pay", 1],
      ["note", 1],
    ]);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])("at entry %i does nothing twice either", async (at) => {
    const { lab, job, done, output } = await paid();
    const fork = await forked(lab, job.runId, { at });
    expect(await fork.result()).toEqual(output);
    expect([done.of("look"), done.of("pay"), done.of("note")]).toEqual([1, 1, 1]);
    // The end of a run is not taken over.
    const taken = Math.min(at, lab.journal(job.runId).length - 1);
    expect(lab.journal(fork.runId).slice(1, taken)).toEqual(lab.journal(job.runId).slice(1, taken));
  });

  test("says in its journal where it comes from, and what was taken over", async () => {
    const { lab, job } = await paid();
    const fork = await forked(lab, job.runId, { at: 2 });
    const [first, , forkedEntry, ...others] = lab.journal(fork.runId);
    expect(first?.meta).toMatchObject({ fork: { run: job.runId, at: 2 }, causes: [job.runId], seed: job.runId });
    expect(forkedEntry).toMatchObject({ kind: "forked", name: job.runId });
    for (const { kind, meta } of others) if (kind === "result") expect(meta.recorded).toBeGreaterThan(2);
    expect(lab.row(fork.runId)).toMatchObject({ status: "completed", parent: null });
    expect(lab.journal(job.runId).some(({ kind }) => kind === "forked")).toBe(false);
  });

  test("with another input stops before it pays", async () => {
    const { lab, job, done } = await paid();
    const fork = await forked(lab, job.runId, { input: { usd: 7 } });
    // Another request is another question: nobody answered it.
    await lab.answer(fork.runId, { yes: true });
    expect(await fork.outcome()).toMatchObject({
      status: "stopped",
      failure: { code: "fork/nothing-recorded", path: "0.2" },
    });
    expect([done.of("look"), done.of("pay")]).toEqual([1, 1]);
    expect(lab.kinds(fork.runId).at(-1)).toBe("run-ended");
  });

  test("refuses an input that does not fit", async () => {
    const { lab, job } = await paid();
    await expect(lab.app.fork(job.runId, { input: { usd: "much" } })).rejects.toMatchObject({
      code: "agent/input-invalid",
    });
  });
});

describe("effects", () => {
  test("live: it is done again, under a key of the fork", async () => {
    const { lab, job, done, keys } = await paid();
    const fork = await forked(lab, job.runId, { effects: { irreversible: "live" } });
    // Paid again, with another receipt; so the note has another input, and nobody allowed it.
    expect(await fork.outcome()).toMatchObject({ status: "stopped", failure: { path: "0.3" } });
    expect([done.of("pay"), done.of("note")]).toEqual([2, 1]);
    expect(keys).toHaveLength(2);
    expect(keys[1]).toContain(fork.runId);
    expect(new Set(keys).size).toBe(2);
  });

  test("elsewhere live: what differs is done, what is the same is not", async () => {
    const { lab, job, done } = await paid();
    const fork = await forked(lab, job.runId, { input: { usd: 7 }, effects: { elsewhere: "live" } });
    await lab.answer(fork.runId, { yes: true });
    expect(await fork.result()).toMatchObject({ seen: "stock seen 1", receipt: "paid 7: receipt 2", noted: 2 });
    expect(done.of("look")).toBe(1);
  });

  test("people live: the question is asked again", async () => {
    const { lab, job, done } = await paid();
    const fork = await forked(lab, job.runId, { effects: { people: "live" } });
    await lab.answer(fork.runId, { yes: false });
    expect(await fork.result()).toBe("refused");
    expect(done.of("pay")).toBe(1);
  });

  test("taken at the end of an undoing ends what was undone, as the original did", async () => {
    const lab = new Lab();
    const take = tool({ name: "take", description: "", effect: "write", execute: () => undefined });
    const inVain = workflow({ name: "in-vain", uses: [take] }, async (_input, ctx) => {
      await ctx.compensate(take);
      throw new Error("in vain");
    });
    const body = workflow({ name: "body", uses: [inVain] }, (_input, ctx) =>
      ctx.run(inVain, 0).catch((error: unknown) => String((error as Error).message)),
    );
    const { life, job } = await lab.begin(body, 0);
    const undone = lab
      .journal(job.runId)
      .find(({ kind, name }) => kind === "scope-ended" && name === "concertato.compensation");
    const fork = await life.app.fork(job.runId, { at: undone?.seq ?? 0 });
    await lab.world.settle();
    expect(await fork.outcome()).toEqual(await job.outcome());
  });

  test("that is cancelled does not undo what its original has done", async () => {
    const lab = new Lab();
    let undone = 0;
    const book = tool({ name: "book", description: "", effect: "write", execute: () => undefined });
    const unbook = tool({ name: "unbook", description: "", effect: "write", execute: () => void undone++ });
    const body = workflow({ name: "body", uses: [book, unbook] }, async (_input, ctx) => {
      await ctx.run(book);
      await ctx.compensate(unbook);
      return ctx.waitFor("go");
    });
    const { life, job } = await lab.begin(body, 0);
    const fork = await life.app.fork(job.runId, { at: lab.journal(job.runId).length });
    await lab.world.settle();
    await life.app.cancel(fork.runId);
    await lab.world.settle();
    expect((await fork.outcome()).status).toBe("cancelled");
    expect(undone).toBe(0);
    await life.app.cancel(job.runId);
    await lab.world.settle();
    expect(undone).toBe(1);
  });

  test("stubs may be large: they are kept as any large payload is", async () => {
    const lab = new Lab();
    const body = workflow({ name: "large" }, (_input, ctx) => ctx.step("note", () => "small", { effect: "read" }));
    const { life, job } = await lab.begin(body, 0);
    const note = "x".repeat(100_000);
    const fork = await life.app.fork(job.runId, { effects: { stubs: { note } } });
    await lab.world.settle();
    expect(await fork.result()).toBe(note);
  });

  test("stubs by name: values and functions, for tools, steps and people", async () => {
    const { lab, job, done } = await paid();
    const fork = await forked(lab, job.runId, {
      input: { usd: 9 },
      effects: {
        stubs: { boss: { yes: true }, note: 42, pay: (input) => `would pay ${(input as { usd: number }).usd}` },
      },
    });
    expect(await fork.result()).toMatchObject({ receipt: "would pay 9", noted: 42 });
    expect([done.of("pay"), done.of("note")]).toEqual([1, 1]);
    const stubbed = lab.journal(fork.runId).filter(({ meta }) => meta.stubbed === true);
    expect(stubbed.map(({ name }) => name)).toEqual(["boss", "pay", "note"]);
  });

  test("a stub that is a function of a process that died is asked for; values are kept", async () => {
    const { lab, life, job, order, done } = await paid();
    const fork = await lab.app.fork(job.runId, {
      input: { usd: 9 },
      effects: { stubs: { boss: { yes: true }, note: 42, pay: () => "would pay" } },
    });
    life.crash();
    await lab.open([order]);
    await lab.world.settle();
    expect(await lab.waits(fork.runId)).toMatchObject([{ kind: "answer", name: "pay" }]);
    await lab.answer(fork.runId, "a person's receipt");
    expect(await lab.app.job(fork.runId).result()).toMatchObject({ receipt: "a person's receipt", noted: 42 });
    expect(done.of("pay")).toBe(1);
  });
});

describe("what the original had under way", () => {
  const slow = (gate: Promise<string>, counts: Counts) =>
    tool({
      name: "slow",
      description: "",
      output: z.string(),
      effect: "irreversible",
      execute: () => {
        counts.add("slow");
        return gate;
      },
    });

  test("an effect without an end is not in doubt in the fork: it stops, or does it anew when allowed", async () => {
    const lab = new Lab();
    const counts = new Counts();
    const body = (gate: Promise<string>) =>
      workflow({ name: "body", uses: [slow(gate, counts)] }, (_input, ctx) => ctx.run(slow(gate, counts), undefined));
    const { life, job } = await lab.begin(body(new Promise(() => undefined)), 0);
    life.crash();
    await lab.open([body(Promise.resolve("done"))]);
    await lab.world.settle();
    expect(lab.kinds(job.runId)).toEqual(["run-started", "intent", "in-doubt"]);
    for (const at of [2, 3]) {
      const careful = await forked(lab, job.runId, { at });
      expect(await careful.outcome()).toMatchObject({ status: "stopped", failure: { code: "fork/nothing-recorded" } });
    }
    expect(counts.of("slow")).toBe(1);
    const bold = await forked(lab, job.runId, { at: 3, effects: { irreversible: "live" } });
    expect(await bold.result()).toBe("done");
    expect(counts.of("slow")).toBe(2);
  });

  test("an attempt that failed has its next one in the original: the fork rests without that deadline, and tells that the call lost its race", async () => {
    const tries = new Counts();
    const flaky = tool({
      name: "flaky",
      description: "",
      effect: "read",
      retry: { attempts: 2, backoff: "1h", maxBackoff: "1h" },
      execute: async () => {
        // In the fork it is asked anew, and still at work when its race is lost.
        if (tries.add("flaky") > 1) await new Promise(() => undefined);
        throw new Error("flaky");
      },
    });
    const boss = human({ name: "boss", output: z.string() });
    const body = workflow({ name: "body", uses: [flaky, boss] }, async (_input, ctx) => {
      const won = await ctx.race({ slow: (b) => b.run(flaky, undefined), fast: (b) => b.waitFor("go") });
      return [won.value, await ctx.run(boss, undefined)];
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(lab.kinds(job.runId)).toEqual(["run-started", "wait-opened", "attempt-failed"]);
    await lab.app.signal(job.runId, "go", 1);
    await lab.world.settle();
    const fork = await forked(lab, job.runId, { at: 3 });
    expect(lab.row(fork.runId)).toMatchObject({ status: "waiting", owner: null, wake: null });
    expect(lab.kinds(fork.runId).slice(4)).toEqual(["result", "op-cancelled", "wait-opened"]);
    const { tree } = await lab.app.describe(fork.runId);
    expect(tree.children.map(({ name, status }) => [name, status])).toEqual([
      ["go", "completed"],
      ["flaky", "cancelled"],
      ["boss", "waiting"],
    ]);
    await lab.world.advance(10 * 3_600_000);
    expect(lab.row(fork.runId).status).toBe("waiting");
    expect(tries.of("flaky")).toBe(2);
  });

  test("a message for the original is none for the fork; the same sender may write to both", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => [await ctx.waitFor("a"), await ctx.waitFor("b")]);
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.app.signal(job.runId, "a", 1, { key: "k" });
    await lab.world.settle();
    const at = lab.row(job.runId).seq;
    const fork = await forked(lab, job.runId, { at });
    await lab.app.signal(fork.runId, "b", 2, { key: "k" });
    await lab.world.settle();
    expect(await fork.result()).toEqual([1, 2]);
    expect(lab.row(job.runId).status).toBe("waiting");
  });

  test("a timer keeps its deadline; a sleep that was slept is not slept again", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.sleep("1h");
      await ctx.sleep("1h");
      return ctx.now();
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(90 * 60_000);
    const open = await forked(lab, job.runId, { at: lab.row(job.runId).seq });
    const anew = await forked(lab, job.runId);
    expect(lab.row(open.runId).status).toBe("waiting");
    await lab.world.advance(30 * 60_000);
    expect(await open.result()).toBe(await job.result());
    // From the beginning: the first was slept to its end, the second was not when it was forked.
    expect(lab.row(anew.runId).status).toBe("waiting");
    await lab.world.advance(30 * 60_000);
    expect(lab.row(anew.runId).status).toBe("completed");
  });

  test("a run that it started is not started again, and its end is known to the fork", async () => {
    const counts = new Counts();
    const child = workflow({ name: "child" }, async (_input, ctx) => {
      const sign = await ctx.waitFor("go");
      return ctx.step("work", () => `${String(sign)} ${counts.add("work")}`);
    });
    const parent = workflow({ name: "parent", uses: [child] }, async (_input, ctx) => {
      const handle = await ctx.start(child, 0);
      return [handle.runId, await handle.outcome()];
    });
    const lab = new Lab();
    const { job } = await lab.begin(parent, 0);
    const early = await forked(lab, job.runId, { at: 2 });
    expect(await early.outcome()).toMatchObject({ status: "stopped", failure: { path: "0.1" } });
    const [childRun] = await lab.app.runs({ agent: "child" });
    await lab.app.signal(childRun?.runId ?? "", "go", "went");
    await lab.world.settle();
    for (const at of [1, 2, 3]) {
      const fork = await forked(lab, job.runId, { at });
      expect(await fork.result()).toEqual(await job.result());
    }
    expect(counts.of("work")).toBe(1);
    const live = await forked(lab, job.runId, { effects: { write: "live" } });
    const [second] = await lab.app.runs({ agent: "child", status: "waiting" });
    expect(second?.parent).toBe(live.runId);
    await lab.app.signal(second?.runId ?? "", "go", "again");
    await lab.world.settle();
    expect(await live.result()).toEqual([second?.runId, "again 2"]);
  });
});

describe("a fork that starts a run with another input", () => {
  const tenfold = workflow({ name: "tenfold" }, (n: unknown) => 10 * (n as number));
  const parent = workflow({ name: "parent", uses: [tenfold] }, async (n: unknown, ctx) =>
    (await ctx.start(tenfold, n)).outcome(),
  );

  test("stops before it: what the original's run ended with is of the original's input", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, 1);
    const fork = await forked(lab, job.runId, { input: 2 });
    const end = await fork.outcome();
    expect(end).toMatchObject({ status: "stopped", failure: { code: "fork/nothing-recorded", path: "0.0" } });
    expect((await lab.app.runs({ agent: "tenfold" })).length).toBe(1);
    expect(await (await forked(lab, job.runId, { input: 1 })).result()).toBe(10);
  });

  test("starts one of its own where what differs may be done", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, 1);
    const fork = await forked(lab, job.runId, { input: 2, effects: { elsewhere: "live" } });
    expect(await fork.result()).toBe(20);
    expect((await lab.app.runs({ agent: "tenfold" })).length).toBe(2);
  });
});

describe("order", () => {
  test("a race that was won by the slower tool is won by it again, in every nested scope", async () => {
    const gates = new Map<string, PromiseWithResolvers<string>>();
    const gateOf = (name: string) => {
      const known = gates.get(name) ?? Promise.withResolvers<string>();
      gates.set(name, known);
      return known;
    };
    const wait = tool({
      name: "wait",
      description: "",
      effect: "read",
      input: z.string(),
      output: z.string(),
      execute: (name) => gateOf(name).promise,
    });
    const nested = workflow({ name: "nested", uses: [wait] }, async (name: unknown, ctx) =>
      ctx.run(wait, String(name)),
    );
    const body = workflow({ name: "body", uses: [nested] }, async (_input, ctx) => {
      const order: string[] = [];
      const mark = async (name: string, promise: Promise<unknown>) => {
        await promise;
        order.push(name);
      };
      await Promise.all([
        mark("a", ctx.run(wait, "a")),
        mark("b", ctx.run(nested, "b")),
        mark("c", ctx.map(["c1", "c2"], nested)),
        mark("d", ctx.run(wait, "d")),
      ]);
      return order;
    });
    for (const sequence of [
      ["d", "c2", "b", "c1", "a"],
      ["c1", "c2", "a", "d", "b"],
    ]) {
      gates.clear();
      const lab = new Lab();
      const { job } = await lab.begin(body, 0);
      for (const name of sequence) {
        gateOf(name).resolve(name);
        await lab.world.settle();
      }
      const fork = await forked(lab, job.runId);
      expect(await fork.result()).toEqual(await job.result());
      const ends = (runId: string) => lab.journal(runId).flatMap(({ kind, op }) => (kind === "result" ? [op] : []));
      expect(ends(fork.runId)).toEqual(ends(job.runId));
    }
  });
});

describe("loops", () => {
  const counting = workflow({ name: "counting" }, (_input, ctx) =>
    ctx.loop({ sum: 0, turn: 0 }, async ({ sum, turn }, turnCtx) => {
      const add = await turnCtx.step("add", () => 1, { effect: "read" });
      if (turn === 3) return done(sum + add);
      return next({ sum: sum + add, turn: turn + 1 });
    }),
  );

  test("a fork at a turn goes on with the state that was put in", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(counting, 0);
    expect(await job.result()).toBe(4);
    const turns = lab.journal(job.runId).filter(({ kind }) => kind === "loop-advanced");
    const fork = await forked(lab, job.runId, { at: turns[1]?.seq ?? 0, state: { sum: 100, turn: 2 } });
    expect(await fork.result()).toBe(102);
    expect(lab.journal(fork.runId)[(turns[1]?.seq ?? 0) - 1]).toMatchObject({
      body: { sum: 100, turn: 2 },
      meta: { edited: true },
    });
  });

  test("a state belongs to a turn's beginning", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(counting, 0);
    await expect(lab.app.fork(job.runId, { at: 2, state: {} })).rejects.toMatchObject({ code: "fork/invalid" });
    await expect(lab.app.fork(job.runId, { state: {} })).rejects.toMatchObject({ code: "fork/invalid" });
  });
});

describe("a fork of a run that is", () => {
  const fails = (broken: boolean) =>
    workflow({ name: "fails", version: broken ? 1 : 2 }, async (_input, ctx) => {
      const value = await ctx.step("once", () => 20, { effect: "read" });
      if (broken) throw new Error("bug");
      return value + 1;
    });

  test("failed goes on with another version that fits what was recorded", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(fails(true), 0);
    expect(await job.outcome()).toMatchObject({ status: "failed" });
    const fork = await forked(lab, job.runId, { at: lab.row(job.runId).seq, agent: fails(false) as Agent });
    expect(await fork.result()).toBe(21);
    expect(lab.row(fork.runId).agent).toBe("fails@2");
  });

  test("another agent is refused, and so are entries that are not there", async () => {
    const { lab, job, look } = await paid();
    for (const options of [{ agent: look as Agent }, { at: 0 }, { at: 999 }, { at: 1.5 }, { at: 3, input: {} }])
      await expect(lab.app.fork(job.runId, options)).rejects.toMatchObject({ code: "fork/invalid" });
    await expect(lab.app.fork("run_none")).rejects.toMatchObject({ code: "run/not-found" });
  });

  test("cancelled, waiting or a fork itself goes on like any other", async () => {
    const lab = new Lab();
    const { order } = desk();
    const { job } = await lab.begin(order, { usd: 1 });
    const waiting = await forked(lab, job.runId, { at: lab.row(job.runId).seq });
    expect(lab.row(waiting.runId).status).toBe("waiting");
    await lab.app.cancel(job.runId);
    await lab.world.settle();
    const cancelled = await forked(lab, job.runId, { at: lab.row(job.runId).seq });
    await lab.answer(cancelled.runId, { yes: false });
    expect(await cancelled.result()).toBe("refused");
    const again = await forked(lab, cancelled.runId, { effects: { people: "live" } });
    await lab.answer(again.runId, { yes: false });
    expect(await again.result()).toBe("refused");
    const third = await forked(lab, again.runId);
    expect(await third.result()).toBe("refused");
    await lab.answer(waiting.runId, { yes: false });
    expect(await waiting.result()).toBe("refused");
  });

  test("diverged goes on with the code that fits", async () => {
    const lab = new Lab();
    const asked = human({ name: "asked", output: z.string() });
    const body = (wrong: boolean, version: number) =>
      workflow({ name: "body", version, uses: [asked] }, async (_input, ctx) => {
        if (wrong) await ctx.sleep(1);
        return ctx.run(asked, "?");
      });
    const { life, job } = await lab.begin(body(false, 1), 0);
    life.crash();
    await lab.open([body(true, 1)]);
    await lab.answer(job.runId, "yes");
    expect(lab.row(job.runId).status).toBe("diverged");
    const fork = await forked(lab, job.runId, { at: lab.row(job.runId).seq, agent: body(false, 2) as Agent });
    expect(await fork.result()).toBe("yes");
    const wrong = await forked(lab, job.runId, { at: lab.row(job.runId).seq, agent: body(true, 3) as Agent });
    expect(await wrong.outcome()).toMatchObject({ status: "diverged", failure: { details: { found: "sleep" } } });
  });

  test("asked for twice with one key is one fork", async () => {
    const { lab, job } = await paid();
    const first = await forked(lab, job.runId, { key: "try" });
    const second = await forked(lab, job.runId, { key: "try" });
    expect(second.runId).toBe(first.runId);
    await expect(lab.app.fork(job.runId, { key: "try", at: 2 })).rejects.toMatchObject({ code: "run/key-conflict" });
  });
});

describe("a crash", () => {
  test("after any entry of a fork leaves it to go on elsewhere, and nothing is done twice", async () => {
    const reference = await paid();
    await forked(reference.lab, reference.job.runId);
    const forkEntries = reference.lab.journal(reference.job.runId).length + 4;
    for (let crashAfter = 1; crashAfter <= forkEntries; crashAfter++) {
      const { lab, life, job, order, done, output } = await paid();
      life.crash();
      const second = await lab.open([order], { crashAfter });
      const fork = await second.app.fork(job.runId).catch(() => undefined);
      await lab.world.settle();
      second.crash();
      await lab.open([order]);
      await lab.world.advance(10_000);
      const [last] = await lab.app.runs({ agent: "order" });
      const runId = fork?.runId ?? last?.runId ?? "";
      if (runId !== job.runId) expect(await lab.app.job(runId).result()).toEqual(output);
      expect([done.of("look"), done.of("pay"), done.of("note")]).toEqual([1, 1, 1]);
    }
  });

  test("after any entry of a live fork leaves each effect done once by the fork", async () => {
    for (let crashAfter = 1; crashAfter <= 8; crashAfter++) {
      const { lab, life, job, order, keys } = await paid();
      life.crash();
      const second = await lab.open([order], { crashAfter });
      const fork = await second.app.fork(job.runId, { effects: { irreversible: "live", write: "live" } });
      await lab.world.settle();
      second.crash();
      await lab.open([order]);
      await lab.world.settle();
      // A payment that was cut off is in doubt: a person says that it happened.
      const waits = await lab.waits(fork.runId);
      if (waits[0]?.kind === "in-doubt") await lab.answer(fork.runId, { happened: true, output: "found" });
      expect(lab.row(fork.runId).status).toBe("completed");
      expect(keys.filter((key) => key.includes(fork.runId)).length).toBeLessThanOrEqual(1);
    }
  });
});

describe("what the original holds", () => {
  test("large payloads are shared and survive; what was used is not counted again", async () => {
    const large = "x".repeat(100_000);
    const write = tool({
      name: "write",
      description: "",
      effect: "read",
      output: z.string(),
      execute: async (_input, attempt) => {
        attempt.usage({ inputTokens: 7 });
        return large;
      },
    });
    const body = workflow({ name: "body", uses: [write] }, async (input, ctx) => {
      const text = await ctx.run(write, undefined);
      return `${String(input).length + text.length + String(await ctx.waitFor("more")).length}`;
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, large);
    const fork = await forked(lab, job.runId, { at: lab.row(job.runId).seq });
    await lab.app.signal(fork.runId, "more", "abc");
    const edited = await forked(lab, job.runId, { input: `${large}y` });
    await lab.app.signal(edited.runId, "more", "abc");
    await lab.world.settle();
    expect(await fork.result()).toBe("200003");
    expect(await edited.result()).toBe("200004");
    expect((await lab.app.describe(job.runId)).tree.usage).toMatchObject({ inputTokens: 7 });
    expect((await lab.app.describe(fork.runId)).tree.usage?.inputTokens ?? 0).toBe(0);
    expect((await lab.app.describe(edited.runId)).tree.usage?.inputTokens ?? 0).toBe(0);
  });
});

describe("values of ctx.state", () => {
  const body = workflow({ name: "body" }, async (_input, ctx) => {
    const own = ctx.state("own", { initial: 0 });
    const shared = ctx.state("shared", { initial: 0, shared: true });
    await own.set(1);
    await shared.update((value) => value + 10);
    await ctx.waitFor("go");
    await shared.update((value) => value + 10);
    return [await own.update((value) => value + 1), await shared.get()];
  });

  async function gone() {
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await job.result()).toEqual([2, 20]);
    return { lab, job };
  }

  test("a run's own begin as they were where the fork parts, and are the fork's own from there", async () => {
    const { lab, job } = await gone();
    for (const at of [1, 2, 4, 6]) expect(await (await forked(lab, job.runId, { at })).result()).toEqual([2, 20]);
    const edited = await forked(lab, job.runId, { at: 4, values: { own: 41 } });
    expect(await edited.result()).toEqual([42, 20]);
  });

  test("shared ones are not written again, unless it is allowed", async () => {
    const { lab, job } = await gone();
    await forked(lab, job.runId);
    const live = await forked(lab, job.runId, { effects: { write: "live", read: "live" } });
    // Twice ten by the original, twice ten by the one that may.
    expect(await live.result()).toEqual([2, 40]);
  });
});

describe("keys", () => {
  const acted: string[] = [];
  const act = tool({
    name: "act",
    description: "",
    effect: "write",
    input: z.string(),
    execute: (what, { runId }) => void acted.push(`${runId} ${what}`),
  });
  const inner = workflow({ name: "inner", input: z.string(), uses: [act] }, (what, ctx) => ctx.run(act, what));
  const held = workflow({ name: "held", uses: [act, inner] }, async (_input, ctx) => {
    await ctx.run(act, "before");
    const claim = await ctx.claim("k");
    await ctx.waitFor("go");
    await ctx.run(inner, "under");
    await claim.release();
    await ctx.run(act, "after");
    return claim.token;
  });
  const seqOf = (lab: Lab, runId: string, kind: string, name: string) =>
    lab.journal(runId).find((entry) => entry.kind === kind && entry.name === name)?.seq ?? 0;
  const allLive = { write: "live", people: "live" } as const;

  test("that were granted to the original are not the fork's: it stops before it acts under one, and says where to fork instead", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(held, 0);
    const asked = seqOf(lab, job.runId, "wait-opened", "k");
    for (const effects of [allLive, { people: "live", elsewhere: "live" }] as const) {
      acted.length = 0;
      const fork = await forked(lab, job.runId, { at: lab.row(job.runId).seq, effects });
      await lab.app.signal(fork.runId, "go", 1);
      await lab.world.settle();
      expect(await fork.outcome()).toMatchObject({
        status: "stopped",
        failure: { code: "fork/key-not-held", message: expect.stringContaining(`Fork again at entry ${asked - 1}`) },
      });
      expect(acted).toEqual([]);
    }
    // One that changes nothing outside goes on as before.
    await lab.app.signal(job.runId, "go", 1);
    await lab.world.settle();
    const careful = await forked(lab, job.runId, { at: asked + 1 });
    expect(await careful.result()).toBe(await job.result());
  });

  test.each([
    ["writes live", { write: "live" }],
    ["what differs live", { elsewhere: "live" }],
  ] as const)(
    "are asked for by a fork that was taken before the claim, with %s: it waits for the original, and has a token of its own",
    async (_what, effects) => {
      const lab = new Lab();
      const { job } = await lab.begin(held, 0);
      acted.length = 0;
      const at = seqOf(lab, job.runId, "wait-opened", "k") - 1;
      const fork = await forked(lab, job.runId, { at, effects: { ...effects, people: "live" } });
      expect(await lab.waits(fork.runId)).toMatchObject([{ kind: "claim", name: "k" }]);
      await lab.app.signal(job.runId, "go", 1);
      await lab.world.settle();
      expect(await lab.waits(fork.runId)).toMatchObject([{ kind: "signal", name: "go" }]);
      await lab.app.signal(fork.runId, "go", 2);
      await lab.world.settle();
      expect(await fork.result()).toBeGreaterThan((await job.result()) as number);
      expect(acted.filter((line) => line.startsWith(fork.runId))).toEqual([
        `${fork.runId} under`,
        `${fork.runId} after`,
      ]);
    },
  );

  test("bind what stands under them alone: not what comes after their release, nor another branch, nor what follows a branch", async () => {
    const lab = new Lab();
    const body = workflow({ name: "branches", uses: [act] }, async (_input, ctx) => {
      const first = await ctx.claim("first");
      await first.release();
      await ctx.all({
        one: async (b) => {
          await b.claim("k");
          await b.waitFor("one");
        },
        other: async (b) => {
          await b.waitFor("other");
          await b.run(act, "other");
        },
      });
      await ctx.waitFor("go");
      await ctx.run(act, "after");
    });
    const { job } = await lab.begin(body, 0);
    acted.length = 0;
    const fork = await forked(lab, job.runId, { at: lab.row(job.runId).seq, effects: allLive });
    for (const name of ["other", "one", "go"]) {
      await lab.app.signal(fork.runId, name, 1);
      await lab.world.settle();
    }
    expect((await fork.outcome()).status).toBe("completed");
    expect(acted).toEqual([`${fork.runId} other`, `${fork.runId} after`]);
  });
});

test("a deadline of a run is put off for its fork by the time in between", async () => {
  const waits = workflow({ name: "waits" }, (_input, ctx) => ctx.waitFor("go"));
  const lab = new Lab();
  const { job } = await lab.begin(waits, 0, { budget: { time: "10s" } });
  await lab.world.advance(20_000);
  expect(lab.row(job.runId).status).toBe("stopped");
  const fork = await forked(lab, job.runId, { at: 2 });
  await lab.world.advance(9_000);
  expect(lab.row(fork.runId).status).toBe("waiting");
  await lab.world.advance(2_000);
  expect(lab.row(fork.runId).status).toBe("stopped");
});
