/**
 * The torture in small: a few real kills without a violation, one planted fault that is noticed, and the checker's
 * rules, each shown to fail on evidence that was spoilt for it.
 */
import { readFileSync } from "node:fs";
import type { Entry } from "concertato";
import { beforeAll, describe, expect, test } from "vitest";
import { check } from "../../torture/checker.ts";
import type { Evidence, RunEvidence } from "../../torture/evidence.ts";
import type { Operation } from "../../torture/history.ts";
import type { LedgerCall } from "../../torture/ledger-book.ts";
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

// --- spoilt evidence ----------------------------------------------------------------------------------------------

type Spoil = (evidence: Evidence) => Evidence;

/** Changes every run. */
function runsOf(change: (run: RunEvidence) => RunEvidence): Spoil {
  return (evidence) => ({ ...evidence, runs: new Map([...evidence.runs].map(([id, run]) => [id, change(run)])) });
}

/** Changes every journal. */
function entriesOf(change: (entry: Entry, index: number) => readonly Entry[]): Spoil {
  return runsOf((run) => ({ ...run, entries: run.entries.flatMap(change) }));
}

function callsOf(change: (calls: readonly LedgerCall[]) => readonly LedgerCall[]): Spoil {
  return (evidence) => ({ ...evidence, ledger: { ...evidence.ledger, calls: change(evidence.ledger.calls) } });
}

/** Claims one more operation on a completed run. */
function claiming(kind: Operation["kind"]): Spoil {
  return (evidence) => {
    const [runId] = completed(evidence);
    const said = {
      kind,
      key: "more",
      runId,
      name: "more",
      value: "more",
      kills: 0,
      invokedAt: 1,
      end: "ok",
      endedAt: 1,
    } as const;
    return { ...evidence, operations: [...evidence.operations, said] };
  };
}

function completed(evidence: Evidence): [runId: string, run: RunEvidence] {
  const found = [...evidence.runs].find(([, { summary }]) => summary.status === "completed" && summary.parent === null);
  if (found === undefined) throw new Error("No run has completed.");
  return found;
}

function twin(evidence: Evidence): Evidence {
  return { ...evidence, runs: new Map([...evidence.runs, ["run_twin", completed(evidence)[1]]]) };
}

function lost(evidence: Evidence): Evidence {
  const [runId] = completed(evidence);
  return { ...evidence, runs: new Map([...evidence.runs].filter(([id]) => id !== runId)) };
}

const elsewhere = { status: "completed", output: "else" } as const;

/** What is done to honest evidence, by the rule that must speak up. */
const spoilings: Readonly<Record<string, Spoil>> = {
  process: (evidence) => ({ ...evidence, faults: [{ where: "w0", message: "it fell" }] }),
  "start-durable": lost,
  "start-key": twin,
  "start-known": (evidence) => ({
    ...evidence,
    operations: evidence.operations.filter(({ kind }) => kind !== "start"),
  }),
  "cancel-final": claiming("cancel"),
  "cancel-asked": runsOf((run) => ({ ...run, summary: { ...run.summary, status: "cancelled" } })),
  "signal-durable": claiming("signal"),
  "signal-once": entriesOf((entry) => (entry.meta.from === undefined ? [entry] : [entry, entry])),
  "entry-immutable": (evidence) => ({ ...evidence, sights: new Map([[completed(evidence)[0], ["else"]]]) }),
  "journal-order": entriesOf((entry) => (entry.seq === 2 ? [] : [entry])),
  "journal-time": entriesOf((entry, index) => [index === 1 ? { ...entry, at: 1 } : entry]),
  "result-once": entriesOf((entry) => (entry.kind === "result" ? [entry, entry] : [entry])),
  "result-final": entriesOf((entry) => (entry.kind === "result" ? [entry, { ...entry, kind: "intent" }] : [entry])),
  liveness: runsOf((run) => ({ ...run, summary: { ...run.summary, status: "running" } })),
  status: runsOf((run) => ({ ...run, treeStatus: "waiting" })),
  output: runsOf((run) => ({ ...run, outcome: elsewhere })),
  "outcome-final": runsOf((run) => ({ ...run, outcome: elsewhere })),
  "timer-early": entriesOf((entry) => [{ ...entry, meta: { ...entry.meta, until: entry.at + 100_000 } }]),
  "child-linked": runsOf((run) => ({ ...run, summary: { ...run.summary, parent: "run_none" } })),
  "effect-once": callsOf((calls) => [...calls, ...calls.filter(({ again }) => !again)]),
  "effect-key": callsOf((calls) => [...calls, ...calls.map((call) => ({ ...call, key: "else" }))]),
  "effect-needed": callsOf(() => []),
  "effect-intent": callsOf((calls) => calls.map((call) => ({ ...call, path: "0.999" }))),
  "effect-possible": callsOf((calls) => calls.map((call) => ({ ...call, label: "else" }))),
  receipt: callsOf((calls) => calls.map((call) => ({ ...call, serial: call.serial + 1 }))),
};

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

  test.each(Object.keys(spoilings))("the checker's rule %s speaks up on evidence that was spoilt for it", (rule) => {
    const spoil = spoilings[rule] ?? ((evidence) => evidence);
    expect(check(spoil(honest.evidence)).map((violation) => violation.rule)).toContain(rule);
  });

  test("every rule of the checker is in that list", () => {
    const source = readFileSync(new URL("../../torture/checker.ts", import.meta.url), "utf8");
    const rules = new Set([...source.matchAll(/find\(\s*"([a-z-]+)"/g)].map(([, rule]) => rule));
    expect(rules).toEqual(new Set(Object.keys(spoilings)));
  });
});
