/**
 * Cuts an mbox file into mails: a line "From …" at the beginning or after an empty line starts the next one, and ">From "
 * inside a mail is "From " with one ">" taken away (mboxrd). It holds one mail at a time; one that is too long is passed
 * over and set aside by its place.
 */
import { byteLines } from "./byte-lines.ts";
import { longestMail, mailRecord } from "./mail-message.ts";
import type { InboxRecord, Place } from "./record.ts";

const separator = Buffer.from("From ");
const lineEnd = Buffer.from("\r\n");
const keptOfLong = 64 * 1024;

interface OpenMail {
  readonly at: Place;
  readonly lines: Buffer[];
  length: number;
}

export async function* mboxMails(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<InboxRecord> {
  let mail: OpenMail | undefined;
  let afterEmpty = true;
  for await (const { bytes, number, offset, cut } of byteLines(chunks, longestMail)) {
    if (afterEmpty && bytes.subarray(0, separator.length).equals(separator)) {
      if (mail !== undefined) yield await recordOf(mail);
      mail = { at: { file, line: number, offset }, lines: [], length: 0 };
    } else {
      mail ??= { at: { file, line: number, offset }, lines: [], length: 0 };
      add(mail, cut ? bytes : unquoted(bytes), cut ? longestMail + 1 : bytes.length);
    }
    afterEmpty = bytes.length === 0;
  }
  if (mail !== undefined && mail.length > 0) yield await recordOf(mail);
}

/** Of a mail that has become too long, only the beginning is kept. */
function add(mail: OpenMail, line: Buffer, length: number): void {
  const had = mail.length;
  mail.length += length + lineEnd.length;
  if (mail.length <= longestMail) mail.lines.push(line);
  else if (had <= longestMail) mail.lines.splice(1000);
}

async function recordOf({ at, lines, length }: OpenMail): Promise<InboxRecord> {
  const raw = Buffer.concat(lines.flatMap((line) => [line, lineEnd]));
  if (length <= longestMail) return mailRecord(at, raw);
  const reason = `it is longer than ${longestMail / 1024 / 1024} MB; here is its beginning`;
  return { kind: "set-aside", at, reason, raw: raw.subarray(0, keptOfLong) };
}

/** ">From " was "From ", ">>From " was ">From ". */
function unquoted(line: Buffer): Buffer {
  if (line[0] !== 0x3e) return line;
  let at = 0;
  while (line[at] === 0x3e) at++;
  return line.subarray(at, at + separator.length).equals(separator) ? line.subarray(1) : line;
}
