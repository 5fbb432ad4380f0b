/**
 * Reads CSV with a header: column `text`, and id, from, name, subject, date in their usual spellings. Rows are cut out of
 * the stream here (a row ends with a line end outside quotes) and parsed by csv-parse, one at a time: a row that is
 * broken, also one whose quote never closes, costs itself and not the rest of the file.
 */
import { CsvError, parse } from "csv-parse/sync";
import { type ByteLine, byteLines } from "./byte-lines.ts";
import { type Field, fieldOf, recordOf } from "./fields.ts";
import { InboxError, type InboxRecord } from "./record.ts";

/** In bytes: of a line, and of a row of several lines. */
const longestRow = 8 * 1024 * 1024;
/** A quote that is not closed after so many lines never will be. */
const mostLines = 10_000;
const quote = 0x22;

/** What a header says. */
export interface CsvHeader {
  readonly delimiter: string;
  readonly columns: readonly string[];
  /** Which field each column holds. */
  readonly fields: readonly (Field | undefined)[];
}

/**
 * Reads a header line.
 * @throws InboxError `inbox/columns-missing` when no column holds the text; it names the columns found
 */
export function csvHeader(file: string, line: string): CsvHeader {
  const delimiter = delimiterOf(line);
  const columns = (rowOf(Buffer.from(line), delimiter) ?? [line]).map((name) => name.trim());
  const fields = columns.map(fieldOf);
  if (!fields.includes("text")) {
    throw new InboxError(
      "inbox/columns-missing",
      `${file} has no column "text". Its columns are: ${columns.map((name) => `"${name}"`).join(", ")}. Name the one that holds the message "text"; id, from, name, subject and date are read too.`,
    );
  }
  return { delimiter, columns, fields };
}

/**
 * @param source the file's name, from the inbox on
 * @param chunks UTF-8 without a byte order mark, from the beginning of the file
 */
export async function* csvRecords(
  file: string,
  source: string,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<InboxRecord> {
  let header: CsvHeader | undefined;
  let number = 0;
  for await (const row of csvRows(byteLines(chunks, longestRow))) {
    const at = { file, line: row.line, offset: row.offset };
    if (row.bytes.length === 0) continue;
    if (header === undefined) {
      header = csvHeader(file, row.bytes.toString());
      continue;
    }
    number++;
    const fields = row.broken ?? fieldsIn(row.bytes, header);
    yield typeof fields === "string"
      ? { kind: "set-aside", at, reason: fields, raw: row.bytes }
      : recordOf(fields, { at, raw: row.bytes, number, source });
  }
}

interface CsvRow {
  readonly bytes: Buffer;
  readonly line: number;
  readonly offset: number;
  readonly broken?: string;
}

/** Lines put together to rows. Where a quote does not close, the first line is given up and the next one begins a row. */
async function* csvRows(lines: AsyncIterable<ByteLine>): AsyncGenerator<CsvRow> {
  let open: ByteLine[] = [];
  let size = 0;
  let odd = false;
  const giveUp = function* (broken: string): Generator<CsvRow> {
    const [first, ...rest] = open;
    if (first === undefined) return;
    yield { bytes: first.bytes, line: first.number, offset: first.offset, broken };
    open = [];
    size = 0;
    odd = false;
    for (const line of rest) yield* take(line);
  };
  const take = function* (line: ByteLine): Generator<CsvRow> {
    open.push(line);
    size += line.bytes.length;
    odd = odd !== hasOddQuotes(line.bytes);
    if (line.cut || size > longestRow) yield* giveUp(`it is longer than ${longestRow / 1024 / 1024} MB`);
    else if (open.length > mostLines) yield* giveUp("a quote in it does not close");
    else if (!odd) {
      const [{ number, offset } = line] = open;
      const bytes = open.length === 1 ? line.bytes : Buffer.concat(open.flatMap(({ bytes: each }) => [each, lineEnd]));
      open = [];
      size = 0;
      yield { bytes, line: number, offset };
    }
  };
  for await (const line of lines) yield* take(line);
  while (open.length > 0) yield* giveUp("a quote in it does not close");
}

const lineEnd = Buffer.from("\n");

function hasOddQuotes(bytes: Buffer): boolean {
  let odd = false;
  for (let at = bytes.indexOf(quote); at >= 0; at = bytes.indexOf(quote, at + 1)) odd = !odd;
  return odd;
}

/** The fields of a row, or what is wrong with it. */
function fieldsIn(bytes: Buffer, { delimiter, columns, fields }: CsvHeader): Partial<Record<Field, string>> | string {
  // A list of questions, one to a line, is often written without quotes: then the line is the text, commas and all.
  const bare = columns.length === 1 && bytes[0] !== quote;
  const row = bare ? [bytes.toString()] : rowOf(bytes, delimiter);
  if (row === undefined) return "its quotes are not those of CSV";
  if (row.length > columns.length)
    return `it has ${row.length} values for ${columns.length} columns; a text that holds “${delimiter}” needs quotes`;
  const found: Partial<Record<Field, string>> = {};
  for (const [index, field] of fields.entries()) {
    const value = row[index];
    if (field !== undefined && value !== undefined && found[field] === undefined) found[field] = value;
  }
  return found;
}

/** The values of one row; undefined when it is not CSV. */
function rowOf(bytes: Buffer, delimiter: string): string[] | undefined {
  try {
    const [row] = parse(bytes, { delimiter, relax_column_count: true, trim: false });
    return row ?? [];
  } catch (error) {
    if (error instanceof CsvError) return undefined;
    throw error;
  }
}

/** Comma, semicolon or tab: the one that the header has most of, outside quotes. */
function delimiterOf(line: string): string {
  const bare = line.replaceAll(/"[^"]*"/g, "");
  const count = (delimiter: string): number => bare.split(delimiter).length;
  return [",", ";", "\t"].reduce((best, each) => (count(each) > count(best) ? each : best));
}
