/** Irreversible effects whose end nobody saw: the probe is asked, else a person; they are never simply repeated. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type ProbeAnswer, tool, workflow } from "../../src/index.ts";
import { altered, away, type Gate, gate, Lab } from "./lab.ts";

type Answer = ProbeAnswer<string>;

interface Payment {
  readonly lab: Lab;
  readonly runId: string;
  readonly payments: number[];
  readonly probes: number;
}

interface PaymentOptions {
  /** Nothing: the tool has no probe. */
  readonly probe?: () => Answer | Promise<Answer>;
  /** What each attempt after the first does. */
  readonly again?: () => string;
}

/** A payment that was under way when its process died; the next process has taken the run over. */
async function interrupted({ probe, again = () => "paid again" }: PaymentOptions = {}): Promise<Payment> {
  const lab = new Lab();
  const hanging: Gate<string> = gate<string>();
  const seen = { payments: [] as number[], probes: 0 };
  const pay = tool({
    name: "pay",
    description: "",
    effect: "irreversible",
    input: z.object({ usd: z.number(), note: z.string().default("none") }),
    output: z.string(),
    execute: ({ usd }) => (seen.payments.push(usd) === 1 ? hanging.promise : again()),
    ...(probe === undefined
      ? {}
      : {
          probe: async () => {
            seen.probes++;
            return probe();
          },
        }),
  });
  const body = workflow(
    { name: "body", uses: [pay] },
    async (_input, ctx) => `receipt: ${await ctx.run(pay, { usd: 5 })}`,
  );
  const { life, job } = await lab.begin(body, 0);
  life.crash();
  await lab.open([body]);
  await lab.world.settle();
  return {
    lab,
    runId: job.runId,
    payments: seen.payments,
    get probes() {
      return seen.probes;
    },
  };
}

const result = ({ lab, runId }: Payment) => lab.app.job(runId).result();

describe("with a probe", () => {
  test("what happened counts, and the effect is not repeated", async () => {
    const payment = await interrupted({ probe: () => ({ kind: "happened", output: "found" }) });
    expect(await result(payment)).toBe("receipt: found");
    expect(payment.payments).toEqual([5]);
    expect(payment.probes).toBe(1);
  });

  test("what did not happen is done now, with the input it was declared with", async () => {
    const payment = await interrupted({ probe: () => ({ kind: "did-not-happen" }) });
    expect(await result(payment)).toBe("receipt: paid again");
    expect(payment.payments).toEqual([5, 5]);
  });

  test("what the probe cannot tell is left to a person", async () => {
    const payment = await interrupted({ probe: () => ({ kind: "unknown" }) });
    expect(await payment.lab.waits(payment.runId)).toMatchObject([{ kind: "in-doubt", name: "pay", waitId: "0.0@3" }]);
    expect(payment.payments).toEqual([5]);
  });

  test("a probe that fails has found out nothing", async () => {
    const payment = await interrupted({ probe: () => Promise.reject(new Error("line is dead")) });
    expect(await payment.lab.waits(payment.runId)).toMatchObject([{ kind: "in-doubt" }]);
  });

  // Finding F8.
  test.each([
    ["what no journal can store", { kind: "happened", output: () => 1 }],
    ["another type than the tool's output", { kind: "happened", output: 7 }],
    ["nothing", undefined],
  ])("a probe that answers %s has found out nothing", async (_what, answer) => {
    const payment = await interrupted({ probe: () => answer as unknown as Answer });
    expect(await payment.lab.waits(payment.runId)).toMatchObject([{ kind: "in-doubt" }]);
    expect(payment.payments).toEqual([5]);
  });
});

describe("without a probe", () => {
  test("a person is asked, with what was about to be done", async () => {
    const { lab, runId, payments } = await interrupted();
    expect(await lab.app.waiting()).toMatchObject([
      { runId, kind: "in-doubt", name: "pay", request: { usd: 5, note: "none" } },
    ]);
    expect(payments).toEqual([5]);
  });

  test("a person's word that it happened is its result", async () => {
    const payment = await interrupted();
    await payment.lab.answer(payment.runId, { happened: true, output: "seen on the statement" });
    expect(await result(payment)).toBe("receipt: seen on the statement");
    expect(payment.payments).toEqual([5]);
  });

  test("a person's word that it did not happen has it done, declared anew", async () => {
    const payment = await interrupted();
    await payment.lab.answer(payment.runId, { happened: false });
    expect(await result(payment)).toBe("receipt: paid again");
    expect(payment.lab.kinds(payment.runId).filter((kind) => kind === "intent")).toHaveLength(2);
  });

  test("an answer that is no word on it leaves the doubt open", async () => {
    const { lab, runId } = await interrupted();
    await lab.answer(runId, "yes");
    expect(await lab.waits(runId)).toMatchObject([{ kind: "in-doubt" }]);
    expect(lab.kinds(runId)).toContain("signal-refused");
  });

  // Finding F9.
  test("an output that does not fit the tool's schema leaves the doubt open", async () => {
    const { lab, runId } = await interrupted();
    await lab.answer(runId, { happened: true, output: 17 });
    expect(await lab.waits(runId)).toMatchObject([{ kind: "in-doubt" }]);
  });

  test("the doubt survives another crash, and is asked once", async () => {
    const { lab, runId } = await interrupted();
    const before = lab.kinds(runId);
    await lab.world.settle();
    expect(before.filter((kind) => kind === "in-doubt")).toHaveLength(1);
    expect(lab.row(runId).status).toBe("waiting");
  });
});

describe("in place", () => {
  test("an irreversible attempt that times out is in doubt, not failed", async () => {
    const slow = tool({
      name: "slow",
      description: "",
      effect: "irreversible",
      timeout: "5s",
      output: z.string(),
      execute: () => new Promise<string>(() => undefined),
    });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(slow, undefined)),
      0,
    );
    await lab.world.advance(5_000);
    expect(await lab.waits(job.runId)).toMatchObject([{ kind: "in-doubt", name: "slow" }]);
  });

  test("an irreversible attempt that throws asks its probe, which may know better", async () => {
    const pay = tool({
      name: "pay",
      description: "",
      effect: "irreversible",
      output: z.string(),
      execute: () => {
        throw new Error("connection lost");
      },
      probe: async () => ({ kind: "happened", output: "it went through" }),
    });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(pay, undefined)),
      0,
    );
    expect(await job.result()).toBe("it went through");
  });

  test("an irreversible attempt that throws, and did not happen, fails with what it threw", async () => {
    const pay = tool({
      name: "pay",
      description: "",
      effect: "irreversible",
      output: z.string(),
      execute: () => {
        throw new Error("card refused");
      },
      probe: async () => ({ kind: "did-not-happen" }),
    });
    const lab = new Lab();
    const { job } = await lab.begin(
      workflow({ name: "body" }, (_input, ctx) => ctx.run(pay, undefined)),
      0,
    );
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { message: "card refused" } });
  });

  test("an irreversible attempt without a probe that throws has failed: its own word counts", async () => {
    const lab = new Lab();
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.step("pay", () => {
        throw new Error("card refused");
      }),
    );
    const { job } = await lab.begin(body, 0);
    expect(await job.outcome()).toMatchObject({ status: "failed", failure: { message: "card refused" } });
  });

  test("a step in doubt asks its own probe after a crash", async () => {
    let begun = 0;
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.step("pay", () => (++begun === 1 ? new Promise<string>(() => undefined) : "again"), {
        probe: async () => ({ kind: "happened", output: "probed" }),
      }),
    );
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    life.crash();
    await lab.open([body]);
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe("probed");
    expect(begun).toBe(1);
  });
});

/**
 * The store did not answer for another entry of the run, so the run is read again, in the process that lives; the payment
 * was under way all the time, and the outside says of it that it did not happen, because it has not yet.
 */
describe("in a process that lives on", () => {
  async function reread(pay: { readonly probe: boolean; readonly timeout?: string }) {
    const lab = new Lab();
    const landing = gate<string>();
    const other = gate();
    let failing = false;
    const store = altered(lab.store, {
      commit: (changes, durability) => {
        if (!failing) return lab.store.commit(changes, durability);
        failing = false;
        throw away();
      },
    });
    const seen = { begun: 0, probes: 0 };
    const probe = async (): Promise<Answer> => {
      seen.probes++;
      return { kind: "did-not-happen" };
    };
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { receipt } = await ctx.all({
        receipt: (inner) =>
          inner.step("pay", () => (++seen.begun === 1 ? landing.promise : "paid again"), {
            ...(pay.probe ? { probe } : {}),
            ...(pay.timeout === undefined ? {} : { timeout: pay.timeout }),
          }),
        other: (inner) => inner.step("other", () => other.promise, { effect: "read" }),
      });
      return receipt;
    });
    const { app } = await lab.open([body], { store });
    const job = await app.start(body, 0);
    await lab.world.settle();
    failing = true;
    other.open();
    await lab.world.advance(1_000);
    expect(failing).toBe(false);
    return { lab, job, landing, seen };
  }

  test.each([true, false])(
    "an attempt under way is waited for, and what it gives counts (probe: %s)",
    async (probe) => {
      const { lab, job, landing, seen } = await reread({ probe });
      expect(seen).toEqual({ begun: 1, probes: 0 });
      landing.open("paid");
      await lab.world.settle();
      expect(await job.outcome()).toEqual({ status: "completed", output: "paid" });
      expect(seen).toEqual({ begun: 1, probes: 0 });
    },
  );

  test("an attempt under way that fails, told to stop, has its probe asked", async () => {
    const { lab, job, landing, seen } = await reread({ probe: true });
    landing.fail(new Error("told to stop"));
    await lab.world.settle();
    expect(await job.outcome()).toEqual({ status: "completed", output: "paid again" });
    expect(seen).toEqual({ begun: 2, probes: 1 });
  });

  test("an attempt under way that fails, told to stop, is a question to a person without a probe", async () => {
    const { lab, job, landing, seen } = await reread({ probe: false });
    landing.fail(new Error("told to stop"));
    await lab.world.settle();
    expect(await lab.waits(job.runId)).toMatchObject([{ kind: "in-doubt", name: "pay" }]);
    expect(seen).toEqual({ begun: 1, probes: 0 });
  });

  test("an attempt under way is waited for no longer than an attempt may take", async () => {
    const { lab, job, seen } = await reread({ probe: false, timeout: "5s" });
    expect(await lab.waits(job.runId)).toEqual([]);
    await lab.world.advance(5_000);
    expect(await lab.waits(job.runId)).toMatchObject([{ kind: "in-doubt", name: "pay" }]);
    expect(seen).toEqual({ begun: 1, probes: 0 });
  });
});
