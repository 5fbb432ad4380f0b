/** Derived values: the same whenever they are asked for, and spread as random ones are. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { derivedId, derivedRandom, fingerprint } from "../../src/kernel/derive.ts";

const text = fc.string({ unit: "binary", maxLength: 40 });

describe("derived values", () => {
  test("are functions of seed, place and count", () => {
    fc.assert(
      fc.property(text, text, fc.nat(), (seed, path, count) => {
        expect(derivedRandom(seed, path, count)).toBe(derivedRandom(seed, path, count));
        expect(derivedId(seed, path, count)).toBe(derivedId(seed, path, count));
        expect(fingerprint(seed)).toBe(fingerprint(seed));
      }),
    );
  });

  test("stay the same over versions: journals that were written replay", () => {
    expect(fingerprint("")).toBe(fingerprint(""));
    expect([
      fingerprint("concertato"),
      derivedId("run_1", "0", 0),
      derivedRandom("run_1", "0", 0),
    ]).toMatchInlineSnapshot(`
      [
        "1ya1vksv41a1krbyp7w1k6",
        "rkb53jp71o1h12id2y6ev",
        0.42239693868273076,
      ]
    `);
  });

  test("random numbers are in [0, 1) and spread evenly", () => {
    const buckets = new Array<number>(10).fill(0);
    for (let count = 0; count < 20_000; count++) {
      const value = derivedRandom("run_1", "0.1", count);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      const bucket = Math.floor(value * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const held of buckets) expect(Math.abs(held - 2_000)).toBeLessThan(200);
  });

  test("ids of different places, seeds and counts differ", () => {
    const ids = new Set<string>();
    for (const seed of ["run_1", "run_2"])
      for (const path of ["0", "0.0", "0.1", "0.1/a"])
        for (let count = 0; count < 5_000; count++) ids.add(derivedId(seed, path, count));
    expect(ids.size).toBe(2 * 4 * 5_000);
  });

  test("can stand in names, addresses and files", () => {
    fc.assert(
      fc.property(text, (seed) => {
        expect(derivedId(seed, "0", 0)).toMatch(/^[a-z0-9]{10,}$/);
        expect(fingerprint(seed)).toMatch(/^[a-z0-9]+$/);
      }),
    );
  });
});
