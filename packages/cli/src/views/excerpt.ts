/** Recorded operations around a place, marked like a diff: what the journal has in red, what the code asked for in green. */
import type { ExcerptLine } from "concertato";
import type { Display, Tone } from "./display.ts";

const tones: Readonly<Record<ExcerptLine["mark"], Tone>> = { " ": "quiet", "-": "bad", "+": "good" };
const said: Readonly<Record<ExcerptLine["mark"], string>> = { " ": "", "-": "  recorded", "+": "  the code now" };

export function printExcerpt({ out, paint }: Display, lines: readonly ExcerptLine[]): void {
  const paths = Math.max(...lines.map(({ path }) => path.length), 0);
  const operations = Math.max(...lines.map(({ operation }) => operation.length), 0);
  for (const { mark, seq, path, operation } of lines) {
    const place = `${String(seq ?? "").padStart(6)}  ${path.padEnd(paths)}`;
    out(paint(tones[mark], `  ${mark} ${place}  ${operation.padEnd(operations)}${said[mark]}`.trimEnd()));
  }
}

/** The excerpt that the failure of a diverged run holds. */
export function excerptIn(details: unknown): readonly ExcerptLine[] {
  const { excerpt } = (details ?? {}) as { readonly excerpt?: unknown };
  return Array.isArray(excerpt) ? (excerpt as readonly ExcerptLine[]) : [];
}
