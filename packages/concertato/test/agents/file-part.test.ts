/** Images, sounds and documents in messages: kept in the journal by reference, sent to models as files, shown as a line. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { call, reply, script, testApp } from "concertato/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  agent,
  filePart,
  type FilePart,
  open,
  previewOf,
  textOrParts,
  tool,
  withPreviews,
  workflow,
} from "../../src/index.ts";
import { failure } from "../runtime/lab.ts";
import { modelServer, says } from "./model-server.ts";

/** A real PNG of one dot, and something larger that is called one. */
const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const large = new Uint8Array(100_000).map((_value, index) => (index * 7919) % 251);
const receipt = filePart(dot, { mediaType: "image/png", name: "receipt.png" });

const reader = agent({
  name: "reader",
  description: "Reads pictures",
  instructions: "Read it.",
  input: textOrParts,
  retry: { attempts: 1 },
});

test("a picture reaches a model server as a picture, over HTTP", async () => {
  await using server = await modelServer(says({ content: "It says 42" }));
  await using app = await open(undefined, { model: `${server.url}#tiny` });
  const job = await app.start(reader, [{ type: "text", text: "What was paid?" }, receipt]);
  expect(await job.result()).toBe("It says 42");
  expect(server.asked[0]?.messages.at(-1)).toEqual({
    role: "user",
    content: [
      { type: "text", text: "What was paid?" },
      { type: "image_url", image_url: { url: `data:image/png;base64,${dot}` } },
    ],
  });
});

test("a picture that a tool gives is given to the model as one, and JSON beside it as JSON", async () => {
  const photo = tool({
    name: "photo",
    description: "Takes a picture",
    effect: "read",
    output: z.any(),
    execute: () => ({ taken: "today", picture: receipt }),
  });
  const model = script(call(photo), reply("a dot"));
  const looker = agent({ name: "looker", description: "", instructions: "", tools: [photo] });
  await using t = testApp({ models: { looker: model }, crashAfterEveryEntry: true });
  expect(await t.run(looker, "Look")).toBe("a dot");
  expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
    role: "tool",
    content: [
      {
        toolName: "photo",
        output: {
          type: "content",
          value: [{ type: "text", text: '{"taken":"today","picture":"[image/png, 70 B, receipt.png]"}' }, receipt],
        },
      },
    ],
  });
});

test("an object with files is asked as JSON with the files behind it; a prompt may place them itself", async () => {
  const Claim = z.object({ question: z.string(), photo: z.any() });
  const clerk = agent({ name: "clerk", description: "", instructions: "", input: Claim });
  const model = script(reply("ok"), reply("ok"));
  await using t = testApp({ models: { clerk: model } });
  await t.run(clerk, { question: "Paid?", photo: receipt });
  expect(model.asked[0]?.prompt.at(-1)?.content).toMatchObject([
    { type: "text", text: expect.stringContaining("[image/png, 70 B, receipt.png]") as string },
    { type: "file", mediaType: "image/png", data: { type: "data", data: dot } },
  ]);
  const placed = agent({
    name: "clerk",
    description: "",
    instructions: "",
    version: 2,
    input: Claim,
    prompt: ({ question, photo }) => [photo as FilePart, { type: "text", text: question }],
  });
  await t.run(placed, { question: "Paid?", photo: receipt });
  expect(model.asked[1]?.prompt.at(-1)?.content).toMatchObject([{ type: "file" }, { type: "text", text: "Paid?" }]);
});

test("a large file is stored once however many agents it is handed to and however many turns they take", async () => {
  const folder = mkdtempSync(join(tmpdir(), "file-part-"));
  try {
    const scan = filePart(large, { mediaType: "image/png", name: "scan.png" });
    const pass = workflow({ name: "pass", input: textOrParts, uses: [reader] }, (parts, ctx) => ctx.run(reader, parts));
    const look = tool({ name: "look", description: "", effect: "read", execute: () => undefined });
    const turns = agent({ name: "turns", description: "", instructions: "", input: textOrParts, tools: [look] });
    const desk = workflow({ name: "desk", input: textOrParts, uses: [pass, turns] }, async (parts, ctx) => [
      await ctx.run(pass, parts),
      await ctx.run(turns, parts),
    ]);
    const models = {
      reader: script(reply("a scan")),
      turns: script(call(look), call(look), call(look), reply("looked")),
    };
    const file = join(folder, "app.db");
    {
      await using app = await open(file, { models });
      expect(await (await app.start(desk, [scan])).result()).toEqual(["a scan", "looked"]);
    }
    using database = new DatabaseSync(file);
    expect(database.prepare("SELECT count(*) AS n, sum(length(body)) AS size FROM blob").get()).toEqual({
      n: 1,
      size: JSON.stringify([scan]).length,
    });
    const rest = database.prepare("SELECT sum(length(body)) AS size FROM entry").get() as { readonly size: number };
    expect(rest.size).toBeLessThan(10_000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("people are shown a line about a file: media type, size, name", () => {
  expect(previewOf(receipt)).toBe("[image/png, 70 B, receipt.png]");
  expect(previewOf(filePart(large, { mediaType: "audio/wav" }))).toBe("[audio/wav, 100.0 kB]");
  expect(withPreviews({ of: [receipt, 1], more: { text: "x", none: null } })).toEqual({
    of: ["[image/png, 70 B, receipt.png]", 1],
    more: { text: "x", none: null },
  });
});

test("what is no file is refused with the reason", async () => {
  const invalid = expect.objectContaining({ code: "agent/input-invalid" }) as Error;
  expect(() => filePart(dot, { mediaType: "picture" })).toThrow(invalid);
  expect(() => filePart("not base64!", { mediaType: "image/png" })).toThrow(invalid);
  await using t = testApp();
  const wrong = await failure(t.run(reader, [{ type: "file", mediaType: "image/png" }] as never));
  expect(wrong.message).toContain("expected text, or a list of text and file parts");
});
