/**
 * The checks that need no running code: types, lint, format, dead code, the published packages.
 * All of them run even when one fails, so that one run shows everything there is to repair.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { node, root, tool } from "./tools.mjs";

/** What is published, and so looked at from outside. */
const published = ["packages/concertato", "packages/cli", "packages/conformance", "packages/models-local"].filter(
  (path) => existsSync(join(root, path, "dist")) || existsSync(join(root, path, "src")),
);

/** In this order: `types` and `bundle` build what the later ones look at. */
const checks = [
  { name: "types", what: "tsc -b", args: [tool("typescript", "tsc"), "-b"] },
  { name: "bundle", what: "rolldown packages/concertato", args: [join(root, "scripts", "bundle.mjs")] },
  { name: "lint", what: "oxlint --type-aware", args: [tool("oxlint"), "--type-aware"] },
  { name: "format", what: "biome check", args: [tool("@biomejs/biome"), "check", "."] },
  { name: "unused", what: "knip", args: [tool("knip"), "--no-progress"] },
  ...published.map((path) => ({
    name: "package",
    what: `publint ${path}`,
    args: [tool("publint"), "run", path, "--strict"],
  })),
  {
    name: "package",
    what: "attw packages/concertato",
    args: [
      tool("@arethetypeswrong/cli", "attw"),
      "--pack",
      "packages/concertato",
      "--profile",
      "esm-only",
      "--no-emoji",
    ],
  },
  ...["5.9", "6"].map((version) => ({
    name: "types",
    what: `published types under TypeScript ${version}`,
    args: [tool(`typescript-${version}`, "tsc"), "-p", "packages/concertato/test/consumer"],
  })),
];

/** Runs every check, prints one line each and the output of those that failed. */
export async function runChecks() {
  const failures = [];
  for (const { name, what, args } of checks) {
    const began = performance.now();
    const { code, output } = await node(args);
    const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5);
    console.log(`${code === 0 ? "✓" : "✗"} ${name.padEnd(8)} ${seconds} s  ${what}`);
    if (code !== 0) failures.push({ what, output });
  }
  for (const { what, output } of failures) console.log(`\n✗ ${what}\n${output.trimEnd()}`);
  return { passed: checks.length - failures.length, failed: failures.length, skipped: 0 };
}
