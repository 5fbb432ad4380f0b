/** `ctx.start`: a run of its own, with its own journal and owner; its end comes back as a message. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, run, tool, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });
const child = workflow({ name: "child" }, async (input, ctx) => `${String(input)}: ${await ctx.run(asked, input)}`);
const parent = workflow({ name: "parent", uses: [child] }, async (input, ctx) => {
  const handle = await ctx.start(child, input);
  return handle.outcome();
});

/** Id of the only child that a run has started. */
function childOf(lab: Lab, runId: string): string {
  const started = lab.journal(runId).find(({ kind }) => kind === "child-started");
  return (started?.body as { runId: string } | undefined)?.runId ?? "none";
}

describe("ctx.start", () => {
  test("starts a run of its own that knows its parent", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, "x");
    const childId = childOf(lab, job.runId);
    expect(lab.row(childId)).toMatchObject({ agent: "child@1", parent: job.runId, status: "waiting", tenant: "acme" });
    expect(lab.journal(childId)[0]?.meta.causes).toEqual([job.runId]);
  });

  test("lets the parent wait for the child's output", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, "x");
    await lab.answer(childOf(lab, job.runId), "yes");
    expect(await job.result()).toBe("x: yes");
  });

  test("lets the parent end first", async () => {
    const forget = workflow(
      { name: "forget", uses: [child] },
      async (_input, ctx) => (await ctx.start(child, 1)).runId,
    );
    const lab = new Lab();
    const { job } = await lab.begin(forget, 0);
    const childId = (await job.result()) as string;
    await lab.answer(childId, "yes");
    expect(lab.row(childId).status).toBe("completed");
    expect(lab.world.reports).toEqual([]);
  });

  test("hands the child's failure to the parent", async () => {
    const bad = workflow({ name: "bad" }, () => {
      throw new Error("child broke");
    });
    const body = workflow({ name: "body", uses: [bad] }, async (_input, ctx) => (await ctx.start(bad, 0)).outcome());
    expect(await failure(run(body, 0))).toMatchObject({ code: "agent/failed", message: "child broke" });
  });

  test("of a child that was cancelled fails with run/cancelled", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(parent, "x");
    await lab.app.cancel(childOf(lab, job.runId));
    await lab.world.settle();
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "run/cancelled" } });
  });

  test("checks the child's input where it is started", async () => {
    const typed = workflow({ name: "typed", input: z.number() }, (value) => value);
    const body = workflow({ name: "body" }, async (_input, ctx) => (await ctx.start(typed, "no" as never)).runId);
    expect((await failure(run(body, 0))).code).toBe("agent/input-invalid");
  });

  // Finding F5.
  test("a tool or a person can be a child", async () => {
    const length = tool({
      name: "length",
      description: "",
      effect: "pure",
      input: z.string().transform((text) => text.length),
      output: z.number(),
      execute: (count) => count + 1,
    });
    const body = workflow({ name: "body", uses: [length] }, async (_input, ctx) =>
      (await ctx.start(length, "four")).outcome(),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toEqual({ status: "completed", output: 5 });
  });

  test.each([0, 1_000_000])("survives crashes of both on either side (warm bytes %i)", async (warmBytes) => {
    const lab = new Lab();
    const { life, job } = await lab.begin(parent, "x", { warmBytes });
    life.crash();
    const second = await lab.open([parent], { warmBytes });
    await lab.world.settle();
    const childId = childOf(lab, job.runId);
    await lab.app.answer(childId, await lab.question(childId), "yes");
    second.crash();
    await lab.open([parent], { warmBytes });
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe("x: yes");
    expect(await lab.app.runs({ agent: "child" })).toHaveLength(1);
  });

  test("starts the same child once when the parent is replayed", async () => {
    const body = workflow({ name: "body", uses: [child] }, async (_input, ctx) => {
      const { runId } = await ctx.start(child, 1);
      await ctx.waitFor("go");
      return runId;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    const childId = childOf(lab, job.runId);
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe(childId);
    expect(await lab.app.runs({ agent: "child" })).toHaveLength(1);
  });

  test("an end that came before anybody asked for it is kept", async () => {
    const quick = workflow({ name: "quick" }, () => "quick");
    const body = workflow({ name: "body", uses: [quick] }, async (_input, ctx) => {
      const handle = await ctx.start(quick, 0);
      await ctx.sleep(100);
      return handle.outcome();
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.settle();
    life.crash();
    await lab.open([body]);
    await lab.world.advance(100);
    expect(await lab.app.job(job.runId).result()).toBe("quick");
  });

  // Finding F10.
  test.each(["one after the other", "at once"])("its outcome may be asked for twice, %s", async (how) => {
    const quick = workflow({ name: "quick" }, () => "quick");
    const body = workflow({ name: "body", uses: [quick] }, async (_input, ctx) => {
      const handle = await ctx.start(quick, 0);
      if (how === "at once") return Promise.all([handle.outcome(), handle.outcome()]);
      return [await handle.outcome(), await handle.outcome()];
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(lab.row(job.runId).status).toBe("completed");
    expect(await job.result()).toEqual(["quick", "quick"]);
  });

  test("several children run side by side", async () => {
    const body = workflow({ name: "body", uses: [child] }, async (_input, ctx) => {
      const handles = await Promise.all([1, 2, 3].map((value) => ctx.start(child, value)));
      return Promise.all(handles.map((handle) => handle.outcome()));
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    for (const { runId, waitId, request } of await lab.app.waiting())
      await lab.app.answer(runId, waitId, `answer ${String(request)}`);
    await lab.world.settle();
    expect(await job.result()).toEqual(["1: answer 1", "2: answer 2", "3: answer 3"]);
  });
});
