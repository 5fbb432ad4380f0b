/** `human()` and `app.answer`: a question stays open, at no cost, until somebody gives an answer that fits. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, tool, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

const decision = z.object({
  approved: z.boolean(),
  note: z.string().optional(),
  by: z.string().optional(),
});
const manager = human({ name: "manager", output: decision });
const ask = workflow({ name: "ask" }, (request, ctx) => ctx.run(manager, request));

describe("a question", () => {
  test("shows who is asked what, and since when", async () => {
    const lab = new Lab(0);
    const { job } = await lab.begin(ask, { refund: 80 });
    expect(await lab.app.waiting()).toEqual([
      {
        runId: job.runId,
        agent: "ask@1",
        waitId: "0.0",
        kind: "answer",
        name: "manager",
        since: 0,
        request: { refund: 80 },
      },
    ]);
    expect(lab.row(job.runId).status).toBe("waiting");
  });

  test("is ended by an answer that fits", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(ask, 0);
    await lab.answer(job.runId, { approved: true, note: "fine" });
    expect(await job.result()).toEqual({ approved: true, note: "fine" });
  });

  test("stays open when an answer does not fit, and the journal keeps what was said", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(ask, 0);
    await lab.answer(job.runId, "sure");
    expect(lab.row(job.runId).status).toBe("waiting");
    const refused = lab.journal(job.runId).find(({ kind }) => kind === "signal-refused");
    expect(refused).toMatchObject({ op: "0", body: "sure" });
    await lab.answer(job.runId, { approved: false });
    expect(await job.result()).toEqual({ approved: false });
  });

  test("is answered once: the first answer counts", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "twice" }, async (_input, ctx) => {
        const first = await ctx.run(manager, 0);
        await ctx.waitFor("go");
        return first;
      }),
      0,
    );
    await lab.app.answer(job.runId, "0.0", { approved: true });
    await lab.app.answer(job.runId, "0.0", { approved: false }).catch(() => undefined);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await job.result()).toEqual({ approved: true });
  });

  test("answered by two at the same moment: each can find out whose answer counts", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(ask, 0);
    const given = [{ approved: true }, { approved: false }].map((value, index) =>
      lab.app.answer(job.runId, "0.0", value, { by: ["ada", "bob"][index] ?? "" }),
    );
    const receipts = await Promise.all(given);
    await lab.world.settle();
    const states = await Promise.all(receipts.map((receipt) => lab.app.answerState(receipt)));
    expect(states).toEqual([{ status: "counts" }, { status: "late" }]);
    expect(await job.result()).toEqual({ approved: true });
  });

  test("answered wrongly and then rightly: the first was refused, the second counts", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(ask, 0);
    const wrong = await lab.app.answer(job.runId, "0.0", "sure");
    await lab.world.settle();
    const right = await lab.app.answer(job.runId, "0.0", { approved: true });
    await lab.world.settle();
    expect(await lab.app.answerState(wrong)).toEqual({ status: "refused" });
    expect(await lab.app.answerState(right)).toEqual({ status: "counts" });
  });

  test("answered by two while nobody is at work: the first is in line, the other behind it", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(ask, 0, { warmBytes: 0 });
    life.crash();
    const client = await lab.open([]);
    const both = [
      client.app.answer(job.runId, "0.0", { approved: true }, { by: "ada" }),
      client.app.answer(job.runId, "0.0", 1),
    ];
    const [first, second] = await Promise.all(both);
    if (first === undefined || second === undefined) throw new Error("Both answers were given.");
    expect(await client.app.answerState(first)).toEqual({ status: "pending" });
    expect(await client.app.answerState(second)).toEqual({ status: "behind", by: "ada" });
  });

  test("records who answered", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(ask, 0);
    await lab.app.answer(job.runId, "0.0", { approved: true }, { by: "ada" });
    await lab.world.settle();
    const { tree } = await lab.app.describe(job.runId);
    expect(tree.children).toMatchObject([{ path: "0.0", name: "manager", status: "completed", answeredBy: "ada" }]);
  });

  test("survives a crash and costs nothing meanwhile: no timer, no memory", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(ask, 0, { warmBytes: 0 });
    expect(life.engine.runs.size).toBe(0);
    life.crash();
    await lab.open([ask], { warmBytes: 0 });
    await lab.world.advance(30 * 86_400_000);
    await lab.answer(job.runId, { approved: true });
    expect(await lab.app.job(job.runId).result()).toEqual({ approved: true });
  });

  test("asked directly, without a workflow around it, is a run of its own", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(manager, "may I?");
    await lab.answer(job.runId, { approved: true });
    expect(await job.result()).toEqual({ approved: true });
  });

  test("an answer sent to a wrong address is refused with what is open", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(ask, 0);
    const error = await failure(lab.app.answer(job.runId, "0.9", { approved: true }));
    expect(error.code).toBe("run/not-waiting");
    expect(error.message).toContain("0.9");
    expect(error.message).toContain("0.0 (manager)");
  });

  // Finding F18.
  test("an answer sent to a wrong address is refused, however many questions are open", async () => {
    const lab = new Lab();
    const items = Array.from({ length: 40 }, (_, index) => index);
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.map(items, manager, { concurrency: 40 }));
    const { job } = await lab.begin(body, 0);
    expect((await failure(lab.app.answer(job.runId, "0.9", { approved: true }))).code).toBe("run/not-waiting");
    await lab.app.answer(job.runId, "0.0/39", { approved: true });
    await lab.world.settle();
    const { tree } = await lab.app.describe(job.runId);
    expect(tree.children[0]?.children[39]?.status).toBe("completed");
  });

  test("an answer to a run that has ended or never was is refused", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(ask, 0);
    await lab.answer(job.runId, { approved: true });
    expect((await failure(lab.app.answer(job.runId, "0.0", { approved: true }))).code).toBe("run/already-finished");
    expect((await failure(lab.app.answer("run_nobody", "0.0", true))).code).toBe("run/not-found");
  });
});

describe("a question with a limit", () => {
  test("fails when nobody answered in time", async () => {
    const busy = human({ name: "busy", output: decision, within: "4h" });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(busy, 0)),
      0,
    );
    await lab.world.advance(4 * 3_600_000);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "agent/timeout", path: "0.0" } });
  });

  test.each([0, 1_000_000])("or is answered by what was declared for that case (warm bytes %i)", async (warmBytes) => {
    const busy = human({
      name: "busy",
      output: decision,
      within: "4h",
      onTimeout: (request) => ({ approved: false, note: `nobody looked at ${JSON.stringify(request)}` }),
    });
    const lab = new Lab();
    const body = workflow({ name: "body", uses: [busy] }, (request, ctx) => ctx.run(busy, request));
    const { job } = await lab.begin(body, { usd: 5 }, { warmBytes });
    await lab.world.advance(4 * 3_600_000);
    expect(await job.result()).toEqual({ approved: false, note: 'nobody looked at {"usd":5}' });
  });
});

describe("approval of a tool", () => {
  const done: unknown[] = [];
  const refund = tool({
    name: "refund",
    description: "Pays an order back",
    effect: "irreversible",
    input: z.object({ order: z.string(), usd: z.number() }),
    output: z.string(),
    approve: ({ usd }) => (usd > 50 ? manager : "allow"),
    approvers: [manager],
    execute: ({ order, usd }) => {
      done.push(order);
      return `${order}: ${usd}`;
    },
  });
  const body = workflow({ name: "body", uses: [refund] }, async (usd, ctx) =>
    ctx.run(refund, { order: "A1", usd: Number(usd) }),
  );

  test("is not asked for when the tool allows it", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(body, 10);
    expect(await job.result()).toBe("A1: 10");
  });

  test("shows the exact arguments, and nothing happens before the word is given", async () => {
    done.length = 0;
    const lab = new Lab();
    const { job } = await lab.begin(body, 80);
    expect(await lab.app.waiting()).toMatchObject([
      {
        name: "manager",
        request: { action: "refund", description: "Pays an order back", arguments: { order: "A1", usd: 80 } },
      },
    ]);
    expect(done).toEqual([]);
    await lab.answer(job.runId, { approved: true });
    expect(await job.result()).toBe("A1: 80");
    expect(done).toEqual(["A1"]);
  });

  test("that is denied fails the call with who and why", async () => {
    done.length = 0;
    const lab = new Lab();
    const { job } = await lab.begin(body, 80);
    await lab.answer(job.runId, { approved: false, by: "ada", note: "too much" });
    expect(await job.outcome()).toMatchObject({
      status: "failed",
      failure: { code: "agent/refused", message: "ada declined refund: too much.", path: "0.0" },
    });
    expect(done).toEqual([]);
  });

  test("holds over a crash between the word and the deed", async () => {
    done.length = 0;
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 80);
    await lab.app.answer(job.runId, await lab.question(job.runId), { approved: true });
    life.crash();
    await lab.open([body]);
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe("A1: 80");
    expect(done).toEqual(["A1"]);
  });
});
