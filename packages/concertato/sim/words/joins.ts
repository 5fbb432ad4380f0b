/** Groups and maps of which some may fail: any, settle, and maps joined by a count, the first, any, or as they end. */
import type { MapJoin } from "../../src/runtime/context.ts";
import { type Group, thunks } from "./structure.ts";
import { named, parts, type Program, shown, type Soil, type Word } from "./word.ts";

interface Failing extends Program {
  readonly of: Program;
}

/** Does its part and then fails: only where a failure is an outcome. */
export const failing: Word<Failing> = {
  grow: (soil, size, depth) => ({ do: "failing", of: soil.grow(size - 1, depth + 1) }),
  act: async ({ of }, ctx, stage) => {
    await stage.act(of, ctx);
    throw new Error("failing");
  },
  misfit: (_program, output) => `failing gave ${shown(output)}`,
};

/** Some of several fail; the first never does, so that something may be counted on. */
function doubtful(soil: Soil, size: number, depth: number): Program[] {
  return parts(soil, size, depth).map((part, index) =>
    index > 0 && soil.random.chance(0.4) ? ({ do: "failing", of: part } as Failing) : part,
  );
}

const fails = (program: Program | undefined) => program?.do === "failing";

export const any: Word<Group> = {
  grow: (soil, size, depth) => ({ do: "any", of: named(doubtful(soil, size, depth)) }),
  act: ({ of }, ctx, stage) => ctx.any(thunks(of, stage.act)),
  misfit: ({ of }, output, fits) => {
    const winner = output as { branch: string; value: unknown } | undefined;
    const branch = of[winner?.branch ?? ""];
    return branch === undefined || fails(branch) ? `any gave ${shown(output)}` : fits(branch, winner?.value);
  },
};

export const settle: Word<Group> = {
  grow: (soil, size, depth) => ({ do: "settle", of: named(doubtful(soil, size, depth)) }),
  act: ({ of }, ctx, stage) => ctx.settle(thunks(of, stage.act)),
  misfit: ({ of }, output, fits) => {
    const got = (output ?? {}) as Record<string, unknown>;
    if (JSON.stringify(Object.keys(got)) !== JSON.stringify(Object.keys(of))) return `settle gave ${shown(output)}`;
    for (const [name, program] of Object.entries(of)) {
      const wrong = settledWrong(program, got[name], fits);
      if (wrong !== null) return wrong;
    }
    return null;
  },
};

function settledWrong(program: Program, end: unknown, fits: (program: Program, output: unknown) => string | null) {
  const { status, output } = end as { status: string; output?: unknown };
  if (fails(program)) return status === "failed" ? null : `failing settled as ${shown(end)}`;
  return status === "completed" ? fits(program, output) : `settle gave ${shown(end)}`;
}

interface Joined extends Program {
  readonly of: readonly Program[];
  readonly concurrency: number;
  readonly join: "settle" | "any" | "count";
  readonly count: number;
}

/** A map of which some items fail. */
export const join: Word<Joined> = {
  grow: (soil, size, depth) => {
    const of = doubtful(soil, size, depth);
    const succeed = of.filter((program) => !fails(program)).length;
    const { random } = soil;
    return {
      do: "join",
      of,
      concurrency: 1 + random.below(3),
      join: random.pick(["settle", "any", "count"] as const),
      count: 1 + random.below(succeed),
    };
  },
  act: ({ of, concurrency, join: kind, count }, ctx, { tree }) => {
    const by: MapJoin = kind === "count" ? { count } : kind;
    return ctx.map(of, tree, { concurrency, join: by as "settle" });
  },
  misfit: ({ of, join: kind, count }, output, fits) => {
    if (kind === "any") return itemWrong(of, output, fits);
    if (!Array.isArray(output) || output.length !== (kind === "count" ? count : of.length))
      return `join ${kind} gave ${shown(output)}`;
    for (const [index, end] of output.entries()) {
      const program = of[index];
      if (program === undefined) return `join gave too much: ${shown(output)}`;
      const wrong = kind === "count" ? itemWrong(of, end, fits) : settledWrong(program, end, fits);
      if (wrong !== null) return wrong;
    }
    return null;
  },
};

function itemWrong(
  of: readonly Program[],
  item: unknown,
  fits: (program: Program, output: unknown) => string | null,
): string | null {
  const { index, value } = (item ?? {}) as { index?: number; value?: unknown };
  const program = of[index ?? -1];
  return program === undefined || fails(program) ? `join gave ${shown(item)}` : fits(program, value);
}
