/** Ends an app in good order when its process is told to go: the part of a service's life that needs the real process. */
import type { App, DrainReport } from "./app.ts";
import type { Duration } from "./runtime/context.ts";

export interface DrainOnSignalsOptions {
  /** How long work under way may take to end. Default "10s"; below what your platform waits before it kills. */
  readonly within?: Duration;
  /** Default SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Called when a signal came, before anything else. */
  readonly onSignal?: (signal: NodeJS.Signals) => void;
  /** What ends the process when the app is drained. Default: exit code 0, or 1 when work had to be broken off. */
  readonly ended?: (report: DrainReport) => void;
}

/** Stops listening; the app stays as it is. */
export type StopListening = () => void;

/**
 * Drains an app at the first signal and then ends the process: work under way ends and is recorded, everything is given
 * back, and other processes (or the next start) go on with it. A second signal ends the process at once, as a kill would.
 */
export function drainOnSignals(app: App, options: DrainOnSignalsOptions = {}): StopListening {
  const signals = options.signals ?? ["SIGTERM", "SIGINT"];
  const ended = options.ended ?? (({ unfinished }) => process.exit(unfinished.length === 0 ? 0 : 1));
  let draining = false;
  const heard = (signal: NodeJS.Signals): void => {
    // 128 and the signal's number, as shells tell it.
    if (draining) process.exit(signal === "SIGINT" ? 130 : 143);
    draining = true;
    options.onSignal?.(signal);
    app.drain({ within: options.within ?? "10s" }).then(ended, (error: unknown) => {
      process.stderr.write(`concertato: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    });
  };
  const stop = (): void => {
    for (const signal of signals) process.off(signal, heard);
  };
  for (const signal of signals) process.on(signal, heard);
  return stop;
}
