/** Moments: dates and ISO texts at the edge, milliseconds since 1970 inside. */
import { ConcertatoError } from "./errors.ts";

/** A date, a date and a time with its zone, or a date alone (midnight UTC): what means the same everywhere. */
const iso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/;

/**
 * Milliseconds since 1970 of a moment: a Date, an ISO text with its zone ("2026-12-24T18:00:00Z"), or milliseconds.
 * @throws ConcertatoError `runtime/moment` for anything else; a text without zone would mean another moment on another machine
 */
export function momentMs(when: Date | string | number): number {
  const ms = typeof when === "string" ? parsed(when.trim()) : Math.ceil(Number(when));
  // What a Date can hold.
  if (Math.abs(ms) <= 8.64e15) return ms;
  throw new ConcertatoError({
    code: "runtime/moment",
    message: `"${String(when)}" is not a moment. Pass a Date, milliseconds since 1970, or an ISO text with its zone such as 2026-12-24T18:00:00Z.`,
    details: { moment: String(when) },
  });
}

function parsed(text: string): number {
  // oxlint-disable-next-line no-restricted-globals -- reads a text and no clock
  return iso.test(text) ? Date.parse(text) : Number.NaN;
}
