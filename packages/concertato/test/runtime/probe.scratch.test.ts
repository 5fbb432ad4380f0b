import { expect, test } from "vitest";
import { z } from "zod";
import { tool } from "../../src/agents/tool.ts";
import { human } from "../../src/agents/human.ts";
import { workflow } from "../../src/agents/workflow.ts";
import type { Context } from "../../src/runtime/context.ts";
import { Counts, gate, Lab, failure } from "./lab.ts";
import { run, open } from "../../src/open.ts";

const yes = human({ name: "yes", output: z.string() });

test("P1 tool with transform started directly", async () => {
  const t = tool({ name: "t", description: "", effect: "pure", input: z.string().transform(Number), output: z.number(), execute: (n) => n + 1 });
  expect(await run(t, "5")).toBe(6);
});
test("P2 guarded tool with transform", async () => {
  const t = tool({ name: "t", description: "", effect: "pure", approve: () => "allow", input: z.string().transform(Number), output: z.number(), execute: (n) => n + 1 });
  const w = workflow({ name: "w" }, (_i, ctx) => ctx.run(t, "5"));
  expect(await run(w, 0)).toBe(6);
});
test("P2b guarded tool with output transform", async () => {
  const t = tool({ name: "t", description: "", effect: "pure", approve: () => "allow", input: z.number(), output: z.string().transform((s) => s.length), execute: () => "abc" as never });
  const w = workflow({ name: "w" }, (_i, ctx) => ctx.run(t, 5));
  expect(await run(w, 0)).toBe(3);
});
test("P3 map workflow item default after crash", async () => {
  const item = workflow({ name: "item", input: z.object({ n: z.number().default(5) }) }, async (input, ctx) => { await ctx.run(yes, 1); return input.n; });
  const w = workflow({ name: "w", uses: [item] }, (_i, ctx) => ctx.map([{}], item));
  const lab = new Lab();
  const { life, job } = await lab.begin(w, 0);
  life.crash();
  await lab.open([w]);
  await lab.answer(job.runId, "y");
  expect(await lab.app.job(job.runId).result()).toEqual([5]);
});
test("P4 write tool after crash gets parsed input", async () => {
  const g = gate<string>();
  const seen: unknown[] = [];
  const t = tool({ name: "t", description: "", effect: "write", input: z.object({ n: z.number().default(5) }), output: z.string(), execute: (i) => { seen.push(i); return seen.length === 1 ? g.promise : "ok"; } });
  const w = workflow({ name: "w", uses: [t] }, (_i, ctx) => ctx.run(t, {}));
  const lab = new Lab();
  const { life, job } = await lab.begin(w, 0);
  life.crash();
  await lab.open([w]);
  await lab.world.settle();
  expect(seen).toEqual([{ n: 5 }, { n: 5 }]);
  void job;
});
test("P4b read tool retry after crash gets parsed input", async () => {
  const seen: unknown[] = [];
  const t = tool({ name: "t", description: "", effect: "read", retry: { attempts: 3, backoff: 1000 }, input: z.object({ n: z.number().default(5) }), output: z.string(), execute: (i) => { seen.push(i); if (seen.length < 2) throw new Error("x"); return "ok"; } });
  const w = workflow({ name: "w", uses: [t] }, (_i, ctx) => ctx.run(t, {}));
  const lab = new Lab();
  const { life } = await lab.begin(w, 0);
  life.crash();
  await lab.open([w]);
  await lab.world.advance(2000);
  expect(seen).toEqual([{ n: 5 }, { n: 5 }]);
});
test("P4c map of write tools after crash", async () => {
  const g = gate<string>();
  const seen: unknown[] = [];
  const t = tool({ name: "t", description: "", effect: "write", input: z.object({ n: z.number().default(5) }), output: z.string(), execute: (i) => { seen.push(i); return seen.length === 1 ? g.promise : "ok"; } });
  const w = workflow({ name: "w", uses: [t] }, (_i, ctx) => ctx.map([{}], t));
  const lab = new Lab();
  const { life } = await lab.begin(w, 0);
  life.crash();
  await lab.open([w]);
  await lab.world.settle();
  expect(seen).toEqual([{ n: 5 }, { n: 5 }]);
});
test("P5 outcome twice", async () => {
  const child = workflow({ name: "child" }, () => 1);
  const w = workflow({ name: "w", uses: [child] }, async (_i, ctx) => { const h = await ctx.start(child, 0); return [await h.outcome(), await h.outcome()]; });
  const lab = new Lab();
  const { job } = await lab.begin(w, 0);
  await lab.world.advance(1000);
  expect(lab.row(job.runId).status).toBe("completed");
});
test("P5b outcome twice at once", async () => {
  const child = workflow({ name: "child" }, () => 1);
  const w = workflow({ name: "w", uses: [child] }, async (_i, ctx) => { const h = await ctx.start(child, 0); return Promise.all([h.outcome(), h.outcome()]); });
  const lab = new Lab();
  const { job } = await lab.begin(w, 0);
  await lab.world.advance(1000);
  expect(lab.row(job.runId).status).toBe("completed");
});
test("P6 branch signal aborted when lost", async () => {
  let signal: AbortSignal | undefined;
  const w = workflow({ name: "w" }, async (_i, ctx) => {
    await ctx.race({ a: (b) => b.sleep(1), b: (b) => { signal = b.signal; return b.sleep(10_000); } });
    await ctx.run(yes, 1);
  });
  const lab = new Lab();
  await lab.begin(w, 0);
  await lab.world.advance(10);
  expect(signal?.aborted).toBe(true);
});
test("P7 same key other agent", async () => {
  const a = workflow({ name: "a" }, () => "a");
  const b = workflow({ name: "b" }, () => "b");
  await using app = await open();
  await (await app.start(a, 1, { key: "k" })).result();
  expect((await failure(app.start(b, 1, { key: "k" }))).code).toBe("run/key-conflict");
});
test("P8 schema that makes null/undefined of a value", async () => {
  const t = tool({ name: "t", description: "", effect: "pure", input: z.string().transform(() => null), output: z.string(), execute: (n) => String(n) });
  const w = workflow({ name: "w" }, (_i, ctx) => ctx.run(t, "5"));
  expect(await run(w, 0)).toBe("null");
});
test("P9 person's word on doubt is checked against output schema", async () => {
  const g = gate<number>();
  const t = tool({ name: "t", description: "", effect: "irreversible", output: z.number(), execute: () => g.promise });
  const w = workflow({ name: "w", uses: [t] }, (_i, ctx) => ctx.run(t, undefined));
  const lab = new Lab();
  const { life, job } = await lab.begin(w, 0);
  life.crash();
  await lab.open([w]);
  await lab.world.settle();
  await lab.answer(job.runId, { happened: true, output: "garbage" });
  expect(lab.row(job.runId).status).toBe("waiting");
});
test("P10 undefined item of map", async () => {
  const item = workflow({ name: "item" }, async (input, ctx) => { await ctx.run(yes, 1); return String(input); });
  const w = workflow({ name: "w", uses: [item] }, (_i, ctx) => ctx.map([undefined], item));
  const outs: unknown[] = [];
  for (const crash of [false, true]) {
    const lab = new Lab();
    const { life, job } = await lab.begin(w, 0);
    if (crash) { life.crash(); await lab.open([w]); }
    await lab.answer(job.runId, "y");
    outs.push(await lab.app.job(job.runId).result());
  }
  expect(outs[0]).toEqual(outs[1]);
});
test("P11 step with malformed timeout leaves nothing", async () => {
  const w = workflow({ name: "w" }, async (_i, ctx: Context) => {
    try { await ctx.step("s", () => 1, { timeout: "bogus" }); } catch { /* */ }
    return "fine";
  });
  expect(await run(w, 0)).toBe("fine");
});
test("P12 codec toJSON undefined", async () => {
  class X { toJSON(): undefined { return undefined; } }
  const w = workflow({ name: "w" }, async () => new X());
  expect((await failure(run(w, 0))).code).toBe("codec/unstorable");
});
test("P13 two waits in a row; key; race etc", async () => {
  const c = new Counts(); c.add("x");
  const lab = new Lab();
  const w = workflow({ name: "w" }, async (_i, ctx) => {
    const r = await ctx.race({ a: (b) => b.waitFor("go"), b: (b) => b.sleep(1000) });
    return [r.branch, await ctx.waitFor("go")];
  });
  const { job } = await lab.begin(w, 0);
  await lab.world.advance(1000);
  await lab.app.signal(job.runId, "go", 1);
  await lab.world.settle();
  expect(await job.result()).toEqual(["b", 1]);
});
