/** How the CLI ends when it cannot do what was asked, and the exit code of each end (docs/guides/command-line.md). */
import { ConcertatoError } from "concertato";

/** 0 is success. */
export const exitCodes = {
  failure: 1,
  usage: 2,
  /** No such run, or nothing waits for that. */
  notThere: 3,
  /** A limit or rule ended the run. */
  stopped: 4,
  /** The run waits for a person, and nobody can answer here. */
  waiting: 5,
  interrupted: 130,
} as const;

/** Said to the user as it stands: what happened, then what to do. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

/** What was to be said is said; the process ends with this code. */
export class SilentEnd extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`Ended with exit code ${exitCode}.`);
    this.exitCode = exitCode;
  }
}

const notThere: ReadonlySet<string> = new Set(["run/not-found", "run/not-waiting", "run/already-finished"]);

/** What was typed does not fit: a value of an option, an input. */
const usage: ReadonlySet<string> = new Set(["runtime/duration", "run/priority", "agent/input-invalid", "agent/name"]);

/** The exit code for anything thrown. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError || error instanceof SilentEnd) return error.exitCode;
  if (ConcertatoError.is(error) && notThere.has(error.code)) return exitCodes.notThere;
  if (ConcertatoError.is(error) && usage.has(error.code)) return exitCodes.usage;
  return exitCodes.failure;
}

/** An error as `--json` prints it on standard error. */
export function errorJson(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = ConcertatoError.is(error) ? { code: error.code } : {};
  return JSON.stringify({ error: { ...code, message, exitCode: exitCodeOf(error) } });
}
