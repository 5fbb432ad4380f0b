import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { call, reply, script, testApp } from "concertato/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Agent, agent, delegate, handoff, open, remote, tool, workflow } from "../../src/index.ts";
import { failure } from "../runtime/lab.ts";

const legal = workflow(
  { name: "legal", input: z.object({ clause: z.string(), salary: z.number().optional() }), output: z.string() },
  async (input, ctx) => {
    await ctx.step("look up", () => "looked", { effect: "read" });
    return JSON.stringify(input);
  },
);

test("only what the schema lets pass crosses a delegation", async () => {
  const narrow = delegate(legal, { pass: z.object({ clause: z.string() }) });
  const lead = workflow({ name: "lead", uses: [narrow] }, (_input, ctx) =>
    // A model sends what it likes.
    ctx.run(narrow, { clause: "4.1", salary: 90_000 } as { clause: string }),
  );
  await using t = testApp({ crashAfterEveryEntry: true });
  expect(await t.run(lead, undefined)).toBe('{"clause":"4.1"}');
});

test("a delegation has the smaller budget of its edge", async () => {
  const narrow = delegate(legal, { budget: { steps: 0 } });
  const lead = workflow({ name: "lead", uses: [narrow] }, (_input, ctx) => ctx.run(narrow, { clause: "4.1" }));
  await using t = testApp();
  expect((await failure(t.run(lead, undefined))).code).toMatch(/^policy\//);
});

test("a handoff ends the model's own work: the peer's output is the output", async () => {
  const model = script(call("handoff-to-legal", { clause: "7" }));
  const desk = agent({
    name: "desk",
    description: "",
    instructions: "",
    tools: [handoff(legal, { when: "it is about contracts" })],
  });
  await using t = testApp({ models: { desk: model }, crashAfterEveryEntry: true });
  expect(await t.run(desk, "Is clause 7 valid?")).toBe('{"clause":"7"}');
  t.assertDone();
  expect(model.asked[0]?.tools).toMatchObject([
    { name: "handoff-to-legal", description: "Hands the work over to legal for good: it is about contracts" },
  ]);
});

test("what does not fit the peer goes back to the model, and the peer is not called", async () => {
  const model = script(call("handoff-to-legal", { clause: 7 }), call("handoff-to-legal", { clause: "7" }));
  const desk = agent({ name: "desk", description: "", instructions: "", tools: [handoff(legal)] });
  await using t = testApp({ models: { desk: model } });
  expect(await t.run(desk, "x")).toBe('{"clause":"7"}');
  expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain("agent/input-invalid");
});

test("agents that hand the same work to each other for ever are stopped", async () => {
  const peers: { ping?: Agent<string> } = {};
  const pong = workflow(
    { name: "pong", input: z.object({}) },
    async (_input, ctx): Promise<unknown> => (peers.ping === undefined ? "alone" : ctx.run(peers.ping, "x")),
  );
  peers.ping = agent({ name: "ping", description: "", instructions: "", tools: [handoff(pong)] });
  await using t = testApp({
    models: { ping: script(...Array.from({ length: 40 }, () => call("handoff-to-pong", {}))) },
  });
  expect((await failure(t.run(peers.ping, "x"))).code).toBe("policy/depth-exceeded");
});

test("an agent that another calls is a tool of it, and says who speaks", async () => {
  const inner = agent({ name: "inner", description: "Knows", instructions: "" });
  const outer = agent({ name: "outer", description: "", instructions: "", tools: [inner] });
  const thinks = script(reply("it is 4"));
  await using t = testApp({ models: { inner: thinks, outer: script(call(inner, { value: "2+2?" }), reply("4")) } });
  expect(await t.run(outer, "What is 2+2?")).toBe("4");
  expect(thinks.asked[0]?.prompt.at(-1)).toEqual({ role: "user", content: [{ type: "text", text: "2+2?" }] });
});

test("a remote agent is asked over HTTP, with the same key for every attempt", async () => {
  const keys: unknown[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers["idempotency-key"]);
    if (keys.length === 1) return void response.writeHead(503, { "retry-after": "0" }).end("busy");
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => response.end(JSON.stringify({ doubled: (JSON.parse(body) as { n: number }).n * 2 })));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const doubler = remote({
      name: "doubler",
      description: "Doubles",
      url: `http://127.0.0.1:${port}/`,
      effect: "write",
      input: z.object({ n: z.number() }),
      output: z.object({ doubled: z.number() }),
      retry: { attempts: 3, backoff: 1 },
    });
    await using app = await open();
    expect(await (await app.start(doubler, { n: 21 })).result()).toEqual({ doubled: 42 });
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a model agent can be delegated and handed to as it is: it takes text", async () => {
  const writer = agent({ name: "writer", description: "Writes", instructions: "" });
  const thinks = script(reply("a poem"));
  const desk = agent({ name: "desk", description: "", instructions: "", tools: [handoff(writer)] });
  await using t = testApp({ models: { writer: thinks, desk: script(call("handoff-to-writer", { value: "Write" })) } });
  expect(await t.run(desk, "x")).toBe("a poem");
  expect(thinks.asked[0]?.prompt.at(-1)).toEqual({ role: "user", content: [{ type: "text", text: "Write" }] });
});

test("a tool is no peer: it is called and comes back", async () => {
  const add = tool({ name: "add", description: "", effect: "pure", output: z.number(), execute: () => 3 });
  await using t = testApp({ models: { a: script(call(add), reply("three")) } });
  expect(await t.run(agent({ name: "a", description: "", instructions: "", tools: [add] }), "x")).toBe("three");
});
