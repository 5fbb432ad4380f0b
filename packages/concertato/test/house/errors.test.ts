/** The table of error codes, the pages under docs/errors and the codes in the sources say the same. */
import { describe, expect, test } from "vitest";
import { errorCodes } from "../../src/kernel/error-codes.ts";
import { files, read } from "./project.ts";

const table = Object.keys(errorCodes).sort();
const pages = files("docs/errors", ".md").filter((path) => !path.endsWith("README.md"));

/** Codes written in the sources, outside the table itself. */
const used = new Set(
  files("packages/concertato/src", ".ts")
    .filter((path) => !path.endsWith("kernel/error-codes.ts"))
    .flatMap((path) => codesIn(read(path))),
);

/** `code: "area/what"`, and any other string that is in an area of the table. */
function codesIn(source: string): string[] {
  const areas = [...new Set(table.map((code) => code.split("/")[0]))].join("|");
  const patterns = [/\bcode: "([a-z]+\/[a-z-]+)"/g, new RegExp(`"((?:${areas})/[a-z-]+)"`, "g")];
  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? ""));
}

describe("error codes", () => {
  test("every code has a page, and every page a code", () => {
    expect(pages).toEqual(table.map((code) => `docs/errors/${code.replace("/", "-")}.md`).sort());
  });

  test("every code in the sources is in the table", () => {
    expect([...used].filter((code) => !table.includes(code))).toEqual([]);
  });

  test("every code of the table is used in the sources", () => {
    expect(table.filter((code) => !used.has(code))).toEqual([]);
  });

  test.each(pages)("%s says what happened, why, and what to do", (path) => {
    const page = read(path);
    const code = table.find((known) => path.endsWith(`/${known.replace("/", "-")}.md`));
    expect(page.split("\n")[0]).toBe(`# ${code}`);
    const sections = page.split(/^## /m).slice(1);
    expect(sections.map((section) => section.split("\n")[0])).toEqual(["What happened", "Why", "What to do"]);
    for (const section of sections) expect(section.split("\n").slice(1).join("").trim().length).toBeGreaterThan(20);
  });
});
