/**
 * From named fields, as JSON lines and CSV have them, to a message. Names are taken in their usual spellings. A question
 * without a sender is one from the company's web form: it is answered there. Pure.
 */
import { addressParser } from "postal-mime";
import { z } from "zod";
import { type Message, message } from "../messages.ts";
import { type InboxRecord, keyOf, type Place } from "./record.ts";

/** Spellings of each field, the first one found counts. Compared without case, blanks, "-" and "_". */
const spellings = {
  text: ["text", "body", "message", "question", "query", "content"],
  id: ["id", "messageid", "ticketid", "ticket"],
  from: ["from", "email", "sender", "address", "emailaddress", "customeremail"],
  name: ["name", "fromname", "customername", "customer"],
  subject: ["subject", "title"],
  date: ["date", "receivedat", "timestamp", "createdat", "time", "sent"],
} as const;
export type Field = keyof typeof spellings;

/** Where questions without a sender come from, and where they are answered. */
const webForm = "web-form@larkfield.test";

/** Of a longer text, so many characters are worked on; the whole stays in the inbox. */
const longestText = 100_000;

/** The field that a column or property of this name holds; undefined when it is none of ours. */
export function fieldOf(name: string): Field | undefined {
  const plain = name.toLowerCase().replaceAll(/[\s_-]/g, "");
  return fieldNames.find((field) => (spellings[field] as readonly string[]).includes(plain));
}

// The keys of a constant record are its fields.
const fieldNames = Object.keys(spellings) as Field[];

/** What a record is read from. */
export interface RawRecord {
  readonly at: Place;
  readonly raw: Buffer;
  /** Which record of its file it is, from 1: names a record that has no id. */
  readonly number: number;
  /** The file's name, from the inbox on: two inboxes with the same questions are two, wherever they lie. */
  readonly source: string;
}

/** A message of these fields, or the record set aside with what is wrong. */
export function recordOf(fields: Partial<Record<Field, string>>, record: RawRecord): InboxRecord {
  const { at, raw, number, source } = record;
  const setAside = (reason: string): InboxRecord => ({ kind: "set-aside", at, reason, raw });
  const { text } = fields;
  if (text === undefined) return setAside("it has no text");
  const from = senderOf(fields.from ?? "");
  if (from === undefined) return setAside(`its sender “${fields.from}” is no e-mail address`);
  const receivedAt = dateOf(fields.date ?? "");
  if (receivedAt === undefined) return setAside(`its date “${fields.date}” is none`);
  const id = fields.id?.trim() ?? "";
  const parsed = message.safeParse({
    id: id === "" ? `${stemOf(source)}-${number}` : id,
    from: from.address,
    name: fields.name?.trim() || from.name,
    receivedAt,
    subject: fields.subject ?? "",
    body: shortened(text),
  } satisfies Message);
  if (!parsed.success) return setAside(z.prettifyError(parsed.error));
  const key = id === "" ? keyOf(source, number, raw.toString("latin1")) : keyOf("id", id);
  return { kind: "message", at, message: parsed.data, key };
}

/** A file's name as the beginning of an id: "older/questions.csv" is "older-questions". */
function stemOf(source: string): string {
  return source
    .replace(/\.\w+$/, "")
    .replaceAll(/[^\w]+/g, "-")
    .slice(-longestStem);
}

const longestStem = 24;

/** "Mira Holt <mira@example.com>", or the address alone; the web form where nobody is named. */
function senderOf(text: string): { readonly address: string; readonly name: string } | undefined {
  if (text.trim() === "") return { address: webForm, name: "" };
  const [first] = addressParser(text, { flatten: true });
  const address = z.email().safeParse(first?.address?.trim()).data;
  return address === undefined ? undefined : { address, name: first?.name ?? "" };
}

/** As ISO text. Empty when there is none: then the message counts as received when work on it begins. */
function dateOf(text: string): string | undefined {
  if (text.trim() === "") return "";
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** A text that can be worked on, and says so when it was cut. */
export function shortened(text: string): string {
  const clean = text.replaceAll("\r\n", "\n");
  if (clean.length <= longestText) return clean;
  return `${clean.slice(0, longestText)}\n[${clean.length - longestText} more characters]`;
}
