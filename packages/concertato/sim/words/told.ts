/** What a body tells while it runs, and code that was changed in place under it. */
import { type Program, shown, type Word } from "./word.ts";

interface Tell extends Program {
  readonly id: number;
  readonly of: Program;
}

/** Tells something before and after its part; nothing of it may be lost or told twice. */
export const tell: Word<Tell> = {
  grow: (soil, size, depth) => ({ do: "tell", id: soil.id(), of: soil.grow(size - 1, depth + 1) }),
  act: async ({ id, of }, ctx, stage) => {
    const mark = `${ctx.runId} ${ctx.path} ${id}`;
    ctx.emit("told", `${mark} before`);
    ctx.log(`${mark} began`, { id });
    const output = await stage.act(of, ctx);
    ctx.emit("told", `${mark} after`);
    return { told: mark, output };
  },
  misfit: ({ of }, output, fits) => {
    const { told, output: inner } = (output ?? {}) as { told?: unknown; output?: unknown };
    return typeof told === "string" ? fits(of, inner) : `tell gave ${shown(output)}`;
  },
};

interface Patched extends Program {
  readonly id: number;
  /** What the code did before it was changed, and after. */
  readonly old: Program;
  readonly changed: Program;
}

/** A place that the second revision of the code changes, while runs of the first are under way. */
export const patched: Word<Patched> = {
  grow: (soil, size, depth) => ({
    do: "patched",
    id: soil.id(),
    old: soil.grow(Math.floor(size / 2), depth + 1),
    changed: soil.grow(Math.floor(size / 2), depth + 1),
  }),
  act: async ({ id, old, changed }, ctx, stage) => {
    const isNew = stage.revision > 1 && ctx.patched(`flag-${id}`);
    return { changed: isNew, output: await stage.act(isNew ? changed : old, ctx) };
  },
  misfit: (program, output, fits) => {
    const { changed, output: inner } = (output ?? {}) as { changed?: unknown; output?: unknown };
    return typeof changed === "boolean"
      ? fits(changed ? program.changed : program.old, inner)
      : `patched gave ${shown(output)}`;
  },
};
