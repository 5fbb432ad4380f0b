/** Plays a scenario in a virtual world on a store in memory, and gives the lines of its journal. */
import { type Agent, type App, open } from "../../src/index.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { virtualWorld } from "../../src/testing/index.ts";
import type { Scenario } from "./scenarios.ts";

export async function play({ agents, play: act }: Scenario): Promise<readonly string[]> {
  const world = virtualWorld();
  const store = new MemoryStore();
  const begin = (with_: readonly Agent[]) => open(undefined, { store, world, agents: with_, tenant: "golden" });
  let app: App = await begin(agents);
  const settle = () => world.advance(1_000);
  const runId = await act({
    world,
    app: () => app,
    settle,
    restart: async (next) => {
      await app.close();
      app = await begin(next);
      await settle();
    },
  });
  const lines = await Array.fromAsync(app.export(runId));
  await app.close();
  return lines;
}
