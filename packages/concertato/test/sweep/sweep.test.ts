/**
 * The sweep in short: every scenario with some of its store calls going wrong, in every way (`npm run sweep` tries them all);
 * every planted bug is caught; a long-lived app holds nothing of the runs it has done.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { plantedSweep, plants } from "../../sweep/plants.ts";
import { scenarios } from "../../sweep/scenarios.ts";
import { type SqliteTrialStore, sqliteTrialStore, survivable } from "../../sweep/sqlite-trial-store.ts";
import { sweep } from "../../sweep/sweep.ts";

describe("a store call that goes wrong changes neither how a run ends nor what it does", () => {
  test.each(scenarios)("$name", async (scenario) => {
    const { calls, faults, violations } = await sweep(scenario, { step: 5 });
    expect(violations).toEqual([]);
    expect(faults).toBeGreaterThanOrEqual(Math.floor(calls / 5));
  });

  test("also on a real file", async () => {
    const scenario = scenarios.find(({ name }) => name === "cancel that undoes, evicted");
    if (scenario === undefined) throw new Error("The scenario has another name.");
    const reports: unknown[] = [];
    const { violations, faults } = await sweep(scenario, {
      kinds: survivable,
      step: 13,
      makeStore: () => sqliteTrialStore((error) => reports.push(error)),
      dropStore: (made) => (made as SqliteTrialStore).drop(),
    });
    expect(violations).toEqual([]);
    expect(reports).toEqual([]);
    expect(faults).toBeGreaterThan(5);
  });
});

describe("a planted bug is caught", () => {
  test.each(plants)("$name: $rule", async (plant) => {
    const planted = await plantedSweep(plant);
    try {
      const scenario = planted.scenarios.find(({ name }) => name === plant.scenario);
      if (scenario === undefined) throw new Error(`There is no scenario ${plant.scenario}.`);
      const { violations } = await planted.sweep(scenario, { most: 1 });
      expect(violations.length).toBeGreaterThan(0);
    } finally {
      await planted.dispose();
    }
  });
});

test("2,000 runs one after the other leave nothing on the heap", async () => {
  const script = fileURLToPath(new URL("../../sweep/leak-process.ts", import.meta.url));
  const options = ["--expose-gc", "--disable-warning=ExperimentalWarning"];
  const { stdout } = await promisify(execFile)(process.execPath, [...options, script]);
  const { runs, bytesPerRun } = JSON.parse(stdout) as { runs: number; bytesPerRun: number };
  expect(runs).toBe(2_000);
  // A run takes more than 10,000 bytes while it lives; what is left is noise of the collector, measured up to 360.
  expect(bytesPerRun).toBeLessThan(1_000);
});
