/** Durations: text at the edge, milliseconds inside. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationMs } from "../../src/kernel/duration.ts";

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

describe("durationMs", () => {
  test.each(Object.entries(units))("reads whole and broken numbers of %s", (unit, ms) => {
    expect(durationMs(`1${unit}`)).toBe(ms);
    expect(durationMs(`2.5 ${unit}`)).toBe(Math.ceil(2.5 * ms));
    expect(durationMs(` 10${unit} `)).toBe(10 * ms);
  });

  test("takes whole milliseconds as they are, and rounds parts of one up", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 3e15, noNaN: true }), (ms) => {
        expect(durationMs(ms)).toBe(Math.ceil(ms));
      }),
    );
    expect(durationMs("1.5ms")).toBe(2);
    expect(durationMs("0.0001s")).toBe(1);
    // 1.1 * 1000 is 1100.0000000000002.
    expect(durationMs("1.1s")).toBe(1_100);
    expect(durationMs("8.2s")).toBe(8_200);
  });

  test("reads every number of every unit", () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.constantFrom(...Object.entries(units)), (count, [unit, ms]) => {
        expect(durationMs(`${count}${unit}`)).toBe(count * ms);
      }),
    );
  });

  test.each([
    "",
    "5",
    "m",
    "5 minutes",
    "-5m",
    "5m 30s",
    "1e3s",
    ".5s",
    "5M",
    "5mm",
    Number.NaN,
    -1,
    Number.POSITIVE_INFINITY,
    1e18,
    "99999999999999999999w",
  ])("refuses %j with examples of what it takes", (bad) => {
    expect(() => durationMs(bad)).toThrow(
      expect.objectContaining({ code: "runtime/duration", message: expect.stringContaining("30s") as string }),
    );
  });
});
