/** Taking runs from the store, when the store fails in between. */
import { describe, expect, test } from "vitest";
import type { Change, ChangeResult, Store } from "../../src/journal/store.ts";
import { workflow } from "../../src/agents/workflow.ts";
import type { MemoryStore } from "../../src/store/memory-store.ts";
import { altered, away, gate, Lab } from "./lab.ts";

const waiter = workflow({ name: "waiter" }, (_input, ctx) => ctx.waitFor("go"));

/** A store that does not take the end of a cancelled run the first time. */
function failingOnce(memory: MemoryStore): Store {
  let failed = false;
  const isCancelEnd = (change: Change) => change.kind === "append" && change.patch?.status === "cancelled";
  const commit: Store["commit"] = (changes, durability): readonly ChangeResult[] => {
    if (failed || !changes.some(isCancelEnd)) return memory.commit(changes, durability);
    failed = true;
    throw away();
  };
  return altered(memory, { commit });
}

test("a page of claimed runs of which one cannot be ended leaves no other behind", async () => {
  const lab = new Lab();
  const { life, job: cancelled } = await lab.begin(waiter, 1);
  const others = [await life.app.start(waiter, 2), await life.app.start(waiter, 3)];
  await lab.world.settle();
  life.crash();
  // While nobody runs them, one is cancelled and the others get what they wait for.
  const message = { sender: "somebody", n: 1, name: "signal:go", body: '"went"', at: lab.world.clock.now() };
  lab.store.commit(
    [{ kind: "cancel", to: cancelled.runId, row: { ...message, kind: "cancel", name: "cancel" } }],
    "normal",
  );
  for (const { runId } of others)
    lab.store.commit([{ kind: "send", to: runId, row: { ...message, kind: "signal" } }], "normal");

  const second = await lab.open([waiter], { store: failingOnce(lab.store), pollMs: 50 });
  await lab.world.advance(2_000);
  for (const { runId } of others) {
    expect(await second.app.job(runId).outcome()).toEqual({ status: "completed", output: "went" });
  }
  expect(await second.app.job(cancelled.runId).outcome()).toMatchObject({ status: "cancelled" });
});

/** What a process sees of its own start, when the store has it long before it says so. */
describe("a run that is found in the store before its start is answered for", () => {
  /** A start whose answer, and whose reading, come when the test wants. */
  async function begun() {
    const lab = new Lab();
    const answer = gate();
    const reading = gate();
    let claims = 0;
    const store = altered(lab.store, {
      commit: (changes, durability) => {
        const results = lab.store.commit(changes, durability);
        return changes.some(({ kind }) => kind === "create") ? answer.promise.then(() => results) : results;
      },
      // After a claim that did not answer, a process looks at what it owns.
      claim: (...asked) => {
        if (claims++ === 0) throw away();
        return lab.store.claim(...asked);
      },
      replay: (run) => {
        const entries = lab.store.replay(run);
        return reading.promise.then(() => entries);
      },
    });
    const paid: string[] = [];
    const later = (act: () => void) => new Promise<void>((resolve) => lab.world.timer(100, () => resolve(act())));
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      bodies++;
      await ctx.step("pay", () => later(() => void paid.push("paid")), {
        effect: "irreversible",
        probe: () => Promise.resolve({ kind: paid.length > 0 ? "happened" : "did-not-happen", output: undefined }),
      });
      return paid.length;
    });
    let bodies = 0;
    const { app, engine } = await lab.open([body], { store });
    const started = app.start(body, 0);
    await lab.world.settle();
    const ended = async () => {
      const job = await started;
      await lab.world.advance(1_000);
      return { outcome: await job.outcome(), paid: paid.length, bodies, inMemory: engine.runs.size };
    };
    return { lab, answer, reading, look: () => engine.ownership.sweep(false), ended };
  }

  const once = { outcome: { status: "completed", output: 1 }, paid: 1, bodies: 1, inMemory: 0 };

  test("is at work once, where it was taken first", async () => {
    const { lab, answer, reading, look, ended } = await begun();
    reading.open();
    await look();
    await lab.world.settle();
    answer.open();
    expect(await ended()).toEqual(once);
  });

  test("is at work once, where the answer comes while it is read", async () => {
    const { lab, answer, reading, look, ended } = await begun();
    const looked = look();
    await lab.world.settle();
    answer.open();
    await lab.world.settle();
    reading.open();
    await looked;
    expect(await ended()).toEqual(once);
  });

  test("is at work once, where its process was put out and has taken it again", async () => {
    const { lab, answer, reading, look, ended } = await begun();
    reading.open();
    const [row] = lab.store.runs({ limit: 1 });
    lab.store.commit([{ kind: "take-over", to: row?.id ?? "" }], "normal");
    await look();
    await lab.world.settle();
    answer.open();
    expect(await ended()).toEqual(once);
  });
});
