/** W10: seeds of the simulator, real kernel and all, on one core. */
import { assertEqual, type Cell } from "../cell.ts";
import { endedChildrenCpuUs } from "../resources.ts";
import { otherProcess } from "./other-process.ts";

interface Simulated {
  readonly seeds: number;
  readonly events: number;
  readonly crashes: number;
  readonly failures: readonly unknown[];
  readonly seconds: number;
}

/** A unit is a seed. The simulator checks itself; a seed must also be worth its name. */
export async function simulatorCell(_folder: string, options: { readonly seeds: number }): Promise<Cell> {
  let from = 1;
  let events = 0;
  return {
    repeat: async () => {
      const script = "../../packages/concertato/sim/main.ts";
      const other = otherProcess(script, ["--seeds", String(options.seeds), "--from", String(from), "--json"]);
      const before = endedChildrenCpuUs();
      const found = (await other.line()) as Simulated;
      await other.ended;
      const after = endedChildrenCpuUs();
      from += options.seeds;
      assertEqual(found.failures.length, 0, "failures");
      assertEqual(
        found.events >= 150 * found.seeds && found.crashes >= 2 * found.seeds,
        true,
        "150 events and 2 crashes a seed:",
      );
      events += found.events;
      const wallUs = found.seconds * 1e6;
      return { units: found.seeds, wallUs, cpuUs: before === null || after === null ? wallUs : after - before };
    },
    check: async () => ({ entries: events }),
  };
}
