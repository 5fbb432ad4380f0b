#!/usr/bin/env node
/** The `concertato` command. Everything is in cli.ts; here the process comes in. */
import { runCli } from "./cli.ts";
import { openDisplay } from "./views/display.ts";

process.exitCode = await runCli(process.argv.slice(2), {
  display: openDisplay(process.stdout, process.stderr, process.env),
  directory: process.cwd(),
  environment: process.env,
  now: () => Date.now(),
  invokedAs: process.env["npm_lifecycle_event"] === "concertato" ? "npm run concertato --" : "concertato",
});
