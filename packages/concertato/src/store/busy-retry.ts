/**
 * Waiting for another process that holds the file, from the event loop: SQLite's own busy timeout would stop this
 * process while it waits.
 */
import { randomInt } from "node:crypto";
import { setImmediate, setTimeout } from "node:timers/promises";
import { isBusy } from "./sqlite-errors.ts";

/** After so long a busy file is an error for the caller. Longer than any commit or checkpoint, shorter than a patience. */
export const busyLimitMs = 30_000;

/** Largest pause between two attempts. */
const longestPauseMs = 16;

/**
 * The pause before attempt number `attempt`, from 1. The first ones only let the event loop turn, since commits of
 * others take microseconds; then it grows, with jitter so that two processes do not meet at every try.
 */
export async function pauseBeforeRetry(attempt: number): Promise<void> {
  if (attempt <= 3) {
    await setImmediate();
    return;
  }
  const ceiling = Math.min(longestPauseMs, 2 ** (attempt - 3));
  await setTimeout(randomInt(1, ceiling + 1));
}

/**
 * Runs `work` until it is no longer refused as busy, at most `limitMs`. Every other error passes at once.
 * @param again which errors mean busy
 */
export async function retryWhileBusy<T>(
  work: () => T,
  limitMs: number = busyLimitMs,
  again: (error: unknown) => boolean = isBusy,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return work();
    } catch (error) {
      if (!again(error) || performance.now() > deadline) throw error;
    }
    await pauseBeforeRetry(attempt);
  }
}
