/** Schemas hold at both ends of every hand-over, are applied once, and name the field that does not fit. */
import { describe, expect, test } from "vitest";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { type Effect, human, open, run, tool, workflow } from "../../src/index.ts";
import { failure, gate, Lab } from "./lab.ts";

const Order = z.object({ id: z.string(), usd: z.number().positive() });

/** Text of a number becomes that number: parsing it twice fails, so each end must parse once. */
const Count = z.string().regex(/^\d+$/).transform(Number);
const asked = human({ name: "asked", output: z.string() });

describe("an input that does not fit", () => {
  const pay = tool({ name: "pay", description: "", effect: "write", input: Order, execute: () => undefined });

  test("is refused where the run is started, and nothing is started", async () => {
    await using app = await open();
    const error = await failure(app.start(pay, { id: "A1", usd: -5 }));
    expect(error.code).toBe("agent/input-invalid");
    expect(error.message).toMatch(/input of tool pay.*usd: /);
    expect(await app.runs()).toEqual([]);
  });

  test("fails the call of a tool before anything is declared or done", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.run(pay, { id: "A1", usd: -5 }));
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toMatchObject({ failure: { code: "agent/input-invalid", path: "0.0" } });
    expect(lab.kinds(job.runId)).not.toContain("intent");
  });

  test("fails the call of a workflow without running its body", async () => {
    let bodies = 0;
    const inner = workflow({ name: "inner", input: Order }, () => void bodies++);
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.run(inner, { id: 7 as never, usd: 5 }));
    const error = await failure(run(body, 0));
    expect(error).toMatchObject({ code: "agent/input-invalid", record: { path: "0.0" } });
    expect(error.message).toContain("id: ");
    expect(bodies).toBe(0);
  });

  test("names every field that is wrong", async () => {
    await using app = await open();
    const error = await failure(app.start(pay, {} as never));
    expect(error.message).toContain("id: ");
    expect(error.message).toContain("usd: ");
  });
});

describe("an output that does not fit", () => {
  test("fails the tool that returned it", async () => {
    const bad = tool({
      name: "bad",
      description: "",
      effect: "read",
      output: Order,
      execute: () => ({ id: 1 }) as never,
    });
    const error = await failure(run(bad, undefined));
    expect(error.code).toBe("agent/output-invalid");
    expect(error.message).toMatch(/output of tool bad.*id: /);
  });

  test("fails the workflow that returned it", async () => {
    const bad = workflow({ name: "bad", output: z.number() }, () => "seven" as never);
    expect((await failure(run(bad, 0))).code).toBe("agent/output-invalid");
  });

  test("that no journal can store fails with where it is", async () => {
    const bad = tool({
      name: "bad",
      description: "",
      effect: "read",
      output: z.unknown(),
      execute: () => ({ list: [1, { deep: () => 1 }] }),
    });
    const error = await failure(run(bad, undefined));
    expect(error.code).toBe("codec/unstorable");
    expect(error.message).toContain("list[1].deep");
  });

  test("that is too large for a journal is refused, not cut", async () => {
    const bad = workflow({ name: "bad" }, () => "x".repeat(68_000_000));
    expect((await failure(run(bad, 0))).code).toBe("codec/too-large");
  });
});

describe("what a schema makes of a value is what the next one sees", () => {
  const effects: readonly Effect[] = ["pure", "read", "write", "irreversible"];
  const addOne = (effect: Effect, approve: boolean) =>
    tool({
      name: "add-one",
      description: "",
      effect,
      input: Count,
      output: z.number().transform((value) => `#${value}`),
      ...(approve ? { approve: () => "allow" as const } : {}),
      execute: (value) => value + 1,
    });

  test.each(effects)("input and output of a %s tool are parsed once, called", async (effect) => {
    const inner = addOne(effect, false);
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.run(inner, "5"));
    expect(await run(body, 0)).toBe("#6");
  });

  // Finding F5.
  test.each(effects)("input and output of a %s tool are parsed once, run directly", async (effect) => {
    expect(await run(addOne(effect, false), "5")).toBe("#6");
  });

  // Finding F6.
  test.each(effects)("input and output of a %s tool that asks for approval are parsed once", async (effect) => {
    const inner = addOne(effect, true);
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.run(inner, "5"));
    expect(await run(body, 0)).toBe("#6");
    expect(await run(inner, "5")).toBe("#6");
  });

  test("input and output of a workflow are parsed once, called, run or started", async () => {
    const inner = workflow(
      { name: "inner", input: Count, output: z.number().transform((value) => `#${value}`) },
      (value) => value + 1,
    );
    const body = workflow({ name: "body", uses: [inner] }, async (_input, ctx) => [
      await ctx.run(inner, "1"),
      await ctx.map(["2", "3"], inner),
      await (await ctx.start(inner, "4")).outcome(),
    ]);
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toEqual({ status: "completed", output: ["#2", ["#3", "#4"], "#5"] });
    expect(await run(inner, "1")).toBe("#2");
  });

  // Finding F7.
  test.each(["pure", "read"] as const)("nothing made of something stays nothing (%s)", async (effect) => {
    const seen: unknown[] = [];
    const inner = tool({
      name: "inner",
      description: "",
      effect,
      input: z.string().transform(() => null),
      execute: (value) => void seen.push(value),
    });
    await run(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(inner, "x")),
      0,
    );
    expect(seen).toEqual([null]);
  });

  // Finding F4: over a crash, for every way of calling, the parsed input is seen again.
  test.each(["called", "mapped"] as const)("also when a crash has work begin again, %s", async (how) => {
    const seen: unknown[] = [];
    const act = tool({
      name: "act",
      description: "",
      effect: "write",
      input: z.object({ n: Count, unit: z.string().default("EUR") }),
      output: z.string(),
      execute: (input) => {
        seen.push(input);
        return seen.length === 1 ? gate<string>().promise : "done";
      },
    });
    const body = workflow({ name: "body", uses: [act] }, async (_input, ctx) =>
      how === "called" ? ctx.run(act, { n: "5" }) : ctx.map([{ n: "5" }], act),
    );
    const lab = new Lab();
    const { life } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body]);
    await lab.world.settle();
    expect(seen).toEqual([
      { n: 5, unit: "EUR" },
      { n: 5, unit: "EUR" },
    ]);
  });

  test.each([0, 1_000_000])("also when a nested body is replayed (warm bytes %i)", async (warmBytes) => {
    const seen: unknown[] = [];
    const inner = workflow({ name: "inner", input: Count }, async (value, ctx) => {
      seen.push(value);
      return `${value} ${await ctx.run(asked, "?")}`;
    });
    const body = workflow({ name: "body", uses: [inner, asked] }, async (_input, ctx) => ctx.map(["5"], inner));
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes });
    life.crash();
    await lab.open([body], { warmBytes });
    await lab.answer(job.runId, "yes");
    expect(seen).toEqual([5, 5]);
    expect(await lab.app.job(job.runId).result()).toEqual(["5 yes"]);
  });
});

describe("schemas that answer asynchronously", () => {
  const later = <T>(value: T): StandardSchemaV1<unknown, T> => ({
    "~standard": { version: 1, vendor: "test", validate: async () => ({ value }) },
  });
  const never: StandardSchemaV1<unknown, string> = {
    "~standard": { version: 1, vendor: "test", validate: async () => ({ issues: [{ message: "not today" }] }) },
  };

  test.each(["pure", "read", "write"] as const)("work for input and output of a %s tool", async (effect) => {
    const inner = tool({
      name: "inner",
      description: "",
      effect,
      input: later(20),
      output: later("checked"),
      execute: (value) => String(value),
    });
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.run(inner, "anything"));
    expect(await run(body, 0)).toBe("checked");
  });

  test("refuse like others", async () => {
    const input = tool({ name: "inner", description: "", effect: "read", input: never, execute: () => undefined });
    const output = tool({ name: "inner", description: "", effect: "read", output: never, execute: () => "x" });
    const call = (agent: typeof input | typeof output) =>
      run(
        workflow({ name: "body" }, (_input, ctx) => ctx.run(agent as typeof input, "x")),
        0,
      );
    expect((await failure(call(input))).message).toContain("not today");
    expect((await failure(call(output))).code).toBe("agent/output-invalid");
  });

  test("work for the output of a workflow", async () => {
    expect(
      await run(
        workflow({ name: "body", output: later("checked") }, () => "raw"),
        0,
      ),
    ).toBe("checked");
  });

  test("are refused with a remedy where the answer must be there at once", async () => {
    const body = workflow({ name: "body", input: later(1) }, (value) => value);
    const error = await failure(run(body, 0));
    expect(error.code).toBe("agent/async-schema");
    expect(error.message).toContain("asynchronously");
  });

  // Finding F17.
  test("are refused with a remedy where a person is to answer: the call fails, it does not wait for ever", async () => {
    const person = human({ name: "person", output: later("yes") });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(person, "?")),
      0,
    );
    for (const { waitId } of await lab.waits(job.runId)) await lab.app.answer(job.runId, waitId, "yes");
    await lab.world.settle();
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { code: "agent/async-schema" } });
  });
});
