#!/usr/bin/env node
/** The `concertato` command. Everything is in cli.ts; here the process comes in. */
import { constants } from "node:os";
import { runCli } from "./cli.ts";
import { openDisplay } from "./views/display.ts";

// Whoever reads us may stop reading (`| head`): then nobody wants the rest.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const args = process.argv.slice(2);
process.exitCode = await runCli(args, {
  display: openDisplay(process.stdout, process.stderr, process.env, !args.includes("--no-color")),
  directory: process.cwd(),
  environment: process.env,
  now: () => Date.now(),
  invokedAs: process.env["npm_lifecycle_event"] === "concertato" ? "npm run concertato --" : "concertato",
  stdin: process.stdin,
  prompt: process.stderr,
  interrupted,
});

function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // 128 and the signal's number, as shells tell it.
      if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
      controller.abort(signal);
    });
  }
  return controller.signal;
}
