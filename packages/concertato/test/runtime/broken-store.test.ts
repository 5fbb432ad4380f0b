/** A store that does not keep its contract. */
import { expect, test } from "vitest";
import { open, workflow } from "../../src/index.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { virtualWorld } from "../../src/testing/virtual-world.ts";

/** Forgets to answer for what it was given. */
class SilentStore extends MemoryStore {
  override commit(): readonly [] {
    return [];
  }
}

test("a store that answers for fewer changes than it was given ends the process, and nothing is told of them", async () => {
  const world = virtualWorld();
  const reasons: string[] = [];
  const app = await open(undefined, {
    store: new SilentStore(),
    world: { ...world, exit: (reason) => void reasons.push(reason) },
  });
  let started = false;
  void app
    .start(
      workflow({ name: "body" }, () => 1),
      0,
    )
    .then(() => (started = true));
  await world.settle();
  expect(reasons).toEqual([expect.stringContaining("answered 0 of 1 changes")]);
  expect(started).toBe(false);
});
