import { answers, approve, call, reject, reply, script, testApp } from "concertato/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { agent, human, tool, workflow } from "../../src/index.ts";

const manager = human({
  name: "manager",
  output: z.object({ approved: z.boolean(), by: z.string().optional(), note: z.string().optional() }),
});
const paid: string[] = [];
const refund = tool({
  name: "refund",
  description: "Pays back",
  effect: "write",
  input: z.object({ id: z.string(), usd: z.number() }),
  output: z.string(),
  approve: ({ usd }) => (usd > 50 ? manager : "allow"),
  approvers: [manager],
  execute: ({ id }, { idempotencyKey }) => {
    paid.push(idempotencyKey);
    return `paid ${id}`;
  },
});
const billing = agent({ name: "billing", description: "Refunds", instructions: "Be fair.", tools: [refund] });

test("a model agent, its tool and the person who approves, over a crash after every entry", async () => {
  paid.length = 0;
  const model = script(call(refund, { id: "A-1", usd: 84 }), reply("Done"));
  await using t = testApp({ models: { billing: model }, people: { manager: approve() }, crashAfterEveryEntry: true });
  expect(await t.run(billing, "Pay me back")).toBe("Done");
  t.assertDone();
  expect(t.crashes).toBeGreaterThan(5);
  expect(new Set(paid).size).toBe(1);
});

test("a model is told that a person declined", async () => {
  paid.length = 0;
  const model = script(call(refund, { id: "A-1", usd: 84 }), reply("They said no"));
  await using t = testApp({ models: { billing: model }, people: { manager: reject("too much") } });
  expect(await t.run(billing, "Pay me back")).toBe("They said no");
  expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain("execution-denied");
  expect(paid).toEqual([]);
});

test("days pass at once, and signals are given", async () => {
  const patient = workflow({ name: "patient" }, async (_input, ctx) => {
    await ctx.sleep("30d");
    return ctx.waitFor("word");
  });
  await using t = testApp({ people: { word: answers("hello") }, crashAfterEveryEntry: true });
  expect(await t.run(patient, undefined)).toBe("hello");
});

test("a run that waits for nobody says so", async () => {
  await using t = testApp();
  const asking = workflow({ name: "asking", uses: [manager] }, (_input, ctx) => ctx.run(manager, "may I?"));
  await expect(t.run(asking, undefined)).rejects.toThrow(/waits for answer manager.*people/);
});

test("a script that is asked for more, or less, fails the test", async () => {
  await using t = testApp({ models: { billing: script() } });
  await expect(t.run(billing, "x")).rejects.toThrow(/script has 0 answers and was asked for another/);
  await using other = testApp({ models: { billing: script(reply("x"), reply("y")) } });
  await other.run(billing, "x");
  expect(() => other.assertDone()).toThrow(/model of billing/);
});
