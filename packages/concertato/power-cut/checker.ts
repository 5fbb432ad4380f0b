/**
 * The judge of one cut. Pure: what was acknowledged before it and what was found after it go in, what is wrong comes out.
 *
 * A `full` store owes everything that it acknowledged. A `normal` store may lose the end of it: that is a loss and no
 * violation. Either owes the intent of every effect that began, and a file that is whole.
 */
import type { Durability } from "concertato";
import type { Acknowledged } from "./acknowledged.ts";
import type { Begun, Found, FoundRun } from "./lines.ts";

export interface Finding {
  readonly rule: string;
  /** The run, or what else it is about. */
  readonly subject: string;
  readonly detail: string;
}

export interface Judgement {
  readonly violations: readonly Finding[];
  /** What a `normal` store was allowed to lose. */
  readonly losses: readonly Finding[];
}

type Find = (rule: string, subject: string, detail: string) => void;

/** Both ways of finding: what may never be, and what only `full` forbids. */
interface Finders {
  readonly wrong: Find;
  readonly lost: Find;
}

export function check(acknowledged: Acknowledged, found: Found, durability: Durability): Judgement {
  const violations: Finding[] = [];
  const losses: Finding[] = [];
  const into =
    (list: Finding[]): Find =>
    (rule, subject, detail) =>
      list.push({ rule, subject, detail });
  const wrong = into(violations);
  const finders = { wrong, lost: durability === "full" ? wrong : into(losses) };
  const runs = new Map(found.runs.map((run) => [run.runId, run]));
  checkFile(acknowledged, found, wrong);
  checkStarts(acknowledged, runs, finders);
  checkEntries(acknowledged, runs, finders);
  checkOutcomes(acknowledged, runs, finders);
  checkSignals(acknowledged, found, runs, finders);
  checkIntents(acknowledged.begun, runs, wrong);
  checkRepeats(acknowledged.begun, found.begun, wrong);
  checkEnds(found, wrong);
  return { violations, losses };
}

function checkFile({ contradictions }: Acknowledged, { integrity, altered, reports }: Found, wrong: Find): void {
  if (integrity !== "ok") wrong("integrity", "the file", integrity);
  for (const runId of altered) wrong("entry-immutable", runId, "its entries read differently when it had gone on");
  for (const what of contradictions) wrong("entry-immutable", what, "it was read before, and differently");
  for (const report of reports) wrong("process", "survivor", report);
}

function checkStarts({ starts }: Acknowledged, runs: ReadonlyMap<string, FoundRun>, { wrong, lost }: Finders): void {
  for (const [runId, input] of starts) {
    const run = runs.get(runId);
    if (run === undefined) lost("start-durable", runId, "its start was acknowledged, and there is no such run");
    else if (JSON.stringify(run.input) !== JSON.stringify(input))
      wrong("start-durable", runId, `started with ${JSON.stringify(input)}, found with ${JSON.stringify(run.input)}`);
  }
}

/** The journal before the cut and after it are one history: what is there must be what was seen. */
function checkEntries({ entries }: Acknowledged, runs: ReadonlyMap<string, FoundRun>, { wrong, lost }: Finders): void {
  for (const [runId, prints] of entries) {
    const there = runs.get(runId)?.prints ?? [];
    for (const [index, print] of prints.entries()) {
      const now = there[index];
      if (now === undefined) lost("entry-durable", runId, `entry ${index + 1} was seen and is gone`);
      else if (now !== print) wrong("entry-immutable", runId, `entry ${index + 1} is another than was seen`);
    }
  }
}

function checkOutcomes({ outcomes }: Acknowledged, runs: ReadonlyMap<string, FoundRun>, finders: Finders): void {
  for (const [runId, print] of outcomes) {
    const now = runs.get(runId)?.outcome ?? null;
    if (now === null) finders.lost("outcome-durable", runId, "its end was told, and it has not ended");
    else if (now !== print) finders.wrong("outcome-durable", runId, "it ended otherwise than was told");
  }
}

function checkSignals(
  { signals }: Acknowledged,
  { unsignalled }: Found,
  runs: ReadonlyMap<string, FoundRun>,
  { lost }: Finders,
): void {
  const waiting = new Set(unsignalled);
  for (const runId of signals) {
    if (waiting.has(runId) || !runs.has(runId))
      lost("signal-durable", runId, "its signal was acknowledged and is gone");
  }
}

/** Whatever the store was opened with. */
function checkIntents(begun: readonly Begun[], runs: ReadonlyMap<string, FoundRun>, wrong: Find): void {
  for (const { runId, path, effect } of begun) {
    if (runs.get(runId)?.intents.includes(path) !== true)
      wrong("effect-intent", runId, `a ${effect} effect began at ${path}, and the journal has no intent of it`);
  }
}

/** An irreversible effect begins once; a write may begin again, under the same key. */
function checkRepeats(before: readonly Begun[], after: readonly Begun[], wrong: Find): void {
  const known = new Map(before.map((begun) => [place(begun), begun]));
  for (const again of after) {
    const first = known.get(place(again));
    known.set(place(again), again);
    if (first === undefined) continue;
    if (again.effect === "irreversible") wrong("effect-once", again.runId, `the effect at ${again.path} began twice`);
    else if (again.key !== first.key)
      wrong("effect-once", again.runId, `the write at ${again.path} has another key: ${first.key}, then ${again.key}`);
  }
}

function checkEnds({ unfinished }: Found, wrong: Find): void {
  for (const { runId, status } of unfinished) wrong("liveness", runId, `it should be completed and is ${status}`);
}

function place({ runId, path }: Begun): string {
  return `${runId} ${path}`;
}
