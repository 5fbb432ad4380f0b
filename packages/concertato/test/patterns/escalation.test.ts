/** Backups take over where an agent fails for good, visibly; a person at last, with what went wrong. */
import { failure as fails, reply, script, testApp } from "concertato/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Agent, agent, escalation, human, tool, workflow } from "../../src/index.ts";
import { failure } from "../runtime/lab.ts";

const Order = z.object({ id: z.string() });
const Answer = z.object({ text: z.string() });

function answering(name: string, execute: (id: string) => string): Agent<{ id: string }, { text: string }> {
  return tool({
    name,
    description: "",
    effect: "read",
    input: Order,
    output: Answer,
    execute: ({ id }) => ({ text: execute(id) }),
  });
}

const good = answering("good", (id) => `good ${id}`);
const dead = answering("dead", () => {
  throw new Error("the line is dead");
});
const manager = human({ name: "manager", output: Answer });

/** Take-overs as subscribers see them. */
async function takeOvers(
  app: { job(id: string): { events(): AsyncIterable<{ kind: string; name: string; body: unknown }> } },
  runId: string,
) {
  const found: unknown[] = [];
  for await (const { kind, name, body } of app.job(runId).events())
    if (kind === "emitted" && name === "take-over") found.push(body);
  return found;
}

test("the next takes over, and the journal tells who, from whom and why", async () => {
  const row = escalation({ name: "row", agents: [dead, good] });
  await using t = testApp({ crashAfterEveryEntry: true });
  const job = await t.start(row, { id: "A-1" });
  await t.settle();
  const app = await t.app();
  expect(await app.job(job.runId).result()).toEqual({ text: "good A-1" });
  expect(await takeOvers(app, job.runId)).toEqual([
    { from: "dead", to: "good", because: "agent/failed: the line is dead" },
  ]);
  const { tree } = await app.describe(job.runId);
  expect(tree.children.filter(({ verb }) => verb === "run").map(({ name, status }) => `${name} ${status}`)).toEqual([
    "dead failed",
    "good completed",
  ]);
});

test("a person is the last, and is told the question and every failure", async () => {
  const row = escalation({ name: "row", agents: [dead, dead], onFailure: manager });
  let asked: unknown;
  await using t = testApp({
    people: {
      manager: (report) => {
        asked = report;
        return { text: "I did it" };
      },
    },
    crashAfterEveryEntry: true,
  });
  expect(await t.run(row, { id: "A-1" })).toEqual({ text: "I did it" });
  const one = { agent: "dead", code: "agent/failed", message: "the line is dead" };
  expect(asked).toEqual({
    question: { id: "A-1" },
    failures: [expect.objectContaining(one), expect.objectContaining(one)],
  });
});

test("without a person the last failure is the failure of the whole", async () => {
  await using t = testApp();
  const end = await failure(t.run(escalation({ name: "row", agents: [dead, dead] }), { id: "A-1" }));
  expect(end).toMatchObject({ code: "agent/failed", message: "the line is dead" });
});

test("what another agent would meet as well is no reason to ask it", async () => {
  let asked = 0;
  const next = answering("next", () => String(++asked));
  const wrongInside = workflow({ name: "wrong-inside", input: Order, output: Answer }, (_x, ctx) =>
    ctx.run(good, { id: 7 } as never),
  );
  const reviewer = human({ name: "reviewer", output: z.object({ approved: z.boolean() }) });
  const refused = tool({
    name: "refused",
    description: "",
    input: Order,
    output: Answer,
    approve: () => reviewer,
    approvers: [reviewer],
    execute: () => ({ text: "done" }),
  });
  for (const first of [wrongInside, refused]) {
    await using t = testApp({ people: { reviewer: () => ({ approved: false }) } });
    const end = await failure(t.run(escalation({ name: "row", agents: [first, next] }), { id: "A-1" }));
    expect(end.code).toMatch(/^agent\/(input-invalid|refused)$/);
  }
  expect(asked).toBe(0);
});

test("a backup takes over where the first used up its own budget or time", async () => {
  const slow = workflow({ name: "slow", input: Order, output: Answer, budget: { time: "1s" } }, async (_x, ctx) => {
    await ctx.sleep("1h");
    return { text: "late" };
  });
  await using t = testApp({ crashAfterEveryEntry: true });
  expect(await t.run(escalation({ name: "row", agents: [slow, good] }), { id: "A-1" })).toEqual({ text: "good A-1" });
});

test("a model agent has a backup: when no model answers, rules do", async () => {
  const byRules = workflow({ name: "by-rules", input: Order, output: Answer }, ({ id }) => ({
    text: `rules for ${id}`,
  }));
  const thinker = agent({
    name: "thinker",
    description: "Thinks",
    instructions: "",
    input: Order,
    output: Answer,
    retry: { attempts: 2, backoff: 1 },
    backup: byRules,
  });
  const down = { statusCode: 503, message: "down" };
  await using t = testApp({ models: { thinker: script(fails(down), fails(down)) }, crashAfterEveryEntry: true });
  const job = await t.start(thinker, { id: "A-1" });
  for (let turn = 0; turn < 10; turn++) await t.advance("1s");
  const app = await t.app();
  expect(await app.job(job.runId).result()).toEqual({ text: "rules for A-1" });
  expect(await takeOvers(app, job.runId)).toEqual([
    { from: "thinker.main", to: "by-rules", because: expect.stringContaining("model/unavailable") as string },
  ]);
  t.assertDone();
  await using well = testApp({ models: { thinker: script(reply({ text: "thought" })) }, crashAfterEveryEntry: true });
  expect(await well.run(thinker, { id: "A-1" })).toEqual({ text: "thought" });
});

test("schemas that transform see each value once, with a backup too", async () => {
  const Length = z.string().transform((text) => text.length);
  const thinker = agent({
    name: "thinker",
    description: "",
    instructions: "",
    input: Length,
    output: z.object({ n: z.number() }).transform(({ n }) => n + 1),
    retry: { attempts: 1 },
    backup: workflow({ name: "spare", input: z.string(), output: z.number() }, (text) => text.length * 100),
  });
  const model = script(reply({ n: 1 }), fails({ statusCode: 503 }));
  await using t = testApp({ models: { thinker: model } });
  expect(await t.run(thinker, "four")).toBe(2);
  expect(JSON.stringify(model.asked[0]?.prompt.at(-1))).toContain("4");
  expect(await t.run(thinker, "four")).toBe(400);
});

test("an escalation of nobody is refused where it is made", () => {
  expect(() => escalation({ name: "row", agents: [] })).toThrow("it has no agents");
});
