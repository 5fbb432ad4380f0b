/** Replay: a body is a function of its input and its own entries, so running it again says the same and does nothing. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, tool, workflow } from "../../src/index.ts";
import { Counts, Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });

describe("a replay", () => {
  test("repeats nothing that has a result", async () => {
    const runs = new Counts();
    const work = tool({
      name: "work",
      description: "",
      effect: "write",
      input: z.string(),
      output: z.number(),
      execute: (name) => runs.add(name),
    });
    const body = workflow({ name: "body", uses: [work, asked] }, async (_input, ctx) => {
      const before = [await ctx.run(work, "a"), ...(await ctx.map(["b", "c"], work))];
      await ctx.run(asked, "?");
      return [...before, await ctx.run(work, "d")];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body]);
    await lab.answer(job.runId, "go");
    expect(await lab.app.job(job.runId).result()).toEqual([1, 1, 1, 1]);
  });

  test("of a finished scope is its result alone: its body does not run", async () => {
    const bodies = new Counts();
    const inner = workflow({ name: "inner" }, async (name, ctx) => {
      bodies.add(String(name));
      await ctx.step("work", () => 1, { effect: "read" });
      return name;
    });
    const body = workflow({ name: "body", uses: [inner, asked] }, async (_input, ctx) => {
      bodies.add("body");
      const done = await ctx.run(inner, "done");
      await ctx.run(asked, "?");
      return [done, await ctx.run(inner, "later")];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body]);
    await lab.answer(job.runId, "go");
    expect(await lab.app.job(job.runId).result()).toEqual(["done", "later"]);
    expect(["body", "done", "later"].map((name) => bodies.of(name))).toEqual([2, 1, 1]);
  });

  test("of a run that waits is not made before something comes for it", async () => {
    let bodies = 0;
    const body = workflow({ name: "body", uses: [asked] }, (_input, ctx) => {
      bodies++;
      return ctx.run(asked, "?");
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    const second = await lab.open([body]);
    await lab.world.advance(60_000);
    expect(bodies).toBe(1);
    second.crash();
    await lab.open([body]);
    await lab.answer(job.runId, "yes");
    expect(bodies).toBe(2);
  });

  test("draws the same time, numbers and ids", async () => {
    const draws: unknown[] = [];
    const body = workflow({ name: "body", uses: [asked] }, async (_input, ctx) => {
      const draw = [ctx.now(), ctx.random(), ctx.id(), ctx.random(), ctx.id()];
      await ctx.sleep(10);
      draws.push([...draw, ctx.now(), ctx.random(), ctx.id()]);
      await ctx.run(asked, "?");
      return ctx.random();
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.advance(10);
    life.crash();
    await lab.world.advance(1_000_000);
    await lab.open([body]);
    await lab.answer(job.runId, "go");
    expect(draws).toHaveLength(2);
    expect(draws[1]).toEqual(draws[0]);
  });

  test("delivers results in the order of the journal, one at a time, as they came live", async () => {
    const orders: string[][] = [];
    const wait = tool({
      name: "wait",
      description: "",
      effect: "read",
      input: z.number(),
      output: z.number(),
      execute: (ms) => new Promise<number>((resolve) => lab.world.timer(ms, () => resolve(ms))),
    });
    const body = workflow({ name: "body", uses: [wait, asked] }, async (_input, ctx) => {
      const order: string[] = [];
      orders.push(order);
      const follow = async (ms: number, hops: number) => {
        await ctx.run(wait, ms);
        order.push(`${ms} came`);
        for (let hop = 0; hop < hops; hop++) await Promise.resolve();
        order.push(`${ms} went`);
      };
      await Promise.all([follow(30, 0), follow(10, 40), follow(20, 3), follow(10, 0)]);
      await ctx.run(asked, "?");
      return order;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.advance(30);
    life.crash();
    await lab.open([body]);
    await lab.answer(job.runId, "go");
    const live = ["10 came", "10 went", "10 came", "10 went", "20 came", "20 went", "30 came", "30 went"];
    expect(orders).toEqual([live, live]);
  });

  test("with another input for a call is noticed and told, and the recorded result counts", async () => {
    const echo = tool({
      name: "echo",
      description: "",
      effect: "write",
      input: z.string(),
      output: z.string(),
      execute: (text) => (text === "first" ? new Promise<string>(() => undefined) : text),
    });
    const desk = (text: string) => workflow({ name: "desk", uses: [echo] }, (_input, ctx) => ctx.run(echo, text));
    const lab = new Lab();
    const { life, job } = await lab.begin(desk("first"), 0);
    life.crash();
    await lab.open([desk("second")]);
    await lab.world.settle();
    const recorded = lab.journal(job.runId).find(({ kind }) => kind === "intent");
    expect(recorded?.body).toBe("first");
    expect(lab.row(job.runId).status).not.toBe("diverged");
  });

  test("of the same journal, many times over, ends the same", async () => {
    const body = workflow({ name: "body", uses: [asked] }, async (_input, ctx) => {
      const answers: string[] = [];
      for (let count = 0; count < 5; count++) answers.push(`${await ctx.run(asked, count)} ${ctx.random()}`);
      return answers;
    });
    const outputs: unknown[] = [];
    for (const crashing of [false, true]) {
      const lab = new Lab();
      const { life: first, job } = await lab.begin(body, 0);
      let life = first;
      for (const answer of ["a", "b", "c", "d", "e"]) {
        if (crashing) {
          life.crash();
          life = await lab.open([body]);
          await lab.world.settle();
        }
        await lab.answer(job.runId, answer);
      }
      outputs.push(await lab.app.job(job.runId).result());
    }
    expect(outputs[1]).toEqual(outputs[0]);
  });
});
