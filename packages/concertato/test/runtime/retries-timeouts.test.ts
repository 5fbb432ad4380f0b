/** Attempts that fail or take too long: how often, how patiently, and what a crash in between changes (nothing). */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ConcertatoError, tool, workflow } from "../../src/index.ts";
import type { Effect, RetryPolicy } from "../../src/index.ts";
import type { World } from "../../src/kernel/world.ts";
import type { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { Lab } from "./lab.ts";

/** A workflow around one tool that throws until its `succeeds`-th attempt, noting when each began. */
function flaky(succeeds: number, retry: RetryPolicy, effect: Effect = "read") {
  const at: number[] = [];
  const lab = new Lab(0);
  const call = tool({
    name: "call",
    description: "",
    effect,
    retry,
    input: z.object({ to: z.string(), lines: z.number().default(1) }),
    output: z.string(),
    execute: ({ to, lines }, { attempt }) => {
      at.push(lab.world.clock.now());
      if (attempt < succeeds) throw new Error(`busy ${attempt}`);
      return `${to} ${lines} at attempt ${attempt}`;
    },
  });
  const body = workflow({ name: "body", uses: [call] }, (_input, ctx) => ctx.run(call, { to: "home" }));
  return { lab, body, at };
}

describe("retries", () => {
  test("there are none unless they are asked for", async () => {
    const { lab, body, at } = flaky(2, { attempts: 1 });
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(60_000);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { message: "busy 1" } });
    expect(at).toHaveLength(1);
  });

  test("wait twice as long each time, never longer than the longest", async () => {
    const { lab, body, at } = flaky(5, { attempts: 5, backoff: "1s", maxBackoff: "3s" });
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(20_000);
    expect(await job.result()).toBe("home 1 at attempt 5");
    expect(at).toEqual([0, 1_000, 3_000, 6_000, 9_000]);
  });

  test("end with the last failure", async () => {
    const { lab, body, at } = flaky(9, { attempts: 3, backoff: 10 });
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(1_000);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { message: "busy 3" } });
    expect(at).toHaveLength(3);
  });

  test("are waited out by app.settle; what only time or somebody else can end is not", async () => {
    const { lab, body, at } = flaky(3, { attempts: 3, backoff: "1s" });
    const asleep = workflow({ name: "asleep" }, (_input, ctx) => ctx.sleep("1h"));
    const { job } = await lab.begin(body, 0);
    await lab.app.start(asleep, 0);
    let settled = false;
    const settling = lab.app.settle().then(() => {
      settled = true;
    });
    await lab.world.advance(2_900);
    expect([at.length, settled]).toEqual([2, false]);
    await lab.world.advance(200);
    await settling;
    expect(await job.result()).toBe("home 1 at attempt 3");
  });

  test("a failure that says no retry can help is final", async () => {
    let attempts = 0;
    const call = tool({
      name: "call",
      description: "",
      effect: "read",
      retry: { attempts: 5, backoff: 1 },
      execute: () => {
        attempts++;
        throw new ConcertatoError({ code: "agent/refused", message: "No." });
      },
    });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(call, undefined)),
      0,
    );
    await lab.world.advance(1_000);
    expect(await job.outcome()).toMatchObject({ failure: { code: "agent/refused" } });
    expect(attempts).toBe(1);
  });

  // Finding F4 for the input's default.
  test.each(["read", "write", "irreversible"] as const)(
    "of a %s go on after a crash where they were: no attempt is counted twice, none comes early",
    async (effect) => {
      const { lab, body, at } = flaky(3, { attempts: 3, backoff: "10s" }, effect);
      const { life, job } = await lab.begin(body, 0);
      await lab.world.advance(4_000);
      life.crash();
      await lab.open([body]);
      await lab.world.advance(5_999);
      expect(at).toEqual([0]);
      await lab.world.advance(1);
      expect(at).toEqual([0, 10_000]);
      await lab.world.advance(20_000);
      expect(at).toEqual([0, 10_000, 30_000]);
      expect(await lab.app.job(job.runId).result()).toBe("home 1 at attempt 3");
    },
  );

  test.each(["read", "write"] as const)("of a %s step go on after eviction, in the step's own code", async (effect) => {
    const lab = new Lab(0);
    const at: number[] = [];
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.step(
        "call",
        ({ attempt }) => {
          at.push(lab.world.clock.now());
          if (attempt < 3) throw new Error("busy");
          return attempt;
        },
        { effect, retry: { attempts: 3, backoff: "1h", maxBackoff: "1d" } },
      ),
    );
    const { job } = await lab.begin(body, 0, { warmBytes: 0 });
    expect(lab.row(job.runId).owner).toBeNull();
    await lab.world.advance(3 * 3_600_000);
    expect(at).toEqual([0, 3_600_000, 3 * 3_600_000]);
    expect(await job.result()).toBe(3);
  });
});

describe("a timeout", () => {
  test("fails the attempt, tells it to stop, and hears nothing of it any more", async () => {
    let signal: AbortSignal | undefined;
    let answer: (text: string) => void = () => undefined;
    const slow = tool({
      name: "slow",
      description: "",
      effect: "read",
      timeout: "2s",
      output: z.string(),
      execute: (_input, attempt) => {
        ({ signal } = attempt);
        return new Promise<string>((resolve) => {
          answer = resolve;
        });
      },
    });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(slow, undefined)),
      0,
    );
    await lab.world.advance(1_999);
    expect(signal?.aborted).toBe(false);
    await lab.world.advance(1);
    answer("late");
    await lab.world.settle();
    expect(signal?.aborted).toBe(true);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "agent/timeout", path: "0.0" } });
  });

  test("counts per attempt, and a retry gets its own", async () => {
    const lab = new Lab(0);
    const at: number[] = [];
    const slow = tool({
      name: "slow",
      description: "",
      effect: "write",
      timeout: "2s",
      retry: { attempts: 3, backoff: "1s" },
      output: z.string(),
      execute: (_input, { attempt }) => {
        at.push(lab.world.clock.now());
        return attempt === 3 ? "third" : new Promise<string>(() => undefined);
      },
    });
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(slow, undefined)),
      0,
    );
    await lab.world.advance(60_000);
    expect(await job.result()).toBe("third");
    expect(at).toEqual([0, 3_000, 7_000]);
  });

  test("that never comes leaves nothing behind", async () => {
    const quick = tool({
      name: "quick",
      description: "",
      effect: "read",
      timeout: "1h",
      output: z.string(),
      execute: () => "quick",
    });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(quick, undefined)),
      0,
    );
    const before = lab.kinds(job.runId);
    await lab.world.advance(2 * 3_600_000);
    expect(lab.kinds(job.runId)).toEqual(before);
    expect(lab.world.reports).toEqual([]);
  });
});

describe("a call that lost its race while it waited for its next attempt", () => {
  const refused = (tries: string[]) =>
    tool({
      name: "refused",
      description: "",
      effect: "read",
      retry: { attempts: 5, backoff: "1m" },
      execute: () => {
        tries.push("tried");
        throw new Error("not yet");
      },
    });

  test("is not tried again by whoever takes the run later", async () => {
    const tries: string[] = [];
    const call = refused(tries);
    const body = workflow({ name: "body", uses: [call] }, async (_input, ctx) => {
      await ctx.race({ call: (branch) => branch.run(call), signal: (branch) => branch.waitFor("go") });
      return ctx.waitFor("end");
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0, { warmBytes: 0 });
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    await lab.app.signal(job.runId, "something else");
    await lab.world.advance(3_600_000);
    expect(tries).toHaveLength(1);
    expect(lab.kinds(job.runId)).toContain("op-cancelled");
  });

  test("is not tried again while the body that gives it up is still being replayed", async () => {
    const tries: string[] = [];
    const call = refused(tries);
    const body = workflow({ name: "body", uses: [call] }, async (_input, ctx) => {
      await ctx.race({
        call: (branch) => branch.run(call),
        steps: async (branch) => {
          for (let step = 0; step < 50; step++) await branch.step(`s${step}`, () => step, { effect: "read" });
        },
      });
      return ctx.waitFor("end");
    });
    const lab = new Lab();
    // A failed attempt and fifty steps; it dies before the journal says who lost.
    const { job } = await lab.begin(body, 0, { crashAfter: 51 });
    expect(lab.kinds(job.runId).at(-1)).toBe("result");
    expect(lab.kinds(job.runId)).not.toContain("op-cancelled");
    await lab.world.advance(3_600_000);
    await lab.open([body], { world: busyWorld(lab.world) });
    await lab.world.settle();
    expect(lab.kinds(job.runId)).toContain("op-cancelled");
    expect(tries).toHaveLength(1);
  });
});

/** A world in which work takes time, so that what is due comes between the slices of a long replay. */
function busyWorld(world: VirtualWorld): World {
  let spent = 0;
  return {
    ...world,
    clock: { now: () => world.clock.now(), monotonic: () => world.clock.monotonic() + spent },
    drain: (fn) =>
      world.drain(() => {
        spent += 0.3;
        fn();
      }),
    timer: (delayMs, fire, background) => {
      if (delayMs > 0) return world.timer(delayMs, fire, background);
      let stopped = false;
      world.yield(() => {
        if (!stopped) fire();
      });
      return () => {
        stopped = true;
      };
    },
  };
}
