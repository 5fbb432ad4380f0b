/**
 * The judge. Pure: evidence in, violations out. It knows the promises of the kernel and nothing of how it keeps them.
 * Each rule has an id, which a violation names; the comment names the invariant it stands for.
 */
import type { Entry, Json } from "concertato";
import type { Evidence, RunEvidence } from "./evidence.ts";
import { finalStatuses } from "./evidence.ts";
import { startedRun } from "./history.ts";
import { endKinds, groupBy, operationsOf, type Recorded } from "./recorded.ts";
import type { LedgerCall } from "./ledger-book.ts";
import { SharedOrder } from "./shared-order.ts";
import { foretell, type Foretold, possibleEffects, type Told } from "./model.ts";
import { type Assignment, withheldName } from "./plan.ts";
import { changedSince } from "./witness.ts";

export interface Violation {
  readonly rule: string;
  /** The run, or what else it is about. */
  readonly subject: string;
  readonly detail: string;
}

/** Two clocks read in whole milliseconds may differ by so much. */
const slackMs = 2;

/** One run with all that is known of it. */
interface Case extends RunEvidence {
  readonly runId: string;
  readonly assignment: Assignment;
  /** Its operations by path. */
  readonly recorded: ReadonlyMap<string, Recorded>;
  readonly calls: readonly LedgerCall[];
}

type Find = (rule: string, subject: string, detail: string) => void;

/** Everything that is wrong, in the order of the rules. */
export function check(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const find: Find = (rule, subject, detail) => violations.push({ rule, subject, detail: excerpt(detail) });
  const calls = groupBy(evidence.ledger.calls, (call) => call.runId);
  const told = toldOf(evidence);
  for (const { where, message } of evidence.faults) find("process", where, message);
  checkStarts(evidence, find);
  checkHistory(evidence, find);
  checkLedger(evidence, find);
  const shared = new SharedOrder(evidence.ledger.calls, find);
  for (const [runId, run] of evidence.runs) {
    const one = caseOf(runId, run, calls.get(runId) ?? []);
    checkSights(one, evidence, find);
    checkJournal(one, find);
    checkEnd(one, evidence, find);
    checkOperations(one, find);
    checkEffects(one, find);
    checkTimers(one, find);
    checkSignals(one, evidence, find);
    checkChildren(one, evidence, find);
    checkOutput(one, told, find, shared);
  }
  shared.judge();
  return violations;
}

function caseOf(runId: string, run: RunEvidence, calls: readonly LedgerCall[]): Case {
  // The input of every run of this harness is an assignment.
  const assignment = run.entries[0]?.body as Assignment;
  return { ...run, runId, assignment, recorded: operationsOf(run.entries), calls };
}

function excerpt(text: string): string {
  return text.length > 600 ? `${text.slice(0, 600)} …` : text;
}

/** What people and signals said, of all operations that may have had an effect. */
function toldOf({ operations }: Evidence): (runId: string) => Told {
  const said = operations.filter(({ end }) => end !== "fail");
  const answers = groupBy(
    said.filter(({ kind }) => kind === "answer"),
    ({ key }) => key,
  );
  const signals = groupBy(
    said.filter(({ kind }) => kind === "signal"),
    ({ runId }) => runId ?? "",
  );
  const answered = new Map([...answers].map(([label, list]) => [label, list.map(({ value }) => value ?? null)]));
  return (runId) => ({
    answers: answered,
    signals: new Map(
      [...groupBy(signals.get(runId) ?? [], ({ name }) => name ?? "")].map(([name, list]) => [
        name,
        [...new Set(list.map(({ value }) => value ?? null))],
      ]),
    ),
  });
}

// --- starts and other acknowledgements ----------------------------------------------------------------------------

/** I1, I13: what was acknowledged is there; one run per key; nothing that nobody asked for. */
function checkStarts({ operations, runs }: Evidence, find: Find): void {
  const starts = groupBy(
    operations.filter(({ kind }) => kind === "start"),
    ({ key }) => key,
  );
  for (const [key, list] of starts) {
    const ids = new Set(list.filter(({ end }) => end === "ok").map(startedRun));
    if (ids.size > 1) find("start-key", key, `starts with one key answered runs ${[...ids].join(", ")}`);
    for (const id of ids) checkStarted(key, id, runs.get(id), list[0]?.plan, find);
  }
  for (const operation of operations) {
    const { kind, key, end, error } = operation;
    if (kind !== "conflict") continue;
    if (end === "ok") find("start-key", key, `another input under a used key was accepted as ${startedRun(operation)}`);
    else if (end === "fail" && error?.includes("run/key-conflict") !== true) find("start-key", key, String(error));
  }
  const byKey = groupBy(
    [...runs.values()].filter(({ summary }) => summary.key !== null),
    ({ summary }) => summary.key ?? "",
  );
  for (const [key, list] of byKey) if (list.length > 1) find("start-key", key, `${list.length} runs have this key`);
  for (const [runId, { summary }] of runs) {
    if (summary.parent === null && !starts.has(summary.key ?? ""))
      find("start-known", runId, `nobody started it: key ${summary.key}`);
  }
}

function checkStarted(key: string, runId: string, run: RunEvidence | undefined, plan: unknown, find: Find): void {
  if (run === undefined)
    return find("start-durable", runId, `the start of ${key} was acknowledged, and there is no such run`);
  const input = JSON.stringify(run.entries[0]?.body);
  if (input !== JSON.stringify({ plan, suffix: "" }))
    find("start-durable", runId, `another input than was started: ${input}`);
}

/** I10, and: an end that was told once stays. */
function checkHistory({ operations, runs }: Evidence, find: Find): void {
  for (const operation of operations) {
    if (operation.end !== "ok" || operation.runId === undefined) continue;
    const run = runs.get(operation.runId);
    if (run === undefined) find("start-durable", operation.runId, `it acknowledged a ${operation.kind} and is gone`);
    else if (operation.kind === "cancel") checkCancelled(operation.runId, run, operation, find);
    else if (operation.kind === "outcome" && JSON.stringify(run.outcome) !== JSON.stringify(operation.result)) {
      find(
        "outcome-final",
        operation.runId,
        `told ${JSON.stringify(operation.result)}, now ${JSON.stringify(run.outcome)}`,
      );
    }
  }
}

function checkCancelled(
  runId: string,
  { summary, entries }: RunEvidence,
  { entries: seen, endedAt }: { readonly entries?: number; readonly endedAt: number },
  find: Find,
): void {
  if (summary.status !== "cancelled")
    find("cancel-final", runId, `its cancel was acknowledged, its status is ${summary.status}`);
  for (const entry of entries) {
    const later = entry.at > endedAt + slackMs || entry.seq > (seen ?? Number.POSITIVE_INFINITY);
    // What was registered is undone after it, and nothing else.
    if (entry.kind === "compensating" && later) return;
    if (later && entry.kind !== "run-ended") {
      find("cancel-final", runId, `recorded after its cancel was acknowledged at ${endedAt}: ${JSON.stringify(entry)}`);
    }
  }
}

/** I6: money moves once, mail goes out once, under one key; and only for runs that are there. */
function checkLedger({ ledger, runs }: Evidence, find: Find): void {
  for (const [label, calls] of groupBy(
    ledger.calls.filter(({ again }) => !again),
    (call) => call.label,
  )) {
    if (calls.length > 1)
      find("effect-once", calls[0]?.runId ?? "", `${label} happened ${calls.length} times: ${JSON.stringify(calls)}`);
  }
  for (const calls of groupBy(ledger.calls, ({ runId, path }) => `${runId} ${path}`).values()) {
    const keys = new Set(calls.map(({ key }) => key));
    if (keys.size > 1)
      find("effect-key", calls[0]?.runId ?? "", `one operation, several keys: ${[...keys].join(", ")}`);
  }
  for (const [key, calls] of groupBy(ledger.calls, (call) => call.key)) {
    const places = new Set(calls.map(({ runId, path }) => `${runId} ${path}`));
    if (places.size > 1)
      find("effect-key", calls[0]?.runId ?? "", `one key ${key}, several operations: ${[...places].join(", ")}`);
  }
  for (const { runId, path } of ledger.calls)
    if (!runs.has(runId)) find("effect-intent", runId, `an effect at ${path} of an unknown run`);
}

// --- journals -----------------------------------------------------------------------------------------------------

/** I2: whatever was read once reads the same for ever. */
function checkSights({ runId, entries }: Case, { sights, changes }: Evidence, find: Find): void {
  const noticed = changes.filter((change) => change.runId === runId);
  for (const { seq, now } of [...noticed, ...changedSince(runId, sights.get(runId) ?? [], entries)]) {
    find("entry-immutable", runId, `entry ${seq} reads differently from what was seen before: ${now}`);
  }
}

/** Entries are numbered without gaps, time never goes back, nothing follows the end of a run or scope. */
function checkJournal({ runId, entries, summary }: Case, find: Find): void {
  if (entries[0]?.kind !== "run-started") find("journal-order", runId, "it does not begin with run-started");
  if (summary.entries !== entries.length)
    find("journal-order", runId, `its row counts ${summary.entries} entries, there are ${entries.length}`);
  const ended = new Set<number>();
  const scopeAt = new Map<string, number>();
  let before: Entry | undefined;
  for (const entry of entries) {
    if (entry.seq !== (before?.seq ?? 0) + 1) find("journal-order", runId, `entry ${entry.seq} follows ${before?.seq}`);
    if (before !== undefined && entry.at < before.at)
      find("journal-time", runId, `time goes back at entry ${entry.seq}: ${before.at} to ${entry.at}`);
    if (before?.kind === "run-ended") find("journal-order", runId, `an entry after the end: ${JSON.stringify(entry)}`);
    if (ended.has(entry.scope))
      find("journal-order", runId, `an entry of a scope that has ended: ${JSON.stringify(entry)}`);
    if (entry.kind === "scope-started") scopeAt.set(`${entry.scope} ${entry.op}`, entry.seq);
    if (entry.kind === "scope-ended") ended.add(scopeAt.get(`${entry.scope} ${entry.op}`) ?? 0);
    before = entry;
  }
}

/** I3, and: row, journal, tree and outcome tell the same end. */
function checkEnd(one: Case, { withheld, operations, runs }: Evidence, find: Find): void {
  const { runId, summary, entries, outcome, treeStatus } = one;
  const { status } = summary;
  const last = entries.at(-1);
  if (withheld.has(runId)) return checkWithheld(one, find);
  if (!finalStatuses.has(status))
    return find(
      "liveness",
      runId,
      `it never ended: ${status}, waiting for ${JSON.stringify(summary.waiting)}, last ${JSON.stringify(last)}`,
    );
  if (last?.kind !== "run-ended" || last.meta.status !== status)
    find("status", runId, `its row says ${status}, its journal ends with ${JSON.stringify(last)}`);
  if (outcome?.status !== status || treeStatus !== status)
    find("status", runId, `row ${status}, outcome ${outcome?.status}, tree ${treeStatus}`);
  if (status === "failed" || status === "stopped") find("output", runId, `it ${status}: ${JSON.stringify(outcome)}`);
  const asked = operations.some(
    (operation) => operation.kind === "cancel" && operation.runId === runId && operation.end !== "fail",
  );
  // The end of a run that did not complete cancels those it had started.
  const parent = summary.parent === null ? undefined : runs.get(summary.parent)?.summary.status;
  const taken = parent === "cancelled" || parent === "failed" || parent === "stopped";
  if (status === "cancelled" && !asked && !taken) find("cancel-asked", runId, "nobody cancelled it");
}

function checkWithheld({ runId, summary }: Case, find: Find): void {
  const waits = summary.waiting.some(({ kind, name }) => kind === "signal" && name === withheldName);
  if (summary.status !== "waiting" || !waits)
    find("liveness", runId, `it should wait for ${withheldName}: ${JSON.stringify(summary)}`);
}

/** What had begun to be undone when it was given up is undone to the end, and says so. */
function mayFollow({ kind, body }: Entry): boolean {
  const { details } = (body ?? {}) as { readonly details?: { readonly compensation?: unknown } };
  return (
    kind === "op-cancelled" ||
    kind === "signal-refused" ||
    (kind === "scope-ended" && details?.compensation !== undefined)
  );
}

/** I5, I8: an operation ends once, and nothing of it follows its end. */
function checkOperations({ runId, recorded }: Case, find: Find): void {
  for (const { path, entries } of recorded.values()) {
    const ends = entries.filter(({ kind }) => endKinds.has(kind));
    if (ends.length > 1) find("result-once", runId, `${path} has ${ends.length} results: ${JSON.stringify(ends)}`);
    const over = entries.findIndex(({ kind }) => endKinds.has(kind) || kind === "op-cancelled");
    // An end that was written when its branch had just lost may be followed by the note that it lost.
    const after = over < 0 ? [] : entries.slice(over + 1).filter((entry) => !mayFollow(entry));
    if (after.length > 0) find("result-final", runId, `${path} goes on after its end: ${JSON.stringify(after)}`);
  }
}

/** I5, I6: effects have an intent before them and none after their result; what was answered is what was recorded. */
function checkEffects({ runId, recorded, calls }: Case, find: Find): void {
  const first = new Map<string, LedgerCall>();
  for (const call of calls) {
    if (!first.has(call.path)) first.set(call.path, call);
    const operation = recorded.get(call.path);
    const intent = operation?.entries.find(({ kind }) => kind === "intent");
    if (intent === undefined || intent.at > call.at + slackMs)
      find("effect-intent", runId, `no intent before ${JSON.stringify(call)}`);
    const result = operation?.entries.find(({ kind }) => kind === "result");
    if (result !== undefined && call.wall > result.at + slackMs)
      find("result-final", runId, `executed after its result ${JSON.stringify(result)}: ${JSON.stringify(call)}`);
  }
  for (const [path, call] of first) {
    const result = recorded.get(path)?.entries.find(({ kind, meta }) => kind === "result" && meta.failed !== true);
    const receipt = JSON.stringify({ label: call.label, serial: call.serial });
    if (result !== undefined && JSON.stringify(result.body) !== receipt)
      find("receipt", runId, `the world answered ${receipt}, recorded is ${JSON.stringify(result)}`);
  }
}

/** I11: nothing that follows a deadline happens before it, in the journal or outside. */
function checkTimers({ runId, recorded, calls }: Case, find: Find): void {
  const passed: { readonly seq: number; readonly until: number }[] = [];
  for (const { entries, path } of recorded.values()) {
    const until = entries.find(({ kind }) => kind === "timer-set" || kind === "wait-opened")?.meta.until;
    const end = entries.find(({ kind }) => kind === "result");
    if (until === undefined || end === undefined || end.meta.from !== undefined || end.meta.signal !== undefined)
      continue;
    if (end.at < until) find("timer-early", runId, `${path} was due at ${until} and ended at ${end.at}`);
    passed.push({ seq: end.seq, until });
  }
  for (const call of calls) {
    const intent = recorded.get(call.path)?.entries.find(({ kind }) => kind === "intent");
    if (intent === undefined) continue;
    for (const { seq, until } of passed) {
      if (seq < intent.seq && call.at < until - slackMs)
        find("timer-early", runId, `a deadline of ${until} had ended when ${JSON.stringify(call)}`);
    }
  }
}

/** I1, I12: each acknowledged signal is admitted once and delivered once. */
function checkSignals({ runId, entries, summary }: Case, { operations }: Evidence, find: Find): void {
  const sent = operations.filter(({ kind, runId: to, end }) => kind === "signal" && to === runId && end !== "fail");
  for (const [value, list] of groupBy(sent, ({ value }) => JSON.stringify(value))) {
    const same = entries.filter(({ body }) => JSON.stringify(body) === value);
    const admitted = same.filter(({ meta }) => meta.from !== undefined).length;
    const delivered = same.filter(({ kind, meta }) => kind === "result" && meta.verb === "wait").length;
    if (admitted > 1 || delivered > 1)
      find("signal-once", runId, `${value} was admitted ${admitted} times and delivered ${delivered} times`);
    const acknowledged = list.some(({ end }) => end === "ok");
    if (acknowledged && summary.status === "completed" && delivered === 0)
      find("signal-durable", runId, `${value} was acknowledged and never delivered`);
  }
}

/** A child and its parent know each other, and the parent heard the child's own end. */
function checkChildren({ runId, entries, summary }: Case, { runs }: Evidence, find: Find): void {
  for (const entry of entries) {
    if (entry.kind === "child-started") {
      const { runId: child } = entry.body as { readonly runId: string };
      if (runs.get(child)?.summary.parent !== runId)
        find("child-linked", runId, `it started ${child}, which is not there or has another parent`);
    } else if (entry.kind === "result" && entry.meta.verb === "outcome") {
      const end = runs.get(entry.name)?.outcome;
      const told = end?.status === "completed" ? end.output : end?.failure;
      if (JSON.stringify(told) !== JSON.stringify(entry.body))
        find(
          "child-linked",
          runId,
          `it heard ${JSON.stringify(entry.body)} of ${entry.name}, which ended with ${JSON.stringify(end)}`,
        );
    }
  }
  const parent = summary.parent === null ? undefined : runs.get(summary.parent);
  if (summary.parent === null) return;
  const known = parent?.entries.some(
    ({ kind, body }) => kind === "child-started" && (body as { runId?: string }).runId === runId,
  );
  if (known !== true) find("child-linked", runId, `its parent ${summary.parent} never started it`);
}

/** I6, I9, I14, I15: a completed run has the output the model foretells, and exactly the effects that it needs. */
function checkOutput(
  { runId, assignment, outcome, calls }: Case,
  told: (runId: string) => Told,
  find: Find,
  shared: SharedOrder,
): void {
  const { plan, suffix } = assignment;
  const completed = outcome?.status === "completed";
  const foretold: Foretold = completed
    ? foretell(plan, suffix, (outcome.output ?? null) as Json, told(runId))
    : { wrong: [], required: new Set(), possible: possibleEffects(plan, suffix), orders: [], holds: [], tallies: [] };
  shared.add(runId, foretold);
  for (const wrong of foretold.wrong) find("output", runId, wrong);
  const happened = new Set(calls.map(({ label }) => label));
  for (const label of foretold.required)
    if (!happened.has(label)) find("effect-needed", runId, `it completed, and ${label} never happened`);
  for (const label of happened)
    if (!foretold.possible.has(label))
      find("effect-possible", runId, `${label} happened, and nothing in its plan asked for it`);
}
