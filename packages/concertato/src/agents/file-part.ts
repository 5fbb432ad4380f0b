/**
 * Images, sounds and documents as parts of messages: JSON, so that a journal keeps them. A large one is stored once under its
 * hash and referred to where the same value is handed on; people are shown a line about it and not its bytes.
 */
import type { LanguageModelV4FilePart } from "@ai-sdk/provider";
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { ConcertatoError } from "../kernel/errors.ts";
import { base64 } from "./base64.ts";
import type { MessagePart } from "./messages.ts";

/** A file in a message: its bytes as base64 text. */
export interface FilePart extends LanguageModelV4FilePart {
  readonly data: { readonly type: "data"; readonly data: string };
}

export interface FilePartOptions {
  /** `image/png`, `audio/wav`, `application/pdf`. */
  readonly mediaType: string;
  /** Shown to people, and to models that read names. */
  readonly name?: string;
}

/**
 * A file for a model.
 * @param data its bytes, or base64 text of them
 * @throws ConcertatoError `agent/input-invalid` for a media type that is none, or text that is no base64
 * @example
 * await ctx.run(reader, [{ type: "text", text: "What was paid?" }, filePart(bytes, { mediaType: "image/png", name: "receipt.png" })]);
 */
export function filePart(data: Uint8Array | string, { mediaType, name }: FilePartOptions): FilePart {
  if (!/^[a-z]+\/[\w.+-]+$/i.test(mediaType))
    throw invalid(`"${mediaType}" is no media type; write one like image/png`);
  const text = typeof data === "string" ? data : base64(data);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw invalid("its data is no base64 text");
  return {
    type: "file",
    mediaType,
    data: { type: "data", data: text },
    ...(name === undefined ? {} : { filename: name }),
  };
}

function invalid(why: string): ConcertatoError {
  return new ConcertatoError({
    code: "agent/input-invalid",
    message: `A file part cannot be made: ${why}.`,
    details: { why },
  });
}

/** Whether a value is a file in a message. */
export function isFilePart(value: unknown): value is FilePart {
  if (typeof value !== "object" || value === null || !("type" in value) || value.type !== "file") return false;
  const { data, mediaType } = value as { readonly data?: { readonly data?: unknown }; readonly mediaType?: unknown };
  return typeof mediaType === "string" && typeof data?.data === "string";
}

/** Text and files, and nothing else. */
export function areParts(value: unknown): value is readonly MessagePart[] {
  return Array.isArray(value) && value.length > 0 && value.every((part) => isText(part) || isFilePart(part));
}

function isText(part: unknown): boolean {
  const { type, text } = (part ?? {}) as { readonly type?: unknown; readonly text?: unknown };
  return type === "text" && typeof text === "string";
}

/** Input of an agent that takes text, or text with files: `agent({ …, input: textOrParts })`. */
export const textOrParts: StandardSchemaV1<string | readonly MessagePart[]> &
  StandardJSONSchemaV1<string | readonly MessagePart[]> = {
  "~standard": {
    version: 1,
    vendor: "concertato",
    validate: (value) =>
      typeof value === "string" || areParts(value)
        ? { value }
        : { issues: [{ message: "expected text, or a list of text and file parts" }] },
    // A model has no bytes to give.
    jsonSchema: { input: () => ({ type: "string" }), output: () => ({ type: "string" }) },
  },
};

/** What people see of a file: `[image/png, 12.3 kB, receipt.png]`. */
export function previewOf({ mediaType, filename, data }: FilePart): string {
  const padding = data.data.endsWith("==") ? 2 : data.data.endsWith("=") ? 1 : 0;
  const bytes = Math.max(0, (data.data.length / 4) * 3 - padding);
  return `[${[mediaType, sizeWords(bytes), ...(filename === undefined ? [] : [filename])].join(", ")}]`;
}

function sizeWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** A value with a line about each file in it, in place of the file. */
export function withPreviews(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isFilePart(value)) return previewOf(value);
  if (Array.isArray(value)) return value.map(withPreviews);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withPreviews(inner)]));
}

/** The files anywhere in a value, in their order. */
export function filesIn(value: unknown): readonly FilePart[] {
  if (typeof value !== "object" || value === null) return [];
  return isFilePart(value) ? [value] : Object.values(value).flatMap(filesIn);
}

/** A value as the message of somebody who asks: text, parts, or JSON with its files behind it. */
export function askedParts(value: unknown): string | readonly MessagePart[] {
  if (typeof value === "string" || areParts(value)) return value;
  const files = filesIn(value);
  const text = JSON.stringify(files.length === 0 ? value : withPreviews(value), null, 2);
  return files.length === 0 ? text : [{ type: "text", text }, ...files];
}
