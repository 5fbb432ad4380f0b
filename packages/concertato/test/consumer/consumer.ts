/**
 * A user's program, compiled against the published types by every TypeScript we support. It is never run, and it is not
 * given the `concertato-source` condition: it sees what npm would have installed.
 */
import { type ConcertatoError, open, run, tool, workflow } from "concertato";
import { z } from "zod";

const double = tool({
  name: "double",
  description: "Doubles a number",
  effect: "pure",
  input: z.number(),
  output: z.number(),
  execute: (value) => value * 2,
});

const twice = workflow({ name: "twice", version: 1, input: z.number(), output: z.number() }, async (value, ctx) => {
  const once: number = await ctx.run(double, value);
  return ctx.run(double, once);
});

export async function main(): Promise<number> {
  await using app = await open(":memory:", { agents: [twice] });
  const job = await app.start(twice, 1, { key: "one" });
  const result: number = await job.result();
  return result + (await run(twice, 1));
}

export function codeOf(error: ConcertatoError): string {
  return error.code;
}
