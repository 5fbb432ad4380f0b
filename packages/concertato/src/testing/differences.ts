/** In what two JSON values differ, for people: one line for each place, with both sides. */

/** Places that are told; the rest is counted. */
const told = 12;

const longest = 160;

/** A text for each place that differs; none when there is no difference. */
export function differences(recorded: unknown, asked: unknown): readonly string[] {
  const before = leavesOf(recorded);
  const after = leavesOf(asked);
  const lines: string[] = [];
  for (const [place, value] of before) {
    const now = after.get(place);
    if (now !== value) lines.push(lineOf(place, value, now));
  }
  for (const [place, value] of after) if (!before.has(place)) lines.push(lineOf(place, undefined, value));
  return lines;
}

/** Lines for a message; what is beyond the first few is counted. */
export function toldDifferences(lines: readonly string[]): string {
  const more = lines.length <= told ? [] : [`  and ${lines.length - told} more`];
  return [...lines.slice(0, told), ...more].join("\n");
}

function lineOf(place: string, recorded: string | undefined, asked: string | undefined): string {
  const [one, other] = shortened(recorded ?? "nothing", asked ?? "nothing");
  return `  ${place === "" ? "the whole" : place}\n    - ${one}\n    + ${other}`;
}

/** Long texts are shown from shortly before where they part. */
function shortened(one: string, other: string): readonly [string, string] {
  let same = 0;
  while (same < one.length && one[same] === other[same]) same++;
  const from = Math.max(0, same - 40);
  const cut = (text: string): string => {
    const piece = text.slice(from, from + longest);
    return `${from > 0 ? "…" : ""}${piece}${from + longest < text.length ? "…" : ""}`;
  };
  return [cut(one), cut(other)];
}

function leavesOf(value: unknown, place = "", found: Map<string, string> = new Map()): Map<string, string> {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) {
    return found.set(place, JSON.stringify(value));
  }
  for (const [name, inner] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${place}[${name}]` : place === "" ? name : `${place}.${name}`;
    leavesOf(inner, at, found);
  }
  return found;
}
