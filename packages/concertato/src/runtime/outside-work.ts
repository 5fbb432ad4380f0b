/**
 * Work on the outside world: the input is checked and kept, an effect is declared before it happens, an attempt runs, its
 * end is recorded. An effect whose outcome nobody knows is asked about, never repeated on a guess.
 *
 *   issued ──input fits──▶ [intent committed] ──▶ attempt ──▶ result
 *                                  ▲                 ├──retry──▶ attempt-failed ──deadline──┐
 *                                  └─────────────────┼─────────────────────────────────────┘
 *   loaded with an intent and no result ──▶ in doubt ┴──probe or person──▶ result, or the intent again
 *   (or, where that attempt is under way in this process, its end)
 */
import { ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { ProbeAnswer, RetryPolicy } from "./agent.ts";
import { handedOver } from "./hand-over.ts";
import { limitWork, usageMeta } from "./ledger.ts";
import { reserve, reserveAnyway } from "./spending.ts";
import { stopBudget } from "./stopped.ts";
import { AttemptHandle, idempotencyKeyOf } from "./attempt.ts";
import type { Engine } from "./engine.ts";
import { innermost, type Operation } from "./operation.ts";
import { askedWaitMs, retryWaitMs } from "./retry-policy.ts";
import { ensureStarted, finish, finishText, lastResult } from "./results.ts";

export function launchWork(engine: Engine, operation: Operation): void {
  const { work } = operation;
  if (work === null || operation.inDoubt || operation.timer !== null) return;
  if (operation.doubtful) return takeUpDoubt(engine, operation);
  if (operation.state !== "issued") return;
  operation.state = "pending";
  if (!bindInput(engine, operation)) return;
  begin(engine, operation);
}

/** Through the gate, or there in line until it is let in. */
export function begin(engine: Engine, operation: Operation): void {
  const { ledger } = operation.scope.run;
  // Asked before anything is reserved or waited for, and again when it would really begin.
  const refusal = operation.work?.leaf.breaker === undefined ? null : engine.breakers.refusal(operation);
  if (refusal !== null) return finish(operation, refusal);
  if (ledger !== null && !granted(engine, operation)) return;
  if (engine.caps.active && !engine.caps.enter(operation)) return;
  if (engine.gate.enter(operation)) beginAdmitted(engine, operation);
}

/** The gate let it in: reads begin at once; an effect begins when its intent is committed. */
export function beginAdmitted(engine: Engine, operation: Operation): void {
  const refusal = operation.work?.leaf.breaker === undefined ? null : engine.breakers.admit(operation);
  if (refusal !== null) {
    engine.gate.leave(operation);
    return finish(operation, refusal);
  }
  if (repeatable(operation)) startAttempt(engine, operation);
  else writeIntent(operation);
}

/** Whether the budgets around it let it begin; if not, it begins later or has ended. */
function granted(engine: Engine, operation: Operation): boolean {
  const { run } = operation.scope;
  if (!run.ledger?.own.has(operation)) {
    try {
      const limits = handedOver(operation, engine.world.clock.now());
      if (limits !== null) limitWork(operation, limits);
    } catch (error) {
      finish(operation, toFailureRecord(error, operation.path));
      return false;
    }
  }
  const own = run.ledger?.own.get(operation)?.budget;
  if (own?.limits.deadline !== undefined && engine.world.clock.now() >= own.limits.deadline) {
    stopBudget(engine, own, "time", operation);
    return false;
  }
  return run.ledger?.limited !== true || reserve(engine, operation);
}

/** The time one attempt has: its agent's, and what its call left of a deadline. */
function attemptTimeMs(engine: Engine, operation: Operation, ofAgent: number | undefined): number | undefined {
  const deadline = operation.scope.run.ledger?.own.get(operation)?.budget?.limits.deadline;
  if (deadline === undefined) return ofAgent;
  return Math.max(0, Math.min(ofAgent ?? Number.POSITIVE_INFINITY, deadline - engine.world.clock.now()));
}

/** Work that is simply done again after a crash. */
function repeatable(operation: Operation): boolean {
  const effect = operation.work?.leaf.effect;
  return effect === "pure" || effect === "read";
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

function bindInputLater(engine: Engine, operation: Operation, pending: Promise<unknown>): void {
  const { run } = operation.scope;
  run.attempts++;
  const go = (act: () => void) => {
    if (engine.stopped || run.dead) return;
    run.attempts--;
    if (operation.state === "pending") failingSafely(operation, act);
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

/** What cannot be kept fails its operation: nobody else could hear of it. */
function failingSafely(operation: Operation, act: () => void): void {
  try {
    act();
  } catch (error) {
    finish(operation, toFailureRecord(error, operation.path));
  }
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
  operation.inputOf = lastResult(operation.scope, text);
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
    meta: `${operation.work?.metaHead ?? "{"}${attempt}${usageMeta(operation, true)}${extraMeta}}`,
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
  const { leaf } = work;
  const attempt = underWay(engine, operation, leaf.timeoutMs);
  let value: unknown;
  try {
    value = leaf.execute(operation.input as never, attempt);
  } catch (error) {
    return attemptEnded(engine, operation, attempt, true, error);
  }
  if (!isThenable(value)) return attemptEnded(engine, operation, attempt, false, value);
  engine.launched = true;
  const end = leaf.effect === "irreversible" ? engine.effects.note(attempt.idempotencyKey, value) : value;
  end.then(
    (output) => attemptEnded(engine, operation, attempt, false, output),
    (error: unknown) => attemptEnded(engine, operation, attempt, true, error),
  );
}

/** Counts the operation's attempt from now on, for as long as one may take. */
function underWay(engine: Engine, operation: Operation, ofAgent: number | undefined): AttemptHandle {
  operation.scope.run.attempts++;
  const attempt = new AttemptHandle(operation);
  attempt.started = engine.world.clock.monotonic();
  const timeoutMs = attemptTimeMs(engine, operation, ofAgent);
  if (timeoutMs !== undefined) armTimeout(engine, operation, attempt, timeoutMs);
  return attempt;
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
    attemptEnded(engine, operation, attempt, true, error);
    attempt.abort(error);
  });
}

function attemptEnded(
  engine: Engine,
  operation: Operation,
  attempt: AttemptHandle,
  failed: boolean,
  value: unknown,
): void {
  if (!attempt.end()) return;
  const took = engine.world.clock.monotonic() - attempt.started;
  if (failed) return acceptEnd(engine, operation, true, value, took);
  let checked: unknown;
  try {
    checked = operation.work?.output === undefined ? value : operation.work.output(value);
  } catch (error) {
    return acceptEnd(engine, operation, true, error, took);
  }
  if (!(checked instanceof Promise)) return acceptEnd(engine, operation, false, checked, took);
  checked.then(
    (output) => acceptEnd(engine, operation, false, output, took),
    (error: unknown) => acceptEnd(engine, operation, true, error, took),
  );
}

/** Takes note of an attempt's end, once; an output that cannot be recorded is a failure of its own. */
function acceptEnd(engine: Engine, operation: Operation, failed: boolean, value: unknown, took: number): void {
  const { run } = operation.scope;
  if (engine.stopped || run.dead) return;
  run.attempts--;
  if (operation.state === "pending") recordEnd(engine, operation, failed, value, took);
  engine.settled(run);
}

function recordEnd(engine: Engine, operation: Operation, failed: boolean, value: unknown, took: number): void {
  if (failed) return attemptFailed(engine, operation, value, took);
  let text: string | null;
  try {
    text = encodeJson(value, `output of ${operation.name}`);
  } catch (error) {
    return attemptFailed(engine, operation, error, took);
  }
  engine.breakers.succeeded(operation);
  finishText(operation, text, took);
}

function attemptFailed(engine: Engine, operation: Operation, error: unknown, took: number): void {
  const record = toFailureRecord(error, operation.path);
  const leaf = operation.work?.leaf;
  const opened = engine.breakers.failed(operation, record.code, !retryable(error));
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
  failOrRetry(engine, operation, error, took, opened);
}

/**
 * A failure that is known to be one.
 * @param more for its record's details
 */
function failOrRetry(
  engine: Engine,
  operation: Operation,
  error: unknown,
  took: number,
  more: FailureRecord["details"] | null = null,
): void {
  const failure = toFailureRecord(error, operation.path);
  const record = more === null ? failure : { ...failure, details: { ...failure.details, ...more } };
  const leaf = operation.work?.leaf;
  operation.thrown = undefined;
  if (leaf?.retry !== undefined && operation.attempt < leaf.retry.attempts && retryable(error)) {
    return retryLater(engine, operation, leaf.retry, record, took);
  }
  finish(operation, record, took);
}

function retryable(error: unknown): boolean {
  return !ConcertatoError.is(error) || error.retryable || error.code === "agent/failed";
}

function retryLater(
  engine: Engine,
  operation: Operation,
  retry: RetryPolicy,
  record: FailureRecord,
  took: number,
): void {
  const { scope } = operation;
  const { world } = engine;
  const { clock } = world;
  const wait = Math.max(askedWaitMs(record), retryWaitMs(retry, operation.attempt, world.random()));
  // It would be refused then: whoever has a backup for it should not wait for that.
  if (engine.breakers.restsAfter(operation, wait)) return finish(operation, record, took);
  operation.retried = true;
  operation.until = clock.now() + wait;
  operation.timer = engine.at(clock.monotonic() + wait, () => retryNow(engine, operation));
  ensureStarted(scope);
  scope.run.pending.add(operation);
  scope.run.write("attempt-failed", scope, {
    op: operation.key,
    name: operation.name,
    meta: `${operation.work?.metaHead ?? "{"},"attempt":${operation.attempt},"until":${operation.until}${usageMeta(operation)}}`,
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
  const { clock } = engine.world;
  // Due while bodies are replayed: one of them may be about to give it up, as it did before.
  if (operation.scope.run.recovering > 0) {
    operation.timer = engine.at(clock.monotonic() + 1, () => retryNow(engine, operation));
    return;
  }
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

/**
 * Loaded with an intent and without a result. Where the effect is still under way in this process, what it gives counts;
 * what it throws does not, for it was told to stop: then it is in doubt as after a crash. It has as long as an attempt has.
 */
function takeUpDoubt(engine: Engine, operation: Operation): void {
  const { work, scope } = operation;
  const { run } = scope;
  const end = work?.leaf.effect === "irreversible" ? engine.effects.of(idempotencyKeyOf(operation)) : undefined;
  if (end === undefined) return resolveDoubt(engine, operation);
  operation.doubtful = false;
  operation.state = "pending";
  const attempt = underWay(engine, operation, work?.leaf.timeoutMs);
  engine.launched = true;
  end.then(
    (output) => attemptEnded(engine, operation, attempt, false, output),
    () => {
      if (!attempt.end() || engine.stopped || run.dead) return;
      run.attempts--;
      if (operation.state === "pending") resolveDoubt(engine, operation);
      engine.settled(run);
    },
  );
}

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
  engine.breakers.exempt(operation);
  if (work.leaf.effect !== "irreversible") return begin(engine, operation);
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
      return begin(engine, operation);
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
    meta: `${operation.work?.metaHead ?? "{"}${usageMeta(operation)}}`,
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
  reserveAnyway(operation);
  // Not held up at the gate: the answer is recorded with the intent, and its row is deleted with it.
  operation.scope.run.engine.gate.pass(operation);
  writeIntent(operation, from);
}
