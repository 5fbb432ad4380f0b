/** Taking runs from the store, when the store fails in between. */
import { expect, test } from "vitest";
import type { Change, ChangeResult, Store } from "../../src/journal/store.ts";
import { workflow } from "../../src/agents/workflow.ts";
import { ConcertatoError } from "../../src/kernel/errors.ts";
import type { MemoryStore } from "../../src/store/memory-store.ts";
import { Lab } from "./lab.ts";

const waiter = workflow({ name: "waiter" }, (_input, ctx) => ctx.waitFor("go"));

/** A store that does not take the end of a cancelled run the first time. */
function failingOnce(memory: MemoryStore): Store {
  let failed = false;
  const isCancelEnd = (change: Change) => change.kind === "append" && change.patch?.status === "cancelled";
  const commit: Store["commit"] = (changes, durability): readonly ChangeResult[] => {
    if (failed || !changes.some(isCancelEnd)) return memory.commit(changes, durability);
    failed = true;
    throw new ConcertatoError({ code: "store/unavailable", message: "The disk was away for a moment." });
  };
  return new Proxy<Store>(memory, {
    get: (target, key) => {
      if (key === "commit") return commit;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
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
