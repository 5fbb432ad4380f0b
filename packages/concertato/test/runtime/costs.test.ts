/**
 * What the hot path costs, counted and not timed. A change that makes a step heavier fails here; if it is worth it, the
 * number below is raised in the same commit, and the message says why. Lighter is fine; lower the number then.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Costs } from "./costs.ts";

/** Bytes per unit: log, kept, heap (allocations of unoptimised code, so larger than in production and always the same). */
const limits: Readonly<Record<string, Costs>> = {
  "read step": {
    statements: {
      begin: 1,
      commit: 1,
      "insert into entry": 1,
      "insert into mark": 0.015,
      "update run": 1,
    },
    logBytes: 9291,
    keptBytes: 295,
    heapBytes: 11634,
  },
  "write step": {
    statements: {
      begin: 2,
      commit: 2,
      "insert into entry": 2,
      "insert into mark": 0.03,
      "update run": 2,
    },
    logBytes: 18705,
    keptBytes: 586,
    heapBytes: 21220,
  },
  "nested workflow of one step": {
    statements: {
      begin: 1,
      commit: 1,
      "insert into entry": 3,
      "insert into mark": 0.05,
      "update run": 1,
    },
    logBytes: 12566,
    keptBytes: 856,
    heapBytes: 22107,
  },
  "map item": {
    statements: {
      begin: 0.06,
      commit: 0.06,
      "insert into blob": 0.01,
      "insert into blob_ref": 0.01,
      "insert into entry": 1,
      "insert into mark": 0.015,
      "update run": 0.06,
    },
    logBytes: 2348,
    keptBytes: 248,
    heapBytes: 4878,
  },
  "loop turn of one step": {
    statements: {
      begin: 1,
      commit: 1,
      "insert into entry": 2,
      "insert into mark": 0.03,
      "update run": 1,
    },
    logBytes: 10588,
    keptBytes: 553,
    heapBytes: 16596,
  },
  "read step of 10 runs at once": {
    statements: {
      begin: 0.1,
      commit: 0.1,
      "insert into entry": 1,
      "update run": 1,
    },
    logBytes: 2575,
    keptBytes: 292,
    heapBytes: 8765,
  },
  "run that asks a person": {
    statements: {
      "delete from inbox": 2,
      "insert into entry": 4,
      "insert into inbox": 1,
      "insert into run": 1,
      "update run": 5,
    },
    logBytes: 2678,
    keptBytes: 1141,
    heapBytes: 59848,
  },
};

/** Other versions of Node lay objects out a little differently. */
const slack = 1.04;

let folder = "";
let costs: Readonly<Record<string, Costs>> = {};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "concertato-costs-"));
  const output = execFileSync(
    process.execPath,
    [
      "--conditions=concertato-source",
      "--disable-warning=ExperimentalWarning",
      "--expose-gc",
      "--max-opt=0",
      "--min-semi-space-size=256",
      "--max-semi-space-size=256",
      fileURLToPath(new URL("./cost-process.ts", import.meta.url)),
      folder,
    ],
    { encoding: "utf8" },
  );
  costs = JSON.parse(output) as Readonly<Record<string, Costs>>;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every scenario has its limits", () => {
  expect(Object.keys(costs)).toEqual(Object.keys(limits));
});

describe.each(Object.entries(limits))("%s", (name, limit) => {
  const found = (): Costs => {
    const cost = costs[name];
    if (cost === undefined) throw new Error(`Nothing was counted for "${name}".`);
    return cost;
  };

  test("takes these statements", () => {
    expect(found().statements).toEqual(limit.statements);
  });

  test.each(["logBytes", "keptBytes", "heapBytes"] as const)("stays within its %s", (what) => {
    expect(found()[what]).toBeLessThanOrEqual(Math.ceil(limit[what] * slack));
  });
});
