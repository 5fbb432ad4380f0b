import { expect, test } from "vitest";
import { z } from "zod";
import { tool } from "../../src/agents/tool.ts";
import { human } from "../../src/agents/human.ts";
import { workflow } from "../../src/agents/workflow.ts";
import { Counts, gate, Lab, failure } from "./lab.ts";
import { run, open } from "../../src/open.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import type { Store } from "../../src/journal/store.ts";
import type { Context } from "../../src/runtime/context.ts";

const yes = human({ name: "yes", output: z.string() });
function slowFull(store: MemoryStore, g: Promise<void>): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name === "commit") return (...args: Parameters<MemoryStore["commit"]>) => { const r = target.commit(...args); return args[1] === "full" ? g.then(() => r) : r; };
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
test("P16 park with full commit in flight", async () => {
  const item = (wrong: boolean) => workflow({ name: "item" }, async (i: unknown, ctx: Context) => {
    if (wrong && i === 0) return ctx.sleep(5);
    await ctx.waitFor(`go${i}`);
    return ctx.step("pay", () => 1);
  });
  const w = (wrong: boolean) => workflow({ name: "w", uses: [item(wrong)] }, (_i, ctx: Context) => ctx.map([0, 1], item(wrong)));
  const lab = new Lab();
  const g = gate();
  const good = w(false);
  const { life, job } = await lab.begin(good, 0, { warmBytes: 0 });
  await lab.world.settle();
  life.crash();
  const bad = w(true);
  const second = await lab.open([bad], { store: slowFull(lab.store, g.promise) });
  await lab.world.settle();
  await second.app.signal(job.runId, "go1");
  await lab.world.settle();
  await second.app.signal(job.runId, "go0");
  await lab.world.settle();
  g.open();
  await lab.world.settle();
  console.log(lab.row(job.runId), lab.journal(job.runId).map((e) => `${e.seq} ${e.kind} ${e.scope} ${e.op}`).join("\n"), lab.world.reports);
});

test("P21 nested divergence, then restored", async () => {
  const item = (wrong: boolean) => workflow({ name: "item" }, async (i: unknown, ctx: Context) => {
    if (wrong) await ctx.step("other", () => 1, { effect: "read" });
    return ctx.run(yes, 1);
  });
  const w = (wrong: boolean) => workflow({ name: "w", uses: [item(wrong)] }, async (_i, ctx: Context) => [await ctx.run(item(wrong), 1)]);
  const lab = new Lab();
  const good = w(false);
  const { life, job } = await lab.begin(good, 0);
  life.crash();
  const second = await lab.open([w(true)]);
  await lab.answer(job.runId, "y");
  console.log(lab.journal(job.runId).map((e) => `${e.seq} ${e.kind} ${e.scope} ${e.op} ${JSON.stringify(e.body)}`).join("\n"), lab.world.reports);
  second.crash();
  await lab.open([good]);
  await lab.world.settle();
  console.log(lab.journal(job.runId).map((e) => `${e.seq} ${e.kind} ${e.scope} ${e.op} ${JSON.stringify(e.body)}`).join("\n"), lab.world.reports);
});
