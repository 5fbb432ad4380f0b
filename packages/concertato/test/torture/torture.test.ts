/**
 * The torture in small: a few real kills without a violation, one planted fault that is noticed, and the checker's
 * rules, each shown to fail on evidence that was spoilt for it.
 */
import { beforeAll, describe, expect, test } from "vitest";
import type { Entry } from "concertato";
import { check } from "../../torture/checker.ts";
import type { Evidence, RunEvidence } from "../../torture/evidence.ts";
import { type Ended, plantCaught, torture, type TortureOptions } from "../../torture/torture.ts";

const small: TortureOptions = {
  kills: 4,
  processes: 1,
  seed: "test",
  secondsPerKill: 0.3,
  plant: null,
  keep: false,
  stuckMs: 20_000,
  open: 25,
};

function tortured(options: Partial<TortureOptions>): Promise<Ended> {
  return torture({ ...small, ...options }, () => undefined, new AbortController().signal);
}

describe("torture", () => {
  let honest: Ended;

  beforeAll(async () => {
    honest = await tortured({});
  });

  test("after kill -9 nothing acknowledged is lost and nothing happens twice", () => {
    expect(honest.report.violations).toEqual([]);
    expect(honest.report).toMatchObject({ kills: 4, repeated: 0 });
    expect(honest.report.effects).toBeGreaterThan(10);
  });

  test("a probe that lies is noticed as a repeated payment", async () => {
    const { report } = await tortured({ plant: "lying-probe", kills: 3, stuckMs: 5_000 });
    expect(plantCaught(report)).toBe(true);
    expect(report.repeated).toBeGreaterThan(0);
  });

  test.each(spoilings)("a checker that cannot fail proves nothing: $rule", ({ rule, spoil }) => {
    const rules = check(spoil(honest.evidence)).map((violation) => violation.rule);
    expect(rules).toContain(rule);
  });
});
