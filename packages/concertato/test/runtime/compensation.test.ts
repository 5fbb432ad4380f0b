/** `ctx.compensate`: what was done is undone when it turns out to have been in vain; once, last first, over any crash. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, done, human, next, tool, workflow } from "../../src/index.ts";
import type { Store } from "../../src/journal/store.ts";
import type { MemoryStore } from "../../src/store/memory-store.ts";
import { failure, gate, Lab } from "./lab.ts";

/** What was done to the outside world and undone again, in order. */
function outside() {
  const deeds: string[] = [];
  const text = { description: "", input: z.string(), output: z.string() };
  const book = tool({
    ...text,
    name: "book",
    effect: "write",
    execute: (what) => {
      deeds.push(`book ${what}`);
      return what;
    },
  });
  const unbook = tool({
    ...text,
    name: "unbook",
    effect: "write",
    execute: (what) => {
      deeds.push(`unbook ${what}`);
      return what;
    },
  });
  const stuck = tool({
    ...text,
    name: "stuck",
    effect: "write",
    retry: { attempts: 2, backoff: 10 },
    execute: (what) => {
      deeds.push(`stuck ${what}`);
      throw new Error("the bank is closed");
    },
  });
  return { deeds, book, unbook, stuck };
}

const asked = human({ name: "asked", output: z.string() });

function broken(): never {
  throw new Error("in vain");
}

const flow = (name: string, uses: readonly Agent[], body: Parameters<typeof workflow>[1]): Agent<unknown, unknown> =>
  workflow({ name, uses }, body);

describe("a body that fails", () => {
  test("has what it registered undone, last first, and tells so", async () => {
    const { deeds, book, unbook } = outside();
    const trip = flow("trip", [book, unbook], async (_input, ctx) => {
      for (const what of ["flight", "hotel", "car"]) {
        await ctx.run(book, what);
        await ctx.compensate(unbook, what);
      }
      broken();
    });
    const lab = new Lab();
    const { job } = await lab.begin(trip, 0);
    expect(deeds).toEqual(["book flight", "book hotel", "book car", "unbook car", "unbook hotel", "unbook flight"]);
    expect(await job.outcome()).toMatchObject({
      status: "failed",
      failure: {
        code: "agent/failed",
        message: "in vain Undone: 3 of 3.",
        details: { compensation: { of: 3, undone: 3, failed: 0, notUndone: [] } },
      },
    });
    expect(await lab.app.find(job.runId)).toMatchObject({ failure: "agent/failed", undone: { done: 3, of: 3 } });
  });

  test("has nothing undone that failed before it was registered, and nothing where nothing was", async () => {
    const { deeds, unbook } = outside();
    const body = flow("body", [unbook], async (_input, ctx) => {
      await ctx.step("nothing", () => 1, { effect: "pure" });
      broken();
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { message: "in vain" } });
    expect(deeds).toEqual([]);
    expect(lab.kinds(job.runId)).toEqual(["run-started", "result", "run-ended"]);
  });

  test("that catches its own failure and completes forgets what it registered", async () => {
    const { deeds, unbook } = outside();
    const body = flow("body", [unbook], async (_input, ctx) => {
      await ctx.compensate(unbook, "x");
      await ctx.step("fail", broken, { effect: "pure" }).catch(() => undefined);
      return "fine";
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.result()).toBe("fine");
    expect(deeds).toEqual([]);
  });

  test("hears at once of an input that does not fit what undoes", async () => {
    const { deeds, unbook } = outside();
    const body = flow("body", [unbook], (_input, ctx) => ctx.compensate(unbook, 7 as never));
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect((await failure(job.result())).code).toBe("agent/input-invalid");
    expect(deeds).toEqual([]);
  });

  test("gives up what it left open before anything is undone", async () => {
    const { deeds, book, unbook } = outside();
    const body = flow("body", [book, unbook], (_input, ctx) =>
      ctx.all({
        slow: async (branch) => {
          await branch.sleep(100);
          return branch.run(book, "too late");
        },
        fast: async (branch) => {
          await branch.compensate(unbook, "a");
          broken();
        },
      }),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(1_000);
    expect(deeds).toEqual(["unbook a"]);
    expect((await job.outcome()).status).toBe("failed");
  });
});

describe("a compensation that fails", () => {
  test("after its retries leaves the others to be run and is named in the failure", async () => {
    const { deeds, unbook, stuck } = outside();
    const body = flow("body", [unbook, stuck], async (_input, ctx) => {
      await ctx.compensate(unbook, "a");
      await ctx.compensate(stuck, "b");
      await ctx.compensate(unbook, "c");
      broken();
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await lab.app.find(job.runId)).toMatchObject({
      status: "waiting",
      undoing: { status: "failed", done: 1, of: 3 },
      waiting: [{ kind: "retry", name: "stuck" }],
    });
    await lab.world.advance(1_000);
    expect(deeds).toEqual(["unbook c", "stuck b", "stuck b", "unbook a"]);
    const end = await job.outcome();
    expect(end).toMatchObject({
      status: "failed",
      failure: {
        message: "in vain Undone: 2 of 3. Not undone: stuck@1 at 0.undo.0/0/2 (agent/failed).",
        details: {
          compensation: {
            of: 3,
            undone: 2,
            failed: 1,
            notUndone: [
              { agent: "stuck@1", code: "agent/failed", message: "the bank is closed", path: "0.undo.0/0/2" },
            ],
          },
        },
      },
    });
    expect(await lab.app.find(job.runId)).toMatchObject({ status: "failed", undone: { done: 2, of: 3 } });
  });

  test("may ask a person, and the run waits for the answer without being in memory", async () => {
    const { deeds, unbook } = outside();
    const body = flow("body", [unbook, asked], async (_input, ctx) => {
      await ctx.compensate(unbook, "a");
      await ctx.compensate(asked, "call the hotel");
      broken();
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(life.engine.runs.size).toBe(0);
    expect((await lab.app.waiting())[0]).toMatchObject({ name: "asked", request: "call the hotel" });
    await lab.answer(job.runId, "done");
    expect(deeds).toEqual(["unbook a"]);
    expect(await job.outcome()).toMatchObject({ status: "failed" });
  });

  test("in doubt asks a person, and is not repeated on a guess", async () => {
    const acts: string[] = [];
    const hold = gate<string>();
    const refund = tool({
      name: "refund",
      description: "",
      input: z.string(),
      output: z.string(),
      execute: (what) => {
        acts.push(what);
        return hold.promise;
      },
    });
    const body = flow("body", [refund], async (_input, ctx) => {
      await ctx.compensate(refund, "40 EUR");
      broken();
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    const second = await lab.open([body]);
    await lab.world.settle();
    const [doubt] = await lab.waits(job.runId);
    expect(doubt).toMatchObject({ kind: "in-doubt", name: "refund" });
    await second.app.answer(job.runId, doubt?.waitId ?? "", { happened: true, output: "40 EUR" });
    await lab.world.settle();
    expect(acts).toEqual(["40 EUR"]);
    expect(await second.app.job(job.runId).outcome()).toMatchObject({
      status: "failed",
      failure: { details: { compensation: { undone: 1 } } },
    });
  });

  test("that is a workflow undoes its own half when it fails", async () => {
    const { deeds, book, unbook } = outside();
    const undoTrip = flow("undoTrip", [book, unbook], async (what, ctx) => {
      await ctx.run(book, `voucher for ${String(what)}`);
      await ctx.compensate(unbook, `voucher for ${String(what)}`);
      broken();
    });
    const body = flow("body", [undoTrip, unbook], async (_input, ctx) => {
      await ctx.compensate(unbook, "first");
      await ctx.compensate(undoTrip, "trip");
      broken();
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(deeds).toEqual(["book voucher for trip", "unbook voucher for trip", "unbook first"]);
    expect(await job.outcome()).toMatchObject({ failure: { details: { compensation: { undone: 1, failed: 1 } } } });
  });
});

describe("nested bodies", () => {
  const { deeds, book, unbook } = outside();
  const leg = flow("leg", [book, unbook], async (what, ctx) => {
    await ctx.run(book, String(what));
    await ctx.compensate(unbook, String(what));
    if (String(what).startsWith("bad")) broken();
    return what;
  });

  async function endOf(name: string, body: Parameters<typeof workflow>[1], crash = false) {
    deeds.length = 0;
    const lab = new Lab();
    const outer = flow(name, [leg, unbook, asked], body);
    const { life, job } = await lab.begin(outer, 0);
    if (crash) {
      life.crash();
      await lab.open([outer]);
      await lab.world.settle();
    }
    return { lab, job, outer };
  }

  test("one that completes hands its compensations to its caller", async () => {
    const { job } = await endOf("outer", async (_input, ctx) => {
      await ctx.run(leg, "a");
      await ctx.compensate(unbook, "between");
      await ctx.run(leg, "b");
      broken();
    });
    expect(deeds).toEqual(["book a", "book b", "unbook b", "unbook between", "unbook a"]);
    expect(await job.outcome()).toMatchObject({ failure: { details: { compensation: { of: 3, undone: 3 } } } });
  });

  test("one that fails undoes its own before its caller hears of it, and the caller may go on", async () => {
    const heard: string[] = [];
    const { job } = await endOf("outer", async (_input, ctx) => {
      await ctx.run(leg, "a");
      await ctx.run(leg, "bad b").catch(() => heard.push(...deeds));
      return "went on";
    });
    expect(heard).toEqual(["book a", "book bad b", "unbook bad b"]);
    expect(deeds).toEqual(heard);
    expect(await job.result()).toBe("went on");
  });

  test("both counts are in the failure of a caller that fails because of it", async () => {
    const { job } = await endOf("outer", async (_input, ctx) => {
      await ctx.run(leg, "a");
      await ctx.run(leg, "bad b");
    });
    expect(deeds).toEqual(["book a", "book bad b", "unbook bad b", "unbook a"]);
    expect(await job.outcome()).toMatchObject({
      failure: { message: "in vain Undone: 1 of 1.", details: { compensation: { of: 2, undone: 2 } } },
    });
  });

  test("those of a map survive its join, also for a replay that passes over the items", async () => {
    const { lab, job } = await endOf(
      "outer",
      async (_input, ctx) => {
        await ctx.map(["a", "b", "c"], leg, { concurrency: 1 });
        await ctx.run(asked, "go on?");
        broken();
      },
      true,
    );
    await lab.answer(job.runId, "yes");
    expect(deeds).toEqual(["book a", "book b", "book c", "unbook c", "unbook b", "unbook a"]);
  });

  test("those of a loop's turns survive, also for a replay that begins at the last turn", async () => {
    const { lab, job } = await endOf(
      "outer",
      async (_input, ctx) => {
        await ctx.loop<number, null>(0, async (turn, inner) => {
          if (turn === 20) return done(null);
          await inner.run(leg, `t${turn}`);
          await inner.compensate(unbook, `also ${turn}`);
          return next(turn + 1);
        });
        await ctx.run(asked, "go on?");
        broken();
      },
      true,
    );
    await lab.answer(job.runId, "yes");
    const undone = deeds.filter((deed) => deed.startsWith("unbook"));
    expect(undone).toEqual(
      Array.from({ length: 20 }, (_, index) => [`unbook also ${19 - index}`, `unbook t${19 - index}`]).flat(),
    );
  });

  test("those of a branch that lost its race are handed up as well", async () => {
    const { job } = await endOf("outer", async (_input, ctx) => {
      const slow = flow("slow", [unbook], async (_nothing, inner) => {
        await inner.compensate(unbook, "slow");
        await inner.sleep("1h");
      });
      await ctx.race({
        slow: (branch) => branch.run(slow, 0),
        fast: async (branch) => {
          for (let count = 0; count < 5; count++) await branch.step("wait", () => 0, { effect: "read" });
        },
      });
      broken();
    });
    expect(deeds).toEqual(["unbook slow"]);
    expect(await job.outcome()).toMatchObject({ failure: { details: { compensation: { undone: 1 } } } });
  });
});

/** Two legs side by side; each fails, and takes a person to be undone. */
function twins() {
  const { deeds, unbook } = outside();
  const hold = { left: gate(), right: gate() };
  const leg = flow("leg", [unbook, asked], async (side, ctx) => {
    await ctx.compensate(unbook, String(side));
    await ctx.compensate(asked, String(side));
    await ctx.step("fly", () => hold[side as "left" | "right"].promise, { effect: "read" });
    broken();
  });
  const body = flow("body", [leg, unbook], async (_input, ctx) => {
    await ctx.compensate(unbook, "body");
    await ctx.all({ left: (branch) => branch.run(leg, "left"), right: (branch) => branch.run(leg, "right") });
  });
  return { deeds, hold, body };
}

describe("undoing that is under way", () => {
  test.each([
    ["without a crash", [] as readonly number[], 1_000_000],
    ["evicted in between", [], 0],
    ["with a crash in between", [1], 1_000_000],
    ["with a crash after the first has ended", [2], 1_000_000],
    ["with crashes all the time, evicted in between", [1, 2, 3], 0],
  ])(
    "goes on where its caller is given up, and what encloses it ends after it, %s",
    async (_how, crashes, warmBytes) => {
      const { deeds, hold, body } = twins();
      const lab = new Lab();
      let { life, job } = await lab.begin(body, 0, { warmBytes });
      const crash = async (moment: number) => {
        if (!crashes.includes(moment)) return;
        life.crash();
        life = await lab.open([body], { warmBytes });
        await lab.world.settle();
        job = lab.app.job(job.runId);
      };
      hold.left.open();
      hold.right.open();
      await lab.world.settle();
      await crash(1);
      const ask = async () => (await lab.app.waiting()).map(({ waitId }) => waitId).sort();
      expect(await ask()).toEqual(["0.1/left/0.undo.0/0/1", "0.1/right/0.undo.0/0/1"]);
      await lab.app.answer(job.runId, "0.1/left/0.undo.0/0/1", "yes");
      await lab.world.settle();
      await crash(2);
      // The left one has failed, and with it the body; the right one is still undone, and the body waits for it.
      expect(deeds).toEqual(["unbook left"]);
      expect(await ask()).toEqual(["0.1/right/0.undo.0/0/1"]);
      expect(await lab.app.find(job.runId)).toMatchObject({ undoing: { status: "failed", of: 3 } });
      await crash(3);
      await lab.app.answer(job.runId, "0.1/right/0.undo.0/0/1", "yes");
      await lab.world.settle();
      expect(deeds).toEqual(["unbook left", "unbook right", "unbook body"]);
      expect(await job.outcome()).toMatchObject({ status: "failed" });
      expect(lab.world.reports).toEqual([]);
    },
  );

  test.each([0, 1_000_000])("a body that completes meanwhile ends after it (warm bytes %i)", async (warmBytes) => {
    const { deeds, unbook } = outside();
    const leg = flow("leg", [unbook, asked], async (_input, ctx) => {
      await ctx.compensate(asked, "sure?");
      broken();
    });
    const body = flow("body", [leg, unbook], async (_input, ctx) => {
      await ctx.race({
        leg: (branch) => branch.run(leg, 0),
        fast: (branch) => branch.sleep(50),
      });
      return "in time";
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes });
    await lab.world.advance(100);
    life.crash();
    await lab.open([body], { warmBytes });
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("waiting");
    await lab.answer(job.runId, "yes");
    expect(await lab.app.job(job.runId).result()).toBe("in time");
    expect(deeds).toEqual([]);
    expect(lab.world.reports).toEqual([]);
  });
});

/** A store whose journals are read only when the disk allows it. */
function slowReading(store: MemoryStore, disk: Promise<void>): Store {
  return new Proxy<Store>(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "replay") return value.bind(target) as unknown;
      return (key: number) => disk.then(() => target.replay(key));
    },
  });
}

describe("cancel", () => {
  /** A run that has done three things and waits. */
  async function waiting(warmBytes = 1_000_000) {
    const { deeds, book, unbook } = outside();
    let bodies = 0;
    const leg = flow("leg", [book, unbook, asked], async (what, ctx) => {
      bodies++;
      await ctx.run(book, String(what));
      await ctx.compensate(unbook, String(what));
      await ctx.run(asked, "inside");
    });
    const body = flow("body", [leg, book, unbook, asked], async (_input, ctx) => {
      bodies++;
      await ctx.run(book, "a");
      await ctx.compensate(unbook, "a");
      await ctx.all({ b: (branch) => branch.run(leg, "b"), c: (branch) => branch.run(leg, "c") });
    });
    const lab = new Lab();
    const begun = await lab.begin(body, 0, { warmBytes });
    return { lab, deeds, body, ...begun, bodies: () => bodies };
  }

  test.each([0, 1_000_000])("undoes what is registered, and no body runs again (warm bytes %i)", async (warmBytes) => {
    const { lab, deeds, job, bodies } = await waiting(warmBytes);
    deeds.length = 0;
    const before = bodies();
    await lab.app.cancel(job.runId, { reason: "changed our mind" });
    await lab.world.settle();
    expect(deeds).toEqual(["unbook c", "unbook b", "unbook a"]);
    expect(bodies()).toBe(before);
    expect(await job.outcome()).toMatchObject({
      status: "cancelled",
      failure: {
        code: "run/cancelled",
        message: expect.stringContaining("changed our mind. Undone: 3 of 3."),
        details: { compensation: { of: 3, undone: 3 } },
      },
    });
    expect(lab.kinds(job.runId).at(-1)).toBe("run-ended");
  });

  test("while nobody runs holds: the next process undoes", async () => {
    const { lab, deeds, job, life, body } = await waiting();
    deeds.length = 0;
    life.crash();
    const client = await lab.open([]);
    await client.app.cancel(job.runId);
    await lab.world.settle();
    client.crash();
    expect(deeds).toEqual([]);
    await lab.open([body]);
    await lab.world.settle();
    expect(deeds).toEqual(["unbook c", "unbook b", "unbook a"]);
    expect(lab.row(job.runId).status).toBe("cancelled");
  });

  // Found by the simulator, seed 526196.
  test("is left to who has taken the run meanwhile; its journal is not called damaged", async () => {
    const { lab, deeds, job, life, body } = await waiting();
    deeds.length = 0;
    life.crash();
    const client = await lab.open([]);
    await client.app.cancel(job.runId);
    await lab.world.settle();
    client.crash();
    const disk = gate();
    const slow = lab.open([body], { store: slowReading(lab.store, disk.promise) });
    await lab.world.settle();
    const { owner, cancelling } = lab.row(job.runId);
    expect({ owner, cancelling }).toEqual({ owner: expect.any(Number), cancelling: true });
    // It stands still, and is taken for dead.
    lab.store.leave(Number(owner));
    const other = await lab.open([body]);
    await lab.world.settle();
    disk.open();
    await slow;
    await lab.world.settle();
    expect(lab.world.reports).toEqual([]);
    expect(deeds).toEqual(["unbook c", "unbook b", "unbook a"]);
    expect(await other.app.job(job.runId).outcome()).toMatchObject({ status: "cancelled" });
  });

  test("again while it undoes changes nothing; a doubt of it can be answered", async () => {
    const { unbook, deeds } = outside();
    const body = flow("body", [unbook, asked], async (_input, ctx) => {
      await ctx.compensate(unbook, "x");
      await ctx.compensate(asked, "really?");
      await ctx.sleep("1d");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.app.cancel(job.runId, { reason: "first" });
    await lab.world.settle();
    const seq = lab.row(job.runId).seq;
    await lab.app.cancel(job.runId, { reason: "second" });
    await lab.world.settle();
    expect(lab.row(job.runId)).toMatchObject({ seq, cancelling: true });
    expect(await lab.app.find(job.runId)).toMatchObject({ undoing: { status: "cancelled", done: 0, of: 2 } });
    await lab.answer(job.runId, "yes");
    expect(deeds).toEqual(["unbook x"]);
    const end = await job.outcome();
    expect(end).toMatchObject({ status: "cancelled", failure: { message: expect.stringContaining("first") } });
  });

  test("terminate ends it at once and undoes nothing", async () => {
    const { lab, deeds, job } = await waiting();
    deeds.length = 0;
    const seq = lab.row(job.runId).seq;
    await lab.app.terminate(job.runId, { reason: "leave it" });
    await lab.world.settle();
    expect(deeds).toEqual([]);
    expect(lab.row(job.runId)).toMatchObject({ status: "cancelled", seq: seq + 1 });
    const end = await job.outcome();
    expect(end).toMatchObject({ failure: { code: "run/cancelled", message: expect.stringContaining("leave it") } });
    expect((await failure(lab.app.terminate(job.runId))).code).toBe("run/already-finished");
  });

  test("terminate stops undoing where it is", async () => {
    const { unbook, deeds } = outside();
    const body = flow("body", [unbook, asked], async (_input, ctx) => {
      await ctx.compensate(unbook, "never");
      await ctx.compensate(asked, "really?");
      await ctx.compensate(unbook, "first");
      broken();
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect((await failure(lab.app.cancel(job.runId))).code).toBe("run/already-finished");
    await lab.app.terminate(job.runId);
    await lab.world.settle();
    expect(deeds).toEqual(["unbook first"]);
    expect(await job.outcome()).toMatchObject({
      status: "cancelled",
      failure: { details: { compensation: { of: 3, undone: 1 } } },
    });
    expect(await lab.app.find(job.runId)).toMatchObject({ undone: { done: 1, of: 3 } });
  });

  test("of a run that is undoing an inner body waits for that, then undoes the rest", async () => {
    const { deeds, unbook } = outside();
    const leg = flow("leg", [unbook, asked], async (_input, ctx) => {
      await ctx.compensate(unbook, "leg");
      await ctx.compensate(asked, "sure?");
      broken();
    });
    const body = flow("body", [leg, unbook], async (_input, ctx) => {
      await ctx.compensate(unbook, "body");
      await ctx.run(leg, 0);
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    expect(await lab.app.find(job.runId)).toMatchObject({ undoing: { status: "failed", done: 0, of: 2 } });
    // The client that cancels did not see it undo.
    const row = lab.row(job.runId);
    const cancel = { sender: "cancel#1", n: 1, kind: "cancel", name: "cancel", body: null, at: 0 } as const;
    lab.store.commit([{ kind: "cancel", to: row.id, row: cancel }], "normal");
    life.crash();
    await lab.open([body]);
    await lab.world.settle();
    expect(await lab.app.find(job.runId)).toMatchObject({ undoing: { status: "cancelled", done: 0, of: 3 } });
    expect(deeds).toEqual([]);
    await lab.answer(job.runId, "yes");
    expect(deeds).toEqual(["unbook leg", "unbook body"]);
    expect((await lab.app.job(job.runId).outcome()).status).toBe("cancelled");
    expect(lab.world.reports).toEqual([]);
  });
});

describe("an agent that undoes", () => {
  test("and is not known is waited for; the next process that has it goes on", async () => {
    const { deeds, unbook } = outside();
    const body = (uses: readonly Agent[]) =>
      flow("body", [...uses, asked], async (_input, ctx) => {
        await ctx.compensate(unbook, "x");
        await ctx.run(asked, "?");
      });
    const lab = new Lab();
    const { life, job } = await lab.begin(body([unbook]), 0);
    life.crash();
    const second = await lab.open([body([])]);
    await lab.app.cancel(job.runId);
    await lab.world.settle();
    expect(await lab.app.find(job.runId)).toMatchObject({
      status: "waiting",
      undoing: { status: "cancelled", done: 0, of: 1 },
      waiting: [{ kind: "no-worker", name: "unbook@1", waitId: "0.undo.0/0" }],
    });
    second.crash();
    await lab.open([unbook as Agent]);
    await lab.world.settle();
    expect(deeds).toEqual(["unbook x"]);
    expect(lab.row(job.runId).status).toBe("cancelled");
    expect(lab.world.reports).toEqual([]);
  });
});

describe("a crash after every entry", () => {
  /** Cancels a run that has done five things, and kills each process right after so many entries. */
  async function cancelled(crashAfter: number | undefined, warmBytes: number) {
    const lab = new Lab(0);
    const deeds = new Map<string, number>();
    const undo = (name: string, effect: "write" | "irreversible") =>
      tool({
        name,
        description: "",
        effect,
        input: z.string(),
        output: z.string(),
        execute: (what, { idempotencyKey }) => {
          const key = `${name} ${what} ${idempotencyKey}`;
          deeds.set(key, (deeds.get(key) ?? 0) + 1);
          return new Promise((resolve) => lab.world.timer(3, () => resolve(what)));
        },
        ...(effect === "irreversible"
          ? {
              probe: async (what: string, { idempotencyKey }: { readonly idempotencyKey: string }) =>
                deeds.has(`${name} ${what} ${idempotencyKey}`)
                  ? ({ kind: "happened", output: what } as const)
                  : ({ kind: "did-not-happen" } as const),
            }
          : {}),
      });
    const pay = undo("pay", "irreversible");
    const write = undo("write", "write");
    const leg = flow("leg", [pay, write], async (what, ctx) => {
      await ctx.compensate(pay, String(what));
      await ctx.compensate(write, String(what));
    });
    const body = flow("body", [leg, pay, asked], async (_input, ctx) => {
      await ctx.compensate(pay, "body");
      await ctx.map(["a", "b"], leg, { concurrency: 1 });
      await ctx.run(asked, "?");
    });
    const { life, job } = await lab.begin(body, 0, { warmBytes });
    life.crash();
    const client = await lab.open([]);
    await client.app.cancel(job.runId);
    await lab.world.settle();
    client.crash();
    let crashes = 0;
    for (let open = true; open; ) {
      const next = await lab.open([body], { warmBytes, ...(crashAfter === undefined ? {} : { crashAfter }) });
      for (let wait = 0; wait < 40 && !next.dead; wait++) await lab.world.advance(2);
      open = next.dead && crashes++ < 200;
      if (!next.dead) next.crash();
    }
    expect(lab.row(job.runId).status).toBe("cancelled");
    expect([...deeds.keys()].map((key) => key.split(" ").slice(0, 2).join(" "))).toEqual([
      ...["write b", "pay b", "write a", "pay a", "pay body"],
    ]);
    for (const [key, count] of deeds) if (key.startsWith("pay")) expect(count, key).toBe(1);
    const ends = lab.journal(job.runId).filter(({ kind }) => kind === "run-ended" || kind === "diverged");
    expect(ends).toHaveLength(1);
    expect(ends[0]?.body).toMatchObject({ details: { compensation: { of: 5, undone: 5, failed: 0 } } });
    expect(lab.world.reports).toEqual([]);
    return { entries: lab.row(job.runId).seq, crashes };
  }

  test.each([0, 1_000_000])("of a cancelled run undoes each thing once (warm bytes %i)", async (warmBytes) => {
    const { entries } = await cancelled(undefined, warmBytes);
    for (let every = 2; every < entries; every++) await cancelled(every, warmBytes);
    expect((await cancelled(2, warmBytes)).crashes).toBeGreaterThan(5);
  });
});
