/** The example at the top of the README runs as it stands, and prints what it says. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { read, root } from "./project.ts";

const example = /```ts\n([\s\S]*?)```/.exec(read("README.md"))?.[1] ?? "";

test("the README's example is at most ten lines", () => {
  const lines = example.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("import "));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThanOrEqual(10);
});

test("the README's example prints what its `// =>` comments say", () => {
  const expected = [...example.matchAll(/\/\/ => (.*)$/gm)].map((match) => match[1] ?? "");
  expect(expected.length).toBeGreaterThan(0);
  // Inside the package, so that `concertato` and `zod` are found as they would be in a user's project.
  const folder = mkdtempSync(join(root, "packages/concertato/test/house/.readme-"));
  try {
    const file = join(folder, "example.ts");
    writeFileSync(file, example);
    const output = execFileSync(
      process.execPath,
      ["--conditions=source", "--disable-warning=ExperimentalWarning", file],
      {
        encoding: "utf8",
      },
    );
    expect(output.trimEnd().split("\n")).toEqual(expected);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
