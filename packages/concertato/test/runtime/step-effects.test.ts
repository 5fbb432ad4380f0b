/** Outside work by its declared effect: what is written before it begins, what runs again, what its key is. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AttemptContext, type Effect, tool, workflow } from "../../src/index.ts";
import { gate, Lab } from "./lab.ts";

const effects = ["pure", "read", "write", "irreversible"] as const;

/** A workflow whose one tool has this effect. */
function withEffect(effect: Effect, execute: (attempt: AttemptContext) => string | Promise<string>) {
  const act = tool({ name: "act", description: "", effect, output: z.string(), execute: (_input, at) => execute(at) });
  return workflow({ name: "body", uses: [act] }, (_input, ctx) => ctx.run(act, undefined));
}

describe("entries of an effect", () => {
  test.each(["pure", "read"] as const)("%s writes one entry, the result", async (effect) => {
    const lab = new Lab();
    const { job } = await lab.begin(
      withEffect(effect, () => "done"),
      0,
    );
    expect(lab.kinds(job.runId)).toEqual(["run-started", "result", "run-ended"]);
  });

  test.each(["write", "irreversible"] as const)("%s writes its intent, then the result", async (effect) => {
    const lab = new Lab();
    const { job } = await lab.begin(
      withEffect(effect, () => "done"),
      0,
    );
    expect(lab.kinds(job.runId)).toEqual(["run-started", "intent", "result", "run-ended"]);
  });

  test("an effect that is not declared is treated as irreversible, in tools and steps", async () => {
    const act = tool({ name: "act", description: "", execute: () => undefined });
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.run(act, undefined);
      await ctx.step("place", () => 1);
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    const intents = lab.journal(job.runId).filter(({ kind }) => kind === "intent");
    expect(intents.map(({ meta }) => meta.effect)).toEqual(["irreversible", "irreversible"]);
  });

  test.each(["write", "irreversible"] as const)("%s begins only after its intent is committed", async (effect) => {
    const lab = new Lab();
    let seen: readonly string[] = [];
    const body = withEffect(effect, ({ runId }) => {
      seen = lab.kinds(runId);
      return "done";
    });
    await lab.begin(body, 0);
    expect(seen).toEqual(["run-started", "intent"]);
  });

  test("an intent is committed with full durability, a read's result with the store's own", async () => {
    const lab = new Lab();
    const levels: string[] = [];
    const commit = lab.store.commit.bind(lab.store);
    lab.store.commit = (changes, durability) => {
      levels.push(durability);
      return commit(changes, durability);
    };
    await lab.begin(
      withEffect("read", () => "x"),
      0,
    );
    expect(levels).not.toContain("full");
    await lab.begin(
      withEffect("write", () => "x"),
      0,
    );
    expect(levels.filter((level) => level === "full")).toHaveLength(1);
  });
});

describe("a step", () => {
  test("runs in place and is not run again on replay", async () => {
    let runs = 0;
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const first = await ctx.step("count", () => ++runs, { effect: "read" });
      await ctx.waitFor("go");
      return [first, await ctx.step("count", async () => ++runs, { effect: "read" })];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    const second = await lab.open([body]);
    await second.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await second.app.job(job.runId).result()).toEqual([1, 2]);
  });

  test("may return nothing", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => [
      await ctx.step("nothing", () => undefined, { effect: "read" }),
    ]);
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect((await job.outcome()).status).toBe("completed");
  });
});

describe("an attempt in flight at a crash", () => {
  /** How often the work of an effect began, over one crash in the middle of it, and with which keys. */
  async function crashInside(effect: Effect): Promise<{ keys: string[]; status: string }> {
    const keys: string[] = [];
    const first = gate<string>();
    const body = withEffect(effect, ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      return keys.length === 1 ? first.promise : "again";
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    first.open("too late");
    await lab.open([body]);
    await lab.world.settle();
    return { keys, status: lab.row(job.runId).status };
  }

  test.each(["pure", "read", "write"] as const)("%s runs again", async (effect) => {
    const { keys, status } = await crashInside(effect);
    expect(keys).toHaveLength(2);
    expect(status).toBe("completed");
  });

  test("write runs again with the same idempotency key", async () => {
    const { keys } = await crashInside("write");
    expect(keys[1]).toBe(keys[0]);
  });

  test("irreversible does not run again", async () => {
    const { keys, status } = await crashInside("irreversible");
    expect(keys).toHaveLength(1);
    expect(status).toBe("waiting");
  });

  test("what a dead process still answers is not heard", async () => {
    const first = gate<string>();
    let attempts = 0;
    const body = withEffect("read", () => (++attempts === 1 ? first.promise : "second"));
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body]);
    first.open("first");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe("second");
    expect(lab.kinds(job.runId).filter((kind) => kind === "result")).toHaveLength(1);
  });
});

describe("idempotency keys", () => {
  test("are different for every operation of a run and for every run", async () => {
    const keys: string[] = [];
    const act = tool({
      name: "act",
      description: "",
      effect: "write",
      execute: (_input, { idempotencyKey }) => void keys.push(idempotencyKey),
    });
    const inner = workflow({ name: "inner" }, (_input, ctx) => ctx.run(act, undefined));
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      await ctx.run(act, undefined);
      await ctx.run(act, undefined);
      await ctx.run(inner, 0);
      await ctx.map([0, 1], inner);
      await ctx.all({ a: (branch) => branch.run(act, undefined), b: (branch) => branch.run(act, undefined) });
    });
    const lab = new Lab();
    await lab.begin(body, 0);
    await lab.begin(body, 0);
    expect(keys).toHaveLength(14);
    expect(new Set(keys).size).toBe(14);
  });

  test.each(effects)("are the same over the retries of a %s attempt", async (effect) => {
    const keys: string[] = [];
    const act = tool({
      name: "act",
      description: "",
      effect,
      output: z.string(),
      retry: { attempts: 3, backoff: 10 },
      execute: (_input, { idempotencyKey, attempt }) => {
        keys.push(`${idempotencyKey} ${attempt}`);
        if (attempt < 3) throw new Error("not yet");
        return "done";
      },
    });
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.run(act, undefined));
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(1_000);
    expect(await job.result()).toBe("done");
    expect(keys.map((key) => key.split(" ")[1])).toEqual(["1", "2", "3"]);
    expect(new Set(keys.map((key) => key.split(" ")[0])).size).toBe(1);
  });
});
