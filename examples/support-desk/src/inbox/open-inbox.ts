/**
 * Opens an inbox: finds out what it is, by its content and then by its name, and reads it record by record. It holds one
 * record at a time, so its size does not matter. It never changes what it reads.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { extname } from "node:path";
import { csvHeader, csvRecords } from "./csv.ts";
import { jsonLines } from "./json-lines.ts";
import { InboxError, type InboxRecord } from "./record.ts";

export type InboxFormat = "JSON lines" | "CSV" | "nothing";

export interface Inbox {
  readonly path: string;
  /** What it was found to be. */
  readonly format: InboxFormat;
  /** Every record once, from the beginning. */
  readonly records: () => AsyncIterable<InboxRecord>;
}

/** So much of a file is looked at to tell its format, in bytes. */
const headLength = 64 * 1024;

/** @throws InboxError when it cannot be read, is none of the formats, or lacks a column */
export async function openInbox(path: string): Promise<Inbox> {
  const head = await headOf(path);
  const format = formatOf(path, head.text);
  const chunks = (): AsyncIterable<Buffer> => decoded(path, head.encoding);
  switch (format) {
    case "nothing":
      return { path, format, records: async function* () {} };
    case "JSON lines":
      return { path, format, records: () => jsonLines(path, chunks()) };
    case "CSV":
      csvHeader(path, firstLineOf(head.text));
      return { path, format, records: () => csvRecords(path, chunks()) };
  }
}

interface Head {
  readonly encoding: "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";
  /** The beginning, decoded, without a byte order mark. */
  readonly text: string;
}

async function headOf(path: string): Promise<Head> {
  try {
    await using file = await open(path, "r");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headLength), 0, headLength, 0);
    const bytes = buffer.subarray(0, bytesRead);
    const encoding = encodingOf(bytes, bytesRead < headLength);
    return { encoding, text: new TextDecoder(encoding).decode(bytes) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InboxError("inbox/unreadable", `${path} cannot be read (${why}). Pass an existing file with --inbox.`, {
      cause: error,
    });
  }
}

/** By its mark; else UTF-8, unless the beginning shows that it is not: then what spreadsheets on Windows write. */
function encodingOf(bytes: Buffer, whole: boolean): Head["encoding"] {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  try {
    // Where the file goes on, its last character may be torn: `stream` does not mind.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !whole });
    return "utf-8";
  } catch {
    return "windows-1252";
  }
}

/** A signature in the content decides; else the name; else what the first line looks like. */
function formatOf(path: string, text: string): InboxFormat {
  if (text.trim() === "") return "nothing";
  const name = extname(path).toLowerCase();
  if ([".jsonl", ".ndjson"].includes(name) || text.trimStart().startsWith("{")) return "JSON lines";
  if (text.trimStart().startsWith("["))
    throw new InboxError(
      "inbox/format-unknown",
      `${path} is a JSON array. Write one object per line, without brackets and commas.`,
    );
  if (text.includes("\0"))
    throw new InboxError("inbox/format-unknown", `${path} is no text. Read are JSON lines and CSV with a header.`);
  return "CSV";
}

function firstLineOf(text: string): string {
  return text.split(/\r?\n/).find((line) => line.trim() !== "") ?? "";
}

/** The file as UTF-8 without a byte order mark, in chunks. */
async function* decoded(path: string, encoding: Head["encoding"]): AsyncGenerator<Buffer> {
  const decoder = encoding === "utf-8" ? undefined : new TextDecoder(encoding);
  let first = true;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes = decoder === undefined ? chunk : Buffer.from(decoder.decode(chunk, { stream: true }));
    const marked = first && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    first = false;
    yield marked ? bytes.subarray(3) : bytes;
  }
}
