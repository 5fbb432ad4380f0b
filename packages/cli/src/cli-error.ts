/** How the CLI ends when it cannot do what was asked, and the exit code of each end. */
import { ConcertatoError } from "concertato";

/** 0 is success. */
export const exitCodes = { failure: 1, usage: 2, notThere: 3 } as const;

/** Said to the user as it stands: what happened, then what to do. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

const notThere: ReadonlySet<string> = new Set(["run/not-found", "run/not-waiting", "run/already-finished"]);

/** The exit code for anything thrown. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (ConcertatoError.is(error) && notThere.has(error.code)) return exitCodes.notThere;
  return exitCodes.failure;
}
