/** How long to wait before an attempt is repeated. */
import { durationMs } from "../kernel/duration.ts";
import type { FailureRecord } from "../kernel/errors.ts";
import type { RetryPolicy } from "./agent.ts";

/**
 * Milliseconds before the attempt after `attempt` (from 1): doubling from `backoff` (default 1 s), at most `maxBackoff`
 * (default 1 min), a tenth more or less so that what failed together does not come back together.
 * @param random in [0, 1)
 * @throws ConcertatoError `runtime/duration` for a malformed policy
 */
export function retryWaitMs(retry: RetryPolicy, attempt: number, random: number): number {
  const longest = durationMs(retry.maxBackoff ?? "1m");
  const spread = 0.9 + 0.2 * random;
  return Math.min(longest, Math.ceil(durationMs(retry.backoff ?? "1s") * 2 ** (attempt - 1) * spread));
}

/** Longest wait that the other side may ask for, in ms: a run must not sleep for a year because a header said so. */
const longestAskedMs = 3_600_000;

/** Milliseconds that the other side asked to wait (`details.retryAfterMs`, from a `Retry-After` header); 0 when it did not. */
export function askedWaitMs({ details }: FailureRecord): number {
  const asked = details?.["retryAfterMs"];
  return typeof asked === "number" && asked > 0 ? Math.min(Math.ceil(asked), longestAskedMs) : 0;
}

/** Finds a malformed policy where it is declared, and not when the first attempt has failed. @throws ConcertatoError `runtime/duration` */
export function checkedRetry(retry: RetryPolicy | undefined): RetryPolicy | undefined {
  if (retry !== undefined) retryWaitMs(retry, 1, 0);
  return retry;
}
