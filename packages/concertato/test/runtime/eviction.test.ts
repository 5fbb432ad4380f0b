/** Resting runs leave memory and come back as they were: by scope, without loss, one process at a time. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { ChangeResult, Store } from "../../src/journal/store.ts";
import { human, tool, workflow } from "../../src/index.ts";
import { depart, displaced } from "../../src/runtime/departure.ts";
import type { MemoryStore } from "../../src/store/memory-store.ts";
import type { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { altered, away, Counts, Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });

describe("eviction", () => {
  test("200 branches that each ask a person: an answer wakes its branch and no other body", async () => {
    const bodies = new Counts();
    const branch = workflow({ name: "branch" }, async (index, ctx) => {
      bodies.add(String(index));
      const first = await ctx.step("prepare", () => `prepared ${String(index)}`, { effect: "read" });
      return `${first}: ${await ctx.run(asked, index)}`;
    });
    const body = workflow({ name: "body", uses: [branch, asked] }, async (_input, ctx) => {
      bodies.add("body");
      const items = Array.from({ length: 200 }, (_, index) => index);
      return (await ctx.map(items, branch, { concurrency: 200 })).length;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(life.engine.runs.size).toBe(0);
    expect(lab.row(job.runId)).toMatchObject({ status: "waiting", owner: null, parked: true });

    const answerAt = async (index: number) => {
      await lab.app.answer(job.runId, `0.0/${index}.1`, `answer ${index}`);
      await lab.world.settle();
    };
    for (const index of [137, 3, 42]) await answerAt(index);
    expect(bodies.names.filter((name) => bodies.of(name) > 1).toSorted()).toEqual(["137", "3", "42"]);
    expect(bodies.of("body")).toBe(1);

    for (let index = 0; index < 200; index++) if (![137, 3, 42].includes(index)) await answerAt(index);
    expect(await job.result()).toBe(200);
    expect(bodies.of("body")).toBe(2);
    expect(bodies.names.filter((name) => bodies.of(name) !== 2)).toEqual([]);
  });

  test("gives back the longest resting runs first, down to what may stay warm", async () => {
    const lab = new Lab();
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.run(asked, "x".repeat(1_000)));
    const { app, engine } = await lab.open([body], { warmBytes: 30_000 });
    const jobs = [];
    for (let count = 0; count < 20; count++) {
      jobs.push(await app.start(body, count));
      await lab.world.settle();
    }
    const warm = jobs.filter(({ runId }) => lab.row(runId).owner !== null);
    expect(warm.length).toBeGreaterThan(1);
    expect(warm.length).toBeLessThan(10);
    expect(warm.map(({ runId }) => runId)).toEqual(jobs.slice(-warm.length).map(({ runId }) => runId));
    expect(engine.runs.size).toBe(warm.length);
  });

  test("never leaves while an attempt is under way or a body has something to do", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const both = await Promise.all([
        ctx.run(asked, "?"),
        ctx.step("slow", () => new Promise<string>((resolve) => lab.world.timer(100, () => resolve("slow"))), {
          effect: "read",
        }),
      ]);
      return both.join(" ");
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(life.engine.runs.size).toBe(1);
    await lab.world.advance(100);
    expect(life.engine.runs.size).toBe(0);
    await lab.answer(job.runId, "yes");
    expect(await job.result()).toBe("yes slow");
  });

  test("runs no finally: leaving memory is not an end", async () => {
    const finals: string[] = [];
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      try {
        return await ctx.run(asked, "?");
      } finally {
        finals.push("finally");
      }
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(finals).toEqual([]);
    await lab.answer(job.runId, "yes");
    expect(await job.result()).toBe("yes");
    expect(finals).toEqual(["finally"]);
  });

  test("loses no message that comes in the moment of leaving", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const got: unknown[] = [];
      for (let count = 0; count < 30; count++) got.push(await ctx.waitFor("item"));
      return got;
    });
    const lab = new Lab();
    const { app, engine } = await lab.open([body], { warmBytes: 0 });
    const job = await app.start(body, 0);
    const expected = Array.from({ length: 30 }, (_, index) => index);
    for (const item of expected) {
      // More or fewer turns of the event loop between the messages: some meet the run coming, some going, some gone.
      for (let turn = 0; turn < item % 7; turn++) await Promise.resolve();
      await app.signal(job.runId, "item", item);
    }
    await lab.world.settle();
    expect(await job.result()).toEqual(expected);
    expect(engine.runs.size).toBe(0);
  });

  test("of a run with deadlines wakes it at the earliest", async () => {
    const lab = new Lab(0);
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch } = await ctx.race({
        person: (inner) => inner.waitFor("go", undefined, { within: "2h" }),
        hour: (inner) => inner.sleep("1h"),
      });
      return [branch, ctx.now()];
    });
    const { life, job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(life.engine.runs.size).toBe(0);
    expect(lab.row(job.runId).wake).toBe(3_600_000);
    await lab.world.advance(3_600_000);
    expect(await job.result()).toEqual(["hour", 3_600_000]);
  });

  test("keeps signals that nobody waits for yet", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.waitFor("first");
      return ctx.waitFor("second");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0, { warmBytes: 0 });
    await lab.app.signal(job.runId, "second", "kept");
    await lab.world.settle();
    expect(lab.row(job.runId).owner).toBeNull();
    await lab.app.signal(job.runId, "first");
    await lab.world.settle();
    expect(await job.result()).toBe("kept");
  });

  test("also of a run that is loaded exactly as it was left: it rests without writing anything", async () => {
    const body = workflow({ name: "body", uses: [asked] }, (_input, ctx) => ctx.run(asked, "?"));
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    const second = await lab.open([body], { pollMs: 50 });
    await lab.world.advance(1_000);
    expect(second.engine.ownership.active).toBe(0);
    second.crash();
    const third = await lab.open([body], { warmBytes: 0, pollMs: 50 });
    await lab.world.advance(1_000);
    expect(third.engine.runs.size).toBe(0);
    expect(lab.row(job.runId)).toMatchObject({ status: "waiting", owner: null, parked: true });
  });

  test("does not take a run whose next intent is about to be committed, when others make room in the same turn", async () => {
    const lab = new Lab();
    const store = slowSync(lab.store, lab.world);
    let tries = 0;
    const charge = tool({
      name: "charge",
      description: "",
      effect: "write",
      retry: { attempts: 2, backoff: "1s" },
      execute: () => {
        if (++tries === 1) throw new Error("not yet");
      },
    });
    const stuck = tool({
      name: "stuck",
      description: "",
      effect: "read",
      timeout: "1s",
      retry: { attempts: 2, backoff: "1h" },
      execute: () => new Promise<void>(() => undefined),
    });
    const { app } = await lab.open([charge, stuck], { store, warmBytes: 5_500 });
    const paying = await app.start(charge, undefined);
    await lab.world.advance(syncMs);
    expect(tries).toBe(1);
    // Its timeout falls in the moment in which the other is tried again: one commits at once, the other must be synced.
    await app.start(stuck, undefined);
    await lab.world.advance(10_000);
    expect(tries).toBe(2);
    expect((await paying.outcome()).status).toBe("completed");
  });

  test("of others goes on past a run whose deadline the wall clock has jumped over, and that run still rests", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.sleep("1h"));
    const lab = new Lab();
    const { life } = await lab.begin(body, 0, { warmBytes: 5_000 });
    expect(life.engine.runs.size).toBe(1);
    lab.world.jump(7_200_000);
    await life.app.start(body, 1);
    await lab.world.settle();
    expect(life.engine.ownership.active).toBe(0);
  });
});

const syncMs = 5;

/** A store whose `full` commits take effect and answer after a while, as a disk's do. */
function slowSync(memory: MemoryStore, world: VirtualWorld): Store {
  const commit: Store["commit"] = (changes, durability) => {
    if (durability === "normal") return memory.commit(changes, durability);
    return new Promise((resolve) => {
      world.timer(syncMs, () => resolve(memory.commit(changes, durability)));
    });
  };
  return altered(memory, { commit });
}

describe("a run on its way out of memory", () => {
  test("is shown with what it waits for, also when it is put out for another reason meanwhile", async () => {
    const lab = new Lab();
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.receive("letters"));
    const { app, engine } = await lab.open([body], { warmBytes: 0 });
    const leaving: string[] = [];
    // Between the first's going to rest and the commit that gives it back.
    engine.listeners.add((written, second) => {
      if (written.kind !== "wait-opened") return;
      for (const run of engine.runs.values()) {
        if (run === second || !run.leaving) continue;
        leaving.push(run.id);
        depart(engine, run, displaced);
      }
    });
    const jobs = await Promise.all([app.start(body, 1), app.start(body, 2)]);
    await lab.world.settle();
    expect(leaving).toEqual([jobs[0]?.runId]);
    for (const { runId } of jobs) {
      expect(lab.row(runId)).toMatchObject({ status: "waiting", owner: null, parked: true });
      expect(await lab.waits(runId)).toMatchObject([{ kind: "mail", name: "letters" }]);
    }
    expect(lab.world.reports).toEqual([]);
  });

  const waiter = workflow({ name: "waiter" }, (_input, ctx) => ctx.waitFor("go"));

  /** A process with room for one run, whose first giving back goes in some other way; then another run is started in it. */
  async function crowded(
    leave: (commit: () => readonly ChangeResult[], store: MemoryStore) => readonly ChangeResult[],
  ) {
    const lab = new Lab();
    let met = false;
    const store = altered(lab.store, {
      commit: (changes, durability) => {
        const commit = () => lab.store.commit(changes, durability);
        if (met || !changes.some(({ kind }) => kind === "evict")) return commit();
        met = true;
        return leave(commit, lab.store);
      },
    });
    const { app, engine } = await lab.open([waiter], { store, warmBytes: 0, maxActive: 1 });
    const jobs = [await app.start(waiter, 1)];
    await lab.world.settle();
    expect(met).toBe(true);
    jobs.push(await app.start(waiter, 2));
    await lab.world.advance(1_000);
    return { lab, app, engine, jobs };
  }

  test.each([
    { what: "was given back and the store did not say so", happened: true },
    { what: "was not given back and nobody knows", happened: false },
  ])("keeps no place in its process, where it $what", async ({ happened }) => {
    const { lab, app, engine, jobs } = await crowded((commit) => {
      if (happened) commit();
      throw away();
    });
    expect(engine.runs.size).toBe(0);
    for (const { runId } of jobs) {
      expect(lab.row(runId)).toMatchObject({ status: "waiting", owner: null });
      await app.signal(runId, "go", runId);
    }
    await lab.world.settle();
    for (const job of jobs) expect(await job.outcome()).toEqual({ status: "completed", output: job.runId });
  });

  test("keeps no place in its process, where another has put it out and taken it", async () => {
    const { lab, engine, jobs } = await crowded((commit, store) => {
      const [row] = store.runs({ limit: 1 });
      const other = store.join();
      store.commit([{ kind: "take-over", to: row?.id ?? "" }], "normal");
      expect(store.claim(other, Number.MAX_SAFE_INTEGER, ["waiter@1"], 1)).toHaveLength(1);
      return commit();
    });
    expect(engine.runs.size).toBe(0);
    expect(jobs.map(({ runId }) => lab.row(runId).seq)).toEqual([2, 2]);
  });
});

describe("many runs", () => {
  test("1,500 that wait, each woken once by its own message, also past the bound of what works at once", async () => {
    const bodies = new Counts();
    const body = workflow({ name: "body" }, async (name, ctx) => {
      bodies.add(String(name));
      return ctx.waitFor("go");
    });
    const lab = new Lab();
    const first = await lab.open([body], { warmBytes: 0 });
    const jobs = await Promise.all(Array.from({ length: 1_500 }, (_, index) => first.app.start(body, index)));
    await lab.world.settle();
    first.crash();
    const client = await lab.open([]);
    for (const { runId } of jobs) await client.app.signal(runId, "go", runId);
    const second = await lab.open([body], { warmBytes: 0 });
    await lab.world.settle();
    expect(await second.app.runs({ status: "completed", limit: 2_000 })).toHaveLength(1_500);
    expect(bodies.names.filter((name) => bodies.of(name) !== 2)).toEqual([]);
  });
});
