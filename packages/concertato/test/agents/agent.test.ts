import { expect, test } from "vitest";
import { z } from "zod";
import { agent } from "../../src/agents/agent.ts";
import { tool } from "../../src/agents/tool.ts";
import { workflow } from "../../src/agents/workflow.ts";
import { open } from "../../src/open.ts";
import type { Agent } from "../../src/runtime/agent.ts";
import type { Budget } from "../../src/runtime/edge.ts";
import { call, calls, failure as fails, reply, type ScriptedModel, script } from "../../src/testing/script.ts";
import { failure, Lab, runToEnd } from "../runtime/lab.ts";

const findOrder = tool({
  name: "find-order",
  description: "Looks an order up",
  effect: "read",
  input: z.object({ id: z.string().regex(/^A-\d+$/) }),
  output: z.object({ id: z.string(), usd: z.number() }),
  execute: ({ id }) => ({ id, usd: 42 }),
});

function billing(model: ScriptedModel, options: { readonly repairs?: number; readonly budget?: Budget } = {}) {
  return agent({
    name: "billing",
    description: "Charges and refunds",
    instructions: "Be brief.",
    tools: [findOrder],
    model,
    retry: { attempts: 3, backoff: 10 },
    ...options,
  });
}

test("a model's text is the output", async () => {
  const model = script(reply("Hello there"));
  expect(await runToEnd(billing(model), "Hi")).toBe("Hello there");
  model.assertDone();
  expect(model.asked[0]?.prompt).toEqual([
    { role: "system", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Hi" }] },
  ]);
  expect(model.asked[0]?.tools).toMatchObject([
    { type: "function", name: "find-order", description: "Looks an order up", inputSchema: { type: "object" } },
  ]);
});

test("tools that the model calls are called, and it is told what they gave", async () => {
  const model = script(call(findOrder, { id: "A-1" }), reply("42 dollars"));
  expect(await runToEnd(billing(model), "How much was A-1?")).toBe("42 dollars");
  expect(model.asked[1]?.prompt.slice(2)).toEqual([
    {
      role: "assistant",
      content: [expect.objectContaining({ type: "tool-call", toolName: "find-order", input: { id: "A-1" } })],
    },
    {
      role: "tool",
      content: [
        {
          type: "tool-result",
          toolCallId: "call-0",
          toolName: "find-order",
          output: { type: "json", value: { id: "A-1", usd: 42 } },
        },
      ],
    },
  ]);
});

test("arguments that do not fit, names that do not exist and text that is no JSON go back to the model", async () => {
  const model = script(
    calls([
      [findOrder, { id: "nonsense" }],
      ["find-nothing", {}],
      [findOrder, "{not json"],
      [findOrder, { id: "A-7" }],
    ]),
    reply("done"),
  );
  expect(await runToEnd(billing(model), "x")).toBe("done");
  const told = JSON.stringify(model.asked[1]?.prompt.at(-1));
  expect(told).toContain("agent/input-invalid");
  expect(told).toContain("There is no tool find-nothing. There are: find-order.");
  expect(told).toContain("The arguments are not JSON");
  expect(told).toContain('"usd":42');
});

test("a model that goes on calling wrongly fails after its repairs", async () => {
  const wrong = () => call(findOrder, { id: "?" });
  const model = script(wrong(), wrong(), wrong());
  const end = await failure(runToEnd(billing(model), "x"));
  expect(end.code).toBe("agent/no-usable-call");
  model.assertDone();
});

test("a tool that fails is told to the model, and does not count as its mistake", async () => {
  const broken = tool({
    name: "broken",
    description: "",
    effect: "read",
    execute: () => Promise.reject(new Error("no luck")),
  });
  const model = script(...Array.from({ length: 5 }, () => call(broken)), reply("gave up"));
  const thinker = agent({ name: "a", description: "", instructions: "", tools: [broken as Agent], model });
  expect(await runToEnd(thinker, "x")).toBe("gave up");
  expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain("no luck");
});

test("an answer that does not fit its schema is mended once, with the reason", async () => {
  const model = script(reply("I think it is 12"), reply('```json\n{"amount": "twelve"}\n```'), reply({ amount: 12 }));
  const thinker = agent({
    name: "reader",
    description: "",
    instructions: "",
    model,
    output: z.object({ amount: z.number() }),
  });
  expect(await runToEnd(thinker, "x")).toEqual({ amount: 12 });
  expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain("it is not JSON");
  expect(JSON.stringify(model.asked[2]?.prompt.at(-1))).toContain("amount");
  expect(model.asked[0]?.responseFormat).toMatchObject({ type: "json", schema: { type: "object" } });
});

test("an answer that never fits fails with the schema's own words", async () => {
  const model = script(reply({}), reply({}), reply({}));
  const thinker = agent({
    name: "r",
    description: "",
    instructions: "",
    model,
    output: z.object({ amount: z.number() }),
  });
  expect((await failure(runToEnd(thinker, "x"))).code).toBe("agent/output-invalid");
});

test("outputs and inputs that are no objects are wrapped for the model", async () => {
  const double = tool({
    name: "double",
    description: "",
    effect: "pure",
    input: z.number(),
    output: z.number(),
    execute: (value) => value * 2,
  });
  const model = script(call(double, { value: 21 }), reply({ value: ["a", "b"] }));
  const thinker = agent({
    name: "r",
    description: "",
    instructions: "",
    model,
    tools: [double],
    output: z.array(z.string()),
  });
  expect(await runToEnd(thinker, "x")).toEqual(["a", "b"]);
  expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain("42");
});

test("a busy model is asked again; when it stays busy, the next one is", async () => {
  const busy = () => fails(Object.assign(new Error("overloaded"), { statusCode: 529, isRetryable: true }));
  const first = script(busy(), busy(), busy());
  const second = script(reply("from the second"));
  const thinker = agent({
    name: "r",
    description: "",
    instructions: "",
    model: [first, second],
    retry: { attempts: 3, backoff: 10 },
  });
  expect(await runToEnd(thinker, "x", 10_000)).toBe("from the second");
  first.assertDone();
});

test("the server's Retry-After is kept", async () => {
  const lab = new Lab();
  const limited = Object.assign(new Error("slow down"), {
    statusCode: 429,
    isRetryable: true,
    responseHeaders: { "retry-after": "7" },
  });
  const model = script(fails(limited), reply("ok"));
  const { job } = await lab.begin(billing(model), "x");
  await lab.world.advance(6_900);
  expect(model.asked).toHaveLength(1);
  await lab.world.advance(200);
  expect(await job.result()).toBe("ok");
});

test("a crash after any entry never asks the model again for what it has answered", async () => {
  for (let crashAfter = 1; ; crashAfter++) {
    const lab = new Lab();
    const model = script(call(findOrder, { id: "A-1" }), call(findOrder, { id: "A-2" }), reply("84"));
    const thinker = billing(model);
    const first = await lab.open([thinker as Agent], { crashAfter });
    const { runId } = await first.app.start(thinker, "x");
    await lab.world.settle();
    const crashed = first.dead;
    if (crashed) {
      const second = await lab.open([thinker as Agent]);
      await lab.world.advance(1_000);
      expect(await second.app.job(runId).result()).toBe("84");
    }
    expect(model.asked).toHaveLength(3);
    if (!crashed) break;
  }
});

test("what a team's models say is heard while they say it, with who says it", async () => {
  const lab = new Lab();
  const writer = billing(script(reply("one two three")));
  const editor = agent({ name: "editor", description: "", instructions: "", model: script(reply("four")) });
  const team = workflow({ name: "team" }, async (input, ctx) => {
    await ctx.run(writer, String(input));
    return ctx.run(editor, "y");
  });
  const life = await lab.open([team as Agent]);
  const heard: string[] = [];
  life.engine.hearers.add(({ agent: who, path, text }) => heard.push(`${who} ${path} ${text.trim()}`));
  const job = await life.app.start(team, "x");
  await lab.world.settle();
  expect(await job.result()).toBe("four");
  expect(heard).toEqual([
    "billing@1 0.0.0/0/0 one",
    "billing@1 0.0.0/0/0 two",
    "billing@1 0.0.0/0/0 three",
    "editor@1 0.1.0/0/0 four",
  ]);
});

test("a stream that breaks off is tried again and says so by its attempt", async () => {
  const lab = new Lab();
  const thinker = billing(script(fails(new Error("socket hang up"), 2), reply("whole answer")));
  const life = await lab.open([thinker as Agent]);
  const heard: string[] = [];
  life.engine.hearers.add(({ attempt, text }) => heard.push(`${attempt} ${text.trim()}`));
  const job = await life.app.start(thinker, "x");
  await lab.world.advance(5_000);
  expect(await job.result()).toBe("whole answer");
  expect(heard).toEqual(["1 word0", "1 word1", "2 whole", "2 answer"]);
});

test("what a call used is recorded with its cost where the price is known, and as unknown where it is not", async () => {
  const prices = { "script/script": { input: 3, output: 15 } };
  await using app = await open(undefined, { prices });
  const model = script(reply("x", { input: 1_000, output: 200 }));
  const job = await app.start(billing(model), "x");
  await job.result();
  const { run } = await app.describe(job.runId);
  expect(run.usage).toMatchObject({ inputTokens: 1_000, outputTokens: 200, cost: { amount: 0.006, currency: "USD" } });

  await using poor = await open();
  const other = await poor.start(billing(script(reply("x"))), "x");
  await other.result();
  expect((await poor.describe(other.runId)).run.usage?.cost).toBeUndefined();
});

test("the text of a job comes as it is said; of a run that ended, as it was recorded", async () => {
  await using app = await open();
  const thinker = billing(script(call(findOrder, { id: "A-1" }), reply("one two three")));
  const job = await app.start(thinker, "x");
  const pieces: string[] = [];
  for await (const piece of job.text()) pieces.push(piece);
  expect(pieces.join("")).toBe("one two three");
  expect(pieces.length).toBeGreaterThan(1);
  const again: string[] = [];
  for await (const piece of app.job(job.runId).text()) again.push(piece);
  expect(again).toEqual(["one two three"]);
});

test("a model agent without a model fails clearly", async () => {
  const thinker = agent({ name: "r", description: "", instructions: "" });
  const end = await failure(runToEnd(thinker, "x"));
  expect(end.code).toBe("model/none");
  expect(end.message).toContain("--model");
});

test("turns are limited: by the budget, or by 24", async () => {
  const again = (count: number) => script(...Array.from({ length: count }, () => call(findOrder, { id: "A-1" })));
  const few = again(4);
  const stopped = await failure(runToEnd(billing(few, { budget: { turns: 4 } }), "x"));
  expect(stopped.code).toMatch(/^policy\//);
  expect(few.asked).toHaveLength(4);
  const many = again(30);
  expect((await failure(runToEnd(billing(many), "x"))).code).toBe("policy/steps-exceeded");
  expect(many.asked).toHaveLength(24);
});

test("a budget in money stops before the call that it cannot pay", async () => {
  const model = script(
    ...Array.from({ length: 5 }, () => call(findOrder, { id: "A-1" }, { input: 100_000, output: 0 })),
  );
  await using app = await open(undefined, { prices: { "script/script": { input: 1, output: 1 } } });
  const job = await app.start(billing(model, { budget: { usd: 0.25 } }), "x");
  const end = await job.outcome();
  expect(end).toMatchObject({ status: "stopped", failure: { code: "policy/budget-exceeded" } });
  expect(model.asked).toHaveLength(3);
});

test("under a limit in dollars a model without a price is refused before it is asked; every remedy that the error names helps", async () => {
  const model = script(...Array.from({ length: 8 }, () => reply("hello")));
  await using app = await open();
  const limited = { budget: { usd: 0.25 } };
  const asks = workflow({ name: "asks", uses: [billing(model)] }, (_input, ctx) => ctx.run(billing(model), "x"));
  const ends = [
    await (await app.start(billing(model, limited), "x")).outcome(),
    await (await app.start(asks, undefined, limited)).outcome(),
  ];
  for (const end of ends) expect(end).toMatchObject({ status: "failed", failure: { code: "policy/price-unknown" } });
  expect(JSON.stringify(ends[0])).toMatch(/script\/script.*prices.*tokens or turns.*a model that has a price/);
  expect(model.asked).toHaveLength(0);
  // A cap is a limit, too.
  await app.setCap({ agent: "billing", usd: 1, per: "day" });
  const capped = await (await app.start(billing(model), "x")).outcome();
  expect(capped).toMatchObject({ failure: { code: "policy/price-unknown" } });
  await app.setCap({ agent: "billing", usd: null, per: "day" });
  expect(model.asked).toHaveLength(0);
  // The price, also that of none; tokens in place of dollars.
  await using priced = await open(undefined, { prices: { script: { input: 0, output: 0 } } });
  expect(await (await priced.start(billing(model, limited), "x")).result()).toBe("hello");
  expect(await (await app.start(billing(model, { budget: { tokens: 1_000 } }), "x")).result()).toBe("hello");
});

test("under a limit in dollars tokens that the provider does not tell are estimated, never free", async () => {
  const silent = script(...Array.from({ length: 9 }, () => call(findOrder, { id: "A-1" })));
  const unknown = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined };
  const answer = silent.doGenerate.bind(silent);
  silent.doGenerate = async (options) => ({
    ...(await answer(options)),
    usage: { inputTokens: unknown, outputTokens: { total: undefined, text: undefined, reasoning: undefined } },
  });
  await using app = await open(undefined, { prices: { "script/script": { input: 1_000, output: 1_000 } } });
  const job = await app.start(billing(silent, { budget: { usd: 2 } }), "x");
  expect(await job.outcome()).toMatchObject({ status: "stopped", failure: { code: "policy/budget-exceeded" } });
  expect(silent.asked.length).toBeLessThan(9);
  // Without one, what it cost stays unknown.
  const free = await app.start(billing(silent), "x");
  const usage = async () => (await app.find(free.runId))?.usage;
  await free.outcome();
  expect((await usage())?.cost).toBeUndefined();
});

test("a schema that cannot be told to a model is refused where the agent is defined", () => {
  const opaque = {
    "~standard": { version: 1, vendor: "home-made", validate: (value: unknown) => ({ value }) },
  } as const;
  expect(() => agent({ name: "r", description: "", instructions: "", output: opaque })).toThrow(/home-made/);
});
