/** A limit that ends a body does not keep it from undoing what it has done: undoing is not what the budget was for. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { tool, workflow } from "../../src/index.ts";
import { Lab } from "./lab.ts";

function greedy() {
  const deeds: string[] = [];
  const text = { description: "", input: z.string(), output: z.string(), effect: "write" as const };
  const act = (name: string) => (what: string) => {
    deeds.push(`${name} ${what}`);
    return what;
  };
  const book = tool({ ...text, name: "book", execute: act("book") });
  const unbook = tool({ ...text, name: "unbook", execute: act("unbook") });
  const body = workflow({ name: "greedy", uses: [book, unbook] }, async (_input, ctx) => {
    for (const what of ["a", "b", "c", "d"]) {
      await ctx.run(book, what);
      await ctx.compensate(unbook, what);
    }
  });
  return { deeds, body };
}

const undone = ["book a", "book b", "unbook b", "unbook a"];

describe("a budget that is used up", () => {
  test("of a run stops it, and what it had registered is undone", async () => {
    const { deeds, body } = greedy();
    const lab = new Lab();
    const { job } = await lab.begin(body, 0, { budget: { steps: 2 } });
    await lab.world.advance(1_000);
    expect(deeds).toEqual(undone);
    expect(await job.outcome()).toMatchObject({
      status: "stopped",
      failure: { details: { compensation: { of: 2, undone: 2, failed: 0 } } },
    });
  });

  test("of a call stops that, and it is undone before its caller hears of it", async () => {
    const { deeds, body } = greedy();
    const outer = workflow({ name: "outer", uses: [body] }, (_input, ctx) =>
      ctx.run(body, 0, { budget: { steps: 2 } }).catch((error: Error) => [error.name, ...deeds]),
    );
    const lab = new Lab();
    const { job } = await lab.begin(outer, 0);
    await lab.world.advance(1_000);
    expect(await job.result()).toEqual(["AgentFailure", ...undone]);
  });
});
