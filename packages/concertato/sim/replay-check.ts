/**
 * Runs the code of every run that ended once more on its journal, in memory: the same code must find in it what it asks
 * for, in this order, and end as it did, forks and runs with something undone in them too.
 */
import { clearCodec } from "../src/store/clear-codec.ts";
import type { MemoryStore } from "../src/store/memory-store.ts";
import { virtualWorld } from "../src/testing/virtual-world.ts";
import { type ReplayReport, replayRun } from "../src/replay.ts";
import type { Agent } from "../src/runtime/agent.ts";
import { Engine } from "../src/runtime/engine.ts";

/** Reports of replays that did not find the same. */
export async function differentReplays(
  store: MemoryStore,
  tree: Agent<unknown, unknown>,
): Promise<readonly ReplayReport[]> {
  const engine = new Engine({ store, world: virtualWorld(), codec: clearCodec, pollMs: 0 });
  engine.register(tree as Agent);
  const different: ReplayReport[] = [];
  for (const row of store.runs({ limit: 100_000 })) {
    const report = await replayRun(engine, row, {});
    if (report.status !== "same") different.push(report);
  }
  engine.halt();
  return different;
}
