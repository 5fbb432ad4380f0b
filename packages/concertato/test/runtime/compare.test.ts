/** Two runs beside each other: aligned by path, with the first place where they part. */
import { expect, test } from "vitest";
import { z } from "zod";
import { type Agent, type ComparedNode, human, tool, workflow } from "../../src/index.ts";
import { Lab } from "./lab.ts";

const look = tool({
  name: "look",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text, attempt) => {
    attempt.usage({ inputTokens: text.length });
    return text;
  },
});
const boss = human({ name: "boss", output: z.string() });
const inner = workflow({ name: "inner", uses: [look] }, async (text: unknown, ctx) => ctx.run(look, String(text)));
const body = (version: number, more: boolean) =>
  workflow({ name: "body", version, uses: [inner, boss] }, async (text: unknown, ctx) => {
    await ctx.run(look, "same");
    if (more) await ctx.step("more", () => 1, { effect: "read" });
    await ctx.map([1, 2], inner as Agent<number>);
    return [await ctx.run(inner, text), await ctx.run(boss, "?")];
  });

function flat(node: ComparedNode): string[] {
  const own = node.in === "both" ? node.differences.map(({ what }) => what).join(",") : `only ${node.in}`;
  return [`${node.path} ${own}`.trim(), ...node.children.flatMap(flat)];
}

test("a run and its fork: what was called differently comes first, what follows from it is shown too", async () => {
  const lab = new Lab();
  const { job } = await lab.begin(body(1, false), "one");
  await lab.answer(job.runId, "yes");
  const same = await lab.app.fork(job.runId);
  const other = await lab.app.fork(job.runId, { input: "three" });
  await lab.world.settle();
  // Nothing was used again: that is a difference, and none in what was done.
  expect((await lab.app.compare(job.runId, same.runId)).first).toBeNull();
  const { a, b, tree, first } = await lab.app.compare(same.runId, other.runId);
  expect([a.runId, b.runId, first]).toEqual([same.runId, other.runId, { path: "0", what: "input" }]);
  expect(flat(tree)).toEqual([
    "0 input,output,usage",
    "0.0",
    "0.1",
    "0.1/0",
    "0.1/0.0",
    "0.1/1",
    "0.1/1.0",
    "0.2 input,output,usage",
    "0.2.0 input,output,usage",
    "0.3",
  ]);
});

test("what one has and the other has not stands in its place", async () => {
  const lab = new Lab();
  const { job } = await lab.begin(body(1, false), "one");
  const second = await lab.app.start(body(2, true), "one");
  await lab.world.settle();
  const { tree, first } = await lab.app.compare(job.runId, second.runId);
  expect(first).toEqual({ path: "0", what: "agent" });
  expect(tree.children.map(({ path, in: where, differences }) => [path, where, differences[0]?.what])).toEqual([
    ["0.0", "both", undefined],
    ["0.1", "both", "operation"],
    ["0.2", "both", "operation"],
    ["0.3", "both", "operation"],
    ["0.4", "b", undefined],
  ]);
  await expect(lab.app.compare(job.runId, "run_none")).rejects.toMatchObject({ code: "run/not-found" });
});
