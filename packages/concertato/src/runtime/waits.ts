/** What a body waits for: lengths of time, signals, people, the ends of runs it started. */
import { ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { InboxRow } from "../journal/store.ts";
import { Container } from "./container.ts";
import type { Engine } from "./engine.ts";
import { handedOver } from "./hand-over.ts";
import { innermost, type Operation, metaText } from "./operation.ts";
import { letGo, noteHeld, readGrant } from "./holding.ts";
import { ensureStarted, finish, finishText, writeResult } from "./results.ts";
import { validateNow } from "./validation.ts";
import { boundAgent } from "./work.ts";

export function setTimer(engine: Engine, operation: Operation): void {
  if (operation.until !== null) return;
  const { scope } = operation;
  const { clock } = engine.world;
  const ms = Number(operation.input);
  const fire = () => timerFired(operation);
  operation.since = clock.now();
  operation.opened = true;
  operation.state = "pending";
  // Armed now, but a result can only be written after this entry, in the same order as the journal.
  if (operation.verb === "until") {
    operation.until = ms;
    operation.timer = engine.atWall(ms, fire);
  } else {
    operation.until = operation.since + ms;
    operation.timer = engine.at(clock.monotonic() + ms, fire);
  }
  scope.run.pending.add(operation);
  ensureStarted(scope);
  scope.run.write("timer-set", scope, {
    op: operation.key,
    meta: `{"verb":"${operation.verb}","until":${operation.until}}`,
    operation,
    container: innermost(operation),
  });
}

/** The deadline of a sleep, or a moment waited for, has passed. */
export function timerFired(operation: Operation): void {
  operation.timer = null;
  if (operation.live) finishText(operation, null, 0, "", operation.until ?? 0);
}

/** Asks for an answer; one that came before is taken at once. */
export function openWait(operation: Operation): void {
  const { scope, wait } = operation;
  const { run } = scope;
  const { engine } = run;
  if (wait === null) return;
  if (operation.opened) return operation.overdue ? waitTimedOut(operation) : undefined;
  operation.state = "pending";
  if (takeBuffered(operation)) return;
  let requestText: string | null;
  let withinMs: number | undefined;
  try {
    withinMs = timeOf(operation, wait.withinMs);
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
  if (withinMs !== undefined) {
    operation.until = operation.since + withinMs;
    operation.timer = engine.at(clock.monotonic() + withinMs, () => waitTimedOut(operation));
  }
  run.addWait(channelOf(operation), operation);
  run.pending.add(operation);
  // The letter comes into the inbox with the commit of the entry below, or later.
  if (wait.kind === "mail") run.listens.push(operation.name);
  const lease = wait.kind === "claim" ? askFor(operation) : {};
  ensureStarted(scope);
  const until = operation.until === null ? {} : { until: operation.until };
  const agent = operation.agent === "" ? {} : { agent: operation.agent };
  run.write("wait-opened", scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({ verb: operation.verb, ...agent, ...until, ...lease }),
    text: requestText,
    operation,
    container: innermost(operation),
  });
}

/** How long it may be waited: as the agent says, and as the call's edge leaves. @throws ConcertatoError `policy/edge-widens` */
function timeOf(operation: Operation, ofAgent: number | undefined): number | undefined {
  const { run } = operation.scope;
  if (run.ledger === null) return ofAgent;
  const now = run.engine.world.clock.now();
  const deadline = handedOver(operation, now)?.deadline;
  if (deadline === undefined) return ofAgent;
  return Math.max(0, Math.min(ofAgent ?? Number.POSITIVE_INFINITY, deadline - now));
}

/** Where messages for this wait arrive. */
export function channelOf(operation: Operation): string {
  switch (operation.wait?.kind) {
    case "signal":
      return `signal:${operation.name}`;
    case "claim":
      return `claim:${operation.path}`;
    case "mail":
      return `mail:${operation.name}`;
    case "child":
      return `child:${operation.name}`;
    default:
      return `answer:${operation.path}`;
  }
}

/** The store is asked with the commit of the claim's entry. */
function askFor(operation: Operation): { readonly lease?: number } {
  const lease = operation.input === undefined ? null : Number(operation.input);
  operation.scope.run.asks.push({ key: operation.name, path: operation.path, lease });
  return lease === null ? {} : { lease };
}

/** The store's word on a claim. */
export function acceptGrant(operation: Operation, row: InboxRow): void {
  const { failed, text } = readGrant(row, operation);
  if (!failed) noteHeld(operation);
  finishWait(operation, failed, text, "");
}

/** A wait that is over without its answer. A receive takes back what it asked for; if that has come, it is kept. */
export function closeWait(operation: Operation): void {
  const { run } = operation.scope;
  run.removeWait(channelOf(operation), operation);
  if (run.dead || run.finished) return;
  if (operation.wait?.kind === "claim") return letGo(run, operation.path);
  if (operation.wait?.kind !== "mail") return;
  run.ignores.push(operation.name);
  run.engine.markDirty(run);
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
  // A letter is taken from the store once: nobody needs to see again that it came.
  const { wait } = operation;
  if (!operation.opened || (wait?.kind !== "mail" && wait?.kind !== "claim")) Container.pin(innermost(operation));
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
  closeWait(operation);
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
    message: `${wait?.kind === "claim" ? `"${operation.name}" was not free for the claim` : `Nobody answered ${operation.name}`} at ${operation.path} of run ${scope.run.id} before its deadline.`,
    path: operation.path,
    retryable: true,
  };
  writeResult(operation, true, JSON.stringify(record), 0, "", late);
}
