/** One attempt at outside work, as the work sees it. Its parts are made when asked for: most work uses none of them. */
import type { AttemptContext } from "./agent.ts";
import type { Operation } from "./operation.ts";
import type { TimerEntry } from "./timer-heap.ts";

export class AttemptHandle implements AttemptContext {
  readonly attempt: number;
  readonly #operation: Operation;
  #controller: AbortController | null = null;
  #ended = false;
  timer: TimerEntry | null = null;

  constructor(operation: Operation) {
    this.#operation = operation;
    this.attempt = operation.attempt;
    operation.running = this;
  }

  /**
   * Names the effect for the outside world: run, generation and fork, path. The same over attempts and restarts; it is
   * composed rather than hashed, so that two effects can never share one and a person can read it in a bank statement.
   */
  get idempotencyKey(): string {
    return `${this.#operation.scope.run.id}/1.0/${this.#operation.path}`;
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

  /** True the first time: the attempt's end counts once. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.timer !== null) this.timer.fire = null;
    if (this.#operation.running === this) this.#operation.running = null;
    return true;
  }

  /** Tells the work to stop; whatever it still answers is not heard. */
  abort(reason: unknown): void {
    this.#ended = true;
    if (this.timer !== null) this.timer.fire = null;
    this.#controller?.abort(reason);
  }
}
