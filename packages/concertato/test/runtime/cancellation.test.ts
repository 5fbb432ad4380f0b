/** `app.cancel`: once acknowledged, nothing more of the run is recorded; against a finish, the first commit wins. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, tool, workflow } from "../../src/index.ts";
import { failure, gate, Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });

/** A run whose one tool is under way until the gate opens. */
async function underWay(effect: "read" | "write" | "irreversible") {
  const lab = new Lab();
  const hold = gate<string>();
  const signals: AbortSignal[] = [];
  const later: string[] = [];
  const work = tool({
    name: "work",
    description: "",
    effect,
    output: z.string(),
    execute: (_input, { signal }) => {
      signals.push(signal);
      return hold.promise;
    },
  });
  const body = workflow({ name: "body", uses: [work] }, async (_input, ctx) => {
    await ctx.run(work, undefined);
    later.push("went on");
    await ctx.step("after", () => later.push("after"), { effect: "read" });
  });
  const { life, job } = await lab.begin(body, 0);
  return { lab, life, job, hold, signals, later, body };
}

describe("cancel", () => {
  test("ends the run with its reason", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(asked, "?")),
      0,
    );
    await lab.app.cancel(job.runId, { reason: "not needed any more" });
    await lab.world.settle();
    const end = await job.outcome();
    expect(end).toMatchObject({ status: "cancelled", failure: { code: "run/cancelled" } });
    expect(end).toHaveProperty("failure.message", expect.stringContaining("not needed any more"));
    expect(await failure(job.result())).toMatchObject({ code: "run/cancelled" });
  });

  test.each(["read", "write", "irreversible"] as const)(
    "once acknowledged, no later intent or result of a %s is recorded, and its attempt is told to stop",
    async (effect) => {
      const { lab, job, hold, signals, later } = await underWay(effect);
      await lab.app.cancel(job.runId);
      const acknowledged = lab.row(job.runId).seq;
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
      hold.open("too late");
      await lab.world.advance(10_000);
      const after = lab.journal(job.runId).slice(acknowledged);
      expect(lab.row(job.runId).status).toBe("cancelled");
      expect(after.filter(({ kind }) => kind !== "run-ended")).toEqual([]);
      expect(lab.kinds(job.runId).filter((kind) => kind === "run-ended")).toHaveLength(1);
      expect(later).toEqual([]);
    },
  );

  test("aborts the signal of the body", async () => {
    const signals: AbortSignal[] = [];
    const lab = new Lab();
    const body = workflow({ name: "body" }, (_input, ctx) => {
      signals.push(ctx.signal);
      return ctx.run(asked, "?");
    });
    const { job } = await lab.begin(body, 0);
    await lab.app.cancel(job.runId);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test("against a finish that was committed first is refused", async () => {
    const { lab, job, hold } = await underWay("read");
    hold.open("in time");
    await lab.world.settle();
    expect((await failure(lab.app.cancel(job.runId))).code).toBe("run/already-finished");
    expect((await job.outcome()).status).toBe("completed");
  });

  test("against a finish under way has one winner, and both sides agree on it", async () => {
    for (let turns = 0; turns < 12; turns++) {
      const { lab, job, hold } = await underWay("read");
      hold.open("now");
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const acknowledged = await lab.app.cancel(job.runId).then(
        () => true,
        () => false,
      );
      await lab.world.settle();
      expect((await job.outcome()).status).toBe(acknowledged ? "cancelled" : "completed");
    }
  });

  test("twice is refused the second time", async () => {
    const { lab, job } = await underWay("read");
    await lab.app.cancel(job.runId);
    expect((await failure(lab.app.cancel(job.runId))).code).toBe("run/already-finished");
  });

  test("of an evicted run ends it without running its body", async () => {
    let bodies = 0;
    const body = workflow({ name: "body" }, (_input, ctx) => {
      bodies++;
      return ctx.run(asked, "?");
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(life.engine.runs.size).toBe(0);
    await lab.app.cancel(job.runId);
    await lab.world.settle();
    expect((await job.outcome()).status).toBe("cancelled");
    expect(bodies).toBe(1);
  });

  test("while nobody runs it holds: the next process ends it", async () => {
    const { lab, life, job, body } = await underWay("write");
    life.crash();
    const client = await lab.open([]);
    await client.app.cancel(job.runId);
    await lab.open([body]);
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("cancelled");
    expect(lab.kinds(job.runId)).toEqual(["run-started", "intent", "run-ended"]);
  });

  test("leaves nothing to answer or to signal", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(asked, "?")),
      0,
    );
    await lab.app.cancel(job.runId);
    for (const attempt of [lab.app.answer(job.runId, "0.0", "x"), lab.app.signal(job.runId, "go")])
      expect((await failure(attempt)).code).toBe("run/already-finished");
    await lab.world.settle();
    expect(await lab.app.waiting()).toEqual([]);
  });

  test("of an unknown run is refused", async () => {
    const lab = new Lab();
    const { app } = await lab.open([]);
    expect((await failure(app.cancel("run_nobody"))).code).toBe("run/not-found");
  });

  test("leaves other runs of the process alone", async () => {
    const { lab, job } = await underWay("read");
    const other = await lab.app.start(
      workflow({ name: "other" }, (_input, ctx) => ctx.sleep(10)),
      0,
    );
    await lab.app.cancel(job.runId);
    await lab.world.advance(10);
    expect((await other.outcome()).status).toBe("completed");
  });
});
