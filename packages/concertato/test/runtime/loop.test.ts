/** `ctx.loop`: endless work in bounded memory; each turn starts from stored state, and replay starts at the last one. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { done, human, next, run, tool, workflow } from "../../src/index.ts";
import { Counts, failure, gate, Lab } from "./lab.ts";

const add = tool({
  name: "add",
  description: "",
  effect: "read",
  input: z.tuple([z.number(), z.number()]),
  output: z.number(),
  execute: ([left, right]) => left + right,
});

/** Adds 1 + 2 + … + n, one turn each. */
const sum = workflow({ name: "sum", input: z.number() }, (last, ctx) =>
  ctx.loop({ at: 1, total: 0 }, async ({ at, total }, turn) => {
    if (at > last) return done(total);
    return next({ at: at + 1, total: await turn.run(add, [total, at]) });
  }),
);

describe("ctx.loop", () => {
  test("repeats until it is done", async () => {
    expect(await run(sum, 10)).toBe(55);
  });

  test("may be done at once", async () => {
    expect(await run(sum, 0)).toBe(0);
  });

  test("may turn without any operation of its own", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.loop(0, (count) => (count === 5 ? done(count) : next(count + 1))),
    );
    expect(await run(body, 0)).toBe(5);
  });

  test("fails with what a turn throws", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.loop(0, (count) => {
        if (count === 3) throw new Error("third time");
        return next(count + 1);
      }),
    );
    expect((await failure(run(body, 0))).message).toBe("third time");
  });

  test("refuses a state that no journal can store", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.loop<unknown, never>(0, () => next(() => 1)));
    expect((await failure(run(body, 0))).code).toBe("codec/unstorable");
  });

  test("a turn starts from the state as it was stored", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.loop<unknown, unknown>(0, (state) =>
        state === 0 ? next({ when: new Date(0), no: undefined }) : done(state),
      ),
    );
    expect(await run(body, 0)).toEqual({ when: "1970-01-01T00:00:00.000Z" });
  });

  test("20,000 turns are neither too many operations nor a journal to read again", async () => {
    const lab = new Lab();
    const turns = 20_000;
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const end = await ctx.loop(0, async (count, turn) => {
        if (count === turns) return done(count);
        return next(await turn.run(add, [count, 1]));
      });
      await ctx.waitFor("go");
      return end;
    });
    const { job } = await lab.begin(body, 0);
    const { key, seq } = lab.row(job.runId);
    expect(seq).toBe(2 * turns + 2);
    expect(lab.store.replay(key).length).toBeLessThan(6);
  });

  test("after a crash goes on with the last turn, and runs no earlier one again", async () => {
    const bodies = new Counts();
    const asked = human({ name: "asked", output: z.string() });
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.loop<string[], string>([], async (answers, turn) => {
        bodies.add(String(answers.length));
        if (answers.length === 4) return done(answers.join(""));
        return next([...answers, await turn.run(asked, answers.length)]);
      }),
    );
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    for (const answer of ["a", "b", "c"]) await lab.answer(job.runId, answer);
    life.crash();
    await lab.open([body]);
    await lab.world.settle();
    await lab.answer(job.runId, "d");
    expect(await lab.app.job(job.runId).result()).toBe("abcd");
    expect(["0", "1", "2", "3", "4"].map((turn) => bodies.of(turn))).toEqual([1, 1, 1, 2, 1]);
  });

  test("draws the same ids and numbers in a turn that is replayed", async () => {
    const draws: unknown[][] = [];
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.loop(0, async (count, turn) => {
        draws.push([count, turn.random(), turn.id()]);
        await turn.waitFor("go");
        return count === 2 ? done(count) : next(count + 1);
      }),
    );
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(draws).toHaveLength(4);
    expect(draws[2]).toEqual(draws[1]);
    expect(new Set(draws.map(([, random]) => random)).size).toBe(3);
  });

  test("gives up what a turn left unfinished when it ended", async () => {
    const asked = human({ name: "asked", output: z.string() });
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.loop(0, async (count, turn) => {
        void turn.run(asked, count);
        await turn.sleep(1);
        return count === 2 ? done(count) : next(count + 1);
      });
      await ctx.waitFor("go");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(10);
    expect((await lab.waits(job.runId)).map(({ name }) => name)).toEqual(["go"]);
  });

  test("nests, and lives in branches", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const count = (last: number) => (at: number, _turn: unknown) => (at === last ? done(at) : next(at + 1));
      const both = await ctx.all({
        flat: (branch) => branch.loop(0, count(3)),
        deep: (branch) =>
          branch.loop(0, async (at, turn) => (at > 3 ? done(at) : next(at + (await turn.loop(0, count(2)))))),
      });
      return [both.flat, both.deep];
    });
    expect(await run(body, 0)).toEqual([3, 4]);
  });

  test("is given up with the branch it runs in", async () => {
    let turns = 0;
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch } = await ctx.race({
        endless: (inner) =>
          inner.loop<null, never>(null, async (_state, turn) => {
            turns++;
            await turn.sleep(10);
            return next(null);
          }),
        late: (inner) => inner.sleep(35),
      });
      await ctx.waitFor("go");
      return branch;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.advance(100);
    expect(turns).toBe(4);
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.advance(100);
    expect(await lab.app.job(job.runId).result()).toBe("late");
  });

  test("whose next turn was on its way when its branch lost does not take that turn, live or on replay", async () => {
    const gates = { turn: gate(), other: gate() };
    let turns = 0;
    const wait = tool({
      name: "wait",
      description: "",
      effect: "read",
      input: z.enum(["turn", "other"]),
      execute: (which) => gates[which].promise,
    });
    const body = workflow({ name: "body", uses: [wait] }, async (_input, ctx) => {
      const { branch } = await ctx.race({
        endless: (inner) =>
          inner.loop<number, never>(0, async (count, turn) => {
            turns++;
            await turn.run(wait, "turn");
            if (count > 0) await turn.waitFor("never");
            return next(count + 1);
          }),
        other: (inner) => inner.run(wait, "other"),
      });
      await ctx.waitFor("go");
      return branch;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    gates.turn.open();
    gates.other.open();
    await lab.world.settle();
    expect(turns).toBe(1);
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe("other");
    expect(turns).toBe(1);
  });
});
