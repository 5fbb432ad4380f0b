/** Small facts as people say them: statuses with their marks, ages, durations, values on one line. Pure. */
import { type Limits, type Usage, withPreviews } from "concertato";
import type { Display, Marks, Tone } from "./display.ts";
import { plainLine, plainText } from "./plain-text.ts";
import { fitted } from "./text-width.ts";

const looks: Readonly<Record<string, { readonly tone: Tone; readonly mark: keyof Marks }>> = {
  completed: { tone: "good", mark: "done" },
  waiting: { tone: "wait", mark: "wait" },
  "in-doubt": { tone: "wait", mark: "wait" },
  running: { tone: "accent", mark: "work" },
  queued: { tone: "quiet", mark: "work" },
  failed: { tone: "bad", mark: "bad" },
  diverged: { tone: "bad", mark: "bad" },
  stopped: { tone: "bad", mark: "stop" },
  cancelled: { tone: "quiet", mark: "stop" },
};

/** A status with its mark, in its colour. */
export function statusWords({ paint, marks }: Display, status: string): string {
  return paint(toneOf(status), `${markOf(marks, status)} ${status}`);
}

export function markOf(marks: Marks, status: string): string {
  return marks[looks[status]?.mark ?? "work"];
}

export function toneOf(status: string): Tone {
  return looks[status]?.tone ?? "plain";
}

const units = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
  { name: "s", ms: 1000 },
] as const;

/** "3 min": the largest whole unit. */
export function ageWords(ms: number): string {
  const unit = units.find((each) => ms >= each.ms);
  return unit === undefined ? "now" : `${Math.floor(ms / unit.ms)} ${unit.name}`;
}

/** "3 min ago", "in 3 min", "now". */
export function whenWords(at: number, now: number): string {
  const words = ageWords(Math.abs(now - at));
  if (words === "now") return words;
  return at > now ? `in ${words}` : `${words} ago`;
}

/** "12:03:11": the wall clock here. */
export function clockWords(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** "4.2 MB". */
export function sizeWords(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.ceil(bytes / 1_000)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** How long an id is when it is shortened: its end, by which every command finds it. */
const shortLength = 8;

/** The end of a run's id. */
export function shortId(runId: string): string {
  return runId.slice(-shortLength);
}

/** "12 ms", "3.4 s", "5 min": how long something took. */
export function durationWords(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : ageWords(ms);
}

/** "1204 tokens, $0.0213": what was used. Cost that nobody told is named, so that it does not pass for nothing. */
export function usageWords({ inputTokens = 0, outputTokens = 0, cost, unpriced, steps }: Usage): string {
  const tokens = inputTokens + outputTokens;
  return [
    ...(tokens === 0 ? [] : [`${tokens} tokens`]),
    ...(cost === undefined ? [] : [moneyWords(cost)]),
    ...(unpriced === undefined ? [] : [`${cost === undefined ? "" : "+ "}unknown cost of ${unpriced}`]),
    ...(steps === undefined ? [] : [`${steps} ${steps === 1 ? "step" : "steps"}`]),
  ].join(", ");
}

/** "$1, 500 tokens": what something may use. */
export function budgetWords({ usd, tokens, turns, steps, deadline }: Limits): string {
  return [
    ...(usd === undefined ? [] : [moneyWords({ amount: usd, currency: "USD" })]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
    ...(turns === undefined ? [] : [`${turns} turns`]),
    ...(steps === undefined ? [] : [`${steps} steps`]),
    ...(deadline === undefined ? [] : [`until ${new Date(deadline).toISOString()}`]),
  ].join(", ");
}

function moneyWords({ amount, currency }: { readonly amount: number; readonly currency: string }): string {
  const exact = amount.toFixed(9).replace(/0{1,7}$/, "");
  return currency === "USD" ? `$${exact}` : `${exact} ${currency}`;
}

/** A value as JSON on one line, shortened to a number of columns. */
export function valueWords(value: unknown, columns: number, { ellipsis }: Marks): string {
  return fitted(plainLine(value === undefined ? "" : JSON.stringify(withPreviews(value))), columns, ellipsis);
}

/** A value in full: text as it is, anything else as JSON. */
export function wholeWords(value: unknown): string {
  return plainText(typeof value === "string" ? value : (JSON.stringify(withPreviews(value), null, 2) ?? ""));
}
