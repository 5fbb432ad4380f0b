/** A run that needs an agent which this process does not have waits for one that does, and goes on by itself. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, human, tool, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { Counts, gate, Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });
const child = workflow(
  { name: "child", uses: [asked] },
  async (input, ctx) => `${String(input)}: ${await ctx.run(asked, input)}`,
);
const desk = workflow({ name: "desk", uses: [child] }, (input, ctx) => ctx.run(child, input));
/** The same workflow as deployed without the agent it calls: it takes it from somewhere that a reload does not fill. */
const deskAlone = workflow({ name: "desk" }, () => new Promise<string>(() => undefined));

onBothStores("a nested agent that is not here", (place) => {
  test("makes the run wait for a process that has it, which then goes on; it is not diverged", async () => {
    const first = await place().open([desk]);
    const job = await first.app.start(desk, "one");
    await place().until("asked", async () => (await place().row(job.runId)).status === "waiting");
    await first.close();

    const lacking = await place().open([deskAlone as Agent]);
    await lacking.app.answer(job.runId, "0.0.0", "yes");
    await place().until("given back", async () => (await place().row(job.runId)).needs === "child@1");
    expect(await place().row(job.runId)).toMatchObject({ status: "waiting", owner: null, needs: "child@1" });
    expect((await lacking.app.find(job.runId))?.waiting).toMatchObject([{ kind: "no-worker", name: "child@1" }]);
    const { epoch } = await place().row(job.runId);
    await place().world.advance(5_000);
    expect((await place().row(job.runId)).epoch).toBe(epoch);

    await place().open([desk]);
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(await lacking.app.job(job.runId).outcome()).toEqual({ status: "completed", output: "one: yes" });
  });

  test("two processes that lack it do not pass the run back and forth", async () => {
    const first = await place().open([desk]);
    const job = await first.app.start(desk, "one");
    await place().until("asked", async () => (await place().row(job.runId)).status === "waiting");
    await first.crash();
    const lacking = [await place().open([deskAlone as Agent]), await place().open([deskAlone as Agent])];
    await lacking[0]?.app.answer(job.runId, "0.0.0", "yes");
    await place().until("given back", async () => (await place().row(job.runId)).needs === "child@1");
    const { epoch } = await place().row(job.runId);
    await place().world.advance(10_000);
    expect((await place().row(job.runId)).epoch).toBe(epoch);
  });

  test("registered later by the same process, it is picked up", async () => {
    const first = await place().open([desk]);
    const job = await first.app.start(desk, "one");
    await place().until("asked", async () => (await place().row(job.runId)).status === "waiting");
    await first.close();
    const lacking = await place().open([deskAlone as Agent]);
    await lacking.app.answer(job.runId, "0.0.0", "yes");
    await place().until("given back", async () => (await place().row(job.runId)).needs === "child@1");
    lacking.engine.register(desk);
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
  });

  test("cancelled while nobody has it, the run ends at once", async () => {
    const first = await place().open([desk]);
    const job = await first.app.start(desk, "one");
    await place().until("asked", async () => (await place().row(job.runId)).status === "waiting");
    await first.close();
    const other = await place().open([]);
    await other.app.cancel(job.runId, { reason: "nobody comes" });
    await place().until("ended", async () => (await place().row(job.runId)).status === "cancelled");
    expect(await other.app.job(job.runId).outcome()).toMatchObject({
      status: "cancelled",
      failure: { message: expect.stringContaining("nobody comes") },
    });
  });
});

onBothStores("a run of an agent that nobody has", (place) => {
  test("says in lists what it waits for, as long as nobody comes", async () => {
    const client = await place().client();
    const { runId } = await client.start(desk, "one");
    expect(await client.runs()).toMatchObject([{ status: "queued", waiting: [{ kind: "no-worker", name: "desk@1" }] }]);
    const stranger = await place().open([asked]);
    expect(await client.find(runId)).toMatchObject({ waiting: [{ kind: "no-worker", name: "desk@1" }] });
    await place().open([desk]);
    await place().until("asked", async () => (await place().row(runId)).status === "waiting");
    expect(await stranger.app.find(runId)).toMatchObject({ waiting: [{ kind: "answer", name: "asked" }] });
  });
});

describe("giving a run back", () => {
  test("lets the work that is under way end and records it first", async () => {
    const lab = new Lab();
    const hold = gate<string>();
    const effects = new Counts();
    const pay = tool({
      name: "pay",
      description: "Pays",
      effect: "irreversible",
      output: z.string(),
      execute: () => {
        effects.add("pay");
        return hold.promise;
      },
    });
    const both = workflow({ name: "both", uses: [child, pay] }, (_input, ctx) =>
      ctx.all({
        answered: (branch) => branch.run(child, "one"),
        paid: async (branch) => {
          await branch.waitFor("pay");
          return branch.run(pay, undefined);
        },
      }),
    );
    const { life, job } = await lab.begin(both, 0);
    life.crash();
    // Here the body is complete, and yet only the caller's entries name the child.
    const lacking = workflow({ name: "both", uses: [pay] }, async (_input, ctx) => {
      const paid = ctx.all({
        answered: () => new Promise<string>(() => undefined),
        paid: async (branch) => {
          await branch.waitFor("pay");
          return branch.run(pay, undefined);
        },
      });
      return paid;
    });
    const second = await lab.open([lacking as Agent]);
    await second.app.signal(job.runId, "pay");
    await lab.world.settle();
    expect(effects.of("pay")).toBe(1);
    await second.app.answer(job.runId, "0.0/answered/0.0", "yes");
    await lab.world.settle();
    expect(lab.row(job.runId)).toMatchObject({ needs: null, owner: second.engine.ownership.owner });
    hold.open("paid");
    await lab.world.settle();
    expect(lab.row(job.runId)).toMatchObject({ needs: "child@1", owner: null, status: "waiting" });
    second.crash();
    await lab.open([both as Agent]);
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toEqual({ answered: "one: yes", paid: "paid" });
    expect(effects.of("pay")).toBe(1);
  });
});
