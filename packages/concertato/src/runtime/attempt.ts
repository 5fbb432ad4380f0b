/** One attempt at outside work, as the work sees it. Its parts are made when asked for: most work uses none of them. */
import { ConcertatoError } from "../kernel/errors.ts";
import { billionthsOf } from "../kernel/money.ts";
import { Spent } from "../journal/usage.ts";
import type { AttemptContext, AttemptUsage, SayingKind } from "./agent.ts";
import { limitsCost, report } from "./ledger.ts";
import type { Operation } from "./operation.ts";
import type { TimerEntry } from "./timer-heap.ts";

/**
 * Names the effect for the outside world: run, generation and fork, path. The same over attempts and restarts; it is
 * composed rather than hashed, so that two effects can never share one and a person can read it in a bank statement.
 */
export function idempotencyKeyOf(operation: Operation): string {
  const { run } = operation.scope;
  return `${run.direction?.keyOwner?.(operation) ?? run.id}/1.0/${operation.path}`;
}

export class AttemptHandle implements AttemptContext {
  readonly attempt: number;
  readonly #operation: Operation;
  #controller: AbortController | null = null;
  #ended = false;
  /** Characters said so far, by kind; null before the first. */
  #said: Record<SayingKind, number> | null = null;
  timer: TimerEntry | null = null;
  /** By the monotonic clock, in ms. */
  started = 0;

  constructor(operation: Operation) {
    this.#operation = operation;
    this.attempt = operation.attempt;
    operation.running = this;
  }

  get idempotencyKey(): string {
    return idempotencyKeyOf(this.#operation);
  }

  get runId(): string {
    return this.#operation.scope.run.id;
  }

  get path(): string {
    return this.#operation.path;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended && !this.#controller.signal.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  // These are taken apart in the parameters of users' functions, so each stands by itself.
  get usage(): (used: AttemptUsage) => void {
    return (used) => this.#tellUsage(used);
  }

  #tellUsage(used: AttemptUsage): void {
    const told = toldUsage(used, this.#operation.name);
    // Nobody would record it: the operation has its result, or was given up.
    if (!this.#operation.live) return;
    report(this.#operation, told);
  }

  get costLimited(): boolean {
    const { scope } = this.#operation;
    return limitsCost(this.#operation) || scope.run.engine.caps.limits(scope.run);
  }

  get heard(): boolean {
    const { run } = this.#operation.scope;
    return !this.#ended && run.engine.hearers.size > 0;
  }

  get say(): (text: string, kind?: SayingKind) => void {
    return (text, kind) => this.#pass(text, kind ?? "text");
  }

  #pass(text: string, kind: SayingKind): void {
    this.#said ??= { text: 0, reasoning: 0 };
    const at = this.#said[kind];
    this.#said[kind] += text.length;
    if (!this.heard) return;
    const { scope, path, name, target } = this.#operation;
    const agent = target === null ? scope.agentId : this.#operation.agent;
    scope.run.engine.hear({ kind, text, runId: scope.run.id, path, name, agent, attempt: this.attempt, at });
  }

  get service(): <Service>(name: string) => Service | undefined {
    return this.#operation.scope.run.engine.service;
  }

  /** True the first time: the attempt's end counts once. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.timer !== null) this.timer.fire = null;
    if (this.#operation.running === this) this.#operation.running = null;
    const { pass, scope } = this.#operation;
    if (pass !== null) scope.run.engine.gate.leave(this.#operation);
    return true;
  }

  /** Tells the work to stop; whatever it still answers is not heard. */
  abort(reason: unknown): void {
    this.#ended = true;
    if (this.timer !== null) this.timer.fire = null;
    this.#controller?.abort(reason);
  }
}

function toldUsage({ inputTokens, outputTokens, cost }: AttemptUsage, name: string): Spent {
  const told = new Spent();
  told.inputTokens = countOf(inputTokens, "input tokens", name);
  told.outputTokens = countOf(outputTokens, "output tokens", name);
  if (cost === undefined) return told;
  if (cost.currency !== "USD") throw invalid(`The currency of a cost of ${name} is ${String(cost.currency)}`, name);
  told.billionths = billionthsOf(cost.amount, `cost of ${name}`);
  told.priced = true;
  return told;
}

function countOf(count: number | undefined, what: string, name: string): number {
  if (count === undefined) return 0;
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw invalid(`The number of ${what} of ${name} is ${String(count)}`, name);
}

function invalid(fact: string, name: string): ConcertatoError {
  return new ConcertatoError({
    code: "policy/usage-invalid",
    message: `${fact}. Tell whole numbers from 0 and costs in USD; leave out what is not known.`,
    details: { name },
  });
}
