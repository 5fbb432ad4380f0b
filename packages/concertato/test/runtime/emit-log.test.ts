/** `ctx.emit` and `ctx.log`: what a body tells is in the journal once, in the order it was told. */
import { describe, expect, test } from "vitest";
import { done, next, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const progress = workflow({ name: "progress" }, async (_input, ctx) => {
  ctx.emit("begun");
  await ctx.step("work", () => 1, { effect: "read" });
  ctx.emit("progress", { done: 1, of: 2 });
  ctx.log("half way", { by: "me" });
  await ctx.waitFor("go");
  ctx.emit("progress", { done: 2, of: 2 });
  return "end";
});

describe("what a body tells", () => {
  test("is seen by who reads the run's events, in order, with its value", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(progress, 0);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    const told: unknown[] = [];
    for await (const { kind, name, body, meta } of job.events())
      if (kind === "emitted") told.push([meta.verb, name, body]);
    expect(told).toEqual([
      ["emit", "begun", undefined],
      ["emit", "progress", { done: 1, of: 2 }],
      ["log", "", { message: "half way", details: { by: "me" } }],
      ["emit", "progress", { done: 2, of: 2 }],
    ]);
  });

  test("is told though the body, a branch or a loop's turn ends at once", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.race({
        won: (branch) => {
          branch.emit("in the branch");
        },
        lost: (branch) => branch.sleep("1h"),
      });
      await ctx.loop(0, (turn, inner) => {
        inner.emit("in the turn", turn);
        return turn === 2 ? done(0) : next(turn + 1);
      });
      ctx.emit("last");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    const told = lab.journal(job.runId).filter(({ kind }) => kind === "emitted");
    expect(told.map(({ name, body: value }) => [name, value])).toEqual([
      ["in the branch", undefined],
      ["in the turn", 0],
      ["in the turn", 1],
      ["in the turn", 2],
      ["last", undefined],
    ]);
  });

  test.each([0, 1_000_000])("is told once over crashes, with %i bytes for resting runs", async (warmBytes) => {
    for (let crashAfter = 1; crashAfter < 9; crashAfter++) {
      const lab = new Lab();
      const { life, job } = await lab.begin(progress, 0, { warmBytes, crashAfter });
      life.crash();
      await lab.open([progress], { warmBytes });
      await lab.app.signal(job.runId, "go").catch(() => undefined);
      await lab.world.settle();
      expect(await lab.app.job(job.runId).result()).toBe("end");
      expect(lab.kinds(job.runId).filter((kind) => kind === "emitted")).toHaveLength(4);
    }
  });

  test("stands in the tree of the run", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(progress, 0);
    const { tree } = await lab.app.describe(job.runId);
    expect(tree.children.map(({ path, verb, name, status }) => [path, verb, name, status])).toEqual([
      ["0.0", "emit", "begun", "completed"],
      ["0.1", "step", "work", "completed"],
      ["0.2", "emit", "progress", "completed"],
      ["0.3", "log", "log", "completed"],
      ["0.4", "wait", "go", "waiting"],
    ]);
  });

  test("that cannot be stored throws where it is told, and takes no number", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => {
      try {
        ctx.emit("bad", 5n);
      } catch (error) {
        ctx.emit("instead", (error as { code: string }).code);
      }
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    const [told] = lab.journal(job.runId).filter(({ kind }) => kind === "emitted");
    expect(told).toMatchObject({ op: "0", name: "instead", body: "codec/unstorable" });
  });

  test("is part of what a replay checks: a body that no longer tells it, or tells something else, has diverged", async () => {
    const bodies = {
      nothing: workflow({ name: "progress" }, async () => undefined),
      other: workflow({ name: "progress" }, async (_input, ctx) => ctx.emit("other")),
      less: workflow({ name: "progress" }, async (_input, ctx) => {
        ctx.emit("begun");
        await ctx.step("work", () => 1, { effect: "read" });
        ctx.emit("progress");
        return "";
      }),
    };
    for (const changed of Object.values(bodies)) {
      const lab = new Lab();
      const { life, job } = await lab.begin(progress, 0);
      life.crash();
      await lab.open([changed]);
      await lab.app.signal(job.runId, "go");
      await lab.world.settle();
      const { status } = await lab.app.job(job.runId).outcome();
      expect(status).toBe("diverged");
    }
  });

  test("cannot be told after a foreign await", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await new Promise((resolve) => setImmediate(resolve));
      ctx.emit("late");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.settle();
    expect((await failure(job.result())).code).toBe("runtime/foreign-await");
  });
});
