/** Failed runs are found with their cause and put back: what was done stays done, what failed is tried again. */
import { expect, test } from "vitest";
import { z } from "zod";
import { type Effect, tool, workflow } from "../../src/index.ts";
import { failure, gate, Lab } from "./lab.ts";

/** Tools whose calls are noted with their idempotency keys, and that fail while they are told to. */
class Outside {
  readonly calls: string[] = [];
  readonly keys: string[] = [];
  readonly failing = new Set<string>();
  hold: Promise<void> | null = null;

  tool(name: string, effect: Effect) {
    return tool({
      name,
      description: "",
      effect,
      input: z.string(),
      output: z.string(),
      execute: async (input, { idempotencyKey }) => {
        this.calls.push(`${name} ${input}`);
        this.keys.push(idempotencyKey);
        if (name === "hold" && this.hold !== null) await this.hold;
        if (this.failing.has(`${name} ${input}`)) throw new Error(`${name} is down`);
        return `${name} ${input}`;
      },
    });
  }
}

function order(outside: Outside) {
  const [pay, mail, look] = [
    outside.tool("pay", "irreversible"),
    outside.tool("mail", "write"),
    outside.tool("look", "read"),
  ];
  const body = workflow({ name: "order", uses: [pay, mail, look] }, async (_input, ctx) => {
    await ctx.run(look, "first").catch(() => "not seen");
    const paid = await ctx.map(["a", "b", "c"], pay, { concurrency: 1 });
    const sent = await ctx.run(mail, "ann");
    return [...paid, sent];
  });
  return { body, pay, mail, look };
}

test("a failed run is listed with its cause, and put back: nothing is done twice, what failed is one more attempt", async () => {
  const lab = new Lab();
  const outside = new Outside();
  outside.failing.add("mail ann").add("look first");
  const { body } = order(outside);
  const { life, job } = await lab.begin(body, undefined);
  const { app } = life;
  expect(await app.runs({ status: "failed" })).toMatchObject([{ runId: job.runId, failure: "agent/failed" }]);
  expect(await job.outcome()).toMatchObject({ failure: { message: "mail is down", path: "0.2" } });
  outside.failing.clear();
  const again = await app.retry(job.runId);
  await lab.world.settle();
  expect(await again.result()).toEqual(["pay a", "pay b", "pay c", "mail ann"]);
  // The look had failed too; the body had gone on without it, and does so again.
  expect(outside.calls).toEqual(["look first", "pay a", "pay b", "pay c", "mail ann", "mail ann"]);
  expect(outside.keys[5]).toBe(outside.keys[4]);
  expect(lab.row(job.runId).status).toBe("failed");
  expect((await app.retry(job.runId)).runId).toBe(again.runId);
  expect((await failure(app.retry(again.runId))).code).toBe("run/already-finished");
});

test("over a crash after every entry, too", async () => {
  for (let crash = 1; crash < 16; crash++) {
    const lab = new Lab();
    const outside = new Outside();
    outside.failing.add("pay b");
    const { body } = order(outside);
    const { life, job } = await lab.begin(body, undefined);
    outside.failing.clear();
    life.crash();
    const first = await lab.open([body], { crashAfter: crash });
    const { runId } = await first.app.retry(job.runId);
    await lab.world.advance(1_000);
    first.crash();
    const { app } = await lab.open([body]);
    await lab.world.advance(1_000);
    for (const { waitId } of (await app.find(runId))?.waiting ?? [])
      await app.answer(runId, waitId, { happened: false });
    await lab.world.advance(1_000);
    expect(await app.job(runId).result()).toEqual(["pay a", "pay b", "pay c", "mail ann"]);
    expect(new Set(outside.keys).size).toBe(5);
    expect(outside.calls.filter((call) => call === "pay a")).toHaveLength(1);
  }
});

test("a run that was put back and failed is put back in its turn, under the first one's keys", async () => {
  const lab = new Lab();
  const outside = new Outside();
  outside.failing.add("mail ann");
  const { body } = order(outside);
  const { life, job } = await lab.begin(body, undefined);
  const second = await life.app.retry(job.runId);
  await lab.world.settle();
  expect((await second.outcome()).status).toBe("failed");
  outside.failing.clear();
  const third = await life.app.retry(second.runId);
  await lab.world.settle();
  expect(await third.result()).toHaveLength(4);
  expect(new Set(outside.keys.slice(-3)).size).toBe(1);
});

test("several causes are all tried again; what succeeded beside them is not", async () => {
  const lab = new Lab();
  const outside = new Outside();
  const pay = outside.tool("pay", "irreversible");
  const body = workflow({ name: "body", uses: [pay] }, (_input, ctx) =>
    ctx.map(["a", "b", "c", "d"], pay, { join: { count: 3 } }),
  );
  outside.failing.add("pay a").add("pay c");
  const { life, job } = await lab.begin(body, undefined);
  expect(await job.outcome()).toMatchObject({ failure: { code: "agent/too-few-succeeded" } });
  outside.failing.clear();
  const again = await life.app.retry(job.runId);
  await lab.world.settle();
  expect((await again.outcome()).status).toBe("completed");
  expect(outside.calls.filter((call) => call === "pay b")).toHaveLength(1);
});

/** A run that fails while its payment is on its way. */
async function failedWhileHolding() {
  const lab = new Lab();
  const outside = new Outside();
  const [holds, look] = [outside.tool("hold", "irreversible"), outside.tool("look", "read")];
  const body = workflow({ name: "body", uses: [holds, look] }, (_input, ctx) =>
    ctx.all({
      held: (b) => b.run(holds, "x"),
      seen: async (b) => {
        await b.sleep(10);
        return b.run(look, "y");
      },
    }),
  );
  const holding = gate();
  outside.hold = holding.promise;
  outside.failing.add("look y");
  const { life, job } = await lab.begin(body, undefined);
  await lab.world.advance(20);
  expect((await job.outcome()).status).toBe("failed");
  outside.failing.clear();
  outside.hold = null;
  const held = () => outside.calls.filter((call) => call.startsWith("hold"));
  return { lab, life, job, body, holding, held };
}

test("an effect that was under way when the run failed and the process died is in doubt, not repeated", async () => {
  const { lab, life, job, body, held } = await failedWhileHolding();
  life.crash();
  const { app } = await lab.open([body]);
  const again = await app.retry(job.runId);
  await lab.world.advance(20);
  expect(await lab.waits(again.runId)).toMatchObject([{ kind: "in-doubt", name: "hold" }]);
  expect(held()).toHaveLength(1);
  await lab.answer(again.runId, { happened: true, output: "it was done" });
  expect(await again.result()).toEqual({ held: "it was done", seen: "look y" });
});

test("one that is still under way in the process that retries is waited for, and its result counts", async () => {
  const { lab, life, job, holding, held } = await failedWhileHolding();
  const again = await life.app.retry(job.runId);
  await lab.world.advance(20);
  expect(await lab.waits(again.runId)).toEqual([]);
  holding.open();
  await lab.world.settle();
  expect(await again.result()).toEqual({ held: "hold x", seen: "look y" });
  expect(held()).toHaveLength(1);
});

test("what was undone is done again, as something new", async () => {
  const lab = new Lab();
  const outside = new Outside();
  const [pay, refund, mail] = ["pay", "refund", "mail"].map((name) => outside.tool(name, "write"));
  if (pay === undefined || refund === undefined || mail === undefined) throw new Error("There are three.");
  const body = workflow({ name: "body", uses: [pay, refund, mail] }, async (_input, ctx) => {
    await ctx.compensate(refund, "a");
    await ctx.run(pay, "a");
    return ctx.run(mail, "a");
  });
  outside.failing.add("mail a");
  const { life, job } = await lab.begin(body, undefined);
  expect(outside.calls).toEqual(["pay a", "mail a", "refund a"]);
  outside.failing.clear();
  const again = await life.app.retry(job.runId);
  await lab.world.settle();
  expect(await again.result()).toBe("mail a");
  expect(outside.calls.slice(3)).toEqual(["pay a", "mail a"]);
  expect(new Set(outside.keys).size).toBe(5);
});

test("a run that could not undo everything is not put back", async () => {
  const lab = new Lab();
  const outside = new Outside();
  const [pay, refund] = [outside.tool("pay", "write"), outside.tool("refund", "write")];
  const body = workflow({ name: "body", uses: [pay, refund] }, async (_input, ctx) => {
    await ctx.compensate(refund, "a");
    return ctx.run(pay, "a");
  });
  outside.failing.add("pay a").add("refund a");
  const { life, job } = await lab.begin(body, undefined);
  expect((await failure(life.app.retry(job.runId))).code).toBe("run/retry-refused");
});

test("a key that the run held is claimed anew: nobody else holds it meanwhile", async () => {
  const lab = new Lab();
  const outside = new Outside();
  const pay = outside.tool("pay", "write");
  const body = workflow({ name: "body", uses: [pay] }, async (_input, ctx) => {
    await ctx.claim("customer");
    return ctx.run(pay, "a");
  });
  const holder = workflow({ name: "holder" }, async (_input, ctx) => {
    await ctx.claim("customer");
    await ctx.waitFor("go");
  });
  outside.failing.add("pay a");
  const { job } = await lab.begin(body, undefined);
  expect(lab.row(job.runId).status).toBe("failed");
  outside.failing.clear();
  const { app } = await lab.open([body, holder]);
  const other = await app.start(holder, undefined);
  await lab.world.settle();
  const again = await app.retry(job.runId);
  await lab.world.settle();
  expect(outside.calls).toEqual(["pay a"]);
  expect(await lab.waits(again.runId)).toMatchObject([{ kind: "claim", name: "customer" }]);
  await app.signal(other.runId, "go");
  await lab.world.settle();
  expect(await again.result()).toBe("pay a");
});

test("a run whose own code failed goes on when the code was mended", async () => {
  const lab = new Lab();
  const outside = new Outside();
  const pay = outside.tool("pay", "irreversible");
  const define = (mended: boolean) =>
    workflow({ name: "body", uses: [pay] }, async (_input, ctx) => {
      const paid = await ctx.run(pay, "a");
      if (!mended) throw new Error("A mistake of the code.");
      return `${paid}, and so on`;
    });
  const { life, job } = await lab.begin(define(false), undefined);
  life.crash();
  const { app } = await lab.open([define(true)]);
  const again = await app.retry(job.runId);
  await lab.world.settle();
  expect(await again.result()).toBe("pay a, and so on");
  expect(outside.calls).toEqual(["pay a"]);
});

test("a run that waited for one that failed is not put back; that one is", async () => {
  const lab = new Lab();
  const outside = new Outside();
  const pay = outside.tool("pay", "write");
  const child = workflow({ name: "child", uses: [pay] }, (_input, ctx) => ctx.run(pay, "a"));
  const parent = workflow({ name: "parent", uses: [child] }, async (_input, ctx) => {
    const started = await ctx.start(child, undefined);
    return started.outcome();
  });
  outside.failing.add("pay a");
  const { life, job } = await lab.begin(parent, undefined);
  const refused = await failure(life.app.retry(job.runId));
  expect(refused.code).toBe("run/retry-refused");
  const [first] = (await life.app.runs({ agent: "child" })).map(({ runId }) => runId);
  expect(refused.message).toContain(first);
  outside.failing.clear();
  const again = await life.app.retry(first ?? "");
  await lab.world.settle();
  expect(await again.result()).toBe("pay a");
});
