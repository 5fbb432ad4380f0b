/**
 * What an inbox is read into, whatever its format: messages, and records that are none and are set aside with the reason.
 * A record is one line, one CSV row or one mail; its place says where it begins, so that a person finds it.
 */
import { createHash } from "node:crypto";
import type { Message } from "../messages.ts";

/** Where a record begins. */
export interface Place {
  readonly file: string;
  /** From 1; only where the format has lines. */
  readonly line?: number;
  /** In bytes from the beginning of the file. */
  readonly offset: number;
}

/** A message to work on. */
export interface IncomingRecord {
  readonly kind: "message";
  readonly at: Place;
  readonly message: Message;
  /** The same for the same record, whenever the inbox is read. It holds nothing of the message in clear. */
  readonly key: string;
}

/** A record that is no message, as it stands. */
export interface SetAside {
  readonly kind: "set-aside";
  readonly at: Place;
  readonly reason: string;
  readonly raw: Buffer;
}

export type InboxRecord = IncomingRecord | SetAside;

export type InboxErrorCode = "inbox/unreadable" | "inbox/format-unknown" | "inbox/columns-missing";

/** The inbox as a whole cannot be worked on; the message says why and what to do. */
export class InboxError extends Error {
  readonly code: InboxErrorCode;

  constructor(code: InboxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "InboxError";
    this.code = code;
  }
}

/** A short name for any values: the same for the same ones. */
export function keyOf(...parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** A place as people say it. */
export function placeText({ file, line, offset }: Place): string {
  return line === undefined ? `${file}, byte ${offset}` : `${file}, line ${line}`;
}
