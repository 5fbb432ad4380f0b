/**
 * The linter keeps imports going one way and the pure layers pure. These tests plant one violation at a time in a copy
 * of the sources and see the real linter find it: a rule that no longer bites would otherwise go unnoticed.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "./project.ts";

const core = "packages/concertato/src";

interface Violation {
  readonly guarantee: string;
  readonly file: string;
  readonly line: string;
  readonly rule: string;
}

const violations: readonly Violation[] = [
  {
    guarantee: "the kernel imports no other layer",
    file: `${core}/kernel/planted.ts`,
    line: 'export type { Entry } from "../journal/entry.ts";',
    rule: "no-restricted-imports",
  },
  {
    guarantee: "the kernel reads no clock of its own",
    file: `${core}/kernel/planted.ts`,
    line: "export const now: number = Date.now();",
    rule: "no-restricted-globals",
  },
  {
    guarantee: "the runtime does not know a store",
    file: `${core}/runtime/planted.ts`,
    line: 'import "../store/memory-store.ts";',
    rule: "no-restricted-imports",
  },
  {
    guarantee: "the runtime draws no randomness of its own",
    file: `${core}/runtime/planted.ts`,
    line: "export const dice: number = Math.random();",
    rule: "no-restricted-properties",
  },
  {
    guarantee: "the runtime sets no timers of its own",
    file: `${core}/runtime/planted.ts`,
    line: "export const timer: unknown = setTimeout(() => {}, 1);",
    rule: "no-restricted-globals",
  },
  {
    guarantee: "the journal imports nothing of Node",
    file: `${core}/journal/planted.ts`,
    line: 'export { readFileSync } from "node:fs";',
    rule: "no-restricted-imports",
  },
  {
    guarantee: "a pattern uses only what a user could use",
    file: `${core}/patterns/planted.ts`,
    line: 'export type { Entry } from "../journal/entry.ts";',
    rule: "no-restricted-imports",
  },
  {
    guarantee: "a satellite reaches the core by its name",
    file: "packages/cli/src/planted.ts",
    line: 'export type { Entry } from "../../concertato/src/journal/entry.ts";',
    rule: "no-restricted-imports",
  },
  {
    guarantee: "modules do not import each other in a circle",
    file: `${core}/kernel/planted.ts`,
    line: 'import "./planted-too.ts";',
    rule: "no-cycle",
  },
  {
    guarantee: "no promise is left unwatched",
    file: `${core}/journal/planted.ts`,
    line: "export function start(work: () => Promise<void>): void { work(); }",
    rule: "no-floating-promises",
  },
  {
    guarantee: "a switch over a union names every case",
    file: `${core}/journal/planted.ts`,
    line: 'export function size(of: "a" | "b"): void { switch (of) { case "a": break; } }',
    rule: "switch-exhaustiveness-check",
  },
  {
    guarantee: "nothing is of type any",
    file: `${core}/journal/planted.ts`,
    line: "export function take(value: any): unknown { return value; }",
    rule: "no-explicit-any",
  },
];

let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "concertato-layers-"));
  for (const file of [".oxlintrc.json", "package.json", "tsconfig.base.json", "tsconfig.package.json"]) {
    cpSync(join(root, file), join(copy, file));
  }
  for (const file of [core, "packages/concertato/package.json", "packages/concertato/tsconfig.json"]) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  writeFileSync(join(copy, core, "kernel/planted-too.ts"), 'import "./planted.ts";\n');
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "junction");
});

afterAll(() => {
  rmSync(copy, { recursive: true, force: true });
});

describe("the linter", () => {
  test.each(violations)("sees that $guarantee", async ({ file, line, rule }) => {
    const found = await lintWith(file, line);
    expect(found).toContain(rule);
  });

  test("finds none of these in the sources as they are", async () => {
    const found = await lintWith(`${core}/kernel/planted.ts`, "export const planted = true as const;");
    for (const rule of new Set(violations.map((violation) => violation.rule))) expect(found).not.toContain(rule);
  });
});

/** Names of the rules that report something about the planted file, or about any file when it is harmless. */
async function lintWith(file: string, line: string): Promise<readonly string[]> {
  const planted = join(copy, file);
  mkdirSync(dirname(planted), { recursive: true });
  writeFileSync(planted, `${line}\n`);
  try {
    const report = await lint();
    return report.diagnostics.map(({ code }) => /\((.+)\)/.exec(code)?.[1] ?? code);
  } finally {
    rmSync(planted);
  }
}

interface Report {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
}

function lint(): Promise<Report> {
  const linter = join(root, "node_modules/oxlint/bin/oxlint");
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [linter, "--type-aware", "--format=json", "packages"],
      { cwd: copy, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        try {
          // The linter's own JSON; its shape is what the assertions above rest on.
          resolve(JSON.parse(stdout) as Report);
        } catch (cause) {
          reject(new Error(`The linter gave no report: ${stderr || (error?.message ?? "no reason given")}`, { cause }));
        }
      },
    );
  });
}
