/** The end of a run reaches the runs that it started: cancelled in the same commit, wherever they are, and theirs too. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, tool, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });
const child = workflow({ name: "child", uses: [asked] }, (_input, ctx) => ctx.run(asked, "?"));

/** A run that starts a child and then waits for a word: "fail" or anything else. */
const parent = workflow({ name: "parent", uses: [child, asked] }, async (detached, ctx) => {
  const { runId } = await ctx.start(child, 0, { detached: detached === true });
  if ((await ctx.waitFor("word")) === "fail") throw new Error("in vain");
  return runId;
});

/** Starts the parent of the parent of a child. */
const elder = workflow({ name: "elder", uses: [parent] }, async (_input, ctx) =>
  (await ctx.start(parent, false)).outcome(),
);

async function childOf(lab: Lab, agent = "child"): Promise<string> {
  const [{ runId } = { runId: "none" }] = await lab.app.runs({ agent });
  return runId;
}

describe("a child", () => {
  test("is cancelled when its parent is, and says why", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, false);
    const runId = await childOf(lab);
    await lab.app.cancel(job.runId);
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("cancelled");
    expect(await lab.app.job(runId).outcome()).toMatchObject({
      status: "cancelled",
      failure: { message: expect.stringContaining(`the run that started it, ${job.runId}, ended`) },
    });
    expect(lab.world.reports).toEqual([]);
  });

  test("is cancelled when its parent fails", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, false);
    await lab.app.signal(job.runId, "word", "fail");
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("failed");
    expect(lab.row(await childOf(lab)).status).toBe("cancelled");
  });

  test("lives on when its parent completes", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, false);
    await lab.app.signal(job.runId, "word", "fine");
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("completed");
    await lab.answer(await childOf(lab), "still here");
    expect(await lab.app.job(await childOf(lab)).result()).toBe("still here");
  });

  test.each(["cancel", "fail"])("that is detached lives on, whatever ends its parent: %s", async (how) => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, true);
    if (how === "cancel") await lab.app.cancel(job.runId);
    else await lab.app.signal(job.runId, "word", "fail");
    await lab.world.settle();
    expect(lab.journal(job.runId).find(({ kind }) => kind === "child-started")?.meta.detached).toBe(true);
    await lab.answer(await childOf(lab), "still here");
    expect(await lab.app.job(await childOf(lab)).result()).toBe("still here");
  });

  test("of a child is cancelled too", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(elder, 0);
    await lab.app.cancel(job.runId);
    await lab.world.settle();
    expect((await lab.app.runs()).map(({ agent, status }) => [agent, status])).toEqual([
      ["child@1", "cancelled"],
      ["parent@1", "cancelled"],
      ["elder@1", "cancelled"],
    ]);
  });

  test.each([0, 1_000_000])("of another process is put out there (warm bytes %i)", async (warmBytes) => {
    const lab = new Lab();
    const signals: AbortSignal[] = [];
    const late: string[] = [];
    const far = tool({
      name: "far",
      description: "",
      effect: "write",
      output: z.string(),
      execute: (_input, { signal }) => {
        signals.push(signal);
        return new Promise<string>((resolve) =>
          lab.world.timer(5_000, () => {
            late.push("done");
            resolve("done");
          }),
        );
      },
    });
    const worker = workflow({ name: "worker", uses: [far] }, async (_input, ctx) => [
      await ctx.run(far, undefined),
      await ctx.run(far, undefined),
    ]);
    const boss = workflow({ name: "boss" }, async (_input, ctx) => (await ctx.start(worker, 0)).outcome());
    const first = await lab.open([boss], { pollMs: 50, warmBytes, crashAfter: 1 });
    const job = await first.app.start(boss, 0);
    await lab.world.settle();
    // One process has the child, the other the parent.
    await lab.open([worker], { pollMs: 50, warmBytes });
    await lab.world.advance(100);
    const third = await lab.open([boss], { pollMs: 50, warmBytes });
    await lab.world.advance(1_000);
    const runId = await childOf(lab, "worker");
    expect(lab.row(runId).status).toBe("running");
    await third.app.cancel(job.runId);
    await lab.world.advance(60_000);
    expect(lab.row(job.runId).status).toBe("cancelled");
    expect(lab.row(runId).status).toBe("cancelled");
    // What had begun could not be called back; nothing began after it, and it was not recorded.
    expect(signals.length).toBeLessThanOrEqual(1);
    expect(late.length).toBeLessThanOrEqual(1);
    expect(lab.kinds(runId).filter((kind) => kind === "result")).toEqual([]);
  });

  test("that nobody has taken yet is cancelled before it runs", async () => {
    const lab = new Lab();
    let ran = 0;
    const quick = workflow({ name: "quick" }, () => {
      ran++;
    });
    const body = workflow({ name: "body", uses: [quick] }, async (_input, ctx) => {
      await ctx.start(quick);
      await ctx.waitFor("never");
    });
    const { job } = await lab.begin(body, 0, { crashAfter: 1 });
    const client = await lab.open([], { crashAfter: 1 });
    const runId = await childOf(lab, "quick");
    expect(lab.row(runId).status).toBe("queued");
    await client.app.cancel(job.runId);
    await lab.world.settle();
    client.crash();
    await lab.open([body]);
    await lab.world.settle();
    expect(lab.kinds(runId)).toEqual(["run-started", "run-ended"]);
    expect([lab.row(runId).status, ran]).toEqual(["cancelled", 0]);
  });

  test("is terminated with its parent, and undoes nothing then", async () => {
    const lab = new Lab();
    const undone: string[] = [];
    const undo = tool({ name: "undo", description: "", effect: "write", execute: () => void undone.push("x") });
    const careful = workflow({ name: "careful", uses: [undo] }, async (_input, ctx) => {
      await ctx.compensate(undo);
      await ctx.run(asked, "?");
    });
    const body = workflow({ name: "body", uses: [careful] }, async (_input, ctx) =>
      (await ctx.start(careful, 0)).outcome(),
    );
    const { job } = await lab.begin(body, 0);
    await lab.app.terminate(job.runId);
    await lab.world.settle();
    expect(lab.row(await childOf(lab, "careful")).status).toBe("cancelled");
    expect(undone).toEqual([]);
  });

  test("goes no further while its parent undoes, and undoes its own", async () => {
    const lab = new Lab();
    const order: string[] = [];
    const undo = tool({
      name: "undo",
      description: "",
      effect: "write",
      input: z.string(),
      execute: (what) => void order.push(what),
    });
    const careful = workflow({ name: "careful", uses: [undo, asked] }, async (_input, ctx) => {
      await ctx.compensate(undo, "child");
      await ctx.run(asked, "child?");
      order.push("child went on");
    });
    const body = workflow({ name: "body", uses: [careful, undo, asked] }, async (_input, ctx) => {
      await ctx.start(careful, 0);
      await ctx.compensate(asked, "parent?");
      await ctx.waitFor("go");
      throw new Error("in vain");
    });
    const { job } = await lab.begin(body, 0);
    const runId = await childOf(lab, "careful");
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("waiting");
    expect(lab.row(runId).status).toBe("cancelled");
    expect(order).toEqual(["child"]);
    expect((await failure(lab.app.answer(runId, "0.1", "too late"))).code).toBe("run/already-finished");
    await lab.answer(job.runId, "yes");
    expect(lab.row(job.runId).status).toBe("failed");
  });

  test.each([1, 2, 3, 4])(
    "is cancelled whenever the process dies around the end of its parent (%i entries)",
    async (entries) => {
      const lab = new Lab();
      const { life, job } = await lab.begin(elder, 0);
      life.crash();
      const client = await lab.open([], { crashAfter: entries });
      await client.app.cancel(job.runId).catch(() => undefined);
      await lab.world.settle();
      client.crash();
      await lab.open([elder]);
      await lab.world.advance(2_000);
      expect((await lab.app.runs()).map(({ status }) => status)).toEqual(["cancelled", "cancelled", "cancelled"]);
    },
  );
});
