/** What is done and undone again: a trip of several legs, each with what takes it back. */
import { attempt, misfits, type Program, shown, type Word } from "./word.ts";

interface Legs extends Program {
  readonly ids: readonly number[];
  /** In vain: it fails after its last leg. */
  readonly vain: boolean;
  readonly last: Program;
}

/** The body of a trip. Its marks name each leg in the whole world. */
export const legs: Word<Legs> = {
  grow: (soil, _size, depth) => ({
    do: "legs",
    ids: Array.from({ length: 1 + soil.random.below(3) }, () => soil.id()),
    vain: soil.random.chance(0.6),
    last: soil.grow(1, depth + 1),
  }),
  act: async ({ ids, vain, last }, ctx, { tools, undo, act }) => {
    const group = `${ctx.runId}|${ctx.path}`;
    const write = tools["insist"];
    if (write === undefined) throw new Error("There is no tool insist.");
    for (const [index, id] of ids.entries()) {
      await ctx.run(write, id);
      await ctx.compensate(undo, `${group}|${index}`);
    }
    const output = await act(last, ctx);
    if (vain) throw new Error(`vain ${group}`);
    return { arrived: group, legs: ids.length, output };
  },
  misfit: ({ ids, last }, output, fits) => {
    const got = (output ?? {}) as { legs?: number; output?: unknown };
    return got.legs === ids.length ? fits(last, got.output) : `legs gave ${shown(output)}`;
  },
};

interface Trip extends Program {
  readonly of: Legs;
}

/** A trip in a scope of its own: one in vain fails and is undone. */
export const trip: Word<Trip> = {
  grow: (soil, size, depth) => ({ do: "trip", of: legs.grow(soil, size, depth + 1) }),
  act: async ({ of }, ctx, { tree }) => {
    try {
      return await ctx.run(tree, of);
    } catch (error) {
      const group = /vain (\S+)/.exec((error as Error).message)?.[1];
      if (group === undefined) throw error;
      return { vain: group, legs: of.ids.length };
    }
  },
  misfit: ({ of }, output, fits) => {
    const got = (output ?? {}) as { vain?: string; legs?: number };
    if (!of.vain) return fits(of, output);
    return got.vain !== undefined && got.legs === of.ids.length ? null : `trip gave ${shown(output)}`;
  },
};

interface Several extends Program {
  readonly of: readonly Program[];
}

/** Trips one after the other, in a run of its own that then fails or waits. */
export const journey: Word<Several> = {
  grow: (soil, size, depth) => ({
    do: "journey",
    of: [trip.grow(soil, size, depth + 1), trip.grow(soil, size, depth + 1)],
  }),
  act: async ({ of }, ctx, { tree }) => {
    const child = await ctx.start(tree, { do: "sequence", of });
    return attempt(() => child.outcome());
  },
  misfit: ({ of }, output, fits) => (output === "failed" ? null : misfits(of, output, fits)),
};
