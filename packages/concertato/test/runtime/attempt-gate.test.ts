/** What must be granted before an attempt begins: slots and rates over all processes, room in this one. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { tool, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { failure, Lab } from "./lab.ts";
import { Watched } from "./watched.ts";

describe.each(["read", "irreversible"] as const)("slots for %s work", (effect) => {
  onBothStores("over two processes", (place) => {
    test("are never more than the limit, and every attempt gets one", async () => {
      const watched = new Watched();
      const look = watched.tool(2, effect);
      const [one, two] = [await place().open([look]), await place().open([look])];
      const names = Array.from({ length: 8 }, (_, index) => `n${index}`);
      const jobs = await Promise.all(names.map((name, index) => (index % 2 === 0 ? one : two).app.start(look, name)));
      for (let done = 0; done < names.length; done++) {
        await place().until("another begun", () => watched.begun.length > done);
        watched.release(watched.begun[done] ?? "");
      }
      const outcomes = await Promise.all(jobs.map((job) => settledOutcome(job)));
      expect(outcomes).toEqual(names.map((output) => ({ status: "completed", output })));
      expect(watched.most).toBe(2);
      expect(watched.begun.toSorted()).toEqual(names);
    });

    async function settledOutcome(job: { outcome(): Promise<unknown> }): Promise<unknown> {
      let end: unknown;
      void job.outcome().then((outcome) => (end = outcome));
      await place().until("ended", () => end !== undefined);
      return end;
    }

    test("are granted by priority, then to who asked first", async () => {
      const watched = new Watched();
      const look = watched.tool(1, effect);
      const [one, two] = [await place().open([look]), await place().open([look])];
      await one.app.start(look, "first");
      await place().until("one begun", () => watched.begun.length === 1);
      await two.app.start(look, "b");
      await one.app.start(look, "c");
      await two.app.start(look, "low", { priority: 1 });
      const late = await one.app.start(look, "late", { priority: 1 });
      await one.app.start(look, "urgent", { priority: 9 });
      await place().world.advance(200);
      await one.app.prioritise(late.runId, 4);
      await place().world.advance(200);
      for (let done = 0; done < 6; done++) {
        await place().until("another begun", () => watched.begun.length > done);
        watched.release(watched.begun[done] ?? "");
      }
      expect(watched.begun).toEqual(["first", "urgent", "b", "c", "late", "low"]);
    });

    test("of a process that died are free for others", async () => {
      const watched = new Watched();
      const look = watched.tool(1, effect);
      const [one, two] = [await place().open([look]), await place().open([look])];
      await one.app.start(look, "held");
      await place().until("begun", () => watched.begun.length === 1);
      await two.app.start(look, "waits");
      await place().world.advance(300);
      expect(watched.begun).toEqual(["held"]);
      await one.crash();
      await place().until("the other begun", () => watched.begun.includes("waits"));
    });

    test("count for each key by itself", async () => {
      const watched = new Watched();
      const look = watched.tool({ limit: 1, key: (name) => name[0] ?? "" }, effect);
      const { app } = await place().open([look]);
      for (const name of ["a1", "a2", "b1"]) await app.start(look, name);
      await place().until("two begun", () => watched.begun.length === 2);
      await place().world.advance(100);
      expect(watched.begun.toSorted()).toEqual(["a1", "b1"]);
      watched.releaseAll();
      await place().until("the third begun", () => watched.begun.includes("a2"));
    });

    test("of a run that is cancelled, waiting or at work, go to the next", async () => {
      const watched = new Watched();
      const look = watched.tool(1, effect);
      const { app } = await place().open([look]);
      const held = await app.start(look, "held");
      await place().until("begun", () => watched.begun.length === 1);
      const waiting = await app.start(look, "waits");
      await place().world.advance(100);
      await app.start(look, "next");
      await place().world.advance(100);
      await app.cancel(waiting.runId);
      await app.cancel(held.runId);
      await place().until("the next begun", () => watched.begun.length === 2);
      expect(watched.begun).toEqual(["held", "next"]);
    });
  });
});

onBothStores("waiting for a slot", (place) => {
  test("is shown with what it waits for, and leaves nothing in doubt when the process dies", async () => {
    const watched = new Watched();
    const look = watched.tool(1, "irreversible");
    const one = await place().open([look]);
    await one.app.start(look, "held");
    await place().until("begun", () => watched.begun.length === 1);
    const two = await place().open([look]);
    const waiting = await two.app.start(look, "waits");
    await place().until("it shows", async () => (await two.app.find(waiting.runId))?.status === "waiting");
    expect((await two.app.find(waiting.runId))?.waiting).toMatchObject([{ kind: "slot", name: "look" }]);
    await two.crash();
    await place().world.advance(1_000);
    watched.releaseAll();
    await place().until("taken over and begun", () => watched.begun.length === 2);
    watched.releaseAll();
    await place().until("done", async () => (await place().row(waiting.runId)).status === "completed");
    expect(watched.begun).toEqual(["held", "waits"]);
  });

  test("a slot is not held across a wait: nested workflows at limit 1 do not block each other", async () => {
    const watched = new Watched();
    const look = watched.tool(1);
    const inner = workflow({ name: "inner", uses: [look] }, async (input, ctx) => {
      await ctx.sleep(50);
      return ctx.run(look, `inner ${String(input)}`);
    });
    const outer = workflow({ name: "outer", uses: [look, inner] }, async (input, ctx) => {
      await ctx.run(look, `outer ${String(input)}`);
      return ctx.map([1, 2], inner);
    });
    const { app } = await place().open([outer]);
    const jobs = await Promise.all([app.start(outer, "a"), app.start(outer, "b")]);
    await place().until("all done", async () => {
      watched.releaseAll();
      const rows = await Promise.all(jobs.map(({ runId }) => place().row(runId)));
      return rows.every(({ status }) => status === "completed");
    });
    expect(watched.most).toBe(1);
    expect(watched.begun).toHaveLength(6);
  });
});

onBothStores("a rate", (place) => {
  test("holds over two processes: a burst, then evenly, never more", async () => {
    const times: number[] = [];
    const call = tool({
      name: "call",
      description: "Calls",
      effect: "write",
      rate: { limit: 5, per: "1s" },
      input: z.number(),
      execute: () => void times.push(place().world.clock.now()),
    });
    const [one, two] = [await place().open([call]), await place().open([call])];
    const begin = place().world.clock.now();
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : two).app.start(call, index)));
    await place().until("all called", () => times.length === 20);
    const after = times.map((time) => time - begin);
    // The k-th after the burst of five may not begin before k fifths of a second.
    for (const [index, time] of after.entries()) expect(time).toBeGreaterThanOrEqual(Math.max(0, index - 4) * 200);
  });

  test("and a slot are granted together; a run says which it waits for", async () => {
    const watched = new Watched();
    const look = tool({
      name: "look",
      description: "Looks",
      effect: "read",
      input: z.string(),
      output: z.string(),
      concurrency: 2,
      rate: { limit: 1, per: "10s", key: (name) => name[0] ?? "" },
      execute: (name) => watched.execute(name),
    });
    const { app } = await place().open([look]);
    await app.start(look, "a1");
    await place().until("first", () => watched.begun.length === 1);
    const second = await app.start(look, "a2");
    await place().world.advance(100);
    expect((await app.find(second.runId))?.waiting).toMatchObject([{ kind: "rate", name: "look:a" }]);
    // The one that waits for its rate holds no slot.
    await app.start(look, "b1");
    await place().until("other key", () => watched.begun.length === 2);
    watched.releaseAll();
    await place().world.advance(9_000);
    expect(watched.begun).toEqual(["a1", "b1"]);
    await place().until("its time", () => watched.begun.length === 3);
  });
});

describe("room in a process", () => {
  test("ten thousand ready attempts do not start at once, and all are carried out", async () => {
    const lab = new Lab();
    const watched = new Watched();
    const look = tool({
      name: "look",
      description: "Looks",
      effect: "read",
      input: z.string(),
      output: z.string(),
      execute: (name) => watched.execute(name),
    });
    const many = workflow({ name: "many", uses: [look] }, (_input, ctx) =>
      ctx.map(
        Array.from({ length: 10_000 }, (_, index) => `n${index}`),
        look,
        { concurrency: 10_000 },
      ),
    );
    const { job } = await lab.begin(many, 0, { maxAttempts: 20 });
    expect(watched.now).toBe(20);
    for (let turn = 0; turn < 600 && lab.row(job.runId).status !== "completed"; turn++) {
      watched.releaseAll();
      await lab.world.settle();
    }
    expect(await job.result()).toHaveLength(10_000);
    expect(watched.most).toBe(20);
  });

  test("goes to the urgent first", async () => {
    const lab = new Lab();
    const watched = new Watched();
    const look = tool({
      name: "look",
      description: "Looks",
      effect: "read",
      input: z.string(),
      output: z.string(),
      execute: (name) => watched.execute(name),
    });
    const { app } = await lab.open([look], { maxAttempts: 1 });
    await app.start(look, "first");
    await lab.world.settle();
    await app.start(look, "normal");
    await app.start(look, "urgent", { priority: 8 });
    await lab.world.settle();
    for (const name of ["first", "urgent", "normal"]) {
      watched.release(name);
      await lab.world.settle();
    }
    expect(watched.begun).toEqual(["first", "urgent", "normal"]);
  });
});

describe("limits that cannot be kept", () => {
  const define = (more: object) => () => tool({ name: "t", description: "", execute: () => undefined, ...more });

  test.each([
    { concurrency: 0 },
    { concurrency: 1.5 },
    { concurrency: { limit: -1 } },
    { rate: { limit: 0, per: "1s" } },
    { rate: { limit: 1, per: 0 } },
    { rate: { limit: 1, per: "1s", burst: 0.5 } },
  ])("%o is refused where it is declared", async (more) => {
    expect((await failure(Promise.resolve().then(define(more)))).code).toBe("agent/limits");
  });

  test("a key that throws fails its call and nothing else", async () => {
    const lab = new Lab();
    const look = tool({
      name: "look",
      description: "Looks",
      effect: "read",
      input: z.string(),
      concurrency: {
        limit: 1,
        key: (name) => {
          if (name === "bad") throw new Error("no key");
          return name;
        },
      },
      execute: () => undefined,
    });
    const { app } = await lab.open([look]);
    const [bad, good] = [await app.start(look, "bad"), await app.start(look, "good")];
    await lab.world.settle();
    expect(await bad.outcome()).toMatchObject({ status: "failed", failure: { code: "agent/failed" } });
    expect(await good.outcome()).toMatchObject({ status: "completed" });
  });
});
