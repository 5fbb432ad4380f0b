/** What runs share: keys that one holds at a time, and counters that lose no update. */
import { ledgerOf } from "../ledger.ts";
import { attempt, type Program, shown, type Word } from "./word.ts";

interface Hold extends Program {
  readonly key: string;
  readonly of: Program;
}

/** Holds a key while it does its part, and tells the outside world when it comes and goes. */
export const hold: Word<Hold> = {
  grow: (soil) => ({ do: "hold", key: `c${soil.random.below(2)}`, of: soil.leaf() }),
  act: ({ key, of }, ctx, { act }) =>
    attempt(async () => {
      const claim = await ctx.claim(key);
      const { token } = claim;
      await ctx.step("enter", (attempted) => ledgerOf(attempted).enter(key, token, attempted), { effect: "read" });
      const output = await act(of, ctx);
      await ctx.step("leave", (attempted) => ledgerOf(attempted).leave(key, token, attempted), { effect: "read" });
      await claim.release();
      return { held: key, output };
    }),
  misfit: ({ key, of }, output, fits) => {
    if (output === "failed") return null;
    const { held, output: inner } = (output ?? {}) as { held?: unknown; output?: unknown };
    return held === key ? fits(of, inner) : `hold gave ${shown(output)}`;
  },
};

interface Count extends Program {
  readonly name: string;
  readonly shared: boolean;
  readonly times: number;
}

/** Counts up, and tells every number it got: no other may get the same. */
export const count: Word<Count> = {
  grow: ({ random }) => ({
    do: "count",
    name: `n${random.below(2)}`,
    shared: random.chance(0.7),
    times: 1 + random.below(3),
  }),
  act: async ({ name, shared, times }, ctx) => {
    const counter = ctx.state(name, { initial: 0, shared });
    for (let time = 0; time < times; time++) {
      const got = await counter.update((value) => value + 1);
      ctx.emit("counted", `${shared ? "shared" : ctx.runId} ${name} ${got}`);
    }
    return { counted: name };
  },
  misfit: ({ name }, output) =>
    JSON.stringify(output) === JSON.stringify({ counted: name }) ? null : `count gave ${shown(output)}`,
};
