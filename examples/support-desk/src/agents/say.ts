/** A paragraph and what it rests on. Clauses are written "2.1"; everything else names a row: "payments p-2001". */
import type { Paragraph } from "../messages.ts";

export function say(text: string, ...sources: readonly string[]): Paragraph {
  return { text, cites: sources.map((source) => (/^\d+\.\d+$/.test(source) ? `policy ${source}` : source)) };
}
