/** Durations: strings at the edge ("30s"), milliseconds inside. */
import { ConcertatoError } from "./errors.ts";

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** 100,000 years: with any wall clock still a whole number that every store keeps exactly. */
const longestMs = 3_155_760_000_000_000;

/**
 * Whole milliseconds of a duration, rounded up (stores keep whole numbers, and nothing is over early): a number of milliseconds, or text such as "500ms", "1.5s", "2m", "4h", "2d", "1w".
 * @throws ConcertatoError `runtime/duration` for anything else, negative, infinite and endless (over 100,000 years) values included
 */
export function durationMs(duration: string | number): number {
  if (typeof duration === "number") {
    if (duration >= 0 && duration <= longestMs) return Math.ceil(duration);
  } else {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(duration.trim());
    const ms = match ? Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0) : Number.NaN;
    // 1.1 s is 1100.0000000000002 in binary fractions, and means 1100.
    if (ms <= longestMs) return Math.ceil(Number(ms.toFixed(6)));
  }
  throw new ConcertatoError({
    code: "runtime/duration",
    message: `"${String(duration)}" is not a duration. Write milliseconds as a number, or text like 500ms, 30s, 5m, 4h, 2d.`,
    details: { duration: String(duration) },
  });
}
