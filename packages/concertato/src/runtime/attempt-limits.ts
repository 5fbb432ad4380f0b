/** Limits as an agent declares them, checked where they are declared. */
import { durationMs } from "../kernel/duration.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import type { AttemptLimits, ConcurrencyLimit, StartRate } from "./agent.ts";

/**
 * The limits of an agent for its gate; undefined when it has none, and then it pays nothing.
 * @param name stands in lists as what an attempt waits for
 * @throws ConcertatoError `agent/limits`, `runtime/duration`
 */
export function attemptLimits<Input>(
  name: string,
  concurrency: number | ConcurrencyLimit<Input> | undefined,
  rate: StartRate<Input> | undefined,
): AttemptLimits | undefined {
  if (concurrency === undefined && rate === undefined) return undefined;
  return { name, slot: slotOf(name, concurrency), rate: rateOf(name, rate) };
}

function slotOf<Input>(name: string, concurrency: number | ConcurrencyLimit<Input> | undefined): AttemptLimits["slot"] {
  if (concurrency === undefined) return null;
  const { limit, key } = typeof concurrency === "number" ? { limit: concurrency, key: undefined } : concurrency;
  return { limit: whole(name, "concurrency", limit), key };
}

function rateOf<Input>(name: string, rate: StartRate<Input> | undefined): AttemptLimits["rate"] {
  if (rate === undefined) return null;
  const limit = whole(name, "rate.limit", rate.limit);
  const periodMs = durationMs(rate.per);
  if (periodMs === 0) throw malformed(name, "rate.per", rate.per);
  return { limit, periodMs, burst: whole(name, "rate.burst", rate.burst ?? limit), key: rate.key };
}

function whole(name: string, what: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw malformed(name, what, value);
}

function malformed(name: string, what: string, value: unknown): ConcertatoError {
  return new ConcertatoError({
    code: "agent/limits",
    message: `${name} declares ${what} ${String(value)}. Use whole numbers from 1 on, and a period such as "1s".`,
    details: { agent: name, what, value: String(value) },
  });
}
