/** Small facts as people say them: statuses with their marks, ages, durations, values on one line. Pure. */
import type { Limits, Usage } from "concertato";
import type { Display, Marks, Tone } from "./display.ts";

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
  return shorten(value === undefined ? "" : JSON.stringify(value), columns, ellipsis);
}

function shorten(text: string, columns: number, ellipsis: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - ellipsis.length))}${ellipsis}`;
}
