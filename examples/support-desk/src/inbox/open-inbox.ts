/**
 * Opens an inbox: finds out what it is, by its content and then by its name, and reads it record by record. It holds one
 * record at a time, so its size does not matter. It never changes what it reads.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { csvHeader, csvRecords } from "./csv.ts";
import { entriesIn, isFolder, isMaildir, maildirMails, mailFile } from "./folder.ts";
import { jsonLines } from "./json-lines.ts";
import { mboxMails } from "./mbox.ts";
import { InboxError, type InboxRecord } from "./record.ts";

export type InboxFormat = "JSON lines" | "CSV" | "mbox" | "mail" | "maildir" | "folder" | "empty";

export interface Inbox {
  readonly path: string;
  /** What it was found to be. */
  readonly format: InboxFormat;
  /** Every record once, from the beginning. */
  readonly records: () => AsyncIterable<InboxRecord>;
}

/** So much of a file is looked at to tell its format, in bytes. */
const headLength = 64 * 1024;

/**
 * @param named its name, from the inbox on, where it lies in a folder that is one
 * @throws InboxError when it cannot be read, is none of the formats, or lacks a column
 */
export async function openInbox(path: string, named?: string): Promise<Inbox> {
  if (isFolder(path)) return openFolder(path, named === undefined ? "" : `${named}/`);
  const source = named ?? basename(path);
  const head = await headOf(path);
  const format = formatOf(path, head.text);
  const text = (): AsyncIterable<Buffer> => inUtf8(path, head.encoding);
  switch (format) {
    case "empty":
      return { path, format, records: async function* () {} };
    case "JSON lines":
      return { path, format, records: () => jsonLines(path, source, text()) };
    case "CSV":
      csvHeader(path, firstLineOf(head.text));
      return { path, format, records: () => csvRecords(path, source, text()) };
    case "mbox":
      // As bytes: each part of a mail has an encoding of its own.
      return { path, format, records: () => mboxMails(path, createReadStream(path)) };
    case "mail":
      return {
        path,
        format,
        records: async function* () {
          yield await mailFile(path);
        },
      };
  }
}

async function openFolder(path: string, within: string): Promise<Inbox> {
  if (isMaildir(path)) return { path, format: "maildir", records: () => maildirMails(path) };
  const names = entriesIn(path);
  return {
    path,
    format: "folder",
    records: async function* () {
      for (const name of names) yield* recordsOf(join(path, name), within + name);
    },
  };
}

/** What else lies in a folder is set aside as a whole; it does not keep the inboxes beside it from being read. */
async function* recordsOf(file: string, name: string): AsyncGenerator<InboxRecord> {
  let inbox: Inbox;
  try {
    inbox = await openInbox(file, name);
  } catch (error) {
    if (!(error instanceof InboxError)) throw error;
    yield { kind: "set-aside", at: { file, offset: 0 }, reason: error.message, raw: Buffer.alloc(0) };
    return;
  }
  yield* inbox.records();
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

/** Headers that a mail begins with; what servers add comes first. */
const mailHeader =
  /^(?:Return-Path|Received|Delivered-To|X-[\w-]+|DKIM-Signature|ARC-[\w-]+|Authentication-Results|From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-[\w-]+|Reply-To|Sender):/i;

/** A signature in the content decides; else the name; else what the first line looks like. */
function formatOf(path: string, text: string): Exclude<InboxFormat, "maildir" | "folder"> {
  const name = extname(path).toLowerCase();
  if (text.trim() === "") return "empty";
  if (/^From \S/.test(text)) return "mbox";
  if (name === ".eml" || mailHeader.test(text)) return "mail";
  if (text.includes("\0")) throw new InboxError("inbox/format-unknown", `${path} is no text. Read are ${readable}.`);
  if ([".jsonl", ".ndjson"].includes(name) || text.trimStart().startsWith("{")) return "JSON lines";
  if (text.trimStart().startsWith("["))
    throw new InboxError(
      "inbox/format-unknown",
      `${path} is a JSON array. Write one object to a line, without brackets.`,
    );
  return "CSV";
}

const readable = "JSON lines, CSV with a header, mbox, maildir and single mails";

function firstLineOf(text: string): string {
  return text.split(/\r?\n/).find((line) => line.trim() !== "") ?? "";
}

/** The file as UTF-8 without a byte order mark, in chunks. */
async function* inUtf8(path: string, encoding: Head["encoding"]): AsyncGenerator<Buffer> {
  const decoder = encoding === "utf-8" ? undefined : new TextDecoder(encoding);
  let first = true;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes = decoder === undefined ? chunk : Buffer.from(decoder.decode(chunk, { stream: true }));
    const marked = first && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    first = false;
    yield marked ? bytes.subarray(3) : bytes;
  }
}
