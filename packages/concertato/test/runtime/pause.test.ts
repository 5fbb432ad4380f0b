/** Pausing a run or an agent: what is under way ends, nothing new begins, and nothing is lost until it is resumed. */
import { expect, test } from "vitest";
import { z } from "zod";
import { human, tool, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { failure, type Gate, gate } from "./lab.ts";

/** Steps that the test lets go on, and the order in which they began. */
function stepping() {
  const begun: string[] = [];
  const holds = new Map<string, Gate<void>>();
  const step = (name: string): Promise<void> => {
    begun.push(name);
    const hold = gate();
    holds.set(name, hold);
    return hold.promise;
  };
  const work = workflow({ name: "work" }, async (input, ctx) => {
    await ctx.step("one", () => step(`${String(input)} one`), { effect: "irreversible" });
    await ctx.step("two", () => step(`${String(input)} two`), { effect: "irreversible" });
    return input;
  });
  return { begun, work, release: (name: string) => holds.get(name)?.open() };
}

onBothStores("a paused run", (place) => {
  test("ends what is under way and begins nothing, in any process, until it is resumed", async () => {
    const { begun, work, release } = stepping();
    const one = await place().open([work]);
    const two = await place().open([work]);
    const job = await one.app.start(work, "a");
    await place().until("begun", () => begun.length === 1);
    await two.app.pause({ runId: job.runId }, { by: "ada" });
    await place().world.advance(300);
    expect((await place().row(job.runId)).owner).toBe(one.engine.ownership.owner);
    release("a one");
    await place().until("given back", async () => (await place().row(job.runId)).owner === null);
    await place().world.advance(3_000);
    expect(begun).toEqual(["a one"]);
    expect(await two.app.find(job.runId)).toMatchObject({
      status: "waiting",
      paused: { by: "ada", since: expect.any(Number) as number },
    });
    await two.app.resume({ runId: job.runId });
    await place().until("goes on", () => begun.length === 2);
    release("a two");
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(begun).toEqual(["a one", "a two"]);
    expect((await one.app.find(job.runId))?.paused).toBeUndefined();
  });

  test("says in its journal who steered it, once, whichever process did and whoever dies in between", async () => {
    const { begun, work, release } = stepping();
    const one = await place().open([work]);
    const client = await place().client();
    const job = await client.start(work, "a");
    await place().until("begun", () => begun.length === 1);
    await client.prioritise(job.runId, 8, { by: "ann" });
    await client.prioritise(job.runId, 8, { by: "again" });
    const events = async () => {
      const entries = await Array.fromAsync(client.job(job.runId).events({ live: false }));
      return entries.filter(({ kind }) => kind === "steered").map(({ name, body }) => ({ name, ...(body as object) }));
    };
    await place().until("a live run tells at once", async () => (await events()).length === 1);
    await client.pause({ runId: job.runId }, { by: "ada" });
    await client.pause({ runId: job.runId }, { by: "too late" });
    await one.crash();
    await place().open([work]);
    await place().world.advance(1_000);
    await client.prioritise(job.runId, 2);
    await client.resume({ runId: job.runId }, { by: "bob" });
    await client.resume({ runId: job.runId }, { by: "not paused" });
    await place().until("it is in doubt", async () => (await client.waiting()).length === 1);
    const [question] = await client.waiting();
    await client.answer(job.runId, question?.waitId ?? "", { happened: true });
    await place().until("the second step", () => begun.includes("a two"));
    release("a two");
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(await events()).toMatchObject([
      { name: "prioritised", by: "ann", priority: 8 },
      { name: "paused", by: "ada" },
      { name: "prioritised", by: "client", priority: 2 },
      { name: "resumed", by: "bob" },
    ]);
    const [worker] = [await place().open([work])];
    expect(await worker.app.replay(job.runId)).toMatchObject({ status: "same" });
  });

  test("keeps its deadlines and messages, which count when it is resumed", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const desk = workflow({ name: "desk", uses: [asked] }, (_input, ctx) =>
      ctx.all({ slept: (b) => b.sleep("1m"), answer: (b) => b.run(asked, "?"), signal: (b) => b.waitFor("go") }),
    );
    const { app } = await place().open([desk]);
    const job = await app.start(desk, 0);
    await place().until("waits", async () => (await place().row(job.runId)).status === "waiting");
    await app.pause({ runId: job.runId });
    await place().until("given back", async () => (await place().row(job.runId)).owner === null);
    const [question] = await app.waiting();
    await app.answer(job.runId, "0.0/answer/0", "yes");
    await app.signal(job.runId, "go", "gone");
    await place().world.advance(120_000);
    expect(question).toMatchObject({ name: "asked" });
    expect((await place().row(job.runId)).status).toBe("waiting");
    await app.resume({ runId: job.runId });
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(await job.result()).toMatchObject({ answer: "yes", signal: "gone" });
  });

  test("survives the death of its process, and a cancel ends it", async () => {
    const { begun, work } = stepping();
    const one = await place().open([work]);
    const [kept, ended] = [await one.app.start(work, "a"), await one.app.start(work, "b")];
    await place().until("begun", () => begun.length === 2);
    for (const { runId } of [kept, ended]) await one.app.pause({ runId });
    await one.crash();
    const two = await place().open([work]);
    await two.app.cancel(ended.runId);
    await place().until("cancelled", async () => (await place().row(ended.runId)).status === "cancelled");
    await place().world.advance(2_000);
    expect(await place().row(kept.runId)).toMatchObject({ owner: null, paused: { by: "tester" } });
    await two.app.resume({ runId: kept.runId });
    // Nobody knows what became of its first step.
    await place().until("asks", async () => (await two.app.waiting()).length === 1);
  });

  test("of a run that ended or that there is not, it is refused", async () => {
    const quick = workflow({ name: "quick" }, () => 1);
    const { app } = await place().open([quick]);
    const job = await app.start(quick, 0);
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect((await failure(app.pause({ runId: job.runId }))).code).toBe("run/already-finished");
    expect((await failure(app.resume({ runId: "nobody" }))).code).toBe("run/not-found");
    expect((await failure(app.pause({ agent: "not a name" }))).code).toBe("agent/name");
  });
});

onBothStores("a paused agent", (place) => {
  test("is begun by nobody: its runs wait, also new ones and those of other processes", async () => {
    const { begun, work, release } = stepping();
    const one = await place().open([work]);
    const two = await place().open([work]);
    const first = await one.app.start(work, "a");
    await place().until("begun", () => begun.length === 1);
    await two.app.pause({ agent: "work" }, { by: "ada" });
    expect(await one.app.pausedAgents()).toMatchObject([{ agent: "work", by: "ada" }]);
    // Other processes notice with their next look.
    await place().world.advance(300);
    const second = await two.app.start(work, "b");
    const third = await one.app.start(work, "c");
    release("a one");
    await place().until("given back", async () => (await place().row(first.runId)).owner === null);
    await place().world.advance(3_000);
    expect(begun).toEqual(["a one"]);
    for (const { runId } of [first, second, third])
      expect(await one.app.find(runId)).toMatchObject({ paused: { by: "ada", agent: "work" } });
    await one.app.resume({ agent: "work" });
    await place().until("all go on", () => begun.length === 4);
    expect(begun.toSorted()).toEqual(["a one", "a two", "b one", "c one"]);
    for (const name of ["b one", "c one"]) release(name);
    await place().until("all at their last", () => begun.length === 6);
  });

  test("of one version leaves the others alone", async () => {
    const begun: string[] = [];
    const version = (number: number) =>
      workflow({ name: "versioned", version: number }, (_input, ctx) =>
        ctx.step("do", () => void begun.push(`v${number}`), { effect: "write" }),
      );
    const [v1, v2] = [version(1), version(2)];
    const { app } = await place().open([v1, v2]);
    await app.pause({ agent: "versioned@1" });
    await app.start(v1, 0);
    await app.start(v2, 0);
    await place().until("the other ran", () => begun.length === 1);
    await place().world.advance(1_000);
    expect(begun).toEqual(["v2"]);
    await app.resume({ agent: "versioned@1" });
    await place().until("both ran", () => begun.length === 2);
  });

  test("that other runs call is not begun there: a tool's attempt and a nested body wait, the rest goes on", async () => {
    const done: string[] = [];
    const does = (name: string) =>
      tool({ name, description: "Does", effect: "write", execute: () => void done.push(name) });
    const [look, pay, log] = [does("look"), does("pay"), does("log")];
    const nested = workflow({ name: "nested", uses: [log] }, async (_input, ctx) => {
      await ctx.run(log, undefined);
      await ctx.sleep(10);
      await ctx.run(log, undefined);
    });
    const desk = workflow({ name: "desk", uses: [look, pay, nested] }, (_input, ctx) =>
      ctx.all({
        looked: (b) => b.run(look, undefined),
        paid: (b) => b.run(pay, undefined),
        nested: (b) => b.run(nested, undefined),
      }),
    );
    const { app } = await place().open([desk]);
    await app.pause({ agent: "pay" }, { by: "ada" });
    await app.pause({ agent: "nested" });
    const job = await app.start(desk, 0);
    await place().until("it waits", async () => (await app.find(job.runId))?.status === "waiting");
    await place().world.advance(1_000);
    expect(done).toEqual(["look"]);
    const waiting = (await app.find(job.runId))?.waiting.filter(({ kind }) => kind === "paused");
    expect(waiting?.map(({ name }) => name).toSorted()).toEqual(["nested", "pay"]);
    await app.resume({ agent: "pay" });
    await place().until("paid", () => done.includes("pay"));
    await app.resume({ agent: "nested" });
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(done.toSorted()).toEqual(["log", "log", "look", "pay"]);
  });

  test("is not entered though it would begin no work of its own", async () => {
    const quick = workflow({ name: "quick" }, () => "entered");
    const desk = workflow({ name: "desk", uses: [quick] }, (_input, ctx) => ctx.run(quick, undefined));
    const { app } = await place().open([desk]);
    await app.pause({ agent: "quick" });
    const job = await app.start(desk, 0);
    await place().until("it waits", async () => (await app.find(job.runId))?.status === "waiting");
    await place().world.advance(1_000);
    expect((await app.find(job.runId))?.waiting).toMatchObject([{ kind: "paused", name: "quick" }]);
    await app.resume({ agent: "quick" });
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
  });

  test("is paused for the next process too, in the middle of a nested body", async () => {
    const done: string[] = [];
    const log = tool({ name: "log", description: "Logs", effect: "write", execute: () => void done.push("log") });
    const nested = workflow({ name: "nested", uses: [log] }, async (_input, ctx) => {
      await ctx.run(log, undefined);
      await ctx.waitFor("go");
      await ctx.run(log, undefined);
    });
    const desk = workflow({ name: "desk", uses: [nested] }, (_input, ctx) => ctx.run(nested, undefined));
    const one = await place().open([desk]);
    const job = await one.app.start(desk, 0);
    await place().until("waits", async () => (await place().row(job.runId)).status === "waiting");
    await one.app.pause({ agent: "nested" });
    await one.crash();
    const two = await place().open([desk]);
    await two.app.signal(job.runId, "go");
    await place().world.advance(2_000);
    expect(done).toEqual(["log"]);
    await two.app.resume({ agent: "nested" });
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(done).toEqual(["log", "log"]);
  });
});
