#!/usr/bin/env node
/**
 * `npx concertato`: starts the command line where it is installed, in the project or beside this package, else says how to
 * get it. The command line is a package of its own (`@concertato/cli`), so that a program that only runs agents need not
 * carry it.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const found = installedCli();
if (found === undefined) {
  process.stderr.write(
    "The command line is a package of its own. Install it:  npm install @concertato/cli\nThen this command starts it.\n",
  );
  process.exitCode = 1;
} else {
  await import(pathToFileURL(found).href);
}

function installedCli(): string | undefined {
  for (const from of [join(process.cwd(), "package.json"), import.meta.filename]) {
    try {
      return createRequire(from).resolve("@concertato/cli/bin");
    } catch {
      // Not there; the next place may have it.
    }
  }
  return undefined;
}
