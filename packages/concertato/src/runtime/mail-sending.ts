/**
 * `ctx.send`: a letter to another run. The letter and its number are in this run's journal before it goes out, so that a
 * crash sends the same again, and the store takes each number once.
 *
 *   issued ──its turn──▶ [opening entry committed] ──▶ offered ──taken──▶ result
 *                                                        ▲  └──full──▶ waits ──room──┘
 *
 * Letters to one channel of one run go one after the other: the next is opened when the one before has its result. The
 * number is the sequence number of the opening entry: it only grows, and no fold is needed to know it.
 */
import type { ChangeResult } from "../journal/store.ts";
import type { FailureRecord } from "../kernel/errors.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./live-run.ts";
import { innermost, metaText, type Operation } from "./operation.ts";
import { ensureStarted, finish, finishText } from "./results.ts";

/** Letters of one tenant are sealed alike, whichever run they end up with. */
export const mailSeal = "mail";

/** A letter on its way. */
export interface Sending {
  readonly to: string;
  readonly limit: number;
  /** Seq of its opening entry; 0 before. */
  n: number;
  /** The store is being asked, or has said how it ends. */
  offered: boolean;
  /** There was room again while it was asked. */
  again: boolean;
}

/** Pause before a store that did not answer is asked again, in ms. */
const retryMs = 100;

export function launchSend(engine: Engine, operation: Operation): void {
  const { sending, scope } = operation;
  if (sending === null || operation.state !== "issued") return;
  operation.state = "pending";
  const { run } = scope;
  const queue = run.sending.get(channelKey(operation)) ?? [];
  run.sending.set(channelKey(operation), queue);
  queue.push(operation);
  if (queue[0] === operation) openSend(engine, operation);
}

/** Records the letter before it goes out. Crash before its commit: nothing was sent; after: it is offered by who loads it. */
function openSend(_engine: Engine, operation: Operation): void {
  const { sending, scope } = operation;
  if (sending === null) return;
  ensureStarted(scope);
  operation.opened = true;
  operation.since = scope.run.tick();
  const written = scope.run.write("send-opened", scope, {
    op: operation.key,
    name: operation.name,
    meta: metaText({ verb: "send", to: sending.to, limit: sending.limit }),
    text: operation.inputText,
    operation,
    container: innermost(operation),
  });
  sending.n = written.stored.seq;
}

/** Offers an opened letter to the store. The run counts as at work until the store has answered. */
export function offerLetter(engine: Engine, operation: Operation): void {
  const { sending, scope } = operation;
  if (sending === null || !operation.live || sending.offered) return;
  const { run } = scope;
  sending.offered = true;
  sending.again = false;
  run.pending.delete(operation);
  run.attempts++;
  const letter = {
    channel: operation.name,
    sender: `${run.id}>${operation.name}`,
    n: sending.n,
    at: run.lastAt,
    body: operation.inputText === null ? null : engine.codec.seal(run.tenant, mailSeal, operation.inputText),
  };
  engine.committer
    .submit({ kind: "mail", to: sending.to, tenant: run.tenant, letter, limit: sending.limit, waiter: run.id })
    .then(
      (result) => answered(engine, operation, sending, result),
      (error: unknown) => unanswered(engine, operation, sending, error),
    );
}

function answered(engine: Engine, operation: Operation, sending: Sending, result: ChangeResult): void {
  const { run } = operation.scope;
  if (run.dead || engine.stopped) return;
  run.attempts--;
  // One that has its answer stays offered while its result is not committed: news of room would offer it once more.
  if (!result.ok && result.reason === "full") sending.offered = false;
  if (operation.live) {
    if (result.ok) {
      // Before its result is written: it may be the last thing this run does.
      engine.ownership.sweepSoon();
      finishText(operation, null);
    } else if (result.reason !== "full") finish(operation, undeliverable(operation, sending, result.reason));
    else if (sending.again) offerLetter(engine, operation);
    else run.pending.add(operation);
  }
  engine.settled(run);
}

/** Nobody knows whether it was taken; offering it again with its number does no harm. */
function unanswered(engine: Engine, operation: Operation, sending: Sending, error: unknown): void {
  engine.report(error);
  engine.at(engine.world.clock.monotonic() + retryMs, () => {
    const { run } = operation.scope;
    if (run.dead) return;
    run.attempts--;
    sending.offered = false;
    offerLetter(engine, operation);
    engine.settled(run);
  });
}

/** There is room somewhere: whatever waits for it is offered again. */
export function offerAgain(engine: Engine, run: LiveRun, channel: string): void {
  for (const queue of run.sending.values()) {
    const [first] = queue;
    if (first?.sending == null || first.name !== channel || !first.opened) continue;
    // Its entry is not committed: with that it is offered for the first time. Before, a crash could give its number to another.
    if (first.sending.n > run.seq) continue;
    first.sending.again = true;
    offerLetter(engine, first);
  }
}

/** A loaded run's letter that was opened and has no result. */
export function restoreSending(operation: Operation, to: string, limit: number, n: number): void {
  operation.sending = { to, limit, n, offered: false, again: false };
  const { sending } = operation.scope.run;
  const key = channelKey(operation);
  sending.set(key, [operation, ...(sending.get(key) ?? [])]);
}

/** A letter has its result or was given up: the next to this channel may go. */
export function sendEnded(engine: Engine, operation: Operation): void {
  const { run } = operation.scope;
  const key = channelKey(operation);
  const queue = run.sending.get(key);
  if (queue === undefined) return;
  const index = queue.indexOf(operation);
  if (index >= 0) queue.splice(index, 1);
  const [next] = queue;
  if (next === undefined) run.sending.delete(key);
  else if (index === 0 && !next.opened && !run.dead && !run.finished) openSend(engine, next);
}

function channelKey({ sending, name }: Operation): string {
  return `${sending?.to ?? ""}\n${name}`;
}

function undeliverable(operation: Operation, { to }: Sending, reason: string): FailureRecord {
  const missing = reason === "missing";
  return {
    code: missing ? "run/not-found" : "run/already-finished",
    message: missing
      ? `There is no run ${to} of this tenant to send ${operation.name} to (${operation.path}).`
      : `Run ${to} has ended and receives nothing any more; ${operation.name} was not delivered (${operation.path}).`,
    path: operation.path,
    retryable: false,
    details: { to, channel: operation.name },
  };
}
