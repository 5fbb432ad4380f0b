/** An app that is closed holds no timer, whatever its store was going through: a process must be able to end. */
import { expect, test } from "vitest";
import { App, ConcertatoError, workflow } from "../../src/index.ts";
import type { StopTimer, World } from "../../src/kernel/world.ts";
import { Engine } from "../../src/runtime/engine.ts";
import { clearCodec } from "../../src/store/clear-codec.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { virtualWorld } from "../../src/testing/virtual-world.ts";

test.each(["store/full", "store/unavailable", "store/locked"] as const)(
  "closed while its store says %s",
  async (code) => {
    const virtual = virtualWorld();
    const timers = new Set<StopTimer>();
    const world: World = {
      ...virtual,
      timer: (delayMs, fn) => {
        const stop = virtual.timer(delayMs, () => {
          timers.delete(release);
          fn();
        });
        const release = () => {
          timers.delete(release);
          stop();
        };
        timers.add(release);
        return release;
      },
    };
    const store = new MemoryStore();
    const engine = new Engine({ store, world, codec: clearCodec });
    const app = new App(engine, { tenant: "acme", principal: "tester", worker: true });
    await engine.ownership.join();
    await virtual.advance(1_000);
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.step("work", () => 1, { effect: "read" }));
    await app.start(body, 0);
    store.commit = () => {
      throw new ConcertatoError({ code, message: "The store is away." });
    };
    await virtual.settle();
    expect(timers.size).toBeGreaterThan(0);
    const closing = app.close();
    await virtual.advance(5);
    await closing;
    expect(timers.size).toBe(0);
  },
);
