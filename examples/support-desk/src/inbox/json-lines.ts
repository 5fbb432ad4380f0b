/** Reads JSON lines: one object per line. A line that is no message is set aside; the next one is read as if nothing were. */
import { type ByteLine, byteLines } from "./byte-lines.ts";
import { type Field, fieldOf, recordOf } from "./fields.ts";
import type { InboxRecord } from "./record.ts";

/** In bytes. What is longer is no message for people. */
const longestLine = 32 * 1024 * 1024;

const utf8 = new TextDecoder("utf-8", { fatal: true });

export async function* jsonLines(
  file: string,
  source: string,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<InboxRecord> {
  let number = 0;
  for await (const line of byteLines(chunks, longestLine)) {
    if (isBlank(line)) continue;
    number++;
    const { bytes: raw, offset } = line;
    const at = { file, line: line.number, offset };
    const fields = fieldsIn(line);
    yield typeof fields === "string"
      ? { kind: "set-aside", at, reason: fields, raw }
      : recordOf(fields, { at, raw, number, source });
  }
}

function isBlank({ bytes }: ByteLine): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09);
}

/** The fields of a line, or what is wrong with it. */
function fieldsIn({ bytes, cut }: ByteLine): Partial<Record<Field, string>> | string {
  if (cut) return `it is longer than ${longestLine / 1024 / 1024} MB`;
  const value = parsed(bytes);
  if (typeof value === "string") return value;
  const fields: Partial<Record<Field, string>> = {};
  for (const [name, content] of Object.entries(value)) {
    const field = fieldOf(name);
    if (field === undefined || content === null || fields[field] !== undefined) continue;
    if (typeof content !== "string" && typeof content !== "number") return `its ${name} is no text`;
    fields[field] = String(content);
  }
  return fields;
}

function parsed(bytes: Buffer): object | string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return "it is not UTF-8";
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : "it is no JSON object";
  } catch {
    return "it is not JSON";
  }
}
