/** A stranger's test runner will do: the suite runs under node:test as it does under vitest. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the suite runs under node:test", () => {
  const program = fileURLToPath(new URL("./node-test.ts", import.meta.url));
  const { stdout, status } = spawnSync(
    process.execPath,
    ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning", "--test-reporter=tap", program],
    { encoding: "utf8" },
  );
  expect(stdout).toMatch(/# pass [1-9]\d+\n# fail 0\n# cancelled 0\n# skipped 1\n/);
  expect(status).toBe(0);
});
