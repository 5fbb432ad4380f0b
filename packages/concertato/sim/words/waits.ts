/** What a body waits for: time, moments, signals, people. */
import { type Program, same, shown, type Word } from "./word.ts";

interface Sleep extends Program {
  readonly ms: number;
}

export const sleep: Word<Sleep> = {
  grow: (soil) => ({ do: "sleep", ms: soil.random.below(400) }),
  act: async ({ ms }, ctx) => {
    await ctx.sleep(ms);
    return "slept";
  },
  misfit: (_program, output) => same("sleep", output, "slept"),
};

/** A moment of the wall clock, sometimes one that has passed. */
export const until: Word<Sleep> = {
  grow: (soil) => ({ do: "until", ms: soil.random.below(500) - 50 }),
  act: async ({ ms }, ctx) => {
    await ctx.until(ctx.now() + ms);
    return "came";
  },
  misfit: (_program, output) => same("until", output, "came"),
};

interface Wait extends Program {
  readonly name: string;
}

export const wait: Word<Wait> = {
  grow: (soil) => ({ do: "wait", name: `s${soil.random.below(2)}` }),
  act: ({ name }, ctx) => ctx.waitFor(name),
  misfit: ({ name }, output) =>
    typeof output === "string" && output.startsWith(`${name}:`) ? null : `wait ${name} gave ${shown(output)}`,
};

interface ShortWait extends Wait {
  readonly within: number;
}

/** Waits only so long. */
export const within: Word<ShortWait> = {
  grow: (soil) => ({ do: "within", name: `s${soil.random.below(2)}`, within: 20 + soil.random.below(400) }),
  act: async (program, ctx) => {
    try {
      return await ctx.waitFor(program.name, undefined, { within: program.within });
    } catch (error) {
      if ((error as { code?: string }).code === "agent/timeout") return "late";
      throw error;
    }
  },
  misfit: ({ name }, output) =>
    output === "late" || (typeof output === "string" && output.startsWith(`${name}:`))
      ? null
      : `within ${name} gave ${shown(output)}`,
};

interface Ask extends Program {
  readonly id: number;
}

export const ask: Word<Ask> = {
  grow: (soil) => ({ do: "ask", id: soil.id() }),
  act: ({ id }, ctx, { person }) => ctx.run(person, { id }),
  misfit: (_program, output) => same("ask", output, "yes"),
};
