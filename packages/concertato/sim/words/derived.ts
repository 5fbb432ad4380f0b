/** What is derived and not recorded: a replay must draw the same ids and numbers as the first time. */
import { ledgerOf } from "../ledger.ts";
import { type Program, shown, type Word } from "./word.ts";

interface Derived extends Program {
  readonly id: number;
}

/** Draws, does something that may be interrupted, draws again, and tells both beside what was recorded of the first. */
export const derived: Word<Derived> = {
  grow: (soil) => ({ do: "derived", id: soil.id() }),
  act: async ({ id }, ctx) => {
    const draw = () => [ctx.id(), ctx.random()];
    const first = draw();
    const kept = await ctx.step(
      "keep",
      (attempted) =>
        ledgerOf(attempted)
          .read(id)
          .then(() => first),
      {
        effect: "read",
      },
    );
    return { id, first, kept, second: draw() };
  },
  misfit: ({ id }, output) => {
    const got = output as { id: number; first: unknown[]; kept: unknown; second: unknown[] };
    if (got.id !== id || JSON.stringify(got.first) !== JSON.stringify(got.kept))
      return `derived: drew ${shown(got.first)}, recorded ${shown(got.kept)}`;
    return got.first[0] === got.second[0] ? `derived: the same id twice` : null;
  },
};
