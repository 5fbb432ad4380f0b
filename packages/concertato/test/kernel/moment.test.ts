/** Moments: what means the same on every machine. */
import { describe, expect, test } from "vitest";
import { momentMs } from "../../src/kernel/moment.ts";

describe("momentMs", () => {
  test.each([
    [new Date(1_234), 1_234],
    [5, 5],
    [5.2, 6],
    ["1970-01-01T00:00:01Z", 1_000],
    ["1970-01-01T01:00:00.5+01:00", 500],
    ["1970-01-02", 86_400_000],
  ])("reads %j", (when, ms) => {
    expect(momentMs(when)).toBe(ms);
  });

  test.each(["soon", "", "2026-12-24T18:00:00", "2026-13-45", Number.NaN, 9e15, new Date("never")])(
    "refuses %j",
    (bad) => {
      expect(() => momentMs(bad)).toThrow(expect.objectContaining({ code: "runtime/moment" }));
    },
  );
});
