/** Pieces of HTML that every part of the report is made of. Whatever came from a message or a record is escaped. */

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A name that links can point to. */
export function anchor(...parts: readonly string[]): string {
  return parts.map((part) => part.replaceAll(/[^\w.-]+/g, "-")).join("--");
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "no" : `${((100 * part) / whole).toFixed(1)} %`;
}

export function lasted(ms: number | undefined): string {
  if (ms === undefined) return "";
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** US dollars: nothing where no model was asked, and never a zero where nobody knows. */
export function cost(usd: number | null | undefined): string {
  if (usd === undefined) return "";
  return usd === null ? "cost unknown" : `${usd.toFixed(4)} USD`;
}

export function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
