/** Calls of real models and tools are recorded once and played back by their content; what differs is said. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { call, calls, record, recordTools, replayed, replayedTools, reply, script, testApp } from "concertato/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { agent, ConcertatoError, tool, workflow } from "../../src/index.ts";
import { failure } from "../runtime/lab.ts";
import { breaksOff, modelServer, refuses, says } from "./model-server.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "recording-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A tool on the outside world, which counts how often it was really there. */
function findOrder() {
  const asked: string[] = [];
  const find = tool({
    name: "find-order",
    description: "Looks an order up",
    effect: "read",
    input: z.object({ id: z.string() }),
    output: z.object({ usd: z.number() }),
    retry: { attempts: 2, backoff: 1 },
    execute: ({ id }) => {
      asked.push(id);
      if (id === "gone") throw new Error("no such order");
      return { usd: 42 };
    },
  });
  return { asked, find };
}

function clerk(find: ReturnType<typeof findOrder>["find"]) {
  return agent({
    name: "clerk",
    description: "",
    instructions: "Be brief.",
    tools: [find],
    retry: { attempts: 3, backoff: 10 },
  });
}

const real = (url: string) =>
  createOpenAICompatible({
    name: "corner",
    baseURL: url,
    apiKey: "sk-very-secret-1",
    headers: { "x-team": "team-secret-2" },
  })("tiny");

test("what a real server answered is played back without it: streams, tools, a 429 and its retry", async () => {
  const file = join(folder, "deep", "clerk.jsonl");
  const toolFile = join(folder, "tools.jsonl");
  const heard: string[][] = [];
  const thinks = async (t: ReturnType<typeof testApp>, find: ReturnType<typeof findOrder>["find"]) => {
    const job = await t.start(clerk(find), "How much was A-1?");
    const texts: string[] = [];
    const listening = (async () => {
      for await (const text of job.text()) texts.push(text);
    })();
    for (let turn = 0; turn < 20; turn++) await t.advance("1s");
    heard.push(texts);
    await listening;
    return job.result();
  };
  {
    await using server = await modelServer(
      says({ tool: ["find-order", { id: "A-1" }] }),
      refuses(429, '{"error":{"message":"slow down"}}', { "retry-after": "2", "set-cookie": "session=secret-3" }),
      says({ content: "It was 42 dollars" }),
    );
    const { find, asked } = findOrder();
    await using t = testApp({ models: { clerk: record(real(server.url), file) }, tools: recordTools(toolFile) });
    expect(await thinks(t, find)).toBe("It was 42 dollars");
    expect(asked).toEqual(["A-1"]);
    t.assertDone();
  }
  const { find, asked } = findOrder();
  await using t = testApp({ models: { clerk: replayed(file) }, tools: replayedTools(toolFile) });
  expect(await thinks(t, find)).toBe("It was 42 dollars");
  expect(asked).toEqual([]);
  t.assertDone();
  expect(heard[1]).toEqual(heard[0]);
  expect(heard[1]).toEqual(["It ", "was ", "42 ", "dollars"]);
  const [run] = await (await t.app()).runs();
  expect(run?.usage).toMatchObject({ inputTokens: 24, outputTokens: 14 });
});

test("nothing that is sent beside the call is written, and no secret of the environment", async () => {
  const file = join(folder, "clerk.jsonl");
  process.env["RECORDING_TEST_KEY"] = "hush-hush-42";
  try {
    await using server = await modelServer(
      refuses(401, '{"error":{"message":"Incorrect API key provided: hush-hush-42"}}', { "x-internal": "secret-9" }),
      says({ content: "fine, hush-hush-42" }),
    );
    const { find } = findOrder();
    await using t = testApp({ models: { clerk: record(real(server.url), file) } });
    await failure(t.run(clerk(find), "x"));
    await t.run(clerk(find), "my key is hush-hush-42");
  } finally {
    delete process.env["RECORDING_TEST_KEY"];
  }
  const written = readFileSync(file, "utf8");
  for (const secret of ["sk-very-secret-1", "team-secret-2", "secret-9", "hush-hush-42", "127.0.0.1"])
    expect(written).not.toContain(secret);
  expect(written).toContain("[RECORDING_TEST_KEY]");
});

test("a stream that broke off breaks off again, at the same place", async () => {
  const file = join(folder, "clerk.jsonl");
  const model = await (async () => {
    await using server = await modelServer(breaksOff(["It ", "was "]));
    const recorded = record(real(server.url), file);
    const { stream } = await recorded.doStream({ prompt: [{ role: "user", content: [{ type: "text", text: "x" }] }] });
    await expect(drained(stream)).rejects.toThrow();
    return replayed(file);
  })();
  const asked: LanguageModelV4CallOptions = { prompt: [{ role: "user", content: [{ type: "text", text: "x" }] }] };
  const { stream } = await model.doStream(asked);
  const parts: string[] = [];
  await expect(drained(stream, parts)).rejects.toThrow();
  expect(parts.join("")).toBe("It was ");
});

async function drained(
  stream: ReadableStream<{ readonly type: string; readonly delta?: string }>,
  texts: string[] = [],
): Promise<void> {
  for await (const part of stream) {
    if (part.type === "text-delta") texts.push(part.delta ?? "");
    if (part.type === "error") throw new Error("broke off");
  }
}

test("calls are matched by what they ask, in whatever order they come, and streamed or whole", async () => {
  const file = join(folder, "m.jsonl");
  const ask = (text: string): LanguageModelV4CallOptions => ({
    prompt: [{ role: "user", content: [{ type: "text", text }] }],
    headers: { authorization: `Bearer ${text}` },
  });
  const recorded = record(script(reply("one"), reply("two"), reply("two again")), file);
  await recorded.doGenerate(ask("1"));
  await recorded.doGenerate(ask("2"));
  await drained((await recorded.doStream(ask("2"))).stream);
  const model = replayed(file);
  const said = async (text: string) => (await model.doGenerate(ask(text))).content;
  expect(await said("2")).toMatchObject([{ type: "text", text: "two" }]);
  const texts: string[] = [];
  await drained((await model.doStream(ask("1"))).stream, texts);
  expect(texts.join("")).toBe("one");
  expect(() => model.assertDone()).toThrow(/1 of 3 recorded calls left that nobody made:\n {2}line 3:/);
  expect(await said("2")).toMatchObject([{ type: "text", text: "two again" }]);
  model.assertDone();
  await expect(said("2")).rejects.toThrow(/is there 2 times \(line 2, 3\) and was made once more/);
  expect(() => model.assertDone()).toThrow(/made once more/);
});

test("a call that nobody recorded says in what it differs from the nearest that was", async () => {
  const file = join(folder, "clerk.jsonl");
  const { find } = findOrder();
  {
    await using t = testApp({ models: { clerk: record(script(call(find, { id: "A-1" }), reply("42")), file) } });
    expect(await t.run(clerk(find), "How much was A-1?")).toBe("42");
  }
  await using t = testApp({ models: { clerk: replayed(file) } });
  const end = await failure(t.run(clerk(find), "How much was A-2?"));
  expect(end.message).toContain(
    "clerk.jsonl has 2 recorded calls, and none of this content. The nearest, line 1, differs in:",
  );
  expect(end.message).toContain('prompt[1].content[0].text\n    - "How much was A-1?"\n    + "How much was A-2?"');
  expect(end.message).toContain("Record it anew if the change is meant.");
  expect(() => t.assertDone()).toThrow(
    /The model of clerk was not asked what its script says: .*none of this content/s,
  );
});

test("failures of tools are played back too, and a call that was not recorded reaches no tool", async () => {
  const file = join(folder, "tools.jsonl");
  const { find } = findOrder();
  const look = (id: string) => workflow({ name: `look-${id}` }, (_x, ctx) => ctx.run(find, { id }));
  {
    await using t = testApp({ tools: recordTools(file) });
    await failure(t.run(look("gone"), undefined));
  }
  const { find: again, asked } = findOrder();
  const lookAgain = (id: string) => workflow({ name: `look-${id}` }, (_x, ctx) => ctx.run(again, { id }));
  await using t = testApp({ tools: replayedTools(file) });
  expect((await failure(t.run(lookAgain("gone"), undefined))).message).toContain("no such order");
  t.assertDone();
  expect((await failure(t.run(lookAgain("A-2"), undefined))).message).toContain("input.id");
  // Also where an agent would have got over it.
  expect(() => t.assertDone()).toThrow("none of this content");
  expect(asked).toEqual([]);
});

test("a recording holds over crashes at every entry, with tools called side by side", async () => {
  const [models, tools] = [join(folder, "m.jsonl"), join(folder, "t.jsonl")];
  const lines = () =>
    script(
      calls([
        ["find-order", { id: "A-1" }],
        ["find-order", { id: "A-2" }],
      ]),
      reply("both"),
    );
  {
    const { find } = findOrder();
    await using t = testApp({ models: { clerk: record(lines(), models) }, tools: recordTools(tools) });
    await t.run(clerk(find), "x");
  }
  const { find, asked } = findOrder();
  await using t = testApp({
    models: { clerk: replayed(models) },
    tools: replayedTools(tools),
    crashAfterEveryEntry: true,
  });
  expect(await t.run(clerk(find), "x")).toBe("both");
  expect(t.crashes).toBeGreaterThan(3);
  expect(asked).toEqual([]);
  t.assertDone();
});

test("recordings of errors of ours are errors of ours again", async () => {
  const file = join(folder, "m.jsonl");
  const refuse = new ConcertatoError({ code: "model/refused", message: "No." });
  const recorded = record({ ...script(), doGenerate: () => Promise.reject(refuse) }, file);
  await expect(recorded.doGenerate({ prompt: [] })).rejects.toThrow("No.");
  await expect(replayed(file).doGenerate({ prompt: [] })).rejects.toSatisfy((thrown) =>
    ConcertatoError.is(thrown, "model/refused"),
  );
});

test("a file that is not there, of another kind, or no recording is named", () => {
  const file = join(folder, "x.jsonl");
  expect(() => replayed(file)).toThrow(`There is no recording ${file}. Run the test once with record(…)`);
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, '{"v":1,"kind":"tool","tool":"a","input":1}\n');
  expect(() => replayed(file)).toThrow("has recorded calls of a tool, not of a model");
  writeFileSync(file, "{}\nnonsense\n");
  expect(() => replayed(file)).toThrow(`${file}, line 1 is no recorded call. Record it anew.`);
});
