/**
 * Rebuilds a run from its journal: the table of its open scopes and pending operations, without running any body.
 * Bodies run when something is to be delivered to them; after a crash all open ones do, because only they know what
 * they had under way without an entry (reads in flight).
 */
import { decodeJson } from "../kernel/json.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import { type CompensationChain, type EntryKind, type EntryMeta, entryKindName } from "../journal/entry.ts";
import { type BlobTexts, openPayload } from "../journal/large-payload.ts";
import type { ReadEntry, RunRow } from "../journal/store.ts";
import { budgetAt, noteAsked, noteRaised } from "./budget-question.ts";
import { accountOf, ledgerOf, limitScope, limitWork, noteContinued, noteLent, noteUsage } from "./ledger.ts";
import { Spent } from "../journal/usage.ts";
import { takeBack } from "./slice.ts";
import { watchDeadlines } from "./run-deadline.ts";
import { countTurn, countUndone } from "./compensation.ts";
import { afterEntry, compensationKey, emptyChain, undoesUnder } from "./compensation-chain.ts";
import { Container } from "./container.ts";
import type { Engine } from "./engine.ts";
import { itemOperation, resumeMap } from "./map-execution.ts";
import { retryNow } from "./outside-work.ts";
import { noteGrantedElsewhere, noteHeld } from "./holding.ts";
import { offerLetter, restoreSending, sendEnded } from "./mail-sending.ts";
import { itemText } from "./results.ts";
import { channelOf, timerFired, waitTimedOut } from "./waits.ts";
import { LiveRun } from "./live-run.ts";
import { LoopState } from "./loop-operation.ts";
import { MapState } from "./map-operation.ts";
import { innermost, Operation } from "./operation.ts";
import { decide, forgetFlags } from "./patch-flags.ts";
import { Scope } from "./scope.ts";
import { resumeUndoings } from "./scope-end.ts";
import { bindAgent } from "./work.ts";
import type { Agent } from "./agent.ts";

/**
 * The run as its journal has it; deadlines are armed, nothing is running.
 * @param blobs the large payloads that the entries name
 * @param inherited seq up to which a fork took over the entries of another run; 0 for others
 */
export function loadRun(
  engine: Engine,
  row: RunRow,
  entries: readonly ReadEntry[],
  blobs: BlobTexts,
  inherited = 0,
): LiveRun {
  const run = new LiveRun(engine, row, engine.agent(row.agent), row.id);
  run.inherited = inherited;
  let previousSeq = 0;
  for (const entry of entries) {
    applyEntry(engine, run, entry, entry.seq - previousSeq, blobs);
    previousSeq = entry.seq;
    run.firstRef ??= entry.ref;
    run.headRef = entry.ref;
    run.lastAt = Math.max(run.lastAt, entry.at);
  }
  if (blobs.size > 0) run.blobsKnown = new Set(blobs.keys());
  if (previousSeq !== row.seq) throw damaged(row, `it ends at entry ${previousSeq}, its row says ${row.seq}`);
  watchDeadlines(engine, run);
  for (const scope of run.scopes.values()) for (const operation of scope.operations.values()) rearm(engine, operation);
  return run;
}

function damaged(row: RunRow, what: string): ConcertatoError {
  return new ConcertatoError({
    code: "journal/damaged",
    message: `The journal of run ${row.id} cannot be read: ${what}. The run is set aside; restore it from a backup.`,
    details: { runId: row.id },
  });
}

interface Reading {
  readonly engine: Engine;
  readonly run: LiveRun;
  readonly entry: ReadEntry;
  readonly meta: EntryMeta;
  readonly scope: Scope;
  /** Entries up to this one since the one read before it: more than one when a jump was taken. */
  readonly covers: number;
  readonly blobs: BlobTexts;
}

function applyEntry(engine: Engine, run: LiveRun, entry: ReadEntry, covers: number, blobs: BlobTexts): void {
  const kind = entryKindName(entry.kind);
  const scope = kind === "continued" ? run.root : run.scopes.get(entry.scope);
  if (kind === undefined)
    throw damaged({ id: run.id } as RunRow, `entry ${entry.seq} has the unknown kind ${entry.kind}`);
  const meta = (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
  // What was sent to the run that was forked was not sent to the fork.
  if (meta.from !== undefined && entry.seq > run.inherited) admitMark(run, meta.from[0], meta.from[1]);
  if (meta.refund !== undefined) takeBack(run, meta.refund);
  // Inside a scope that ended while the journal went on elsewhere.
  if (scope === undefined) return;
  const reading: Reading = { engine, run, entry, meta, scope, covers, blobs };
  if (meta.undo !== undefined && kind !== "compensating") readUndo(reading, kind, meta.undo);
  switch (kind) {
    case "run-started":
      run.root.inputText = clear(reading);
      run.root.startedAt = entry.at;
      run.root.revision = meta.revision ?? 1;
      run.seed = meta.seed ?? run.seed;
      if (meta.limits !== undefined) limitScope(run.root, meta.limits);
      if (meta.slice !== undefined) ledgerOf(run).slice = meta.slice;
      run.imported = meta.imported ?? 0;
      return;
    case "continued":
      return readContinued(reading);
    case "scope-started":
      return readScopeStarted(reading);
    case "scope-ended":
    case "result":
    case "child-started":
      return readEnd(reading, resultLine(reading));
    case "intent":
    case "attempt-failed":
    case "in-doubt":
      return readEffect(reading, kind);
    case "timer-set":
    case "wait-opened":
      return readOpened(reading);
    case "send-opened":
      return readSendOpened(reading);
    case "signal":
      return readSignal(reading);
    case "map-started":
      return readMap(reading);
    case "loop-advanced":
      return readTurn(reading);
    case "op-cancelled":
      return readCancelled(reading);
    case "signal-refused":
      if (meta.signal !== undefined) dropBuffered(run, meta.signal);
      if (meta.causes !== undefined) operationOf(reading);
      return;
    case "budget-exhausted":
    case "budget-raised":
    case "at-risk":
      return readBudget(reading, kind);
    case "emitted":
      scope.told = true;
      operationOf(reading).state = "done";
      return;
    case "patched":
      return readPatched(reading);
    case "compensation-registered":
      return readEnd(reading, null);
    case "compensating":
      return readCompensating(reading);
    case "diverged":
      if (entry.seq > run.inherited) run.divergedText = clear(reading);
      return;
    case "forked":
    case "steered":
    case "run-ended":
      return;
  }
}

function admitMark(run: LiveRun, sender: string, n: number): void {
  run.admitted.set(sender, Math.max(n, run.admitted.get(sender) ?? 0));
}

/** The payload in clear, both lines. */
function clear({ engine, run, entry, blobs }: Reading): string | null {
  return openPayload(engine.codec, run, entry, blobs);
}

/** The first line: the result itself. */
function resultLine(reading: Reading): string | null {
  const text = clear(reading);
  if (text === null) return null;
  const end = text.indexOf("\n");
  const line = end < 0 ? text : text.slice(0, end);
  return line === "" ? null : line;
}

/** The second line: what it was called with. */
function inputLine(reading: Reading): string | null {
  const text = clear(reading);
  const end = text === null ? -1 : text.indexOf("\n");
  return text === null || end < 0 ? null : text.slice(end + 1);
}

/** Finds or makes the operation of an entry, in its place: an item of a map, part of a loop's turn, or direct. */
function operationOf({ engine, run, entry, meta, scope, covers }: Reading): Operation {
  const known = scope.operations.get(entry.op);
  const operation = known ?? makeOperation(engine, scope, entry, meta);
  const container = innermost(operation);
  if (container !== null) noteInside(run, container, entry.seq, covers);
  if (meta.limits !== undefined && run.ledger?.own.has(operation) !== true) limitWork(operation, meta.limits);
  if (meta.usage !== undefined) noteUsage(operation, meta.usage);
  if (meta.lent !== undefined) noteLent(operation, meta.lent);
  if (meta.slice !== undefined) accountOf(run, innermost(operation)).lend(Spent.of(meta.slice.of));
  return operation;
}

function noteInside(run: LiveRun, container: Container, seq: number, covers: number): void {
  Container.count(container, seq, covers);
  Container.locate(container, seq - covers + 1, run.headRef);
}

function makeOperation(engine: Engine, scope: Scope, entry: ReadEntry, meta: EntryMeta): Operation {
  const owner = enclosing(scope, entry.op);
  if (owner?.map) return itemOperation(engine, owner.map, Number(entry.op.slice(owner.key.length + 1)));
  const container = owner?.loop?.turn ?? scope.container;
  const operation = new Operation(
    scope,
    entry.op,
    meta.verb ?? "run",
    entry.name,
    meta.verb === "step" ? "" : (meta.agent ?? ""),
    container,
  );
  scope.operations.set(entry.op, operation);
  const agent = operation.agent === "" ? undefined : engine.agent(operation.agent);
  if (agent !== undefined && operation.verb === "run") bindAgent(operation, agent);
  return operation;
}

/** The nearest loop or map under which an operation's key lies. */
function enclosing(scope: Scope, key: string): Operation | undefined {
  for (let cut = key.lastIndexOf("/"); cut > 0; cut = key.lastIndexOf("/", cut - 1)) {
    const owner = scope.operations.get(key.slice(0, cut));
    if (owner?.map || owner?.loop) return owner;
  }
  return undefined;
}

/** The run begins anew. What stands before it was not read, or, in a fork's journal, counts no more. */
function readContinued(reading: Reading): void {
  const { engine, run, entry, meta } = reading;
  const { root } = run;
  for (const operation of root.operations.values()) forgetOperation(run, operation);
  root.operations.clear();
  root.log = [];
  root.held = null;
  root.flags = null;
  root.told = false;
  root.undo = meta.undo === undefined ? null : afterEntry(meta.undo, entry.seq);
  run.buffer.clear();
  run.generation = meta.count ?? run.generation + 1;
  root.base = `${root.path}~${run.generation}`;
  run.scopes.delete(root.seq);
  root.seq = entry.seq;
  run.scopes.set(root.seq, root);
  root.agentId = entry.name;
  root.agent = engine.agent(entry.name);
  root.inputText = clear(reading);
  root.startedAt = entry.at;
  root.revision = meta.revision ?? 1;
  for (const [sender, n] of Object.entries(meta.marks ?? {})) admitMark(run, sender, n);
  noteContinued(run, meta);
}

function readScopeStarted(reading: Reading): void {
  const { engine, run, entry, meta, scope } = reading;
  const operation = scope.operations.get(entry.op) ?? makeOperation(engine, scope, entry, meta);
  const child = new Scope(
    run,
    operation,
    operation.agent,
    engine.agent(operation.agent),
    new Container(innermost(operation)),
  );
  child.seq = entry.seq;
  child.startedAt = meta.startedAt ?? entry.at;
  child.revision = meta.revision ?? 1;
  child.inputText = clear(reading) ?? itemText(operation) ?? null;
  if (meta.limits !== undefined) limitScope(child, meta.limits);
  operation.state = "pending";
  operation.child = child;
  operation.inputText = child.inputText;
  run.scopes.set(entry.seq, child);
  if (child.container !== null) noteInside(run, child.container, entry.seq, reading.covers);
}

function readEnd(reading: Reading, text: string | null): void {
  const { run, entry, meta } = reading;
  const operation = operationOf(reading);
  // It was given up while something inside it was being undone, and that has ended now.
  const given = operation.state === "cancelled";
  if (operation.opened && operation.wait !== null) run.removeWait(channelOf(operation), operation);
  if (meta.signal !== undefined) dropBuffered(run, meta.signal);
  if (operation.sending !== null) sendEnded(reading.engine, operation);
  if (operation.verb === "claim" && meta.failed !== true) noteHeld(operation);
  if (operation.verb === "claim" && entry.seq <= run.inherited) noteGrantedElsewhere(operation);
  if (meta.claim !== undefined) reading.scope.held?.delete(meta.claim);
  if (meta.from !== undefined || meta.signal !== undefined) Container.pin(innermost(operation));
  run.pending.delete(operation);
  operation.state = given ? "cancelled" : "done";
  operation.until = null;
  forgetInside(run, operation);
  if (given) return;
  if (run.undoings.size > 0) countUndone(operation);
  const failed = meta.failed === true;
  if (operation.itemOf === null)
    reading.scope.log.push({ operation, kind: "result", failed, text, at: entry.at, seq: entry.seq });
  else settleItem(operation, failed, text);
}

function settleItem(operation: Operation, failed: boolean, text: string | null): void {
  const map = operation.itemOf;
  if (map === null) return;
  map.settle(operation.itemIndex, failed, text);
  operation.scope.operations.delete(operation.key);
}

/** What lies under an operation that ended: a child scope, a map's items. */
function forgetInside(run: LiveRun, operation: Operation): void {
  if (operation.child !== null) forgetScope(run, operation.child);
  operation.child = null;
  if (operation.map !== null) forgetUnder(run, operation.scope, `${operation.key}/`);
  operation.map = null;
}

function forgetScope(run: LiveRun, scope: Scope): void {
  scope.dead = true;
  if (run.undoings.has(scope)) run.removeUndoing(scope);
  run.scopes.delete(scope.seq);
  for (const operation of scope.operations.values()) forgetOperation(run, operation);
}

function forgetOperation(run: LiveRun, operation: Operation): void {
  run.pending.delete(operation);
  if (operation.opened && operation.wait !== null) run.removeWait(channelOf(operation), operation);
  if (operation.sending !== null) sendEnded(run.engine, operation);
  if (run.undoings.size > 0 && undoesUnder(operation)) return forgetAround(run, operation);
  forgetInside(run, operation);
}

function forgetUnder(run: LiveRun, scope: Scope, prefix: string): void {
  for (const operation of scope.operations.values()) {
    if (!operation.key.startsWith(prefix)) continue;
    // One with something inside that is being undone stays until that has ended.
    if (run.undoings.size === 0 || !undoesUnder(operation)) scope.operations.delete(operation.key);
    forgetOperation(run, operation);
  }
}

/** Given up, but for what is being undone inside it: the same as `silence` does live. */
function forgetAround(run: LiveRun, operation: Operation): void {
  operation.state = "cancelled";
  Container.pin(innermost(operation));
  if (operation.map !== null) forgetUnder(run, operation.scope, `${operation.key}/`);
  if (operation.child !== null) forgetBody(run, operation.child);
}

function forgetBody(run: LiveRun, scope: Scope): void {
  scope.frame = "settled";
  scope.log = [];
  for (const operation of scope.operations.values()) {
    if (operation.key === compensationKey) continue;
    forgetOperation(run, operation);
    operation.state = "cancelled";
  }
}

/** The scope's body has ended for good: what it registered is being undone, or will be once that inside it is. */
function readCompensating(reading: Reading): void {
  const { run, entry, meta, scope } = reading;
  if (scope.container !== null) noteInside(run, scope.container, entry.seq, reading.covers);
  scope.compensating = {
    status: meta.status ?? "failed",
    failureText: clear(reading),
    chain: meta.undo ?? emptyChain,
    done: scope.compensating?.done ?? 0,
  };
  forgetBody(run, scope);
  run.compensates = true;
  run.addUndoing(scope);
}

/** What the scope has registered, as of an entry that says so: its own registration, or what others handed up. */
function readUndo({ run, entry, scope }: Reading, kind: EntryKind, undo: CompensationChain): void {
  run.compensates = true;
  scope.undo =
    kind === "compensation-registered" ? { count: undo.count, heads: [entry.seq] } : afterEntry(undo, entry.seq);
}

function readEffect(reading: Reading, kind: "intent" | "attempt-failed" | "in-doubt"): void {
  const { run, entry, meta } = reading;
  const operation = operationOf(reading);
  // Another run's attempt: the fork's own has not begun.
  if (entry.seq <= run.inherited) return noteInherited(operation);
  operation.state = "pending";
  operation.attempt = meta.attempt ?? Math.max(1, operation.attempt);
  switch (kind) {
    case "intent":
      operation.intended = true;
      operation.doubtful = true;
      operation.inDoubt = false;
      operation.until = null;
      run.pending.delete(operation);
      operation.inputText = clear(reading);
      return;
    case "attempt-failed":
      operation.doubtful = false;
      operation.retried = true;
      operation.inputText ??= inputLine(reading);
      operation.until = meta.until ?? entry.at;
      operation.since = entry.at;
      run.pending.add(operation);
      return;
    case "in-doubt":
      operation.doubtful = false;
      operation.inDoubt = true;
      operation.doubtSeq = entry.seq;
      operation.since = entry.at;
      run.pending.add(operation);
      return;
  }
}

/** Readers see it begun: they must be told should it be given up. */
function noteInherited(operation: Operation): void {
  const { run } = operation.scope;
  run.begunElsewhere = new Set([...run.begunElsewhere, operation]);
}

function readOpened(reading: Reading): void {
  const { run, entry, meta } = reading;
  const operation = operationOf(reading);
  // A mailbox, or a place in line for a key, is of the run and store where it was asked for: it is asked for anew.
  const elsewhere = entry.seq <= Math.max(run.inherited, run.imported);
  if (elsewhere && (operation.verb === "receive" || operation.verb === "claim")) return noteInherited(operation);
  operation.state = "pending";
  operation.opened = true;
  operation.since = entry.at;
  operation.until = meta.until ?? null;
  run.pending.add(operation);
  if (operation.verb === "sleep" || operation.verb === "until") return;
  operation.inputText = clear(reading);
  // A named signal's schema is known to the body alone; admission runs the body first.
  if (operation.wait === null && operation.verb !== "run") {
    operation.wait = {
      kind: waitKinds[operation.verb] ?? "signal",
      validate: undefined,
      withinMs: undefined,
      onTimeout: undefined,
    };
  }
  run.addWait(operation.wait === null ? `answer:${operation.path}` : channelOf(operation), operation);
}

const waitKinds: { readonly [verb: string]: "child" | "mail" | "claim" } = {
  outcome: "child",
  receive: "mail",
  claim: "claim",
};

function readSendOpened(reading: Reading): void {
  const { run, entry, meta } = reading;
  const operation = operationOf(reading);
  // Another run's letter.
  if (entry.seq <= run.inherited) return noteInherited(operation);
  operation.state = "pending";
  operation.opened = true;
  operation.since = entry.at;
  operation.inputText = clear(reading);
  restoreSending(operation, meta.to ?? "", meta.limit ?? 1, entry.seq);
}

function readSignal(reading: Reading): void {
  const { run, entry } = reading;
  const buffered = run.buffer.get(entry.name) ?? [];
  buffered.push({ seq: entry.seq, text: clear(reading), at: entry.at });
  run.buffer.set(entry.name, buffered);
}

function dropBuffered(run: LiveRun, seq: number): void {
  for (const [channel, signals] of run.buffer) {
    const left = signals.filter((signal) => signal.seq !== seq);
    if (left.length === signals.length) continue;
    if (left.length === 0) run.buffer.delete(channel);
    else run.buffer.set(channel, left);
  }
}

function readMap(reading: Reading): void {
  const { engine, run, meta, entry } = reading;
  const operation = reading.scope.operations.get(entry.op) ?? makeOperation(engine, reading.scope, entry, meta);
  const text = clear(reading);
  const agent = engine.agent(operation.agent);
  const map = new MapState(
    operation,
    agent ?? placeholder(operation),
    decodeJson(text) as readonly unknown[],
    meta.limit ?? 16,
    meta.join ?? "all",
    meta.need,
  );
  map.recorded = true;
  map.edge = meta.limits ?? null;
  operation.map = map;
  operation.state = "pending";
  operation.inputText = text;
  noteInside(run, map.container, entry.seq, reading.covers);
}

/** Stands for an agent that only the calling body knows, until that body runs. */
function placeholder(operation: Operation): Agent {
  const [name = operation.name, version = "1"] = operation.agent.split("@");
  return {
    kind: "workflow",
    name,
    version: Number(version),
    description: "",
    capabilities: [],
    examples: [],
    uses: [],
    body: { type: "code", run: () => undefined },
  };
}

function readBudget(
  { run, entry, meta, scope, covers }: Reading,
  kind: "budget-exhausted" | "budget-raised" | "at-risk",
): void {
  if (scope.container !== null) noteInside(run, scope.container, entry.seq, covers);
  if (meta.from !== undefined) Container.pin(scope.container);
  // A fork has used nothing of it yet, and its time was put off.
  if (entry.seq <= run.inherited && kind !== "budget-raised") return;
  const budget = budgetAt(run, entry.op === "" ? scope.path : `${scope.path}.${entry.op}`);
  if (budget === undefined) return;
  if (kind === "budget-exhausted") noteAsked(budget, entry.seq, entry.at);
  else if (kind === "at-risk") budget.risked = { since: entry.at };
  else noteRaised(budget, meta.limits ?? {}, entry.at);
}

function readPatched({ run, entry, scope, covers }: Reading): void {
  const container = enclosing(scope, entry.op)?.loop?.container ?? scope.container;
  if (container !== null) noteInside(run, container, entry.seq, covers);
  decide(scope, entry.op, entry.name, true);
}

function readTurn(reading: Reading): void {
  const { run, entry, meta, scope, covers } = reading;
  const operation = scope.operations.get(entry.op) ?? makeOperation(reading.engine, scope, entry, meta);
  const loop = operation.loop ?? new LoopState(operation);
  operation.loop = loop;
  operation.state = "pending";
  noteInside(run, loop.container, entry.seq, covers);
  if (meta.usage !== undefined) noteUsage(operation, meta.usage);
  if (meta.lent !== undefined) noteLent(operation, meta.lent);
  loop.turns = meta.count ?? loop.turns + 1;
  loop.advancing = true;
  loop.progress = meta.progress ?? null;
  for (const flag of meta.flags ?? []) loop.flags.add(flag);
  forgetTurn(run, scope, operation);
  loop.turn = new Container(loop.container);
  const text = resultLine(reading);
  loop.states.read(text, meta.appends ?? null);
  if (run.undoings.size > 0) countTurn(scope, text);
  scope.log.push({ operation, kind: "turn", failed: false, text, at: entry.at, seq: entry.seq });
}

/** Earlier turns, and what was to be delivered to them. */
function forgetTurn(run: LiveRun, scope: Scope, loop: Operation): void {
  const prefix = `${loop.key}/`;
  forgetUnder(run, scope, prefix);
  forgetFlags(scope, loop.key);
  for (const key of scope.held?.keys() ?? []) if (key.startsWith(prefix)) scope.held?.delete(key);
  const kept = scope.log.filter(({ operation }) => operation !== loop && !operation.key.startsWith(prefix));
  scope.log.length = 0;
  scope.log.push(...kept);
}

function readCancelled(reading: Reading): void {
  const { run, scope } = reading;
  const operation = operationOf(reading);
  forgetOperation(run, operation);
  operation.state = "cancelled";
  // A loop's turn that never begins again leaves nobody to take what was on its way to it.
  if (operation.loop !== null) forgetTurn(run, scope, operation);
}

/** Arms what the wall clock is to end: after a restart it is trusted, but never earlier than the last recorded time. */
function rearm(engine: Engine, operation: Operation): void {
  if (operation.until === null || !operation.live) return;
  if (operation.verb === "until") {
    operation.timer = engine.atWall(operation.until, () => timerFired(operation));
    return;
  }
  const { clock } = engine.world;
  const left = Math.max(0, operation.until - Math.max(clock.now(), operation.scope.run.lastAt));
  operation.timer = engine.at(clock.monotonic() + left, () => {
    if (operation.verb === "sleep") timerFired(operation);
    else if (operation.opened) waitTimedOut(operation);
    else retryNow(engine, operation);
  });
}

/** Sets a loaded run going. After a crash every open scope is replayed; a parked run waits for what wakes it. */
export function resumeRun(engine: Engine, run: LiveRun, parked: boolean): void {
  for (const [first] of run.sending.values()) if (first !== undefined) offerLetter(engine, first);
  const open = parked ? [] : [...run.scopes.values()].filter((scope) => scope.frame === "none");
  if (open.length === 0) return resumeEngineWork(engine, run);
  for (const scope of open) {
    scope.catchingUp = true;
    run.recovering++;
  }
  for (const scope of open) engine.enqueue(scope);
}

/** Takes up what needs no body. */
export function resumeEngineWork(engine: Engine, run: LiveRun): void {
  resumeMaps(engine, run);
  if (run.undoings.size > 0) resumeUndoings(engine, run);
}

/** Takes up maps where they were; one whose agent only its body knows waits for that body. */
function resumeMaps(engine: Engine, run: LiveRun): void {
  for (const scope of [...run.scopes.values()]) {
    for (const operation of [...scope.operations.values()]) {
      const { map } = operation;
      if (map === null || map.resumed || !map.recorded || !operation.live) continue;
      if (engine.agent(operation.agent) === undefined) engine.enqueue(scope);
      else resumeMap(engine, map);
    }
  }
}
