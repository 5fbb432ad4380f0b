/**
 * The one tree of errors. An Error is a fault of the caller or the operator; a Failure is recorded in a journal.
 * Every code is listed in `error-codes.ts` and has a page under docs/errors.
 */
import { type ErrorCode, errorCodes } from "./error-codes.ts";
import type { Json } from "./json.ts";

const brand = Symbol.for("concertato.error");

/** What a ConcertatoError is made of. */
export interface ConcertatoErrorOptions {
  readonly code: ErrorCode;
  /** What happened, with the ids, then what to do. */
  readonly message: string;
  /** Whether the same call may succeed later. Default: what the code table says. */
  readonly retryable?: boolean;
  readonly details?: { readonly [key: string]: Json };
  readonly cause?: unknown;
}

/** Any fault Concertato itself reports. `ConcertatoError.is(error, code)` recognises it across copies of the library. */
export class ConcertatoError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: { readonly [key: string]: Json };

  constructor(options: ConcertatoErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ConcertatoError";
    this.code = options.code;
    this.retryable = options.retryable ?? errorCodes[options.code].retryable;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /** Where this code is explained. */
  get docs(): string {
    return `docs/errors/${this.code.replace("/", "-")}.md`;
  }

  /** True for a ConcertatoError of any copy of this library, optionally of one code. */
  static is(value: unknown, code?: ErrorCode): value is ConcertatoError {
    if (typeof value !== "object" || value === null || !(brand in value)) return false;
    // The brand is set by the constructor alone.
    return code === undefined || (value as unknown as ConcertatoError).code === code;
  }
}

/** A failure as a journal stores it. */
export interface FailureRecord {
  readonly code: string;
  readonly message: string;
  /** Which operation failed, as a path of the run ("0.2"). */
  readonly path?: string;
  readonly retryable?: boolean;
  readonly details?: { readonly [key: string]: Json };
  readonly cause?: FailureRecord;
}

/** A recorded failure, thrown where its operation was awaited. Live and on replay it carries the same fields. */
export class AgentFailure extends ConcertatoError {
  readonly record: FailureRecord;

  constructor(record: FailureRecord) {
    super({
      code: (record.code in errorCodes ? record.code : "agent/failed") as ErrorCode,
      message: record.message,
      retryable: record.retryable ?? false,
      details: record.details ?? {},
    });
    this.name = "AgentFailure";
    this.record = record;
  }
}

/** Causes of causes are kept to this depth; an error may be its own cause. */
const maxCauses = 8;

/** The record of anything thrown. Foreign errors become `agent/failed` and keep their message, name and code. Never throws. */
export function toFailureRecord(thrown: unknown, path?: string): FailureRecord {
  const at = path === undefined ? {} : { path };
  try {
    return { ...at, ...recordOf(thrown, 0) };
  } catch {
    // A value whose message or text throws when it is read.
    return { ...at, code: "agent/failed", message: "The thrown value could not be read.", retryable: false };
  }
}

function recordOf(thrown: unknown, depth: number): FailureRecord {
  if (thrown instanceof AgentFailure) return thrown.record;
  if (ConcertatoError.is(thrown)) {
    const { code, message, retryable, details } = thrown;
    return { code, message, retryable, details };
  }
  if (!(thrown instanceof Error)) return { code: "agent/failed", message: String(thrown), retryable: false };
  const details: { [key: string]: Json } = { name: String(thrown.name) };
  if ("code" in thrown && typeof thrown.code === "string") details["code"] = thrown.code;
  const record = { code: "agent/failed", message: String(thrown.message), retryable: false, details };
  if (thrown.cause === undefined || depth === maxCauses) return record;
  return { ...record, cause: recordOf(thrown.cause, depth + 1) };
}
