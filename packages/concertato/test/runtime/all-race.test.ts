/** `ctx.all` and `ctx.race`: named branches side by side; who loses is given up and stays so. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { human, run, tool, workflow } from "../../src/index.ts";
import { failure, gate, Lab } from "./lab.ts";

const echo = tool({
  name: "echo",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text) => text,
});
const breaks = tool({
  name: "breaks",
  description: "",
  effect: "read",
  output: z.string(),
  execute: () => {
    throw new Error("broken");
  },
});
const asked = human({ name: "asked", output: z.string() });

describe("ctx.all", () => {
  test("gives every branch's value under its name, in the order of the branches", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const both = await ctx.all({
        slow: async (branch) => {
          await branch.sleep(50);
          return 1;
        },
        fast: (branch) => branch.run(echo, "two"),
        plain: () => 3,
      });
      return Object.entries(both);
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(50);
    expect(await job.result()).toEqual([
      ["slow", 1],
      ["fast", "two"],
      ["plain", 3],
    ]);
  });

  test("of nothing is nothing", async () => {
    expect(
      await run(
        workflow({ name: "body" }, (_input, ctx) => ctx.all({})),
        0,
      ),
    ).toEqual({});
  });

  test("fails with the first failure and gives up the other branches", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      try {
        await ctx.all({ bad: (branch) => branch.run(breaks, undefined), open: (branch) => branch.run(asked, "?") });
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.result()).toBe("broken");
    expect(await lab.waits(job.runId)).toEqual([]);
  });

  test("a branch that throws at once fails it", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.all({
        bad: (): number => {
          throw new Error("at once");
        },
        good: (branch) => branch.run(echo, "never seen"),
      }),
    );
    expect((await failure(run(body, 0))).message).toBe("at once");
  });
});

describe("ctx.race", () => {
  test("is won by the first branch to end, tagged with its name", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.race({ slow: (branch) => branch.sleep("1h"), fast: (branch) => branch.run(echo, "first") }),
    );
    expect(await run(body, 0)).toEqual({ branch: "fast", value: "first" });
  });

  test("is lost by a failure when that comes first", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.race({ bad: (branch) => branch.run(breaks, undefined), slow: (branch) => branch.sleep("1h") }),
    );
    expect((await failure(run(body, 0))).message).toBe("broken");
  });

  test("tells the losing attempt to stop and records that it was given up", async () => {
    let signal: AbortSignal | undefined;
    const forever = tool({
      name: "forever",
      description: "",
      effect: "write",
      output: z.string(),
      execute: (_input, attempt) => {
        ({ signal } = attempt);
        return new Promise<string>(() => undefined);
      },
    });
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch } = await ctx.race({
        chore: (inner) => inner.run(forever, undefined),
        late: (inner) => inner.sleep(10),
      });
      return branch;
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(signal?.aborted).toBe(false);
    await lab.world.advance(10);
    expect(await job.result()).toBe("late");
    expect(signal?.aborted).toBe(true);
    const given = lab.journal(job.runId).filter(({ kind }) => kind === "op-cancelled");
    expect(given.map(({ op }) => op)).toEqual(["0/chore/0"]);
  });

  test("a loser is not taken up again after a crash", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch } = await ctx.race({ person: (inner) => inner.run(asked, "?"), late: (inner) => inner.sleep(10) });
      const go = await ctx.waitFor("go", z.string());
      return `${branch} ${go}`;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.advance(10);
    life.crash();
    const second = await lab.open([body]);
    await lab.world.settle();
    expect((await lab.waits(job.runId)).map(({ kind }) => kind)).toEqual(["signal"]);
    await second.app.signal(job.runId, "go", "on");
    await lab.world.settle();
    expect(await second.app.job(job.runId).result()).toBe("late on");
  });

  test("a branch goes on through several calls before it wins", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch, value } = await ctx.race({
        long: async (inner) => `${await inner.run(echo, "a")}${await inner.run(echo, "b")}`,
        slow: (inner) => inner.sleep(1_000),
      });
      return `${branch}: ${String(value)}`;
    });
    expect(await run(body, 0)).toBe("long: ab");
  });

  test("branches nest: giving up an outer branch gives up everything inside it", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.race({
        deep: (outer) =>
          outer.all({
            left: (inner) => inner.race({ a: (x) => x.run(asked, "a"), b: (x) => x.run(asked, "b") }),
            right: (inner) => inner.run(asked, "right"),
          }),
        late: (outer) => outer.sleep(10),
      });
      await ctx.waitFor("go");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await lab.waits(job.runId)).toHaveLength(4);
    await lab.world.advance(10);
    expect((await lab.waits(job.runId)).map(({ name }) => name)).toEqual(["go"]);
  });

  // Finding F12.
  test("the signal of a losing branch is aborted", async () => {
    const signals: AbortSignal[] = [];
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.race({
        late: (branch) => branch.sleep(10),
        lost: (branch) => {
          signals.push(branch.signal);
          return branch.sleep("1h");
        },
      });
      signals.push(ctx.signal);
      await ctx.waitFor("go");
    });
    const lab = new Lab();
    await lab.begin(body, 0);
    await lab.world.advance(10);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  test("the winner is the same on replay when two ends were committed together", async () => {
    const gates = [gate<string>(), gate<string>()];
    const wait = tool({
      name: "wait",
      description: "",
      effect: "read",
      input: z.number(),
      output: z.string(),
      execute: (index) => gates[index]?.promise ?? "",
    });
    const body = workflow({ name: "body", uses: [wait] }, async (_input, ctx) => {
      const { branch } = await ctx.race({ one: (inner) => inner.run(wait, 0), two: (inner) => inner.run(wait, 1) });
      await ctx.waitFor("go");
      return branch;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    gates[1]?.open("");
    gates[0]?.open("");
    await lab.world.settle();
    life.crash();
    const second = await lab.open([body]);
    await second.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await second.app.job(job.runId).result()).toBe("two");
  });
});
