/** How calls are put together: one after another, nested, side by side over items, again and again, in runs of their own. */
import { history } from "../../src/kernel/history.ts";
import type { Json } from "../../src/kernel/json.ts";
import { type Context, done, next } from "../../src/runtime/context.ts";
import { attempt, misfits, named, parts, type Program, shown, type Soil, type Stage, type Word } from "./word.ts";

interface Several extends Program {
  readonly of: readonly Program[];
}

export const sequence: Word<Several> = {
  grow: (soil, size, depth) => ({ do: "sequence", of: parts(soil, size, depth) }),
  act: async ({ of }, ctx, stage) => {
    const outputs: unknown[] = [];
    for (const part of of) outputs.push(await stage.act(part, ctx));
    return outputs;
  },
  misfit: ({ of }, output, fits) => misfits(of, output, fits),
};

interface One extends Program {
  readonly of: Program;
}

export const scope: Word<One> = {
  grow: (soil, size, depth) => ({ do: "scope", of: soil.grow(size - 1, depth + 1) }),
  act: ({ of }, ctx, { tree }) => ctx.run(tree, of),
  misfit: ({ of }, output, fits) => fits(of, output),
};

export const start: Word<One> = {
  grow: (soil, size, depth) => ({ do: "start", of: soil.grow(size - 1, depth + 1) }),
  act: async ({ of }, ctx, { tree }) => {
    const child = await ctx.start(tree, of);
    return attempt(() => child.outcome());
  },
  misfit: ({ of }, output, fits) => (output === "failed" ? null : fits(of, output)),
};

interface Mapped extends Several {
  readonly concurrency: number;
}

export const map: Word<Mapped> = {
  grow: (soil, size, depth) => ({
    do: "map",
    of: parts(soil, size, depth),
    concurrency: 1 + soil.random.below(3),
  }),
  act: ({ of, concurrency }, ctx, { tree }) => ctx.map(of, tree, { concurrency }),
  misfit: ({ of }, output, fits) => misfits(of, output, fits),
};

/** Reads and effects that are tried again and again side by side: runs rest and are stirred by deadlines all the time. */
export const attempts: Word<Mapped> = {
  ...map,
  grow: ({ random, id }) => {
    const one = () => ({ do: random.pick(["flaky", "insist"]), id: id() });
    return { do: "map", of: Array.from({ length: 2 + random.below(3) }, one), concurrency: 1 + random.below(3) };
  },
};

interface Hops extends One {
  readonly count: number;
}

/** Microtasks before the next call: branches of different length. */
export const hops: Word<Hops> = {
  grow: (soil, size, depth) => ({ do: "hops", count: soil.random.below(8), of: soil.grow(size - 1, depth + 1) }),
  act: async ({ count, of }, ctx, stage) => {
    for (let hop = 0; hop < count; hop++) await Promise.resolve();
    return stage.act(of, ctx);
  },
  misfit: ({ of }, output, fits) => fits(of, output),
};

interface Loop extends One {
  readonly turns: number;
}

export const loop: Word<Loop> = {
  grow: (soil, size, depth) => ({
    do: "loop",
    turns: 1 + soil.random.below(4),
    of: soil.grow(Math.floor(size / 3), depth + 1),
  }),
  act: ({ turns, of }, ctx, stage) => {
    if (turns % 2 === 0) return chronicle(turns, of, ctx, stage);
    const first: { turn: number; outputs: Json[] } = { turn: 0, outputs: [] };
    return ctx.loop(first, async (state, turn) => {
      if (state.turn === turns) return done(state.outputs);
      const output = (await stage.act(of, turn)) as Json;
      return next({ turn: state.turn + 1, outputs: [...state.outputs, output] });
    });
  },
  misfit: ({ turns, of }, output, fits) =>
    misfits(
      Array.from({ length: turns }, () => of),
      output,
      fits,
    ),
};

/** The same loop with its outputs in a history. */
async function chronicle(turns: number, of: Program, ctx: Context, stage: Stage): Promise<readonly Json[]> {
  const outputs = await ctx.loop({ outputs: history<Json>() }, async (state, turn) => {
    if (state.outputs.length === turns) return done(state.outputs);
    return next({ outputs: state.outputs.append((await stage.act(of, turn)) as Json) });
  });
  return [...outputs];
}

export interface Group extends Program {
  readonly of: Readonly<Record<string, Program>>;
}

export const all: Word<Group> = {
  grow: (soil, size, depth) => ({ do: "all", of: named(parts(soil, size, depth)) }),
  act: ({ of }, ctx, stage) => ctx.all(thunks(of, stage.act)),
  misfit: ({ of }, output, fits) => {
    const names = Object.keys(of);
    if (typeof output !== "object" || output === null) return `all gave ${shown(output)}`;
    const got = output as Record<string, unknown>;
    if (JSON.stringify(Object.keys(got)) !== JSON.stringify(names)) return `all gave keys ${shown(Object.keys(got))}`;
    return misfits(Object.values(of), Object.values(got), fits);
  },
};

export const race: Word<Group> = {
  grow: (soil, size, depth) => ({ do: "race", of: named(parts(soil, size, depth)) }),
  act: ({ of }, ctx, stage) => ctx.race(thunks(of, stage.act)),
  misfit: ({ of }, output, fits) => {
    const winner = output as { branch: string; value: unknown } | undefined;
    const branch = of[winner?.branch ?? ""];
    return branch === undefined ? `race gave ${shown(output)}` : fits(branch, winner?.value);
  },
};

/** A race of short loops and chains, close enough that several end in one commit, and then something to wait for. */
export const contest: Word<Several> = {
  ...sequence,
  grow: (soil) => {
    const branch = () => lap(soil);
    const of = named([branch(), branch(), branch()]);
    return { do: "sequence", of: [{ do: "race", of } as Group, soil.leaf(), soil.leaf()] };
  },
};

function lap(soil: Soil): Program {
  const { random } = soil;
  const read = () => ({ do: "read", id: soil.id() });
  return random.chance(0.6)
    ? ({ do: "loop", turns: 2 + random.below(3), of: read() } as Loop)
    : ({ do: "sequence", of: Array.from({ length: 1 + random.below(4) }, read) } as Several);
}

/** Branches as ctx takes them. */
export function thunks(
  programs: Readonly<Record<string, Program>>,
  act: (program: Program, ctx: Context) => Promise<unknown>,
): Record<string, (branch: Context) => Promise<unknown>> {
  return Object.fromEntries(
    Object.entries(programs).map(([name, program]) => [name, (branch: Context) => act(program, branch)]),
  );
}
