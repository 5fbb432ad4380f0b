/** An input that was stored before is not stored again, and every reader shows it all the same. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Entry, tool, workflow } from "../../src/index.ts";
import { gate, Lab } from "./lab.ts";

const text = z.object({ n: z.number(), words: z.string() });
const words = "many words ".repeat(10);

const step = tool({
  name: "step",
  description: "",
  effect: "read",
  input: text,
  output: text,
  execute: ({ n, words: same }) => ({ n: n + 1, words: same }),
});

const chain = workflow({ name: "chain", uses: [step], input: text }, async (input, ctx) => {
  const one = await ctx.run(step, input);
  const two = await ctx.run(step, one);
  return ctx.run(step, two);
});

/** The second lines of all results, as stored. */
const lines = (lab: Lab, runId: string) =>
  lab.store
    .entries(lab.row(runId).key, 0, 1_000)
    .map(({ body }) => String(body ?? "").split("\n")[1])
    .filter((line) => line !== undefined);

const inputs = (entries: readonly Entry[]) =>
  entries.filter(({ kind }) => kind === "result").map(({ input }) => (input as { n: number } | undefined)?.n);

describe("the input of a step", () => {
  test("is the entry that has it: the run's start, then the step before", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(chain, { n: 1, words });
    expect(lines(lab, job.runId)).toEqual(["=1", "=2", "=3"]);
    expect(inputs(lab.journal(job.runId))).toEqual([1, 2, 3]);
  });

  test("is shown by events, from any place on, and by the tree", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(chain, { n: 1, words });
    const read = async (after: number) => {
      const entries: Entry[] = [];
      for await (const entry of lab.app.job(job.runId).events({ after, live: false })) entries.push(entry);
      return inputs(entries);
    };
    expect(await read(0)).toEqual([1, 2, 3]);
    expect(await read(2)).toEqual([2, 3]);
    expect(await read(3)).toEqual([3]);
    const { tree } = await lab.app.describe(job.runId);
    expect(tree.children.map(({ input }) => (input as { n: number }).n)).toEqual([1, 2, 3]);
  });

  test("that the body changed is stored as it is", async () => {
    const body = workflow({ name: "body", uses: [step], input: text }, async (input, ctx) => {
      const one = await ctx.run(step, input);
      one.n += 10;
      return ctx.run(step, one);
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, { n: 1, words });
    expect(lines(lab, job.runId)).toEqual(["=1", JSON.stringify({ n: 12, words })]);
    expect(inputs(lab.journal(job.runId))).toEqual([1, 12]);
  });

  test("is named by every branch that gets what the scope got", async () => {
    const body = workflow({ name: "body", uses: [step], input: text }, (input, ctx) =>
      ctx.all({ left: (b) => b.run(step, input), right: (b) => b.run(step, input) }),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, { n: 1, words });
    expect(lines(lab, job.runId)).toEqual(["=1", "=1"]);
  });

  test("is found in and around a nested workflow, whether that has entries of its own or not", async () => {
    const asks = workflow({ name: "asks", uses: [step], input: text }, async (input, ctx) => {
      await ctx.waitFor("go");
      return ctx.run(step, input);
    });
    const adds = workflow({ name: "adds", input: text }, ({ n, words: same }) => ({ n: n + 1, words: same }));
    const body = workflow({ name: "body", uses: [asks, adds], input: text }, async (input, ctx) =>
      ctx.run(adds, await ctx.run(asks, input)),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, { n: 1, words });
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    const { tree } = await lab.app.describe(job.runId);
    const [first, second] = tree.children;
    expect(first?.input).toEqual({ n: 1, words });
    expect(first?.children.map(({ input }) => input)).toEqual([undefined, { n: 1, words }]);
    expect(second?.input).toEqual({ n: 2, words });
    expect(lines(lab, job.runId)).toHaveLength(2);
    expect(lines(lab, job.runId).every((line) => line?.startsWith("="))).toBe(true);
  });

  test("of a retry stands with its first failure, which a replay reads", async () => {
    const open = gate();
    let attempts = 0;
    const flaky = tool({
      name: "flaky",
      description: "",
      effect: "read",
      input: text,
      output: text,
      retry: { attempts: 3, backoff: 1_000 },
      execute: async (value) => {
        if (attempts++ === 0) throw new Error("not yet");
        await open.promise;
        return value;
      },
    });
    const body = workflow({ name: "body", uses: [flaky], input: text }, (input, ctx) => ctx.run(flaky, input));
    const lab = new Lab();
    const { life, job } = await lab.begin(body, { n: 1, words });
    const failed = lab.journal(job.runId).find(({ kind }) => kind === "attempt-failed");
    expect(failed?.input).toEqual({ n: 1, words });
    expect(failed?.inputOf).toBeUndefined();
    life.crash();
    await lab.open([body]);
    open.open();
    await lab.world.advance(2_000);
    expect(await lab.app.job(job.runId).result()).toEqual({ n: 1, words });
  });
});
