/**
 * Recorded calls of models and tools as a file: one JSON line for each call, with what was asked and what came back.
 * Headers, raw bodies and addresses are never written, and the values of environment variables that hold secrets are
 * replaced by the variables' names wherever they appear.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { base64 } from "../agents/base64.ts";
import { type ErrorCode, errorCodes } from "../kernel/error-codes.ts";
import { ConcertatoError } from "../kernel/errors.ts";

/** What a model was asked, as far as its answer depends on it: nothing of how it was sent. */
export type RecordedRequest = Omit<LanguageModelV4CallOptions, "abortSignal" | "headers" | "includeRawChunks">;

/** What went wrong, as far as a caller can tell it apart. */
export interface RecordedError {
  readonly name: string;
  readonly message: string;
  readonly statusCode?: number;
  readonly isRetryable?: boolean;
  /** `retry-after` and `retry-after-ms` alone. */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** Of an error of Concertato. */
  readonly code?: string;
}

/** One call. */
export type RecordedCall =
  | {
      readonly v: 1;
      readonly kind: "model";
      readonly provider: string;
      readonly model: string;
      readonly request: RecordedRequest;
      /** What came back, in pieces as in a stream. */
      readonly parts: readonly LanguageModelV4StreamPart[];
      /** It failed, after these pieces. */
      readonly error?: RecordedError;
    }
  | {
      readonly v: 1;
      readonly kind: "tool";
      readonly tool: string;
      readonly input: unknown;
      readonly output?: unknown;
      readonly error?: RecordedError;
    };

/** A file that is being written. It begins anew with the first call of this process. */
export class RecordingFile {
  readonly path: string;
  #begun = false;

  constructor(path: string) {
    this.path = path;
  }

  add(call: RecordedCall): void {
    const line = `${withoutSecrets(JSON.stringify(call, storable))}\n`;
    if (this.#begun) return appendFileSync(this.path, line);
    this.#begun = true;
    mkdirSync(dirname(this.path), { recursive: true });
    writeFileSync(this.path, line);
  }
}

/**
 * The calls of a file.
 * @throws Error when there is no such file, or it is no recording
 */
export function readRecording(path: string, kind: RecordedCall["kind"]): readonly RecordedCall[] {
  if (!existsSync(path)) {
    throw new Error(`There is no recording ${path}. Run the test once with record(…) in place of replayed(…).`);
  }
  const lines = readFileSync(path, "utf8").split("\n");
  const calls = lines.flatMap((line, index) => (line === "" ? [] : [readCall(line, `${path}, line ${index + 1}`)]));
  const other = calls.find((call) => call.kind !== kind);
  if (other !== undefined) throw new Error(`${path} has recorded calls of a ${other.kind}, not of a ${kind}.`);
  return calls;
}

function readCall(line: string, where: string): RecordedCall {
  let call: Partial<RecordedCall>;
  try {
    call = JSON.parse(line) as Partial<RecordedCall>;
  } catch (cause) {
    throw new Error(`${where} is not JSON. Record it anew.`, { cause });
  }
  if (call.v !== 1 || (call.kind !== "model" && call.kind !== "tool")) {
    throw new Error(`${where} is no recorded call. Record it anew.`);
  }
  return call as RecordedCall;
}

/** What is recorded of a request. */
export function requestOf(options: LanguageModelV4CallOptions): RecordedRequest {
  const { abortSignal: _signal, headers: _headers, includeRawChunks: _raw, ...request } = options;
  return request;
}

/** What is recorded of an error: never its headers but for how long to wait, nor its request, its address or its body. */
export function recordedError(error: unknown): RecordedError {
  const given = (typeof error === "object" && error !== null ? error : {}) as {
    readonly name?: unknown;
    readonly message?: unknown;
    readonly statusCode?: unknown;
    readonly isRetryable?: unknown;
    readonly code?: unknown;
    readonly responseHeaders?: Readonly<Record<string, string>>;
  };
  const waits = Object.entries(given.responseHeaders ?? {}).filter(([name]) => /^retry-after(-ms)?$/i.test(name));
  return {
    name: typeof given.name === "string" ? given.name : "Error",
    message: typeof given.message === "string" ? given.message : String(error),
    ...(typeof given.statusCode === "number" ? { statusCode: given.statusCode } : {}),
    ...(typeof given.isRetryable === "boolean" ? { isRetryable: given.isRetryable } : {}),
    ...(waits.length === 0 ? {} : { responseHeaders: Object.fromEntries(waits) }),
    ...(typeof given.code === "string" ? { code: given.code } : {}),
  };
}

/** The error again, as its caller reads it. */
export function thrownError({ name, message, code, ...rest }: RecordedError): Error {
  if (code !== undefined && code in errorCodes) return new ConcertatoError({ code: code as ErrorCode, message });
  return Object.assign(new Error(message), { name, ...rest });
}

/** Bytes as base64 text, which is the other form that a request may have them in. */
function storable(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? base64(value) : value;
}

/** A call as one text: equal calls are equal texts, whatever order their fields were written in. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(JSON.parse(withoutSecrets(JSON.stringify(value ?? null, storable)))));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)]));
}

/** Shorter values are no secrets, and would be found where they mean nothing. */
const shortestSecret = 8;

function withoutSecrets(text: string): string {
  let clean = text;
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined || value.length < shortestSecret || !/KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/i.test(name))
      continue;
    // In the line it stands as JSON has it.
    clean = clean.replaceAll(JSON.stringify(value).slice(1, -1), `[${name}]`);
  }
  return clean;
}
