/** The libraries the project stands on are the ones it means, and the lock file says only what they are. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { read, root } from "./project.ts";

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: true;
  readonly dev?: true;
  readonly optional?: true;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly hasInstallScript?: true;
}

// Written by npm; the tests below check what they use.
const lock = JSON.parse(read("package-lock.json")) as { readonly packages: Readonly<Record<string, LockEntry>> };
const installed: readonly (readonly [string, LockEntry])[] = Object.entries(lock.packages).filter(
  ([path, entry]) => path.includes("node_modules/") && entry.link !== true,
);

test.each([
  ["@ai-sdk/provider", 4],
  ["@standard-schema/spec", 1],
  ["zod", 4],
  ["typescript", 7],
  ["vitest", 5],
])("%s is of major version %i", (name, major) => {
  const { version } = JSON.parse(read(`node_modules/${name}/package.json`)) as { version: string };
  expect(Number(version.split(".")[0])).toBe(major);
});

test("the model contract is specification v4", () => {
  const types = createRequire(`${root}packages/concertato/package.json`)
    .resolve("@ai-sdk/provider")
    .replace(/index\.m?js$/, "index.d.ts")
    .slice(root.length);
  const contract = /type LanguageModelV4 = \{([\s\S]*?)\n\};/.exec(read(types))?.[1];
  expect(contract).toMatch(/readonly specificationVersion: ['"]v4['"];/);
});

test("the lock file records no download address", () => {
  const addresses = installed.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path);
  expect(addresses).toEqual([]);
  expect(read("package-lock.json")).not.toContain("://registry");
});

test("every package that can be installed here is pinned by its hash", () => {
  const loose = installed.filter(([, entry]) => entry.version === undefined || (!entry.integrity && !entry.optional));
  expect(loose.map(([path]) => path)).toEqual([]);
  const unhashed = installed.filter(([, entry]) => !entry.integrity && !entry.os && !entry.cpu);
  expect(unhashed.map(([path]) => path)).toEqual([]);
});

test("nothing a user installs runs a script while it is installed", () => {
  const scripted = installed.filter(([, entry]) => entry.hasInstallScript && !entry.dev).map(([path]) => path);
  expect(scripted).toEqual([]);
});

test("no library takes the `concertato-source` condition for itself", () => {
  const folders = installed.map(([path]) => path).filter((path) => existsSync(join(root, path, "package.json")));
  const clashing = folders.filter((path) => {
    const { exports } = JSON.parse(read(`${path}/package.json`)) as { exports?: unknown };
    return exports !== undefined && JSON.stringify(exports).includes('"concertato-source":');
  });
  expect(clashing).toEqual([]);
});
