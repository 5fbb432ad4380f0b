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

/**
 * Milliseconds of a duration: a number of milliseconds, or text such as "500ms", "1.5s", "2m", "4h", "2d", "1w".
 * @throws ConcertatoError `runtime/duration` for anything else, negative or infinite values included
 */
export function durationMs(duration: string | number): number {
  if (typeof duration === "number") {
    if (Number.isFinite(duration) && duration >= 0) return duration;
  } else {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(duration.trim());
    if (match) return Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0);
  }
  throw new ConcertatoError({
    code: "runtime/duration",
    message: `"${String(duration)}" is not a duration. Write milliseconds as a number, or text like 500ms, 30s, 5m, 4h, 2d.`,
    details: { duration: String(duration) },
  });
}
