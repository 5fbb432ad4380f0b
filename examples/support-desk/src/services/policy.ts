/** The policy as data: its numbered clauses, read from policy.md once. */
import { readFileSync } from "node:fs";

/** Clause number to text. */
export const policy: ReadonlyMap<string, string> = readPolicy(
  readFileSync(new URL("../../policy.md", import.meta.url), "utf8"),
);

function readPolicy(page: string): ReadonlyMap<string, string> {
  return new Map(
    [...page.matchAll(/^- \*\*(\d+\.\d+)\*\* (.+)$/gm)].map(([, clause = "", text = ""]) => [clause, text]),
  );
}
