/** An entry of a journal on one line: number, time since the start, address, what happened, with which value. */
import type { Entry, EntryKind } from "concertato";
import type { Display, Tone } from "./display.ts";
import { plainLine } from "./plain-text.ts";
import { fitted, padded, widthOf } from "./text-width.ts";
import { durationWords, usageWords, valueWords, whenWords } from "./words.ts";

const tones: Partial<Record<EntryKind, Tone>> = {
  "run-started": "strong",
  result: "good",
  "attempt-failed": "bad",
  "in-doubt": "wait",
  "wait-opened": "wait",
  "signal-refused": "bad",
  diverged: "bad",
  "budget-exhausted": "bad",
  "at-risk": "wait",
  compensating: "wait",
};

const kindWidth = 16;
const pathWidth = 8;

export function entryLine(display: Display, entry: Entry, path: string, startedAt: number): string {
  const { paint, marks } = display;
  const seq = String(entry.seq).padStart(5);
  const time = `+${durationWords(Math.max(0, entry.at - startedAt))}`.padStart(9);
  const kind = fitted(entry.kind, kindWidth, marks.ellipsis);
  const name = plainLine(entry.name);
  const facts = factsOf(entry);
  const used =
    5 +
    9 +
    6 +
    Math.max(pathWidth, widthOf(path)) +
    kindWidth +
    2 +
    widthOf(name) +
    (facts === "" ? 0 : widthOf(facts) + 2);
  const room = display.width - used - 2;
  const value = room < 8 ? "" : valueOf(entry, room, display);
  return [
    paint("quiet", `${seq} ${time}`),
    paint("quiet", padded(path, pathWidth)),
    paint(toneOf(entry), padded(kind, kindWidth)),
    name,
    ...(facts === "" ? [] : [paint("quiet", facts)]),
    ...(value === "" ? [] : [value]),
  ]
    .join("  ")
    .trimEnd();
}

function toneOf({ kind, meta }: Entry): Tone {
  if (meta.failed === true) return "bad";
  if (meta.status !== undefined) return meta.status === "completed" ? "good" : "bad";
  return tones[kind] ?? "plain";
}

function factsOf({ meta, at }: Entry): string {
  const used = meta.usage === undefined ? "" : usageWords(meta.usage);
  return [
    ...(meta.status === undefined ? [] : [meta.status]),
    ...(meta.attempt === undefined ? [] : [`attempt ${meta.attempt}`]),
    ...(meta.took === undefined || meta.took < 1 ? [] : [durationWords(meta.took)]),
    ...(meta.until === undefined ? [] : [`until ${whenWords(meta.until, at)}`]),
    ...(meta.from === undefined ? [] : [`from ${plainLine(meta.from[0].split("#")[0] ?? "")}`]),
    ...(used === "" ? [] : [used]),
  ].join(", ");
}

function valueOf({ body, meta }: Entry, columns: number, { marks }: Display): string {
  const { code, message } = (typeof body === "object" && body !== null ? body : {}) as {
    readonly code?: unknown;
    readonly message?: unknown;
  };
  const isFailure = (meta.failed === true || meta.status !== undefined) && typeof message === "string";
  if (isFailure) return fitted(plainLine(`${String(code)}: ${message}`), columns, marks.ellipsis);
  return valueWords(body, columns, marks);
}
