/**
 * Which planted bugs are caught: each first by the seed that is remembered for it, on all cores; what slips through is
 * searched for among the first seeds of the present generation, so that another seed can be remembered.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Answer, Find, Hunt } from "./plant-hunter.ts";
import type { Plant } from "./plants.ts";
import { presentGeneration } from "./vocabulary.ts";

/** What became of one plant. */
export interface Hunted {
  readonly plant: Plant;
  /** What caught it; null when nothing did. */
  readonly find: Find | null;
  readonly generation: number;
  /** By the seed that is remembered. */
  readonly remembered: boolean;
  /** Seeds searched. */
  readonly searched: number;
}

/** Seeds that a thread tries before it asks whether another one has found something. */
const share = 40;

/**
 * Hunts the plants and tells of each as soon as it is decided.
 *
 * @param patience seeds to search for a plant that its remembered seed does not catch
 * @throws Error when a plant is stale
 */
export async function huntPlants(
  plants: readonly Plant[],
  patience: number,
  onHunted: (hunted: Hunted) => void = () => undefined,
): Promise<readonly Hunted[]> {
  const hunters = Array.from({ length: Math.min(plants.length, availableParallelism()) }, () => new Hunter());
  const all: Hunted[] = [];
  const tell = (hunted: Hunted) => {
    all.push(hunted);
    onHunted(hunted);
  };
  try {
    for (const plant of await tryRemembered(hunters, plants, tell)) tell(await search(hunters, plant, patience));
    return all;
  } finally {
    await Promise.all(hunters.map((hunter) => hunter.dismiss()));
  }
}

/** Plants that were not caught by what is remembered. */
async function tryRemembered(
  hunters: readonly Hunter[],
  plants: readonly Plant[],
  tell: (hunted: Hunted) => void,
): Promise<readonly Plant[]> {
  const left = [...plants];
  const escaped: Plant[] = [];
  const work = async (hunter: Hunter) => {
    for (let plant = left.shift(); plant !== undefined; plant = left.shift()) {
      const { name, seed, generation } = plant;
      const find = await hunter.hunt({ plant: name, generation, from: seed, seeds: 1 });
      if (find === null) escaped.push(plant);
      else tell({ plant, find, generation, remembered: true, searched: 0 });
    }
  };
  await Promise.all(hunters.map(work));
  return escaped;
}

async function search(hunters: readonly Hunter[], plant: Plant, patience: number): Promise<Hunted> {
  let next = 1;
  const finds: Find[] = [];
  const work = async (hunter: Hunter) => {
    while (finds.length === 0 && next <= patience) {
      const from = next;
      next += share;
      const find = await hunter.hunt({ plant: plant.name, generation: presentGeneration, from, seeds: share });
      if (find !== null) finds.push(find);
    }
  };
  await Promise.all(hunters.map(work));
  const [first] = finds.toSorted((a, b) => a.seed - b.seed);
  return { plant, find: first ?? null, generation: presentGeneration, remembered: false, searched: next - 1 };
}

/** A thread, with one hunt at a time. */
class Hunter {
  readonly #worker = new Worker(new URL("plant-hunter.ts", import.meta.url));

  hunt(asked: Hunt): Promise<Find | null> {
    return new Promise((resolve, reject) => {
      this.#worker.removeAllListeners();
      this.#worker.once("error", reject);
      this.#worker.once("exit", (code) =>
        reject(new Error(`The thread that hunts ${asked.plant} ended with ${code}.`)),
      );
      this.#worker.once("message", (said: Answer) => {
        if ("error" in said) reject(new Error(said.error));
        else resolve(said.find);
      });
      this.#worker.postMessage(asked);
    });
  }

  async dismiss(): Promise<void> {
    this.#worker.removeAllListeners();
    await this.#worker.terminate();
  }
}
