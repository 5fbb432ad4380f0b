/** The simulator finds nothing in the kernel and everything in kernels with a planted bug; a seed is one history. */
import { afterAll, describe, expect, test } from "vitest";
import { plantedSimulator } from "../../sim/planted-copy.ts";
import { type Plant, plants } from "../../sim/plants.ts";
import { simulate, type Verdict } from "../../sim/simulate.ts";

const seeds = 300;

/** Seeds within which a planted bug must show. */
const patience = 20_000;

const verdicts: Verdict[] = [];

async function simulated(): Promise<readonly Verdict[]> {
  while (verdicts.length < seeds) verdicts.push(await simulate(verdicts.length + 1));
  return verdicts;
}

const sum = (pick: (verdict: Verdict) => number): number =>
  verdicts.reduce((total, verdict) => total + pick(verdict), 0);

describe("the kernel as it is", () => {
  test(`breaks no rule in ${seeds} seeds`, async () => {
    const broken = (await simulated()).filter(({ violations }) => violations.length > 0);
    expect(broken.map(({ seed, violations }) => ({ seed, violations }))).toEqual([]);
  });

  test("goes through at least 150 events, 2 processes with engines, 2 crashes and a run with entries in every seed", async () => {
    const least = (pick: (verdict: Verdict) => number) => Math.min(...verdicts.map(pick));
    await simulated();
    expect(least(({ events }) => events)).toBeGreaterThanOrEqual(150);
    expect(least(({ engines }) => engines)).toBeGreaterThanOrEqual(2);
    expect(least(({ crashes }) => crashes)).toBeGreaterThanOrEqual(2);
    expect(least(({ runs }) => runs)).toBeGreaterThanOrEqual(1);
    expect(sum(({ entries }) => entries) / seeds).toBeGreaterThan(20);
  });

  test("runs on two or three processes, each of which dies and comes back", async () => {
    const named = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const { trace } = await simulate(seed, { trace: true });
      for (const line of trace) named.add(/ (crash|restart) (n\d)$/.exec(line)?.[0].trim() ?? "");
    }
    expect([...named].filter((name) => name !== "").toSorted()).toEqual([
      "crash n0",
      "crash n1",
      "crash n2",
      "restart n0",
      "restart n1",
      "restart n2",
    ]);
  });
});

describe("a seed", () => {
  test("repeats bit for bit, with or without its trace", async () => {
    for (const first of (await simulated()).slice(0, 25)) {
      const again = await simulate(first.seed, { trace: true });
      expect({ ...again, trace: [] }).toEqual(first);
    }
  });

  test("is a history of its own", async () => {
    const digests = new Set((await simulated()).map(({ digest }) => digest));
    expect(digests.size).toBeGreaterThan(seeds * 0.99);
  });
});

describe("a planted bug", () => {
  const caught: { readonly name: string; readonly seed: number }[] = [];
  afterAll(() => expect(caught).toHaveLength(plants.length));

  test.each(plants)("is caught: $name, against the rule that $rule", async (plant) => {
    const planted = await plantedSimulator(plant);
    try {
      const seed = await firstCaught(planted.simulate);
      const { violations } = await simulate(seed);
      expect(violations, "the kernel as it is keeps its rules in the same seed").toEqual([]);
      caught.push({ name: plant.name, seed });
    } finally {
      await planted.dispose();
    }
  });

  test("there are at least eight of them, each of another name and rule", () => {
    expect(plants.length).toBeGreaterThanOrEqual(8);
    expect(new Set(plants.map(({ name }) => name)).size).toBe(plants.length);
    expect(new Set(plants.map(({ rule }) => rule)).size).toBe(plants.length);
  });

  test.each([
    ["is not there any more", "this text was in an older version"],
    ["is there more than once", "import "],
  ])("whose text %s is reported as stale, with the place to repair", async (_what, find) => {
    const stale: Plant = { name: "old", rule: "none", edits: [{ file: "runtime/engine.ts", find, replace: "" }] };
    await expect(plantedSimulator(stale)).rejects.toThrow(
      "The plant old is stale: runtime/engine.ts does not hold its text exactly once. Update sim/plants.ts",
    );
  });
});

async function firstCaught(planted: typeof simulate): Promise<number> {
  for (let seed = 1; seed <= patience; seed++) if ((await planted(seed)).violations.length > 0) return seed;
  throw new Error(`Not caught in ${patience} seeds.`);
}
