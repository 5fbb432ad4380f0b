/**
 * `npm test`: the whole gate. Checks, then the tests, then twenty seconds of simulated crashes.
 * The last line is always `N passed, N failed, N skipped`, over all three.
 *
 * With arguments (`npm test -- journal`) only vitest runs, with those arguments.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChecks } from "./checks.mjs";
import { node, root, tool } from "./tools.mjs";

const filters = process.argv.slice(2);
const parts = filters.length > 0 ? [() => runTests(filters)] : [runChecks, () => runTests([]), runSimulator];

const total = { passed: 0, failed: 0, skipped: 0 };
for (const part of parts) {
  const { passed, failed, skipped } = await part();
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), "concertato-test-"));
  const report = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { code } = await node([tool("vitest"), "run", ...reporters, ...args], { inherit: true });
    const counts = existsSync(report)
      ? countTests(JSON.parse(readFileSync(report, "utf8")))
      : { passed: 0, failed: 0, skipped: 0 };
    // A fault outside any test (a file that does not load, an unhandled rejection) fails the run, so it counts as one.
    return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countTests(report) {
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every(({ status }) => status !== "failed"),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function runSimulator() {
  const file = "packages/concertato/sim/main.ts";
  if (!existsSync(join(root, file))) return { passed: 0, failed: 0, skipped: 0 };
  const { code } = await node([...process.execArgv, file, "--seconds", "20"], { inherit: true });
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}
