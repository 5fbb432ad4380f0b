/** Agents that a body makes as it goes are known to nobody by name: after a crash its replay brings them again. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, human, workflow } from "../../src/index.ts";
import { Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });

/** What the first thing that such an agent does waits for. */
const work: { first: Promise<void> | null } = { first: null };

const made = () =>
  workflow({ name: "made" }, async (item, ctx) => {
    await ctx.step("work", () => work.first ?? undefined, { effect: "write" });
    return `${String(item)}: ${await ctx.run(asked, item)}`;
  }) as Agent<unknown, string>;

const bodies = {
  "at once": workflow({ name: "body" }, async (_input, ctx) => [await ctx.run(made(), "a")]),
  "after something else": workflow({ name: "body" }, async (_input, ctx) => {
    await ctx.step("first", () => 1, { effect: "read" });
    return [await ctx.run(made(), "a")];
  }),
  "in a map": workflow({ name: "body" }, (_input, ctx) => ctx.map(["a"], made())),
  "two deep": workflow({ name: "body" }, async (_input, ctx) =>
    ctx.run(
      workflow({ name: "between" }, async (_nothing, inner) => [await inner.run(made(), "a")]),
      0,
    ),
  ),
};

describe.each(Object.keys(bodies) as (keyof typeof bodies)[])("an agent made in a body, called %s", (how) => {
  const body = bodies[how];
  test.each([0, 1_000_000])("is found again after a crash (warm bytes %i)", async (warmBytes) => {
    const lab = new Lab();
    const { life, job } = await lab.begin(body as Agent<unknown, unknown>, 0, { warmBytes });
    life.crash();
    const second = await lab.open([body as Agent], { warmBytes });
    await lab.world.settle();
    await lab.answer(job.runId, "yes");
    expect(await second.app.job(job.runId).result()).toEqual(["a: yes"]);
    expect(lab.world.reports).toEqual([]);
  });

  test("is found again when the crash came while it was at work", async () => {
    const lab = new Lab();
    work.first = new Promise(() => undefined);
    const { life, job } = await lab.begin(body as Agent<unknown, unknown>, 0);
    expect(lab.row(job.runId).parked).toBe(false);
    life.crash();
    work.first = null;
    await lab.open([body as Agent]);
    await lab.world.settle();
    expect(await lab.waits(job.runId)).toMatchObject([{ kind: "answer" }]);
    await lab.answer(job.runId, "yes");
    expect(lab.row(job.runId).status).toBe("completed");
  });
});
