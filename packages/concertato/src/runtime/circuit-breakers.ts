/**
 * Circuit breakers: what fails again and again is left alone for a while, so that callers turn to a backup at once and it
 * can recover (M. Nygard, "Release It!", Circuit Breaker).
 *
 *   closed ──so many failed attempts within the window──▶ open ──rest is over──▶ half-open: one attempt is the probe
 *      ▲                                                   ▲                          │
 *      └────────── the probe succeeded ────────────────────┼──────────────────────────┤
 *                                                          └── the probe failed ──────┘
 *
 * While it is open, and while the probe is under way, an attempt is not executed: its call fails with `step/circuit-open`
 * at once, and its own retry policy does not repeat it. Waiting would be shorter to write and would hold up the backup that
 * the caller has; who prefers to wait reads `retryAfterMs` and sleeps. A failure that is terminal counts as an answer: the
 * other side is there. The state is this process's own and nothing depends on it for being right: another process, or this
 * one after a restart, finds out for itself.
 */
import { durationMs } from "../kernel/duration.ts";
import { ConcertatoError, type FailureRecord } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import type { World } from "../kernel/world.ts";
import type { Breaker, CircuitPolicy } from "./agent.ts";
import type { Operation } from "./operation.ts";

/** How a circuit stands; one that has not failed lately is not listed. */
export interface BreakerSummary {
  readonly name: string;
  readonly state: "closed" | "open" | "half-open";
  /** Failed attempts that count at present. */
  readonly failures: number;
  /** Attempts that were not executed since it opened. */
  readonly refused: number;
  /** Code of the last failure. */
  readonly lastFailure: string;
  /** Wall clock (ms) at which it opened, and from which on a probe may go through. */
  readonly openedAt?: number;
  readonly until?: number;
}

/** What one breaker guards, as this process has seen it. */
interface Circuit {
  /** Times of failed attempts, by the monotonic clock; as many as count. */
  failures: number[];
  lastFailure: string;
  withinMs: number;
  refused: number;
  /** Null: closed. */
  open: { readonly at: number; readonly until: number; readonly untilMonotonic: number } | null;
  probe: Operation | null;
}

/** Circuits that are kept; beyond that, those that are closed and quiet are forgotten. */
const kept = 1_000;

/**
 * A breaker as it is declared, checked.
 * @param name what stands for it where it has no name of its own
 * @throws ConcertatoError `agent/limits`, `runtime/duration`
 */
export function circuitPolicy(name: string, breaker: Breaker | undefined): CircuitPolicy | undefined {
  if (breaker === undefined) return undefined;
  const { failures = 5, within = "1m", rest = "30s" } = breaker;
  const whole = Number.isSafeInteger(failures) && failures >= 1;
  const [withinMs, restMs] = [durationMs(within), durationMs(rest)];
  if (!whole) throw malformed(name, "failures", failures);
  if (withinMs === 0) throw malformed(name, "within", within);
  if (restMs === 0) throw malformed(name, "rest", rest);
  return { name: breaker.name ?? name, failures, withinMs, restMs };
}

function malformed(name: string, what: string, value: unknown): ConcertatoError {
  return new ConcertatoError({
    code: "agent/limits",
    message: `${name} declares breaker.${what} ${String(value)}. Use whole numbers from 1 on, and lengths of time such as "30s".`,
    details: { agent: name, what: `breaker.${what}`, value: String(value) },
  });
}

export class CircuitBreakers {
  readonly #world: World;
  readonly #circuits = new Map<string, Circuit>();
  /** What settles a doubt is done whatever the circuit: not doing it would be recorded as a failure, and it may have happened. */
  readonly #exempt = new WeakSet<Operation>();

  constructor(world: World) {
    this.#world = world;
  }

  exempt(operation: Operation): void {
    this.#exempt.add(operation);
  }

  /** Why an attempt would not be executed now; null when it would. Changes nothing but the count of refusals. */
  refusal(operation: Operation): FailureRecord | null {
    const policy = operation.work?.leaf.breaker;
    const circuit = policy === undefined ? undefined : this.#circuits.get(policy.name);
    if (policy === undefined || circuit === undefined || circuit.open === null) return null;
    if (this.#exempt.has(operation)) return null;
    const left = circuit.open.untilMonotonic - this.#world.clock.monotonic();
    if (left <= 0 && !isUnderWay(circuit.probe)) return null;
    circuit.refused++;
    return circuitOpen(operation, policy.name, circuit, Math.max(1, Math.ceil(left)));
  }

  /** An attempt that begins in so many ms would still find the circuit open. */
  restsAfter(operation: Operation, ms: number): boolean {
    const open = this.#circuitOf(operation)?.open;
    return open != null && !this.#exempt.has(operation) && open.untilMonotonic > this.#world.clock.monotonic() + ms;
  }

  /** The same for one that would begin now: of those that a resting circuit lets through, the first is the probe. */
  admit(operation: Operation): FailureRecord | null {
    const refused = this.refusal(operation);
    if (refused !== null) return refused;
    const circuit = this.#circuitOf(operation);
    if (circuit?.open != null) circuit.probe = operation;
    return null;
  }

  succeeded(operation: Operation): void {
    const circuit = this.#circuitOf(operation);
    if (circuit?.open == null || circuit.probe !== operation) return;
    this.#circuits.delete(operation.work?.leaf.breaker?.name ?? "");
  }

  /**
   * An attempt failed.
   * @param terminal the other side answered, and would answer the same again
   * @returns details for its record when this failure opened the circuit
   */
  failed(operation: Operation, code: string, terminal: boolean): { readonly [key: string]: Json } | null {
    const policy = operation.work?.leaf.breaker;
    if (policy === undefined) return null;
    if (terminal) {
      this.succeeded(operation);
      return null;
    }
    const circuit = this.#circuits.get(policy.name) ?? this.#made(policy);
    // What began before it opened tells nothing new.
    if (circuit.open !== null && circuit.probe !== operation) return null;
    const now = this.#world.clock.monotonic();
    circuit.lastFailure = code;
    circuit.withinMs = policy.withinMs;
    circuit.failures = [...circuit.failures, now].filter((at) => now - at < policy.withinMs).slice(-policy.failures);
    if (circuit.open === null && circuit.failures.length < policy.failures) return null;
    return this.#open(policy, circuit, operation);
  }

  /** The circuits that are open, or have failed lately. */
  list(): readonly BreakerSummary[] {
    const now = this.#world.clock.monotonic();
    const listed: BreakerSummary[] = [];
    for (const [name, { failures, withinMs, refused, lastFailure, open }] of this.#circuits) {
      const count = failures.filter((at) => now - at < withinMs).length;
      if (open === null && count === 0) continue;
      listed.push({
        name,
        state: open === null ? "closed" : now < open.untilMonotonic ? "open" : "half-open",
        failures: count,
        refused,
        lastFailure,
        ...(open === null ? {} : { openedAt: open.at, until: open.until }),
      });
    }
    return listed;
  }

  #circuitOf({ work }: Operation): Circuit | undefined {
    return work?.leaf.breaker === undefined ? undefined : this.#circuits.get(work.leaf.breaker.name);
  }

  #made({ name, withinMs }: CircuitPolicy): Circuit {
    if (this.#circuits.size >= kept) this.#forgetQuiet();
    const circuit: Circuit = { failures: [], lastFailure: "", withinMs, refused: 0, open: null, probe: null };
    this.#circuits.set(name, circuit);
    return circuit;
  }

  #forgetQuiet(): void {
    const now = this.#world.clock.monotonic();
    for (const [name, { open, failures, withinMs }] of this.#circuits)
      if (open === null && now - (failures.at(-1) ?? 0) >= withinMs) this.#circuits.delete(name);
  }

  #open({ name, failures, restMs }: CircuitPolicy, circuit: Circuit, { path, scope }: Operation) {
    const { clock } = this.#world;
    if (circuit.open === null) circuit.refused = 0;
    const at = clock.now();
    circuit.open = { at, until: at + restMs, untilMonotonic: clock.monotonic() + restMs };
    circuit.probe = null;
    this.#world.report(
      new ConcertatoError({
        code: "step/circuit-open",
        message: `The circuit breaker "${name}" opened after ${circuit.lastFailure} at ${path} of run ${scope.run.id} (it opens at ${failures} failed attempts, or when its probe fails). For ${restMs} ms nothing that it guards is executed in this process.`,
        details: { breaker: name, restMs, runId: scope.run.id, path },
      }),
    );
    return { breaker: { name, state: "open", until: at + restMs } };
  }
}

/** One that was given up, or whose run is elsewhere, tells nothing any more: another may be the probe. */
function isUnderWay(probe: Operation | null): boolean {
  return probe !== null && probe.live && !probe.scope.dead && !probe.scope.run.dead;
}

function circuitOpen(operation: Operation, breaker: string, circuit: Circuit, retryAfterMs: number): FailureRecord {
  const { name, path, scope } = operation;
  const until = circuit.open?.until ?? 0;
  return {
    code: "step/circuit-open",
    message: `${name} at ${path} of run ${scope.run.id} was not executed: its circuit breaker "${breaker}" is open after repeated failures (last: ${circuit.lastFailure}). Turn to a backup, or try again in ${retryAfterMs} ms.`,
    path,
    retryable: true,
    details: { breaker, until, retryAfterMs, lastFailure: circuit.lastFailure },
  };
}
