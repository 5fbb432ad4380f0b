/**
 * How often something may begin: the generic cell rate algorithm in its "virtual scheduling" form (ITU-T Recommendation
 * I.371, annex A; the same as a leaky bucket used as a meter). One number is kept: the theoretical arrival time (TAT), at
 * which the next cell would come if all came evenly. A cell may come early by at most the burst. Pure.
 */

/** At most `limit` a period in the long run; `burst` of them may begin at once. */
export interface RateLimit {
  readonly name: string;
  readonly limit: number;
  readonly periodMs: number;
  /** From 1 (evenly spaced) on. */
  readonly burst: number;
}

/** `tat` is what is kept from now on, granted or not. */
export type RateAnswer =
  | { readonly granted: true; readonly tat: number }
  | {
      readonly granted: false;
      /** Wall clock (ms) from which on it would be granted. */
      readonly retryAt: number;
      readonly tat: number;
    };

/**
 * @param tat what was kept of the last grant; undefined when there was none
 * @param now wall clock in ms
 */
export function rateAnswer(tat: number | undefined, now: number, { limit, periodMs, burst }: RateLimit): RateAnswer {
  const interval = periodMs / limit;
  // A clock that was set back must not block longer than a whole burst takes; and what is cut off is cut off for good, or
  // every question would be answered from its own present.
  const kept = Math.min(tat ?? now, now + interval * burst);
  const arrival = Math.max(now, kept);
  const early = arrival - now - interval * (burst - 1);
  // Sums of fractions are not exact; a thousandth of a millisecond is.
  if (early > 0.001) return { granted: false, retryAt: Math.ceil(now + early), tat: kept };
  return { granted: true, tat: arrival + interval };
}
