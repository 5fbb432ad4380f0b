/**
 * From a mail as it came over the wire to a message: postal-mime takes the parts and encodings apart; the text is the
 * plain part, else the HTML without its marks. Attachments are named, not read. Mail that programs sent (RFC 3834) is set
 * aside: whoever answers it makes a loop.
 */
import PostalMime, { type Email } from "postal-mime";
import { z } from "zod";
import { message } from "../messages.ts";
import { shortened } from "./fields.ts";
import { type InboxRecord, keyOf, type Place } from "./record.ts";

/** In bytes. A longer one is set aside unread. */
export const longestMail = 64 * 1024 * 1024;

/** Headers of one message, all parts together, in bytes: far beyond what mail servers let through. */
const limits = { maxNestingDepth: 64, maxHeadersSize: 1024 * 1024 };

/** Reads one mail. */
export async function mailRecord(at: Place, raw: Buffer): Promise<InboxRecord> {
  const setAside = (reason: string): InboxRecord => ({ kind: "set-aside", at, reason, raw });
  let mail: Email;
  try {
    mail = await PostalMime.parse(raw, limits);
  } catch (error) {
    return setAside(`it is no mail that can be read (${error instanceof Error ? error.message : String(error)})`);
  }
  if (mail.headers.length === 0) return setAside("it has no header of a mail");
  const automatic = automaticBy(mail);
  if (automatic !== undefined) return setAside(`a program sent it (${automatic}), so it is not answered`);
  const sender = senderOf(mail);
  if (sender === undefined) return setAside("it names no sender with an e-mail address");
  const messageId = idsIn(mail.messageId)[0];
  const key = messageId === undefined ? keyOf("mail", raw.toString("latin1")) : keyOf("mail-id", messageId);
  const parsed = message.safeParse({
    id: `mail-${key.slice(0, 8)}`,
    from: sender.address,
    name: sender.name,
    receivedAt: dateOf(mail.date),
    subject: mail.subject ?? "",
    body: await bodyOf(mail),
    ...(messageId === undefined ? {} : { thread: { messageId, references: referencesOf(mail) } }),
  });
  return parsed.success ? { kind: "message", at, message: parsed.data, key } : setAside(z.prettifyError(parsed.error));
}

/** The header that says a program wrote it: an out-of-office note, a bounce, a mailing list. */
function automaticBy({ headers }: Email): string | undefined {
  const found = headers.find(({ key, value }) => {
    const said = value.trim().toLowerCase();
    if (key === "auto-submitted") return said !== "no";
    if (key === "precedence") return said === "bulk" || said === "junk" || said === "list" || said === "auto_reply";
    return (key === "return-path" && said === "<>") || key === "list-id";
  });
  return found === undefined ? undefined : `${found.originalKey}: ${found.value.trim()}`;
}

function senderOf({ from }: Email): { readonly address: string; readonly name: string } | undefined {
  const first = from?.address === undefined ? from?.group?.[0] : from;
  const address = z.email().safeParse(first?.address?.trim()).data;
  return address === undefined ? undefined : { address, name: first?.name ?? "" };
}

/** Empty when the header is none: then the mail counts as received when work on it begins. */
function dateOf(text: string | undefined): string {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? "" : new Date(time).toISOString();
}

async function bodyOf({ text, html, attachments }: Email): Promise<string> {
  const plain = text?.trim() ? text : html === undefined ? "" : await textOf(html);
  const named = attachments
    .filter(({ related }) => related !== true)
    .map(({ filename, mimeType }) => `[attachment: ${filename ?? "without a name"}, ${mimeType}, not read]`);
  return [shortened(plain).trim(), ...named].join("\n");
}

/** HTML as text, as postal-mime does it for a mail that has plain and HTML parts side by side. */
async function textOf(html: string): Promise<string> {
  const part = "part";
  const mail = [
    `Content-Type: multipart/mixed; boundary=${part}`,
    "",
    `--${part}`,
    "Content-Type: text/plain",
    "",
    "",
    `--${part}`,
    "Content-Type: text/html; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    (
      Buffer.from(shownPart(html.slice(0, longestHtml)))
        .toString("base64")
        .match(/.{1,76}/g) ?? []
    ).join("\r\n"),
    `--${part}--`,
    "",
  ];
  const { text } = await PostalMime.parse(mail.join("\r\n"), limits);
  return text?.trim() ?? "";
}

/** Of HTML, so many characters are read. */
const longestHtml = 1_000_000;
const hidden = /<(?:(style|script|head|title)\b|!--)/g;

/** HTML without what a reader never sees. One pass, also where nothing is ever closed. */
function shownPart(html: string): string {
  const lower = html.toLowerCase();
  const kept: string[] = [];
  let from = 0;
  for (let start = nextHidden(lower, from); start !== null; start = nextHidden(lower, from)) {
    kept.push(html.slice(from, start.index));
    const close = start[1] === undefined ? "-->" : `</${start[1]}`;
    const end = lower.indexOf(close, start.index);
    if (end < 0) return kept.join(" ");
    const after = lower.indexOf(">", end);
    from = after < 0 ? html.length : after + 1;
  }
  return [...kept, html.slice(from)].join(" ");
}

function nextHidden(lower: string, from: number): RegExpExecArray | null {
  hidden.lastIndex = from;
  return hidden.exec(lower);
}

/** The thread before this mail, oldest first; of a long one the last. */
function referencesOf({ references, inReplyTo }: Email): readonly string[] {
  return [...new Set([...idsIn(references), ...idsIn(inReplyTo)])].slice(-20);
}

function idsIn(header: string | undefined): readonly string[] {
  return header?.match(/<[^<>\s]{1,300}>/g) ?? [];
}
