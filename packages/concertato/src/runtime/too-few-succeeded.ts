/** The failure of what needed successes and can no longer get them: every cause is in it, by branch or item. */
import type { FailureRecord } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";

/**
 * @param what "branches" or "items"
 * @param causes what failed, by name of the branch or index of the item
 */
export function tooFewSucceeded(
  path: string,
  what: "branches" | "items",
  counts: { readonly needed: number; readonly of: number },
  causes: Readonly<Record<string, FailureRecord>>,
): FailureRecord {
  const told = Object.entries(causes).map(([name, { code, message }]) => `${name}: ${message} (${code})`);
  const why = told.length === 0 ? "" : ` ${told.slice(0, 5).join("; ")}${told.length > 5 ? "; …" : ""}`;
  const first = Object.values(causes)[0];
  return {
    code: "agent/too-few-succeeded",
    message: `Of ${counts.of} ${what} at ${path}, ${told.length} failed, and ${counts.needed} had to succeed.${why}`,
    path,
    retryable: false,
    // Failure records are JSON: that is how journals keep them.
    details: { needed: counts.needed, of: counts.of, causes: causes as unknown as { readonly [key: string]: Json } },
    ...(first === undefined ? {} : { cause: first }),
  };
}
