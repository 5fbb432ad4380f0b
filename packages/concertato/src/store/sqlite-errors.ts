/**
 * Turns what node:sqlite throws into the errors of the store. It decides nothing about retries except what "busy" is.
 */
import { ConcertatoError } from "../kernel/errors.ts";
import type { ErrorCode } from "../kernel/error-codes.ts";

/** Primary result codes of SQLite that mean something here. */
const result = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  protocol: 15,
  notADatabase: 26,
} as const;

/** Extended code: the wal-index could not grow, which on Linux is a full disk. */
const ioErrorShmSize = 4874;

/** The SQLite result code of an error, or undefined when the error is not SQLite's. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

function primaryCode(error: unknown): number | undefined {
  const code = resultCode(error);
  return code === undefined ? undefined : code & 0xff;
}

/**
 * Another connection is in the way and the same call may succeed in a moment. `protocol` is what SQLite answers when
 * processes race to open a write-ahead log; its documentation says to try again.
 */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === result.busy || code === result.locked || code === result.protocol;
}

/** SQLite found the structure of the file damaged. */
export function isCorrupt(error: unknown): boolean {
  return primaryCode(error) === result.corrupt;
}

/** The device failed under SQLite: what the page cache shows and what the disk holds may differ from here on. */
export function isDeviceFailure(error: unknown): boolean {
  return primaryCode(error) === result.ioError && resultCode(error) !== ioErrorShmSize;
}

/** The typed error for anything thrown while working on `file`; errors that are typed already pass through. */
export function toStoreError(error: unknown, file: string): unknown {
  if (ConcertatoError.is(error)) return error;
  const code = primaryCode(error);
  if (code === undefined) return error;
  if (resultCode(error) === ioErrorShmSize) return fault("store/full", fullMessage(file), error);
  switch (code) {
    case result.busy:
    case result.locked:
    case result.protocol:
      return fault(
        "store/locked",
        `Another program held the database ${file} for too long. Close it or wait until it has finished.`,
        error,
      );
    case result.full:
      return fault("store/full", fullMessage(file), error);
    case result.notADatabase:
      return notADatabase(file, "its content is not that of a SQLite database", error);
    case result.corrupt:
      return fault("journal/damaged", `SQLite found the database ${file} damaged. Restore it from a backup.`, error);
    case result.cantOpen:
      return fault(
        "store/unavailable",
        `The database ${file} could not be opened. Check that its folder exists and may be written to.`,
        error,
      );
    case result.readOnly:
      return fault(
        "store/unavailable",
        `The database ${file} may not be written to. Check the permissions of the file and its folder.`,
        error,
      );
    case result.ioError:
      return fault(
        "store/unavailable",
        `The disk under ${file} failed a read or write. What was being written is read again before going on.`,
        error,
      );
    default:
      return error;
  }
}

/** The file exists and is not ours. */
export function notADatabase(file: string, why: string, cause?: unknown): ConcertatoError {
  return fault(
    "store/not-a-database",
    `The file ${file} is not a Concertato store: ${why}. Point at a file made by Concertato, or at a new path.`,
    cause,
  );
}

/** The store does not answer at the moment. */
export function unavailable(file: string, why: string, cause?: unknown): ConcertatoError {
  return fault(
    "store/unavailable",
    `The database ${file} takes no work now: ${why}. Read the runs again and repeat.`,
    cause,
  );
}

function fullMessage(file: string): string {
  return `No space is left for the database ${file}. Free disk space; the write was not made.`;
}

function fault(code: ErrorCode, message: string, cause: unknown): ConcertatoError {
  const sqlite = resultCode(cause);
  return new ConcertatoError({ code, message, cause, ...(sqlite === undefined ? {} : { details: { sqlite } }) });
}
