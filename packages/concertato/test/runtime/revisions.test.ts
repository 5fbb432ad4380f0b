/** An agent of a library may change what its body asks for: what began under one revision ends under it. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, type Context, human, tool, workflow } from "../../src/index.ts";
import { Lab } from "./lab.ts";

const echo = tool({
  name: "echo",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text) => text,
});
const boss = human({ name: "boss", output: z.string() });

/** A pattern as a library makes it. From revision 2 on it looks first; both ways stay in the library. */
function askTwice(revision?: 1 | 2): Agent<string, string> {
  const body = async (question: string, ctx: Context): Promise<string> => {
    if (ctx.revision >= 2) await ctx.run(echo, "looked");
    const first = await ctx.run(boss, question);
    const second = await ctx.run(boss, question);
    return `${first} ${second} r${ctx.revision}`;
  };
  const agent = workflow({ name: "ask-twice", uses: [echo, boss] }, (input: unknown, ctx) => body(String(input), ctx));
  return { ...agent, kind: "pattern", ...(revision === undefined ? {} : { revision }) };
}

/** The same, computing only: it writes nothing until its end. */
function plain(revision: number): Agent<string, string> {
  const agent = workflow({ name: "plain" }, (_input: unknown, ctx) => `r${ctx.revision}`);
  return { ...agent, kind: "pattern", revision };
}

const user = (pattern: Agent<string, string>) =>
  workflow({ name: "user", uses: [pattern] }, async (_input, ctx) => [
    await ctx.run(pattern, "one"),
    await ctx.map(["two", "three"], pattern),
  ]);

async function answerAll(lab: Lab, runId: string): Promise<void> {
  for (const { waitId } of await lab.waits(runId)) await lab.app.answer(runId, waitId, "yes");
  await lab.world.settle();
}

describe("a scope that began under revision 1", () => {
  test.each([undefined, 1] as const)("(declared %s) ends under it, and the next begins under 2", async (old) => {
    const lab = new Lab();
    const { life, job } = await lab.begin(user(askTwice(old)), 0);
    await answerAll(lab, job.runId);
    life.crash();
    await lab.open([user(askTwice(2))]);
    await lab.world.settle();
    for (let rounds = 0; rounds < 4; rounds++) await answerAll(lab, job.runId);
    expect(await lab.app.job(job.runId).result()).toEqual(["yes yes r1", ["yes yes r2", "yes yes r2"]]);
    const starts = lab.journal(job.runId).filter(({ kind }) => kind === "scope-started");
    expect(starts.map(({ op, meta }) => [op, meta.revision])).toEqual([
      ["0", undefined],
      ["1/0", 2],
      ["1/1", 2],
    ]);
    expect(await lab.app.replay(job.runId)).toMatchObject({ status: "same", warnings: [] });
  });

  test("replays and forks under it, too", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(user(askTwice(1)), 0);
    for (let rounds = 0; rounds < 4; rounds++) await answerAll(lab, job.runId);
    life.crash();
    await lab.open([user(askTwice(2))]);
    expect(await lab.app.replay(job.runId)).toMatchObject({ status: "same", warnings: [] });
    for (const at of [1, 3, 6]) {
      const fork = await lab.app.fork(job.runId, { at });
      await lab.world.settle();
      expect(await fork.result()).toEqual(await lab.app.job(job.runId).result());
    }
  });
});

test("a run of a pattern itself goes on under the revision it was started with", async () => {
  const lab = new Lab();
  const { life, job } = await lab.begin(askTwice(1), "?");
  const second = await life.app.start(askTwice(2), "?");
  await lab.world.settle();
  life.crash();
  await lab.open([askTwice(2)]);
  for (let rounds = 0; rounds < 2; rounds++) {
    await answerAll(lab, job.runId);
    await answerAll(lab, second.runId);
  }
  expect(await lab.app.job(job.runId).result()).toBe("yes yes r1");
  expect(await lab.app.job(second.runId).result()).toBe("yes yes r2");
});

test("a scope that writes nothing until its end tells its revision there", async () => {
  const lab = new Lab();
  const { job } = await lab.begin(user(plain(3)), 0);
  expect(await job.result()).toEqual(["r3", ["r3", "r3"]]);
  const ends = lab.journal(job.runId).filter(({ kind }) => kind === "scope-ended");
  expect(ends.map(({ meta }) => meta.revision)).toEqual([3, 3, 3]);
  await lab.open([user(plain(4))]);
  expect(await lab.app.replay(job.runId)).toMatchObject({ status: "same", warnings: [] });
});
