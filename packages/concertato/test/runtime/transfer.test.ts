/** A run leaves a store as text and goes on in another one. */
import { expect, test } from "vitest";
import { z } from "zod";
import { human, open, tool, workflow } from "../../src/index.ts";
import { virtualWorld } from "../../src/testing/index.ts";
import { Lab } from "./lab.ts";

const boss = human({ name: "boss", output: z.string() });
const look = tool({
  name: "look",
  description: "",
  effect: "read",
  output: z.string(),
  execute: () => "y".repeat(50_000),
});
const desk = workflow({ name: "desk", uses: [boss, look] }, async (input, ctx) => {
  const seen = await ctx.run(look, undefined);
  await ctx.claim("one");
  const letter = await ctx.receive("post", z.string());
  return [String(input).length + seen.length, letter, await ctx.run(boss, "?")];
});

async function waitingRun() {
  const world = virtualWorld();
  const app = await open(undefined, { world, agents: [desk], key: new Uint8Array(32).fill(7) });
  const job = await app.start(desk, "x".repeat(40_000), { key: "k" });
  await world.advance(1_000);
  return { world, app, job, lines: await Array.fromAsync(app.export(job.runId)) };
}

test("a waiting run goes on in another store: sealed there, with its large values, its mailbox and its claim", async () => {
  const { lines, job } = await waitingRun();
  const world = virtualWorld();
  const other = await open(undefined, { world, agents: [desk], tenant: "there" });
  const moved = await other.import(lines, { tenant: "there" });
  expect(moved.runId).toBe(job.runId);
  await world.advance(1_000);
  await other.send(job.runId, "post", "a letter");
  await world.advance(1_000);
  const [question] = await other.waiting();
  await other.answer(job.runId, question?.waitId ?? "", "yes");
  await world.advance(1_000);
  expect(await moved.result()).toEqual([90_000, "a letter", "yes"]);
  expect(await other.find(job.runId)).toMatchObject({ tenant: "there", key: "k", status: "completed" });
});

test("a run that is under way takes its named values along, and the letters and messages that it has not read", async () => {
  const counting = workflow({ name: "counting" }, async (_input, ctx) => {
    const seats = ctx.state("seats", { initial: 0 });
    await seats.set(4);
    const told = [await ctx.waitFor("go", z.string())];
    for (let index = 0; index < 3; index++) told.push(await ctx.receive("post", z.string()));
    return { seats: await seats.update((count) => count + 1), told };
  });
  const lab = new Lab();
  const { life, job } = await lab.begin(counting, undefined);
  await life.app.send(job.runId, "post", "first");
  life.crash();
  // Nobody is there who reads it.
  const client = await lab.open([]);
  await client.app.signal(job.runId, "go", "now", { key: "s" });
  await client.app.send(job.runId, "post", "second");
  const lines = await Array.fromAsync(client.app.export(job.runId));
  expect(
    lines.filter((line) => !line.startsWith('{"seq"')).map((line) => Object.keys(JSON.parse(line) as object)[0]),
  ).toEqual(["format", "state", "letter", "letter", "message"]);

  const there = new Lab();
  const { app } = await there.open([counting]);
  const moved = await app.import(lines, { tenant: "other" });
  await there.world.settle();
  await app.signal(job.runId, "go", "again", { key: "s" });
  await app.send(job.runId, "post", "third");
  await there.world.settle();
  expect(await moved.result()).toEqual({ seats: 5, told: ["now", "first", "second", "third"] });
  // It has ended: nothing of it is left to be taken along.
  const ended = await Array.fromAsync(app.export(job.runId));
  expect(ended.filter((line) => !line.startsWith('{"seq"'))).toHaveLength(1);
});

test("what belongs to no run is refused", async () => {
  const { lines } = await waitingRun();
  const other = await open();
  for (const line of ['{"parcel":1}', '{"message":{"kind":"grant","name":"0.0","sender":"hold:1","n":1,"at":0}}'])
    await expect(other.import([...lines, line])).rejects.toMatchObject({ code: "import/invalid" });
});

test("a run that is there is not taken twice, and what is no run not at all", async () => {
  const { app, lines } = await waitingRun();
  await expect(app.import(lines)).rejects.toMatchObject({ code: "import/exists" });
  const other = await open();
  const [header = "", first = "", second = ""] = lines;
  const wrong: readonly (readonly string[])[] = [
    [],
    ["nothing"],
    ['{"format":"else"}'],
    [header.replace('"v":1', '"v":9'), first],
    [header],
    [header, second],
    [header, first, first],
    [header, first, second.replace('"kind":"result"', '"kind":"unheard-of"')],
    [header.replace('"waiting"', '"completed"'), first, second],
  ];
  for (const text of wrong) await expect(other.import(text)).rejects.toMatchObject({ code: "import/invalid" });
  expect(await other.runs()).toEqual([]);
});
