/** A model agent end to end over real HTTP, with a provider package of the AI SDK as users have it. */
import { expect, test } from "vitest";
import { z } from "zod";
import { agent } from "../../src/agents/agent.ts";
import { tool } from "../../src/agents/tool.ts";
import { AppModels } from "../../src/app-models.ts";
import { localServers } from "../../src/local-models.ts";
import { open } from "../../src/open.ts";
import { failure } from "../runtime/lab.ts";
import { breaksOff, garbage, modelServer, refuses, says, type Serve } from "./model-server.ts";

const findOrder = tool({
  name: "find-order",
  description: "Looks an order up",
  effect: "read",
  input: z.object({ id: z.string() }),
  output: z.object({ usd: z.number() }),
  execute: () => ({ usd: 42 }),
});

const thinker = agent({
  name: "thinker",
  description: "Thinks",
  instructions: "Be brief.",
  tools: [findOrder],
  retry: { attempts: 3, backoff: 1 },
});

const reader = agent({
  name: "reader",
  description: "Reads",
  instructions: "Answer in JSON.",
  output: z.object({ amount: z.number() }),
  retry: { attempts: 3, backoff: 1 },
});

async function ask(of: typeof thinker, ...answers: readonly Serve[]) {
  await using server = await modelServer(...answers);
  await using app = await open(undefined, { model: `${server.url}#tiny` });
  const job = await app.start(of, "How much was A-1?");
  const text: string[] = [];
  for await (const piece of job.text()) text.push(piece);
  const outcome = await job.outcome();
  const { run } = await app.describe(job.runId);
  return { outcome, text, asked: server.asked, run };
}

test("tools are called and the answer is streamed, over HTTP", async () => {
  const { outcome, text, asked, run } = await ask(
    thinker,
    says({ tool: ["find-order", { id: "A-1" }] }),
    says({ content: "It was 42 dollars" }),
  );
  expect(outcome).toEqual({ status: "completed", output: "It was 42 dollars" });
  expect(text).toEqual(["It ", "was ", "42 ", "dollars"]);
  expect(asked[0]).toMatchObject({ model: "tiny", stream: true, tools: [{ function: { name: "find-order" } }] });
  expect(asked[1]?.messages.at(-1)).toMatchObject({ role: "tool", content: '{"usd":42}' });
  expect(run.usage).toMatchObject({ inputTokens: 24, outputTokens: 14 });
  // Nobody told a price.
  expect(run.usage?.cost).toBeUndefined();
});

test("structured output is asked for by its schema, and mended once", async () => {
  await using server = await modelServer(says({ content: "about forty" }), says({ content: '{"amount": 42}' }));
  await using app = await open(undefined, { model: `${server.url}#tiny` });
  expect(await (await app.start(reader, "x")).result()).toEqual({ amount: 42 });
  expect(server.asked[0]?.response_format?.type).toBe("json_schema");
  expect(JSON.stringify(server.asked[1]?.messages.at(-1))).toContain("could not be used");
});

test("a rate limit is waited out as the server asks", async () => {
  const { outcome, asked } = await ask(
    thinker,
    refuses(429, '{"error":{"message":"slow down"}}', { "retry-after-ms": "20" }),
    says({ content: "ok" }),
  );
  expect(outcome).toEqual({ status: "completed", output: "ok" });
  expect(asked).toHaveLength(2);
});

test("a stream that breaks off is asked again", async () => {
  const { outcome, text } = await ask(thinker, breaksOff(["half ", "an "]), says({ content: "whole answer" }));
  expect(outcome).toEqual({ status: "completed", output: "whole answer" });
  expect(text.slice(-2)).toEqual(["whole ", "answer"]);
});

test("garbage is no answer: it is asked again, and then fails by its name", async () => {
  const { outcome, asked } = await ask(thinker, garbage(), garbage(), garbage());
  expect(outcome).toMatchObject({ status: "failed" });
  expect(outcome.status === "failed" && outcome.failure.code).toMatch(/^model\/(malformed|unavailable)$/);
  expect(asked).toHaveLength(3);
});

test("a wrong key is not tried again", async () => {
  const { outcome, asked } = await ask(thinker, refuses(401, '{"error":{"message":"wrong key"}}'));
  expect(outcome).toMatchObject({ status: "failed", failure: { code: "model/refused" } });
  expect(asked).toHaveLength(1);
});

test("a server that is gone is unavailable, and the next model is asked", async () => {
  await using server = await modelServer(says({ content: "from the second" }));
  const careful = agent({
    name: "careful",
    description: "",
    instructions: "",
    model: ["http://127.0.0.1:9/v1#gone", `${server.url}#tiny`],
    retry: { attempts: 2, backoff: 1 },
  });
  await using app = await open();
  expect(await (await app.start(careful, "x")).result()).toBe("from the second");
});

test("a model server on this machine is found, and embedding models are not asked to think", async () => {
  await using server = await modelServer(says({ content: "local" }));
  const port = Number(new URL(server.url).port);
  expect(await localServers(undefined, [port, 9])).toEqual([{ url: server.url, models: ["tiny"] }]);
  expect(await localServers(`127.0.0.1:${port}`, [])).toEqual([{ url: server.url, models: ["tiny"] }]);
  const models = new AppModels({}, () => localServers(undefined, [port]));
  expect((await models.explain("auto", "thinker")).why).toContain(server.url);
  expect(await models.resolve("auto", "thinker")).toMatchObject({ modelId: "tiny" });
});

test("what the app names for an agent comes before its definition, and the default only where it says auto", async () => {
  const models = new AppModels({
    model: "http://127.0.0.1:9/v1#default",
    models: { special: "http://127.0.0.1:9/v1#special" },
  });
  expect(await models.resolve("auto", "thinker")).toMatchObject({ modelId: "default" });
  expect(await models.resolve("auto", "special")).toMatchObject({ modelId: "special" });
  expect(await models.resolve("http://127.0.0.1:9/v1#own", "thinker")).toMatchObject({ modelId: "own" });
});

test("a name that cannot be used says what can", async () => {
  const models = new AppModels({}, () => Promise.resolve([]));
  expect((await failure(models.resolve("gpt-5", "thinker"))).message).toContain("openai/MODEL");
  expect((await failure(models.resolve("openai/gpt-5", "thinker"))).message).toContain("OPENAI_API_KEY is not set");
  expect((await failure(models.resolve("auto", "thinker"))).code).toBe("model/none");
});
