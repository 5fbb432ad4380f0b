/** `ctx.state`: named values of a run or of all; reads are seen again on replay, and no update is lost. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, done, next, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { failure, Lab } from "./lab.ts";

const adder = workflow({ name: "adder", input: z.number() }, (times, ctx) =>
  ctx.loop<number, number>(0, async (count, turn) => {
    if (count === times) return done(count);
    const sum = turn.state("sum", { initial: 0, shared: true });
    await sum.update((value) => value + 1);
    return next(count + 1);
  }),
);
const reader = workflow({ name: "reader" }, (_input, ctx) => ctx.state("sum", { initial: 0, shared: true }).get());
const agents = [adder, reader] as Agent[];

onBothStores("a value shared by runs", (place) => {
  test("loses no update of 3 processes × 100, whichever of them dies when", async () => {
    const open = () => place().open(agents);
    const processes = [await open(), await open(), await open()];
    const jobs: string[] = [];
    for (const { app } of processes) jobs.push((await app.start(adder, 50)).runId, (await app.start(adder, 50)).runId);
    let turn = 0;
    await place().until("all have ended", async () => {
      if (++turn % 13 === 0 && turn < 120) {
        const victim = turn % 3;
        await processes[victim]?.crash();
        processes[victim] = await open();
      }
      for (const runId of jobs) if ((await place().row(runId)).status !== "completed") return false;
      return true;
    });
    const [{ app }] = processes as [(typeof processes)[number]];
    const job = await app.start(reader, undefined);
    await place().until("it was read", async () => (await place().row(job.runId)).status === "completed");
    expect(await job.result()).toBe(300);
  });

  test("is of one tenant", async () => {
    const { app } = await place().open(agents);
    await (await app.start(adder, 3)).result();
    expect(await (await app.start(reader, undefined, { tenant: "other" })).result()).toBe(0);
    expect(await (await app.start(reader, undefined)).result()).toBe(3);
  });
});

describe("ctx.state", () => {
  test("a value of the run is read back as it was written, and is another run's own", async () => {
    const body = workflow({ name: "body" }, async (input, ctx) => {
      const cart = ctx.state<unknown[]>("cart", { initial: [] });
      const seen = [await cart.get()];
      await cart.set([input]);
      seen.push(await cart.update((items) => [...items, "more"]));
      return [...seen, await ctx.state("cart", { initial: "unused" }).get()];
    });
    const lab = new Lab();
    for (const input of ["a", "b"]) {
      const { job } = await lab.begin(body, input);
      expect(await job.result()).toEqual([[], [input, "more"], [input, "more"]]);
    }
  });

  test("what was read is read again on replay, though it has changed meanwhile", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const sum = ctx.state("sum", { initial: 0, shared: true });
      const seen = await sum.get();
      await ctx.waitFor("go");
      return [seen, await sum.get()];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body, adder] as Agent[]);
    await (await lab.app.start(adder, 7)).result();
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toEqual([0, 7]);
  });

  test("a loop of thousands of turns keeps its value over jumps", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const count = ctx.state("count", { initial: 0 });
      await ctx.loop(0, async (turns, turn) => {
        await turn.state("count", { initial: 0 }).update((value) => value + 2);
        return turns === 1_999 ? done(0) : next(turns + 1);
      });
      await ctx.waitFor("go");
      return count.get();
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    expect(lab.store.replay(lab.row(job.runId).key).length).toBeLessThan(8);
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe(4_000);
    expect(lab.store.readState(`run/${job.runId}`, "count")).toBeUndefined();
  });

  test("an update that throws, or makes what cannot be stored, fails and changes nothing", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const value = ctx.state<unknown>("value", { initial: 1 });
      const thrown: string[] = [];
      const refuse = () => {
        throw new Error("refused");
      };
      for (const change of [refuse, () => 5n])
        await value.update(change).catch((error: Error) => thrown.push(error.message));
      return [thrown.length, thrown[0], await value.update((now) => Number(now) + 1)];
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.result()).toEqual([2, "refused", 2]);
  });

  test("an initial value that cannot be stored throws where it is written", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.state("value", { initial: 5n }).get());
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect((await failure(job.result())).code).toBe("codec/unstorable");
  });

  test("a code that no longer reads what the journal has read diverges", async () => {
    const body = (name: string) =>
      workflow({ name: "body" }, async (_input, ctx) => {
        await ctx.state(name, { initial: 0 }).get();
        await ctx.waitFor("go");
      });
    const lab = new Lab();
    const { life, job } = await lab.begin(body("a"), 0);
    life.crash();
    await lab.open([body("b")]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("diverged");
  });
});
