/**
 * Carries out operations: launches what a body issued, runs attempts at outside work, arms deadlines, joins maps.
 * It decides nothing about order: every end becomes an entry, and only its commit is delivered.
 */
import { derivedId, fingerprint } from "../kernel/derive.ts";
import { durationMs } from "../kernel/duration.ts";
import { AgentFailure, ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson, type Json } from "../kernel/json.ts";
import { entryKinds, type StoredEntry } from "../journal/entry.ts";
import type { NewRun } from "../journal/store.ts";
import type { ProbeAnswer, RetryPolicy } from "./agent.ts";
import { AttemptHandle } from "./attempt.ts";
import { Container } from "./container.ts";
import type { Engine } from "./engine.ts";
import type { MapState } from "./map-operation.ts";
import { metaText, Operation } from "./operation.ts";
import { Scope } from "./scope.ts";
import { validateNow } from "./validation.ts";
import { bindAgent, boundAgent } from "./work.ts";

/** Starts, or takes up again, an operation whose body has issued it (or that needs no body). */
export function launch(engine: Engine, operation: Operation): void {
  if (!operation.live || operation.scope.dead) return;
  switch (operation.verb) {
    case "sleep":
      return setTimer(engine, operation);
    case "wait":
    case "outcome":
      return openWait(operation);
    case "map":
      return launchMap(engine, operation);
    case "start":
      return startChild(engine, operation);
    case "run":
    case "step":
      return launchCall(engine, operation);
    case "loop":
    case "group":
      return;
  }
}

function launchCall(engine: Engine, operation: Operation): void {
  if (operation.wait !== null) return openWait(operation);
  if (operation.work !== null) return launchWork(engine, operation);
  if (operation.target !== null) return callScope(engine, operation);
}

// --- outside work -------------------------------------------------------------------------------------------------

function launchWork(engine: Engine, operation: Operation): void {
  const { work } = operation;
  if (work === null || operation.inDoubt || operation.timer !== null) return;
  if (operation.doubtful) return resolveDoubt(engine, operation);
  if (operation.state !== "issued") return;
  operation.state = "pending";
  if (!bindInput(engine, operation)) return;
  begin(engine, operation);
}

/** Reads begin at once; an effect begins when its intent is committed. */
function begin(engine: Engine, operation: Operation): void {
  if (repeatable(operation)) startAttempt(engine, operation);
  else writeIntent(operation);
}

/** Checks and keeps the input. False when it does not fit: the operation has failed. */
function bindInput(engine: Engine, operation: Operation): boolean {
  if (operation.verb === "step") return true;
  try {
    const check = operation.parsed ? undefined : operation.work?.input;
    const parsed = check === undefined ? operation.input : check(operation.input);
    if (parsed instanceof Promise) {
      bindInputLater(engine, operation, parsed);
      return false;
    }
    keepInput(engine, operation, parsed);
    return true;
  } catch (error) {
    finish(operation, toFailureRecord(error, operation.path));
    return false;
  }
}

/** Work that is simply done again after a crash. */
function repeatable(operation: Operation): boolean {
  const effect = operation.work?.leaf.effect;
  return effect === "pure" || effect === "read";
}

function bindInputLater(engine: Engine, operation: Operation, pending: Promise<unknown>): void {
  const { run } = operation.scope;
  run.attempts++;
  const go = (act: () => void) => {
    if (engine.stopped || run.dead) return;
    run.attempts--;
    if (operation.state === "pending") act();
    engine.settled(run);
  };
  pending.then(
    (parsed) =>
      go(() => {
        keepInput(engine, operation, parsed);
        begin(engine, operation);
      }),
    (error: unknown) => go(() => finish(operation, toFailureRecord(error, operation.path))),
  );
}

function keepInput(engine: Engine, operation: Operation, parsed: unknown): void {
  operation.parsed = true;
  // The input of such an item stands with its map; its own entries do not repeat it.
  if (operation.itemOf !== null && repeatable(operation)) {
    operation.input = parsed;
    return;
  }
  const text = encodeJson(parsed, `input of ${operation.agent}`);
  if (operation.inputText !== null && operation.inputText !== text) {
    engine.world.report(
      new ConcertatoError({
        code: "journal/divergence",
        message: `The input of ${operation.agent} at ${operation.path} of run ${operation.scope.run.id} differs from the recorded one. The recorded result is used.`,
        details: { runId: operation.scope.run.id, path: operation.path },
      }),
    );
  }
  operation.inputText = text;
  operation.input = operation.work?.leaf.effect === "pure" ? parsed : decodeJson(text);
}

/** Declares an effect before it happens. Crash after its commit: the effect is in doubt; before: nothing happened. */
function writeIntent(operation: Operation, extraMeta = ""): void {
  const { scope } = operation;
  const attempt = operation.attempt > 0 ? `,"attempt":${operation.attempt + 1}` : "";
  ensureStarted(scope);
  scope.run.needsFull = true;
  operation.intended = true;
  scope.run.write("intent", scope, {
    op: operation.key,
    name: operation.name,
    meta: `${operation.work?.metaHead ?? "{"}${attempt}${extraMeta}}`,
    text: operation.inputText,
    operation,
    container: innermost(operation),
  });
}

/** Runs one attempt. Crash during it: pure and read run again, write again with the same key, irreversible is in doubt. */
export function startAttempt(engine: Engine, operation: Operation): void {
  const { work, scope } = operation;
  const { run } = scope;
  if (work === null || !operation.live || run.dead || engine.stopped) return;
  operation.state = "pending";
  operation.attempt++;
  run.attempts++;
  const attempt = new AttemptHandle(operation);
  const started = engine.world.clock.monotonic();
  const { leaf } = work;
  if (leaf.timeoutMs !== undefined) armTimeout(engine, operation, attempt, leaf.timeoutMs);
  const end = (failed: boolean, value: unknown) =>
    attemptEnded(engine, operation, attempt, failed, value, engine.world.clock.monotonic() - started);
  let value: unknown;
  try {
    value = leaf.execute(operation.input as never, attempt);
  } catch (error) {
    return end(true, error);
  }
  if (!isThenable(value)) return end(false, value);
  engine.launched = true;
  value.then(
    (output) => end(false, output),
    (error: unknown) => end(true, error),
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function armTimeout(engine: Engine, operation: Operation, attempt: AttemptHandle, timeoutMs: number): void {
  attempt.timer = engine.at(engine.world.clock.monotonic() + timeoutMs, () => {
    const error = new ConcertatoError({
      code: "agent/timeout",
      message: `Attempt ${attempt.attempt} of ${operation.name} at ${operation.path} of run ${operation.scope.run.id} took longer than ${timeoutMs} ms.`,
      details: { runId: operation.scope.run.id, path: operation.path, timeoutMs },
    });
    attemptEnded(engine, operation, attempt, true, error, timeoutMs);
    attempt.abort(error);
  });
}

function attemptEnded(
  engine: Engine,
  operation: Operation,
  attempt: AttemptHandle,
  failed: boolean,
  value: unknown,
  took: number,
): void {
  if (!attempt.end()) return;
  const accept = (act: () => void) => acceptEnd(engine, operation, act);
  if (failed) return accept(() => attemptFailed(engine, operation, value, took));
  const succeed = (output: unknown) => finishText(operation, encodeJson(output, `output of ${operation.name}`), took);
  let checked: unknown;
  try {
    checked = operation.work?.output === undefined ? value : operation.work.output(value);
  } catch (error) {
    return accept(() => attemptFailed(engine, operation, error, took));
  }
  if (!(checked instanceof Promise)) return accept(() => succeed(checked));
  checked.then(
    (output) => accept(() => succeed(output)),
    (error: unknown) => accept(() => attemptFailed(engine, operation, error, took)),
  );
}

/** Takes note of an attempt's end, once; what cannot be recorded is a failure of its own. */
function acceptEnd(engine: Engine, operation: Operation, act: () => void): void {
  const { run } = operation.scope;
  if (engine.stopped || run.dead) return;
  run.attempts--;
  if (operation.state === "pending") {
    try {
      act();
    } catch (error) {
      attemptFailed(engine, operation, error, 0);
    }
  }
  engine.settled(run);
}

function attemptFailed(engine: Engine, operation: Operation, error: unknown, took: number): void {
  const record = toFailureRecord(error, operation.path);
  const leaf = operation.work?.leaf;
  // A timeout says nothing about an irreversible effect: it may still happen.
  const unknown =
    leaf?.effect === "irreversible" &&
    operation.intended &&
    (record.code === "agent/timeout" || leaf.probe !== undefined);
  if (unknown) {
    // What the probe may find out: it did happen after all; or it did not, and then this failure is what counts.
    operation.thrown = error;
    return resolveDoubt(engine, operation);
  }
  failOrRetry(engine, operation, error, took);
}

/** A failure that is known to be one. */
function failOrRetry(engine: Engine, operation: Operation, error: unknown, took: number): void {
  const record = toFailureRecord(error, operation.path);
  const leaf = operation.work?.leaf;
  operation.thrown = undefined;
  if (leaf?.retry !== undefined && operation.attempt < leaf.retry.attempts && retryable(error)) {
    return retryLater(engine, operation, leaf.retry, record);
  }
  finish(operation, record, took);
}

function retryable(error: unknown): boolean {
  return !ConcertatoError.is(error) || error.retryable || error.code === "agent/failed";
}

function retryLater(engine: Engine, operation: Operation, retry: RetryPolicy, record: FailureRecord): void {
  const { scope } = operation;
  const longest = durationMs(retry.maxBackoff ?? "1m");
  const wait = Math.min(longest, durationMs(retry.backoff ?? "1s") * 2 ** (operation.attempt - 1));
  const { clock } = engine.world;
  operation.until = clock.now() + wait;
  operation.timer = engine.at(clock.monotonic() + wait, () => retryNow(engine, operation));
  ensureStarted(scope);
  scope.run.pending.add(operation);
  scope.run.write("attempt-failed", scope, {
    op: operation.key,
    name: operation.name,
    meta: `${operation.work?.metaHead ?? "{"},"attempt":${operation.attempt},"until":${operation.until}}`,
    text: JSON.stringify(record),
    inputText: operation.intended ? null : operation.inputText,
    operation,
    container: innermost(operation),
  });
}

/**
 * A retry that is due. An effect declares its intent anew, so that a crash during this attempt leaves it in doubt too.
 * It needs the closure or agent, so a body that is not there is run first.
 */
export function retryNow(engine: Engine, operation: Operation): void {
  operation.timer = null;
  operation.until = null;
  operation.scope.run.pending.delete(operation);
  if (operation.work === null) {
    operation.state = "issued";
    return engine.enqueue(operation.scope);
  }
  restoreInput(operation);
  operation.state = "issued";
  launchWork(engine, operation);
}

/** What was parsed and recorded is what every attempt gets, not what the body passes again. */
function restoreInput(operation: Operation): void {
  if (operation.verb !== "run" || operation.inputText === null) return;
  operation.input = decodeJson(operation.inputText);
  operation.parsed = true;
}

// --- in doubt -----------------------------------------------------------------------------------------------------

/**
 * An intent without a result: `write` runs again with the same key, `irreversible` asks its probe, else a person.
 * Acting again begins with an intent of its own: the one that was found may be visible and not yet synced, and a power
 * cut after the effect would leave no trace of it (found by the simulator, seed 7646).
 */
function resolveDoubt(engine: Engine, operation: Operation): void {
  const { work } = operation;
  if (work === null) return;
  operation.doubtful = false;
  operation.state = "pending";
  restoreInput(operation);
  if (work.leaf.effect !== "irreversible") return writeIntent(operation);
  const { probe } = work.leaf;
  if (probe === undefined) return declareDoubt(operation);
  askProbe(engine, operation, probe as (input: never, attempt: AttemptHandle) => PromiseLike<ProbeAnswer<unknown>>);
}

function askProbe(
  engine: Engine,
  operation: Operation,
  probe: (input: never, attempt: AttemptHandle) => PromiseLike<ProbeAnswer<unknown>>,
): void {
  const { run } = operation.scope;
  run.attempts++;
  const attempt = new AttemptHandle(operation);
  const answered = (answer: ProbeAnswer<unknown>) => {
    if (!attempt.end() || engine.stopped || run.dead) return;
    run.attempts--;
    if (operation.state === "pending") acceptProbe(engine, operation, answer);
    engine.settled(run);
  };
  engine.launched = true;
  // A probe that fails, or answers nonsense, has not found out anything.
  askAndCheck(operation, () => probe(operation.input as never, attempt)).then(answered, () =>
    answered({ kind: "unknown" }),
  );
}

async function askAndCheck(
  operation: Operation,
  ask: () => PromiseLike<ProbeAnswer<unknown>>,
): Promise<ProbeAnswer<unknown>> {
  const answer = await ask();
  if (answer.kind !== "happened") return answer;
  const output = operation.work?.output === undefined ? answer.output : await operation.work.output(answer.output);
  encodeJson(output, `probe answer of ${operation.name}`);
  return { kind: "happened", output };
}

function acceptProbe(engine: Engine, operation: Operation, answer: ProbeAnswer<unknown>): void {
  switch (answer.kind) {
    case "happened":
      return finishText(operation, encodeJson(answer.output, `probe answer of ${operation.name}`), 0);
    case "did-not-happen":
      if (operation.thrown !== undefined) return failOrRetry(engine, operation, operation.thrown, 0);
      return writeIntent(operation);
    default:
      return declareDoubt(operation);
  }
}

/** Leaves it to a person: `app.answer(run, path, { happened })`. */
function declareDoubt(operation: Operation): void {
  const { scope } = operation;
  operation.inDoubt = true;
  operation.since = scope.run.tick();
  scope.run.pending.add(operation);
  ensureStarted(scope);
  operation.doubtSeq = scope.run.nextSeq + 1;
  scope.run.write("in-doubt", scope, {
    op: operation.key,
    name: operation.name,
    meta: `${operation.work?.metaHead ?? "{"}}`,
    text: operation.inputText,
    operation,
    container: innermost(operation),
  });
}

/** A person's word on an effect in doubt. */
export function doubtResolved(operation: Operation, happened: boolean, outputText: string | null, from: string): void {
  operation.inDoubt = false;
  operation.scope.run.pending.delete(operation);
  if (happened) return finishText(operation, outputText, 0, from);
  operation.state = "pending";
  restoreInput(operation);
  writeIntent(operation, from);
}

// --- ends ---------------------------------------------------------------------------------------------------------

/** Records an operation's failure. */
function finish(operation: Operation, record: FailureRecord, took = 0): void {
  writeResult(operation, true, JSON.stringify(record), took, "");
}

/** Records an operation's output. */
function finishText(operation: Operation, text: string | null, took = 0, extraMeta = "", notBefore = 0): void {
  writeResult(operation, false, text, took, extraMeta, notBefore);
}

function writeResult(
  operation: Operation,
  failed: boolean,
  text: string | null,
  took: number,
  extraMeta: string,
  notBefore = 0,
): void {
  const { scope } = operation;
  operation.state = "pending";
  clearDeadline(operation);
  ensureStarted(scope);
  const keepsInput = operation.verb === "run" && !operation.intended && !operation.opened && operation.itemOf === null;
  const end = scope.run.nextSeq + 1;
  let meta = operation.work?.metaHead ?? `{"verb":"${operation.verb}"`;
  if (operation.work === null && operation.agent !== "") meta += `,"agent":${JSON.stringify(operation.agent)}`;
  if (operation.attempt > 1) meta += `,"attempt":${operation.attempt}`;
  if (took >= 1) meta += `,"took":${Math.round(took)}`;
  if (failed) meta += ',"failed":true';
  scope.run.write("result", scope, {
    op: operation.key,
    name: operation.name,
    meta: `${meta}${extraMeta}}`,
    text,
    inputText: keepsInput ? operation.inputText : null,
    failed,
    operation,
    container: innermost(operation),
    jump: operation.map === null ? null : operation.map.container.jumpFrom(end),
    notBefore,
  });
}

function clearDeadline(operation: Operation): void {
  if (operation.timer !== null) operation.timer.fire = null;
  operation.timer = null;
  operation.scope.run.pending.delete(operation);
}

/** The stretch of the journal that the operation's own entries belong to. */
export function innermost(operation: Operation): Container | null {
  return operation.itemOf === null ? operation.container : operation.itemOf.container;
}

/** The text of an item as its map has it; undefined for anything else. */
export function itemText(operation: Operation): string | null | undefined {
  const { itemOf, itemIndex } = operation;
  return itemOf === null ? undefined : (JSON.stringify(itemOf.items[itemIndex] ?? null) ?? null);
}

/** Writes the start of a scope (and of what encloses it) before the first entry inside it. */
export function ensureStarted(scope: Scope): void {
  const { operation, run } = scope;
  if (scope.seq !== 0 || operation === null) return;
  ensureStarted(operation.scope);
  if (operation.itemOf !== null) ensureMapStarted(operation.itemOf);
  const written = run.write("scope-started", operation.scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({
      agent: operation.agent,
      verb: "run",
      startedAt: scope.startedAt,
      ...(scope.agent?.owner === undefined ? {} : { agentOwner: scope.agent.owner }),
    }),
    // An item's input stands with its map, unless its schema made something else of it.
    text: scope.inputText === itemText(operation) ? null : scope.inputText,
    operation,
    container: scope.container,
  });
  scope.seq = written.stored.seq;
  run.scopes.set(scope.seq, scope);
}

// --- timers and waits ---------------------------------------------------------------------------------------------

function setTimer(engine: Engine, operation: Operation): void {
  if (operation.until !== null) return;
  const { scope } = operation;
  const { clock } = engine.world;
  const ms = Number(operation.input);
  operation.since = clock.now();
  operation.until = operation.since + ms;
  operation.opened = true;
  operation.state = "pending";
  // Armed now, but a result can only be written after this entry, in the same order as the journal.
  operation.timer = engine.at(clock.monotonic() + ms, () => timerFired(operation));
  scope.run.pending.add(operation);
  ensureStarted(scope);
  scope.run.write("timer-set", scope, {
    op: operation.key,
    meta: `{"verb":"sleep","until":${operation.until}}`,
    operation,
    container: innermost(operation),
  });
}

/** A sleep's deadline has passed. */
export function timerFired(operation: Operation): void {
  operation.timer = null;
  if (operation.live) finishText(operation, null, 0, "", operation.until ?? 0);
}

/** Asks for an answer; one that came before is taken at once. */
function openWait(operation: Operation): void {
  const { scope, wait } = operation;
  const { run } = scope;
  const { engine } = run;
  if (wait === null) return;
  if (operation.opened) return operation.overdue ? waitTimedOut(operation) : undefined;
  operation.state = "pending";
  if (takeBuffered(operation)) return;
  let requestText: string | null;
  try {
    const input =
      operation.target === null || operation.parsed
        ? operation.input
        : validateNow(boundAgent(operation.target).input, operation.input, `input of ${operation.name}`);
    requestText = encodeJson(input, `request of ${operation.name}`);
  } catch (error) {
    return finish(operation, toFailureRecord(error, operation.path));
  }
  const { clock } = engine.world;
  operation.inputText = requestText;
  operation.since = clock.now();
  operation.opened = true;
  if (wait.withinMs !== undefined) {
    operation.until = operation.since + wait.withinMs;
    operation.timer = engine.at(clock.monotonic() + wait.withinMs, () => waitTimedOut(operation));
  }
  run.addWait(channelOf(operation), operation);
  run.pending.add(operation);
  ensureStarted(scope);
  const until = operation.until === null ? {} : { until: operation.until };
  const agent = operation.agent === "" ? {} : { agent: operation.agent };
  run.write("wait-opened", scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({ verb: operation.verb, ...agent, ...until }),
    text: requestText,
    operation,
    container: innermost(operation),
  });
}

/** Where messages for this wait arrive. */
export function channelOf(operation: Operation): string {
  switch (operation.wait?.kind) {
    case "signal":
      return `signal:${operation.name}`;
    case "child":
      return `child:${operation.name}`;
    default:
      return `answer:${operation.path}`;
  }
}

function takeBuffered(operation: Operation): boolean {
  const { run } = operation.scope;
  const channel = channelOf(operation);
  const signals = run.buffer.get(channel);
  for (let signal = signals?.shift(); signal !== undefined; signal = signals?.shift()) {
    if (signals?.length === 0) run.buffer.delete(channel);
    if (acceptAnswer(operation, signal.text, `,"signal":${signal.seq}`)) return true;
    run.write("signal-refused", operation.scope, {
      op: operation.key,
      name: operation.name,
      meta: metaText({ signal: signal.seq }),
      operation,
    });
  }
  return false;
}

/** Takes an answer for a wait if it fits; false leaves the wait open. */
export function acceptAnswer(operation: Operation, text: string | null, extraMeta: string): boolean {
  const { wait } = operation;
  if (wait?.kind === "child") {
    acceptChildEnd(operation, text, extraMeta);
    return true;
  }
  let output: string | null;
  try {
    output = encodeJson(
      validateNow(wait?.validate, decodeJson(text), `answer to ${operation.name}`),
      `answer to ${operation.name}`,
    );
  } catch (error) {
    // No answer can ever be checked: waiting on would be for ever.
    if (!ConcertatoError.is(error, "agent/async-schema")) return false;
    finishWait(operation, true, JSON.stringify(toFailureRecord(error, operation.path)), extraMeta);
    return true;
  }
  finishWait(operation, false, output, extraMeta);
  return true;
}

function acceptChildEnd(operation: Operation, text: string | null, extraMeta: string): void {
  const end = decodeJson(text) as { failed: boolean; body?: unknown };
  finishWait(operation, end.failed, end.body === undefined ? null : JSON.stringify(end.body), extraMeta);
}

function finishWait(operation: Operation, failed: boolean, text: string | null, extraMeta: string): void {
  operation.scope.run.removeWait(channelOf(operation), operation);
  Container.pin(innermost(operation));
  writeResult(operation, failed, text, 0, extraMeta);
}

/** Nobody answered in time. */
export function waitTimedOut(operation: Operation): void {
  const { scope, wait } = operation;
  operation.timer = null;
  if (!operation.live) return;
  if (wait === null && !operation.attached) {
    // Only the body knows the agent, and what it answers when nobody else does.
    operation.overdue = true;
    return scope.run.engine.enqueue(scope);
  }
  scope.run.removeWait(channelOf(operation), operation);
  const late = operation.until ?? 0;
  if (wait?.onTimeout !== undefined) {
    try {
      const output = validateNow(
        wait.validate,
        wait.onTimeout(decodeJson(operation.inputText)),
        `timeout answer of ${operation.name}`,
      );
      return finishText(operation, encodeJson(output, `timeout answer of ${operation.name}`), 0, "", late);
    } catch (error) {
      return finish(operation, toFailureRecord(error, operation.path));
    }
  }
  const record: FailureRecord = {
    code: "agent/timeout",
    message: `Nobody answered ${operation.name} at ${operation.path} of run ${scope.run.id} before its deadline.`,
    path: operation.path,
    retryable: true,
  };
  writeResult(operation, true, JSON.stringify(record), 0, "", late);
}

// --- nested agents ------------------------------------------------------------------------------------------------

/** Calls a workflow: a scope of its own, which writes nothing until it has something of its own to record. */
function callScope(engine: Engine, operation: Operation): void {
  const { scope, target, child: known } = operation;
  if (target === null) return;
  if (known !== null) {
    known.agent ??= target;
    if (known.wanted && known.frame === "none") {
      known.wanted = false;
      engine.enqueue(known);
    }
    return;
  }
  operation.state = "pending";
  const child = new Scope(scope.run, operation, operation.agent, target, new Container(innermost(operation)));
  child.startedAt = scope.now;
  try {
    const input = validateNow(boundAgent(target).input, operation.input, `input of ${target.kind} ${target.name}`);
    child.inputText = encodeJson(input, `input of ${target.kind} ${target.name}`);
  } catch (error) {
    return finish(operation, toFailureRecord(error, operation.path));
  }
  operation.inputText = child.inputText;
  operation.child = child;
  engine.register(target);
  engine.enqueue(child);
}

/** Starts a run of its own. Its id is derived, so a repeated start finds the same run. */
function startChild(engine: Engine, operation: Operation): void {
  if (operation.state !== "issued") return;
  operation.state = "pending";
  const { scope } = operation;
  const { run } = scope;
  const target = engine.agent(operation.agent);
  try {
    const bound = target === undefined ? undefined : boundAgent(target);
    const input = validateNow(bound?.input, operation.input, `input of ${operation.name}`);
    const text = encodeJson(input, `input of ${operation.name}`);
    const id = `${run.id.split("_")[0] ?? "run"}_${derivedId(run.seed, operation.path, 0)}`;
    const { created, entries } = firstEntries(engine, {
      id,
      agent: operation.agent,
      tenant: run.tenant,
      parent: run.id,
      inputText: text,
      owner: null,
      startKey: null,
      meta: {},
    });
    run.creates.push({ run: created, entries });
    ensureStarted(scope);
    run.write("child-started", scope, {
      op: operation.key,
      name: operation.name,
      meta: `{"verb":"start","agent":${JSON.stringify(operation.agent)}}`,
      text: JSON.stringify({ runId: id }),
      operation,
      container: innermost(operation),
    });
  } catch (error) {
    finish(operation, toFailureRecord(error, operation.path));
  }
}

/** The row and first entry of a new run. */
export function firstEntries(
  engine: Engine,
  draft: {
    readonly id: string;
    readonly agent: string;
    readonly tenant: string;
    readonly parent: string | null;
    readonly inputText: string | null;
    readonly owner: number | null;
    readonly startKey: string | null;
    readonly meta: { readonly principal?: string; readonly onBehalfOf?: string };
  },
): { readonly created: NewRun; readonly entries: StoredEntry[] } {
  const at = engine.world.clock.now();
  const { id, agent, tenant, parent, inputText, owner, startKey } = draft;
  const agentOwner = engine.agent(agent)?.owner;
  const entry: StoredEntry = {
    seq: 1,
    kind: entryKinds["run-started"],
    scope: 1,
    op: "",
    name: agent,
    at,
    meta: metaText({
      tenant,
      ...draft.meta,
      agent,
      ...(agentOwner === undefined ? {} : { agentOwner }),
      ...(parent === null ? {} : { causes: [parent] }),
    }),
    body: inputText === null ? null : engine.codec.seal(tenant, id, inputText),
    jump: null,
  };
  const created: NewRun = { id, agent, tenant, owner, startKey, inputHash: fingerprint(inputText ?? ""), parent, at };
  return { created, entries: [entry] };
}

// --- maps ---------------------------------------------------------------------------------------------------------

function launchMap(engine: Engine, operation: Operation): void {
  const { map } = operation;
  if (map === null || map.decided || map.resumed) return;
  operation.state = "pending";
  if (map.recorded) return resumeMap(engine, map);
  map.resumed = true;
  if (operation.inputText === null) {
    try {
      operation.inputText = encodeJson(map.items, `items of map ${operation.name}`);
      // One copy of all, the same that a replay would see; no item is encoded again.
      map.items = decodeJson(operation.inputText) as readonly unknown[];
    } catch (error) {
      return finish(operation, toFailureRecord(error, operation.path));
    }
  }
  pumpMap(engine, map);
}

function ensureMapStarted(map: MapState): void {
  const { operation } = map;
  if (map.recorded) return;
  map.recorded = true;
  ensureStarted(operation.scope);
  operation.scope.run.write("map-started", operation.scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({
      verb: "map",
      agent: operation.agent,
      count: map.items.length,
      limit: map.limit,
      join: map.join,
      startedAt: operation.scope.now,
    }),
    text: operation.inputText,
    operation,
    container: map.container,
  });
}

/** Starts items up to the limit, and joins when all have ended or one has failed. */
function pumpMap(engine: Engine, map: MapState): void {
  if (map.decided) return;
  if (map.complete) return joinMap(map);
  while (map.running < map.limit && map.launched < map.items.length) {
    const index = map.launched++;
    if (map.outcomes[index] !== undefined || map.begun.has(index)) continue;
    map.running++;
    launch(engine, itemOperation(engine, map, index));
  }
}

/** The operation of one item, made when it is needed. */
export function itemOperation(_engine: Engine, map: MapState, index: number): Operation {
  const { operation } = map;
  const key = `${operation.key}/${index}`;
  const known = operation.scope.operations.get(key);
  if (known !== undefined) return known;
  const bound = boundAgent(map.agent);
  const item = new Operation(operation.scope, key, "run", map.agent.name, bound.id, map.container);
  item.itemOf = map;
  item.itemIndex = index;
  bindAgent(item, map.agent, bound);
  // In the journal an absent item is null; so it is live.
  item.input = map.items[index] ?? null;
  operation.scope.operations.set(key, item);
  // A leaf's outcome is told by its result alone; what waits or nests needs the items in the journal.
  ensureMapStarted(map);
  return item;
}

/** An item's end is committed. */
export function itemEnded(engine: Engine, item: Operation, failed: boolean, text: string | null): void {
  const map = item.itemOf;
  if (map === null || map.decided) return;
  map.running--;
  map.settle(item.itemIndex, failed, text);
  item.scope.operations.delete(item.key);
  if (failed && map.join === "all") return failMap(engine, map, text);
  pumpMap(engine, map);
}

function failMap(engine: Engine, map: MapState, text: string | null): void {
  map.decided = true;
  engine.cancelUnder(map.operation.scope, `${map.operation.key}/`);
  writeResult(map.operation, true, text, 0, "");
}

/** Takes up a loaded map where it was: items in flight again, a join that was due, further items up to the limit. */
export function resumeMap(engine: Engine, map: MapState): void {
  const { operation } = map;
  map.resumed = true;
  if (map.failedItem !== null) return failMap(engine, map, map.outcomes[map.failedItem] ?? null);
  const open: Operation[] = [];
  for (const item of operation.scope.operations.values()) if (item.itemOf === map && item.live) open.push(item);
  map.running = open.length;
  for (const item of open) {
    map.begun.add(item.itemIndex);
    item.target ??= map.agent;
    if (item.work === null && item.wait === null) bindAgent(item, map.agent);
    launch(engine, item);
  }
  pumpMap(engine, map);
}

function joinMap(map: MapState): void {
  map.decided = true;
  finishText(map.operation, map.joined());
}

/** An AgentFailure for a recorded failure's text. */
export function failureOf(text: string | null): AgentFailure {
  return new AgentFailure(decodeJson(text) as FailureRecord & Json);
}
