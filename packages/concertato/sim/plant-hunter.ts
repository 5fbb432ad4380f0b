/** A thread that runs seeds on planted kernels. A seed at which the kernel as it is breaks a rule judges no plant. */
import { parentPort } from "node:worker_threads";
import { plantedSimulator } from "./planted-kernel.ts";
import { plants } from "./plants.ts";
import { simulate } from "./simulate.ts";

/** Seeds to try a plant with. */
export interface Hunt {
  readonly plant: string;
  readonly generation: number;
  readonly from: number;
  readonly seeds: number;
}

/** The first of them that caught it. */
export interface Find {
  readonly seed: number;
  readonly violation: string;
}

/** What a thread answers to a hunt: its find, null when there is none, or why it could not go. */
export type Answer = { readonly find: Find | null } | { readonly error: string };

const kernels = new Map<string, typeof simulate>();

async function hunt({ plant, generation, from, seeds }: Hunt): Promise<Find | null> {
  const planted = kernels.get(plant) ?? (await load(plant));
  for (let seed = from; seed < from + seeds; seed++) {
    const [violation] = (await planted(seed, { generation })).violations;
    if (violation === undefined) continue;
    const { violations } = await simulate(seed, { generation });
    if (violations.length === 0) return { seed, violation };
  }
  return null;
}

async function load(name: string): Promise<typeof simulate> {
  const plant = plants.find((one) => one.name === name);
  if (plant === undefined) throw new Error(`There is no plant ${name}.`);
  const planted = await plantedSimulator(plant);
  kernels.set(name, planted);
  return planted;
}

parentPort?.on("message", (asked: Hunt) => {
  const answer = (said: Answer) => parentPort?.postMessage(said);
  hunt(asked).then(
    (find) => answer({ find }),
    (error: unknown) => answer({ error: error instanceof Error ? error.message : String(error) }),
  );
});
