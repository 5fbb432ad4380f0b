/** What fails again and again is left alone for a while; a backup takes over at once, and one probe finds out when it is over. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  AgentFailure,
  agent,
  type Breaker,
  ConcertatoError,
  type Effect,
  type RetryPolicy,
  tool,
  workflow,
} from "../../src/index.ts";
import { failure as fails, reply, script } from "../../src/testing/script.ts";
import { failure, gate, Lab } from "./lab.ts";

const breaker: Breaker = { failures: 3, within: "10s", rest: "5s" };

/** A bank that may be down, and a tool on it that notes when it was asked. */
class Bank {
  readonly lab: Lab = new Lab(0);
  readonly asked: number[] = [];
  down = true;
  error: () => unknown = () => new Error("down");
  hold: Promise<void> | null = null;

  tool(options: { effect?: Effect; retry?: RetryPolicy; breaker?: Breaker; concurrency?: number; name?: string } = {}) {
    return tool({
      name: "pay",
      description: "",
      effect: "read",
      breaker,
      ...options,
      input: z.string(),
      output: z.string(),
      execute: async (name) => {
        this.asked.push(this.lab.world.clock.now());
        if (this.hold !== null) await this.hold;
        if (this.down) throw this.error();
        return `paid ${name}`;
      },
    });
  }

  async ask(app: Lab["app"], pay: ReturnType<Bank["tool"]>, name = "x"): Promise<string> {
    const job = await app.start(pay, name);
    await this.lab.world.settle();
    const end = await job.outcome();
    return end.status === "completed" ? end.output : end.failure.code;
  }
}

describe.each(["read", "write", "irreversible"] as const)("a breaker of %s work", (effect) => {
  test("opens after so many failures, rests, lets one probe through, and closes when that succeeds", async () => {
    const bank = new Bank();
    const pay = bank.tool({ effect });
    const { app } = await bank.lab.open([pay]);
    for (let time = 0; time < 3; time++) expect(await bank.ask(app, pay)).toBe("agent/failed");
    expect(await bank.ask(app, pay)).toBe("step/circuit-open");
    expect(bank.asked).toHaveLength(3);
    expect(app.breakers()).toMatchObject([
      { name: "pay", state: "open", failures: 3, refused: 1, lastFailure: "agent/failed", until: 5_000 },
    ]);
    await bank.lab.world.advance(5_000);
    expect(app.breakers()).toMatchObject([{ state: "half-open" }]);
    expect(await bank.ask(app, pay)).toBe("agent/failed");
    expect(await bank.ask(app, pay)).toBe("step/circuit-open");
    expect(bank.asked).toHaveLength(4);
    await bank.lab.world.advance(5_000);
    bank.down = false;
    expect(await bank.ask(app, pay)).toBe("paid x");
    expect(await bank.ask(app, pay)).toBe("paid x");
    expect(app.breakers()).toEqual([]);
  });

  test("refuses those that stood in line for a slot when it opened, and frees what they held", async () => {
    const bank = new Bank();
    const pay = bank.tool({ effect, concurrency: 1, breaker: { ...breaker, failures: 1 } });
    const { app } = await bank.lab.open([pay]);
    const held = gate();
    bank.hold = held.promise;
    const jobs = [];
    for (const name of ["a", "b", "c"]) jobs.push(await app.start(pay, name));
    await bank.lab.world.settle();
    expect(bank.asked).toHaveLength(1);
    held.open();
    await bank.lab.world.settle();
    const ends = await Promise.all(jobs.map((job) => job.outcome()));
    expect(ends.map((end) => (end.status === "failed" ? end.failure.code : end.status))).toEqual([
      "agent/failed",
      "step/circuit-open",
      "step/circuit-open",
    ]);
    await bank.lab.world.advance(5_000);
    bank.down = false;
    expect(await bank.ask(app, pay)).toBe("paid x");
  });
});

test("only one probe at a time goes through; one that is given up leaves its place to another", async () => {
  const bank = new Bank();
  const pay = bank.tool();
  const { app } = await bank.lab.open([pay]);
  for (let time = 0; time < 3; time++) await bank.ask(app, pay);
  await bank.lab.world.advance(5_000);
  bank.hold = gate().promise;
  const probe = await app.start(pay, "probe");
  await bank.lab.world.settle();
  expect(await bank.ask(app, pay)).toBe("step/circuit-open");
  await app.cancel(probe.runId);
  bank.hold = null;
  bank.down = false;
  expect(await bank.ask(app, pay)).toBe("paid x");
});

test("failures further apart than the window do not add up; terminal ones do not count", async () => {
  const bank = new Bank();
  const pay = bank.tool();
  const { app } = await bank.lab.open([pay]);
  for (let time = 0; time < 6; time++) {
    expect(await bank.ask(app, pay)).toBe("agent/failed");
    await bank.lab.world.advance(5_000);
  }
  bank.error = () => new ConcertatoError({ code: "agent/refused", message: "No." });
  await bank.lab.world.advance(10_000);
  for (let time = 0; time < 6; time++) expect(await bank.ask(app, pay)).toBe("agent/refused");
  expect(app.breakers()).toEqual([]);
});

test("a retry that would be refused is not waited for: the failure is told at once, and says that the breaker opened", async () => {
  const bank = new Bank();
  const pay = bank.tool({ retry: { attempts: 10, backoff: "1s", maxBackoff: "1s" } });
  const { app } = await bank.lab.open([pay]);
  const job = await app.start(pay, "x");
  await bank.lab.world.advance(2_500);
  expect(bank.asked).toHaveLength(3);
  expect(await job.outcome()).toMatchObject({
    status: "failed",
    failure: { code: "agent/failed", details: { breaker: { name: "pay", state: "open", until: 7_000 } } },
  });
  expect(bank.lab.world.reports).toMatchObject([{ code: "step/circuit-open" }]);
});

test("a workflow's backup takes over at once, and the refusal says when to come back", async () => {
  const bank = new Bank();
  const pay = bank.tool();
  const failures: unknown[] = [];
  const desk = workflow({ name: "desk", uses: [pay] }, async (_input, ctx) => {
    try {
      return await ctx.run(pay, "x");
    } catch (error) {
      if (AgentFailure.is(error)) failures.push((error as AgentFailure).record);
      return "by the other bank";
    }
  });
  const { app } = await bank.lab.open([desk]);
  for (let time = 0; time < 4; time++) await app.start(desk, undefined);
  await bank.lab.world.settle();
  expect(failures.at(-1)).toMatchObject({
    code: "step/circuit-open",
    retryable: true,
    details: { breaker: "pay", retryAfterMs: 5_000, lastFailure: "agent/failed" },
  });
  const last = (await app.runs())[0];
  expect(last?.status).toBe("completed");
});

test("agents and steps that name the same breaker share it", async () => {
  const bank = new Bank();
  const pay = bank.tool({ breaker: { ...breaker, name: "bank" } });
  const looks = workflow({ name: "looks" }, (_input, ctx) =>
    ctx.step("look", () => "seen", { effect: "read", breaker: { ...breaker, name: "bank" } }),
  );
  const alone = workflow({ name: "alone" }, (_input, ctx) =>
    ctx.step("look", () => "seen", { effect: "read", breaker }),
  );
  const { app } = await bank.lab.open([pay, looks, alone]);
  for (let time = 0; time < 3; time++) await bank.ask(app, pay);
  const [shared, own] = [await app.start(looks, undefined), await app.start(alone, undefined)];
  await bank.lab.world.settle();
  expect(await shared.outcome()).toMatchObject({ status: "failed", failure: { code: "step/circuit-open" } });
  expect(await own.outcome()).toMatchObject({ status: "completed" });
});

test("an effect in doubt is settled whatever the breaker says", async () => {
  const bank = new Bank();
  const pay = bank.tool({ effect: "write", breaker: { ...breaker, failures: 1 } });
  const one = await bank.lab.open([pay]);
  bank.hold = gate().promise;
  const job = await one.app.start(pay, "doubtful");
  await bank.lab.world.settle();
  const two = await bank.lab.open([pay]);
  bank.hold = null;
  expect(await bank.ask(two.app, pay)).toBe("agent/failed");
  bank.down = false;
  one.crash();
  await two.app.takeOver({ runId: job.runId });
  await bank.lab.world.advance(1_000);
  expect(bank.lab.row(job.runId).status).toBe("completed");
  // What it found out counts: the other side is there again.
  expect(two.app.breakers()).toEqual([]);
});

test("a model agent has one breaker for each model: the backup model answers at once", async () => {
  const lab = new Lab(0);
  const down = Object.assign(script(fails(new Error("503")), fails(new Error("503"))), { modelId: "first" });
  const up = Object.assign(script(reply("a"), reply("b"), reply("c")), { modelId: "second" });
  const thinks = agent({
    name: "thinks",
    description: "",
    instructions: "",
    model: [down, up],
    retry: { attempts: 2, backoff: "10s" },
    breaker: { failures: 2, within: "1m", rest: "1m" },
  });
  const { app } = await lab.open([thinks]);
  const first = await app.start(thinks, "1");
  await lab.world.advance(15_000);
  expect(await first.result()).toBe("a");
  for (const answer of ["b", "c"]) {
    const job = await app.start(thinks, "2");
    await lab.world.settle();
    expect(await job.result()).toBe(answer);
  }
  expect(app.breakers()).toMatchObject([{ name: "thinks:script/first", state: "open", refused: 2 }]);
});

test.each([{ failures: 0 }, { failures: 1.5 }, { within: 0 }, { rest: "0s" }])("%o is refused", async (more) => {
  const define = () => tool({ name: "t", description: "", execute: () => undefined, breaker: more });
  expect((await failure(Promise.resolve().then(define))).code).toBe("agent/limits");
});
