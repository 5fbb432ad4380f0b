/** `ctx.patched`: code changed in place, while runs of the old code are under way. */
import { describe, expect, test } from "vitest";
import { type Agent, done, next, workflow } from "../../src/index.ts";
import type { Job } from "../../src/app.ts";
import { Lab } from "./lab.ts";

type Body = Parameters<typeof workflow>[1];
const flow = (body: Body): Agent<unknown, unknown> => workflow({ name: "flow" }, body);
const read = { effect: "read" } as const;

const old = flow(async (_input, ctx) => {
  const seen = [await ctx.step("one", () => "one", read)];
  seen.push(String(await ctx.waitFor("go")));
  seen.push(await ctx.step("two", () => "two", read));
  seen.push(String(await ctx.waitFor("end")));
  return seen;
});

/** Two places of the old code were changed. */
const changed = flow(async (_input, ctx) => {
  const seen = [await ctx.step("one", () => "one", read)];
  if (ctx.patched("greet")) seen.push(await ctx.step("greet", () => "hello", read));
  seen.push(String(await ctx.waitFor("go")));
  seen.push(
    ctx.patched("three") ? await ctx.step("three", () => "three", read) : await ctx.step("two", () => "two", read),
  );
  seen.push(String(await ctx.waitFor("end")));
  return seen;
});

async function signal(lab: Lab, job: Job<unknown>, name: string): Promise<void> {
  await lab.app.signal(job.runId, name, name);
  await lab.world.settle();
}

describe.each([
  ["warm", 1_000_000],
  ["given back whenever it rests", 0],
])("ctx.patched, %s", (_how, warmBytes) => {
  test("a new run takes the new code, and so do its replays", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(changed, 0, { warmBytes });
    life.crash();
    await lab.open([changed], { warmBytes });
    await signal(lab, job, "go");
    await signal(lab, job, "end");
    expect(await lab.app.job(job.runId).result()).toEqual(["one", "hello", "go", "three", "end"]);
    expect(
      lab
        .journal(job.runId)
        .filter(({ kind }) => kind === "patched")
        .map(({ name }) => name),
    ).toEqual(["greet", "three"]);
  });

  test("an old run keeps the old code where it has been, and takes the new where it comes live", async () => {
    for (const crash of [false, true]) {
      const lab = new Lab();
      const { life, job } = await lab.begin(old, 0, { warmBytes });
      life.crash();
      const second = await lab.open([changed], { warmBytes });
      if (crash) {
        await lab.world.settle();
        second.crash();
        await lab.open([changed], { warmBytes });
      }
      await signal(lab, job, "go");
      await signal(lab, job, "end");
      expect(await lab.app.job(job.runId).result()).toEqual(["one", "go", "three", "end"]);
    }
  });

  test("an old run that is past both places stays with the old code", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(old, 0, { warmBytes });
    await signal(lab, job, "go");
    life.crash();
    await lab.open([changed], { warmBytes });
    await signal(lab, job, "end");
    expect(await lab.app.job(job.runId).result()).toEqual(["one", "go", "two", "end"]);
    expect(lab.kinds(job.runId)).not.toContain("patched");
  });

  test("a run of the new code in the hands of the old one diverges, and goes on with the new", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(changed, 0, { warmBytes });
    life.crash();
    const wrong = await lab.open([old], { warmBytes });
    await signal(lab, job, "go");
    expect(lab.row(job.runId).status).toBe("diverged");
    wrong.crash();
  });

  test("the answer stays the same in one body", async () => {
    const asking = flow(async (_input, ctx) => {
      const answers = [ctx.patched("a")];
      await ctx.waitFor("go");
      answers.push(ctx.patched("a"), ctx.patched("b"));
      await ctx.waitFor("end");
      return [...answers, ctx.patched("a"), ctx.patched("b")];
    });
    const silent = flow(async (_input, ctx) => {
      await ctx.waitFor("go");
      await ctx.waitFor("end");
      return [];
    });
    const lab = new Lab();
    const fresh = await lab.begin(asking, 0, { warmBytes });
    await signal(lab, fresh.job, "go");
    fresh.life.crash();
    await lab.open([asking], { warmBytes });
    await signal(lab, fresh.job, "end");
    expect(await lab.app.job(fresh.job.runId).result()).toEqual([true, true, true, true, true]);

    const started = await lab.begin(silent, 0, { warmBytes });
    started.life.crash();
    await lab.open([asking], { warmBytes });
    await signal(lab, started.job, "go");
    await signal(lab, started.job, "end");
    // A place passed in replay stays as it was; one that came live is new.
    expect(await lab.app.job(started.job.runId).result()).toEqual([false, false, true, false, true]);
  });

  test("a loop takes the new code from its next turn on, though earlier turns are not read any more", async () => {
    const turns = (patched: boolean) =>
      flow((_input, ctx) =>
        ctx.loop<string[], string[]>([], async (seen, turn) => {
          if (seen.length === 5) return done(seen);
          const isNew = patched && turn.patched("greet");
          const said = isNew ? await turn.step("greet", () => "new", read) : await turn.step("say", () => "old", read);
          await turn.waitFor("turn");
          return next([...seen, said]);
        }),
      );
    for (const crashes of [0, 1, 2, 3]) {
      const lab = new Lab();
      const { life, job } = await lab.begin(turns(false), 0, { warmBytes });
      await signal(lab, job, "turn");
      life.crash();
      let now = await lab.open([turns(true)], { warmBytes });
      for (let turn = 1; turn < 5; turn++) {
        if (turn <= crashes) {
          now.crash();
          now = await lab.open([turns(true)], { warmBytes });
        }
        await signal(lab, job, "turn");
      }
      expect(await lab.app.job(job.runId).result()).toEqual(["old", "old", "new", "new", "new"]);
      // Recorded once: later turns carry it.
      expect(lab.kinds(job.runId).filter((kind) => kind === "patched")).toHaveLength(1);
    }
  });

  test("a loop of thousands of turns carries its flag over jumps", async () => {
    const body = flow((_input, ctx) =>
      ctx.loop<number, number>(0, async (count, turn) => {
        if (!turn.patched("a")) return done(-1);
        if (count === 2_000) return done(count);
        if (count === 1_000) await turn.waitFor("go");
        await turn.step("work", () => 1, read);
        return next(count + 1);
      }),
    );
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes });
    life.crash();
    expect(lab.store.replay(lab.row(job.runId).key).length).toBeLessThan(6);
    await lab.open([body], { warmBytes });
    await signal(lab, job, "go");
    expect(await lab.app.job(job.runId).result()).toBe(2_000);
    expect(lab.kinds(job.runId).filter((kind) => kind === "patched")).toHaveLength(1);
  });
});
