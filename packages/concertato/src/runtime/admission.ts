/**
 * Messages for a run become entries here: each inbox row is admitted once, in the order of its sender, and deleted in
 * the transaction that writes its entry. Crash between: the row is still there and is admitted by the next owner.
 */
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { InboxRow } from "../journal/store.ts";
import type { Engine } from "./engine.ts";
import { mailSeal, offerAgain } from "./mail-sending.ts";
import type { Limits, Slice } from "../journal/entry.ts";
import { takeBack } from "./slice.ts";
import { type BudgetAnswer, budgetAt, raiseBudget, refuseMore } from "./budget-question.ts";
import { limitsOf } from "./edge.ts";
import type { HeldBudget } from "./held-budget.ts";
import { doubtResolved } from "./outside-work.ts";
import { acceptAnswer, acceptGrant } from "./waits.ts";
import type { LiveRun } from "./live-run.ts";
import { innermost, type Operation } from "./operation.ts";
import { validateNow } from "./validation.ts";

/** Rows read at once. */
const page = 100;

/**
 * Reads a run's inbox and admits what is there. Level-triggered: calling it too often does no harm.
 * False when another reading is under way; that one looks again.
 */
export async function admitInbox(engine: Engine, run: LiveRun): Promise<boolean> {
  // A message taken by a run that is being given back would be gone from its inbox, and nobody would be woken for what
  // it set off; left there, it makes the giving back fail (found by the simulator, seed 762).
  if (run.admitting || run.leaving) {
    run.admitAgain = true;
    return false;
  }
  run.admitting = true;
  try {
    const rows = await engine.store.inbox(run.key, page);
    // What comes while it begins anew is for the new body; a run that is being given back leaves it to the next owner.
    if (run.dead || run.finished || run.continuation !== null || run.departure !== null || engine.stopped) return true;
    for (const row of rows) {
      if (run.consuming.has(row.rowId)) continue;
      if (!admitRow(engine, run, row)) break;
    }
    if (rows.length === page) run.admitAgain = true;
    return true;
  } finally {
    run.admitting = false;
  }
}

/** False when a body must run first; admission goes on after its drain. */
function admitRow(engine: Engine, run: LiveRun, row: InboxRow): boolean {
  if (row.kind === "room") {
    consume(engine, run, row);
    offerAgain(engine, run, row.name);
    return true;
  }
  if (row.kind === "grant") {
    consume(engine, run, row);
    const asking = run.waits.get(`claim:${row.name}`)?.find((operation) => operation.live);
    // Nobody asks any more: it was let go of meanwhile.
    if (asking !== undefined) acceptGrant(asking, row);
    return true;
  }
  if (row.kind === "mail") return admitLetter(engine, run, row);
  if (row.n <= (run.admitted.get(row.sender) ?? 0)) {
    consume(engine, run, row);
    return true;
  }
  const channel = channelOfRow(row);
  const doubtful = doubtAt(run, row);
  if (doubtful !== undefined && doubtful.work === null) {
    run.admitAgain = true;
    engine.enqueue(doubtful.scope);
    return false;
  }
  const waiting = run.waits.get(channel)?.find((operation) => operation.live);
  if (waiting !== undefined && needsBody(waiting)) {
    run.admitAgain = true;
    engine.enqueue(waiting.scope);
    return false;
  }
  run.admitted.set(row.sender, row.n);
  consume(engine, run, row);
  if (row.kind === "steered") {
    noteSteered(engine, run, row);
    return true;
  }
  if (admitBudget(engine, run, row)) return true;
  const text = row.body === null ? null : engine.codec.open(run.tenant, run.id, row.body);
  // With what comes back of a slice, which counts from here on whoever waits for that run's end.
  const from = JSON.stringify([row.sender, row.n]) + refundMeta(run, row, text);
  if (waiting !== undefined) answerWait(run, waiting, text, from);
  else if (row.kind === "signal" && row.name.startsWith("answer:")) answerDoubt(run, doubtful, text, from);
  else if (row.kind !== "cancel") keep(run, channel, text, `"from":${from}`);
  return true;
}

/** The store hands each letter over once, so its sender needs no mark. */
function admitLetter(engine: Engine, run: LiveRun, row: InboxRow): boolean {
  const channel = `mail:${row.name}`;
  const waiting = run.waits.get(channel)?.find((operation) => operation.live);
  if (waiting !== undefined && needsBody(waiting)) {
    run.admitAgain = true;
    engine.enqueue(waiting.scope);
    return false;
  }
  consume(engine, run, row);
  const text = row.body === null ? null : engine.codec.open(run.tenant, mailSeal, row.body);
  const [sender = ""] = row.sender.split(">");
  const causes = `"causes":${JSON.stringify([sender])}`;
  if (waiting === undefined) keep(run, channel, text, causes);
  else if (!acceptAnswer(waiting, text, `,${causes}`)) {
    refuse(run, waiting, text, causes);
    // What it asked for is used up.
    run.listens.push(row.name);
  }
  return true;
}

/** For whoever reads the journal; nothing is decided by it. */
function noteSteered(engine: Engine, run: LiveRun, { name, body, sender, n }: InboxRow): void {
  run.write("steered", run.root, {
    name,
    meta: JSON.stringify({ from: [sender, n] }),
    text: body === null ? null : engine.codec.open(run.tenant, run.id, body),
  });
}

/** Takes back what a run that ended did not use. */
function refundMeta(run: LiveRun, row: InboxRow, text: string | null): string {
  if (row.kind !== "child-ended" || run.ledger === null) return "";
  const { slice } = decodeJson(text) as { readonly slice?: Slice };
  if (slice === undefined) return "";
  takeBack(run, slice);
  return `,"refund":${JSON.stringify(slice)}`;
}

/** A person's word on a budget: a raise by its address, or the answer to the question that it put. */
function admitBudget(engine: Engine, run: LiveRun, row: InboxRow): boolean {
  const asked = row.name.startsWith("answer:") ? row.name.slice("answer:".length) : undefined;
  if (run.ledger === null && row.kind !== "budget") return false;
  const path = (asked ?? row.name).split("@")[0] ?? "";
  const budget = budgetAt(run, path);
  const answers = asked !== undefined && budget?.asked != null && budget.waitId === asked;
  if (row.kind !== "budget" && !answers) return false;
  const text = row.body === null ? null : engine.codec.open(run.tenant, run.id, row.body);
  const from = JSON.stringify([row.sender, row.n]);
  const word = decodeJson(text) as BudgetAnswer | undefined;
  if (budget === undefined || word === undefined) refuse(run, undefined, text, `"from":${from}`);
  else if (word.approved === false) refuseMore(engine, budget, "budget", `,"from":${from}`);
  else if (!raiseBudget(budget, moreOf(budget, word), `,"from":${from}`))
    refuse(run, undefined, text, `"from":${from}`);
  engine.settled(run);
  return true;
}

/** As much as was said; or, of what is used up, as much again as there was first. */
function moreOf({ limits }: HeldBudget, { budget }: BudgetAnswer): Limits {
  const { usd, tokens, turns, steps } = limits;
  const again = { ...(usd === undefined ? {} : { usd }), ...(tokens === undefined ? {} : { tokens }) };
  const counts = { ...(turns === undefined ? {} : { turns }), ...(steps === undefined ? {} : { steps }) };
  return limitsOf(budget === undefined ? { budget: { ...again, ...counts } } : { budget }, "raise") ?? {};
}

/** Nobody waits for it yet: it is kept, in the journal and for the wait that will come. */
function keep(run: LiveRun, channel: string, text: string | null, whence: string): void {
  const { stored } = run.write("signal", run.root, { name: channel, meta: `{${whence}}`, text });
  const kept = run.buffer.get(channel) ?? [];
  kept.push({ seq: stored.seq, text, at: stored.at });
  run.buffer.set(channel, kept);
}

function consume(engine: Engine, run: LiveRun, row: InboxRow): void {
  run.consuming.add(row.rowId);
  run.consumed.push(row.rowId);
  engine.markDirty(run);
}

function channelOfRow(row: InboxRow): string {
  return row.kind === "child-ended" ? `child:${row.name}` : row.name;
}

/** The schema of a named signal is in the body; a person's is in the agent. */
function needsBody(operation: Operation): boolean {
  if (operation.wait?.kind === "signal" || operation.wait?.kind === "mail") return !operation.attached;
  return operation.wait === null && !operation.attached;
}

function answerWait(run: LiveRun, operation: Operation, text: string | null, from: string): void {
  if (acceptAnswer(operation, text, `,"from":${from}`)) return;
  refuse(run, operation, text, `"from":${from}`);
}

function refuse(run: LiveRun, operation: Operation | undefined, text: string | null, whence: string): void {
  const scope = operation?.scope ?? run.root;
  // One letter that nobody can read must not keep a loop of thousands from being passed over.
  const container = operation?.wait?.kind === "mail" ? innermost(operation) : null;
  run.write("signal-refused", scope, {
    container,
    op: operation?.key ?? "",
    name: operation?.name ?? "",
    meta: `{${whence}}`,
    text,
  });
}

/** The effect in doubt that an answer is addressed to. */
function doubtAt(run: LiveRun, row: InboxRow): Operation | undefined {
  if (!row.name.startsWith("answer:")) return undefined;
  const waitId = row.name.slice("answer:".length);
  for (const operation of run.pending) if (operation.inDoubt && operation.waitId === waitId) return operation;
  return undefined;
}

/** An answer by address that no wait is open for: a person's word on an effect in doubt, or too late. */
function answerDoubt(run: LiveRun, operation: Operation | undefined, text: string | null, from: string): void {
  const answer = decodeJson(text) as { happened?: unknown; output?: unknown } | undefined;
  if (operation === undefined || typeof answer?.happened !== "boolean")
    return refuse(run, operation, text, `"from":${from}`);
  try {
    const checked = answer.happened
      ? validateNow(operation.work?.output, answer.output, `output of ${operation.name}`)
      : undefined;
    doubtResolved(operation, answer.happened, encodeJson(checked, `output of ${operation.name}`), `,"from":${from}`);
  } catch {
    // What does not fit the tool's output is not its result; the doubt stays.
    refuse(run, operation, text, `"from":${from}`);
  }
}
