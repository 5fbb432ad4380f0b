/** The agents whose power is cut: a workflow that does what it is asked, and tools that say so when they begin. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type Agent, type AttemptContext, type Context, type Effect, tool, workflow } from "concertato";
import type { Assignment, Deed } from "./load.ts";
import type { World } from "./world.ts";

/** Name of the signal that runs wait for. */
export const goSignal = "go";

export function castOf(world: World, toolMs: number): Agent<Assignment, number> {
  const tools = toolsOf(world, toolMs);
  return workflow(
    { name: "play", input: plain<Assignment>(), output: plain<number>(), uses: Object.values(tools) },
    async ({ deeds, bytes }, ctx) => {
      for (const deed of deeds) await perform(tools, deed, bytes, ctx);
      return deeds.length;
    },
  );
}

/** A schema that takes everything: what is checked here is the disk, not schemas. */
function plain<T>(): StandardSchemaV1<T, T> {
  return { "~standard": { version: 1, vendor: "power-cut", validate: (value) => ({ value: value as T }) } };
}

type Tools = ReturnType<typeof toolsOf>;

function toolsOf(world: World, toolMs: number) {
  const outside = (name: string, effect: Effect) => ({
    name,
    description: name,
    effect,
    output: plain<string>(),
    execute: async (_input: unknown, attempt: AttemptContext) => {
      const receipt = world.begin(attempt, effect);
      await pause(toolMs);
      return receipt;
    },
  });
  const probe = async (_input: unknown, attempt: AttemptContext) => world.probe(attempt);
  return {
    look: tool({
      name: "look",
      description: "look",
      effect: "read",
      input: plain<number>(),
      output: plain<string>(),
      execute: async (bytes) => {
        await pause(toolMs);
        return "x".repeat(bytes);
      },
    }),
    mail: tool(outside("mail", "write")),
    pay: tool({ ...outside("pay", "irreversible"), probe }),
    wire: tool(outside("wire", "irreversible")),
  };
}

async function perform(tools: Tools, deed: Deed, bytes: number, ctx: Context): Promise<void> {
  if (deed === "go") await ctx.waitFor(goSignal);
  else if (deed === "look") await ctx.run(tools.look, bytes);
  else await ctx.run(tools[deed]);
}

async function pause(most: number): Promise<void> {
  if (most > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * most));
}
