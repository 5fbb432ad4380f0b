/** The agents of the runs in `schema-1.db`, which the version before schema 2 made: see `migrations.test.ts`. */
import { z } from "zod";
import { human } from "../../../src/agents/human.ts";
import { tool } from "../../../src/agents/tool.ts";
import { workflow } from "../../../src/agents/workflow.ts";

const shout = tool({
  name: "shout",
  description: "Says it loud",
  effect: "write",
  input: z.string(),
  output: z.string(),
  execute: (input) => input.toUpperCase(),
});

const ask = human({ name: "ask", output: z.string() });

/** Its run is finished in the file; another one was only queued. */
export const greet = workflow({ name: "greet", input: z.string() }, async (input, ctx) => {
  const loud = await ctx.run(shout, input);
  const all = await ctx.map(["a", "b", "c"], shout);
  return `${loud} ${all.join("")}`;
});

/** Its run waits in the file for an answer, and its signal lies in the inbox. */
export const approve = workflow({ name: "approve", input: z.string(), uses: [ask] }, async (input, ctx) => {
  const loud = await ctx.run(shout, input);
  const answer = await ctx.run(ask, loud);
  const signal = await ctx.waitFor("go", z.object({ n: z.number() }));
  return `${loud}: ${answer} ${signal.n}`;
});
