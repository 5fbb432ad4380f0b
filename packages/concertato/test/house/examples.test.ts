/** Every example in the README and the guides runs as it stands, and prints what its `// =>` comments say. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { files, read, root } from "./project.ts";

/** Inside the package, so that `concertato` and `zod` are found as they would be in a user's project. */
const folder = mkdtempSync(join(root, "packages/concertato/test/house/.readme-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whole programs: a block that imports something. The others are fragments of one. */
function programs(page: string): string[] {
  return [...read(page).matchAll(/```ts\n([\s\S]*?)```/g)]
    .map((match) => match[1] ?? "")
    .filter((code) => code.startsWith("import "));
}

const pages = ["README.md", ...files("docs/guides", ".md")];

for (const page of pages) {
  programs(page).forEach((code, index) => {
    test(`${page}, example ${index + 1}, prints what it says`, () => {
      const expected = [...code.matchAll(/\/\/ => (.*)$/gm)].map((match) => match[1] ?? "");
      expect(expected.length).toBeGreaterThan(0);
      const file = join(folder, `example-${page.replaceAll(/[^a-z]/gi, "-")}-${index}.ts`);
      writeFileSync(file, code);
      const output = execFileSync(
        process.execPath,
        ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning", file],
        // An example that keeps a file keeps it here.
        { encoding: "utf8", cwd: folder, timeout: 60_000 },
      );
      expect(output.trimEnd().split("\n")).toEqual(expected);
    });
  });
}

test("the README's example is at most ten lines", () => {
  const lines = (programs("README.md")[0] ?? "")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("import "));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThanOrEqual(10);
});
