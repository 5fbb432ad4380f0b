/** Conversations stay such that a provider accepts them, whatever broke them off; and a hand-off leaves nothing undone. */
import fc from "fast-check";
import { call, calls, failure as failing, reply, script, testApp } from "concertato/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Agent, agent, handoff, healed, type Message, tool, workflow } from "../../src/index.ts";
import { failure } from "../runtime/lab.ts";

const asked = (...ids: readonly string[]): Message => ({
  role: "assistant",
  content: ids.map((id) => ({ type: "tool-call", toolCallId: id, toolName: "find", input: {} })),
});
const answered = (...ids: readonly string[]): Message => ({
  role: "tool",
  content: ids.map((id) => ({
    type: "tool-result",
    toolCallId: id,
    toolName: "find",
    output: { type: "text", value: id },
  })),
});
const said = (text: string): Message => ({ role: "user", content: [{ type: "text", text }] });
const interrupted = (id: string): Message => ({
  role: "tool",
  content: [
    {
      type: "tool-result",
      toolCallId: id,
      toolName: "find",
      output: { type: "error-text", value: expect.stringContaining("interrupted") as string },
    },
  ],
});

test("a call without a result gets one, directly after it; results of no call are left out", () => {
  expect(healed([said("x"), asked("a"), said("y")])).toEqual([said("x"), asked("a"), interrupted("a"), said("y")]);
  expect(healed([asked("a", "b"), answered("b")])).toEqual([
    asked("a", "b"),
    { role: "tool", content: [...answered("b").content, ...interrupted("a").content] },
  ]);
  expect(healed([answered("z"), said("x"), answered("q")])).toEqual([said("x")]);
});

/** What providers refuse: a call without its result right behind it, a result without its call, an empty message. */
function problemsOf(messages: readonly Message[]): string[] {
  const problems: string[] = [];
  messages.forEach((message, index) => {
    if (message.content.length === 0) problems.push(`${index} is empty`);
    const before = messages[index - 1];
    const open = new Set(before?.role === "assistant" ? callIds(before) : []);
    if (message.role === "tool")
      for (const part of message.content)
        if (part.type === "tool-result" && !open.delete(part.toolCallId))
          problems.push(`${part.toolCallId} answers nothing`);
    if (open.size > 0) problems.push(`${[...open].join()} before ${index} has no result`);
  });
  const last = messages.at(-1);
  if (last?.role === "assistant" && callIds(last).length > 0) problems.push("the last call has no result");
  return problems;
}

function callIds({ content }: Extract<Message, { role: "assistant" }>): string[] {
  return content.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : []));
}

test("whatever was cut out of a conversation, providers accept what is left, and what is whole stays as it is", () => {
  const ids = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 3 });
  const message = fc.oneof(
    ids.map((some) => asked(...some)),
    ids.map((some) => answered(...some)),
    fc.constant(said("x")),
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
      const whole = healed(messages);
      expect(problemsOf(whole)).toEqual([]);
      const again = healed(whole);
      expect(again).toHaveLength(whole.length);
      for (const [index, one] of again.entries()) expect(one).toBe(whole[index]);
    }),
  );
});

test("a run whose conversation was broken by an edit goes on: its model is given a whole one", async () => {
  const find = tool({ name: "find", description: "", effect: "read", output: z.string(), execute: () => "found" });
  const thinker = agent({ name: "thinker", description: "", instructions: "", tools: [find] });
  const model = script(call(find), reply("first"), reply("forked"));
  await using t = testApp({ models: { thinker: model } });
  const job = await t.start(thinker, "x");
  await t.settle();
  const app = await t.app();
  let at = 0;
  for await (const { kind, seq } of app.job(job.runId).events()) if (kind === "loop-advanced") at = seq;
  // The operator dropped the results and kept the call.
  const state = { messages: [said("x"), asked("lost")], mistakes: 0 };
  const fork = await app.fork(job.runId, { at, state, effects: { read: "live" } });
  await t.settle();
  expect(await app.job(fork.runId).result()).toBe("forked");
  const given = model.asked[2]?.prompt.slice(1) ?? [];
  expect(problemsOf(given)).toEqual([]);
  expect(given.at(-1)).toEqual(interrupted("lost"));
});

test("a conversation that was handed in broken is mended before the model sees it", async () => {
  const model = script(reply("ok"));
  const thinker = agent({ name: "thinker", description: "", instructions: "", history: () => [said("x"), asked("a")] });
  await using t = testApp({ models: { thinker: model }, crashAfterEveryEntry: true });
  expect(await t.run(thinker, "y")).toBe("ok");
  expect(problemsOf(model.asked[0]?.prompt.slice(1) ?? [])).toEqual([]);
});

/** A desk that may note things and hand over, with counts of what was really done. */
function desk() {
  const done: string[] = [];
  const note = tool({
    name: "note",
    description: "",
    effect: "write",
    input: z.object({ text: z.string() }),
    output: z.string(),
    execute: ({ text }, { idempotencyKey }) => {
      done.push(`${text} ${idempotencyKey}`);
      if (text === "bad") throw new Error("the pen is empty");
      return "noted";
    },
  });
  const peer = (name: string) =>
    workflow({ name, input: z.object({ why: z.string() }), output: z.string() }, ({ why }, ctx) =>
      ctx.step("work", () => `${name}: ${why}`, { effect: "read" }),
    );
  const legal = peer("legal");
  const fraud = peer("fraud");
  const thinker = agent({
    name: "desk",
    description: "",
    instructions: "",
    tools: [note, handoff(legal), handoff(fraud)] as readonly Agent[],
  });
  return { thinker, done, note, kinds: () => new Set(done).size };
}

test("calls beside a hand-off are made before control passes, at every crash", async () => {
  const { thinker, done, note, kinds } = desk();
  const model = script(
    calls([
      [note, { text: "one" }],
      ["handoff-to-legal", { why: "clause 7" }],
      [note, { text: "two" }],
    ]),
  );
  await using t = testApp({ models: { desk: model }, crashAfterEveryEntry: true });
  const job = await t.start(thinker, "x");
  await t.settle();
  const app = await t.app();
  expect(await app.job(job.runId).result()).toBe("legal: clause 7");
  expect(t.crashes).toBeGreaterThan(5);
  // Done again after a crash under the same key only.
  expect(kinds()).toBe(2);
  expect(done.some((text) => text.startsWith("two"))).toBe(true);
  const { tree } = await app.describe(job.runId);
  const ends = new Map(tree.children.map(({ name, endedAt, status }) => [name, { endedAt, status }]));
  expect(ends.get("note")?.status).toBe("completed");
  expect(tree.children.findIndex(({ name }) => name === "handoff-to-legal")).toBe(tree.children.length - 1);
});

test("while a call beside it failed, the hand-off waits and the model is told so", async () => {
  const { thinker, note } = desk();
  const model = script(
    calls([
      ["handoff-to-legal", { why: "early" }],
      [note, { text: "bad" }],
    ]),
    call("handoff-to-legal", { why: "later" }),
  );
  await using t = testApp({ models: { desk: model }, crashAfterEveryEntry: true });
  expect(await t.run(thinker, "x")).toBe("legal: later");
  const results = model.asked[1]?.prompt.at(-1);
  expect(results).toMatchObject({
    role: "tool",
    content: [
      { toolName: "handoff-to-legal", output: { type: "execution-denied" } },
      { toolName: "note", output: { type: "error-json" } },
    ],
  });
  expect(JSON.stringify(results)).toContain("the call of note beside it did not succeed");
});

test("work is handed to one peer: a model that calls two is asked to choose", async () => {
  const { thinker, note, done } = desk();
  const both = calls([
    ["handoff-to-legal", { why: "x" }],
    [note, { text: "one" }],
    ["handoff-to-fraud", { why: "x" }],
  ]);
  const model = script(both, call("handoff-to-fraud", { why: "y" }));
  await using t = testApp({ models: { desk: model } });
  expect(await t.run(thinker, "x")).toBe("fraud: y");
  expect(done).toHaveLength(1);
  expect(problemsOf(model.asked[1]?.prompt.slice(1) ?? [])).toEqual([]);
  await using again = testApp({ models: { desk: script(both, both, both) } });
  expect((await failure(again.run(desk().thinker, "x"))).code).toBe("agent/no-usable-call");
});

test("the loop of an agent that has answered is shown as completed, that of one that failed as given up", async () => {
  const look = tool({ name: "look", description: "", effect: "read", execute: () => undefined });
  const thinker = agent({ name: "thinker", description: "", instructions: "", tools: [look], retry: { attempts: 1 } });
  const model = script(call(look), reply("ok"), call(look), failing({ statusCode: 400, message: "no" }));
  await using t = testApp({ models: { thinker: model } });
  const loops: unknown[] = [];
  for (let turn = 0; turn < 2; turn++) {
    const { runId } = await t.start(thinker, "x");
    await t.settle();
    const { tree } = await t.describe(runId);
    loops.push(tree.children.filter(({ verb }) => verb === "loop").map(({ status }) => status));
  }
  expect(loops).toEqual([["completed"], ["cancelled"]]);
});
