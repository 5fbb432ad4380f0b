/** A storm runs every seed once, whatever becomes of its workers, and says at which seed one died. */
import { expect, test } from "vitest";
import { simulate } from "../../sim/simulate.ts";
import { Storm } from "../../sim/storm.ts";
import { progressText, summaryText } from "../../sim/storm-progress.ts";

const calm = { from: 1, seconds: Number.POSITIVE_INFINITY, workers: 2, kept: [] };

async function alone(seeds: number): Promise<{ readonly events: number; readonly crashes: number }> {
  let events = 0;
  let crashes = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const verdict = await simulate(seed);
    events += verdict.events;
    crashes += verdict.crashes;
  }
  return { events, crashes };
}

test("every seed is run once, by workers that are replaced when they have grown", async () => {
  const storm = new Storm({ ...calm, seeds: 21, mostBytes: 1, kept: [{ seed: 16, generation: 1 }] });
  await storm.run();
  const kept = await simulate(16, { generation: 1 });
  const { events, crashes } = await alone(21);
  expect(storm.tally).toEqual({
    seeds: 22,
    events: events + kept.events,
    crashes: crashes + kept.crashes,
    failures: [],
    died: 0,
    replaced: 3,
  });
}, 120_000);

test("a seed at which a process dies or hangs is a failure, and all others are run", async () => {
  const program = new URL("frail-worker.ts", import.meta.url);
  const storm = new Storm({ ...calm, seeds: 20, workers: 1, program, silenceMs: 15_000 });
  await storm.run();
  const { seeds, failures } = storm.tally;
  expect(seeds).toBe(20);
  expect(failures.map(({ seed, violations }) => [seed, ...violations])).toEqual([
    [7, "died: its process ended with 3"],
    [13, "died: its process hung"],
  ]);
  expect(summaryText(storm.summary(), 0)).toMatch(/^20 seeds .*, 2 failures, \d workers died and replaced, /);
}, 120_000);

test("a storm whose workers cannot start ends with an error", async () => {
  const program = new URL("no-such-worker.ts", import.meta.url);
  const storm = new Storm({ ...calm, seeds: 10, workers: 1, program });
  await expect(storm.run()).rejects.toThrow("No worker of the storm can be started: it ended with 1.");
}, 120_000);

test("a line of progress tells counts, the present rate and the time that is left", () => {
  const tally = { seeds: 12_345, events: 4_000_000, crashes: 50_000, failures: [], died: 0, replaced: 0 };
  expect(progressText(tally, 512.4, 3_700)).toBe(
    "12,345 seeds  4,000,000 events  50,000 crashes  0 failures  512/s  1 h 2 min left",
  );
  expect(progressText({ ...tally, died: 1 }, 0, Number.POSITIVE_INFINITY)).toBe(
    "12,345 seeds  4,000,000 events  50,000 crashes  0 failures  1 worker died  0/s  a while left",
  );
});
