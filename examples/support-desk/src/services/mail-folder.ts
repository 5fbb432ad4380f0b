/**
 * Where the mail server keeps what it accepted: one .eml file per mail, on disk for good before `store` answers.
 * The file name carries a hash of the Message-ID, so the names are the index, as durable as the mails themselves.
 * It never drops a duplicate: a mail that comes twice is stored twice, and everybody can see it.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { decodeWords } from "postal-mime";

export interface StoredMail {
  readonly file: string;
  readonly messageId: string | null;
}

export interface MailFolder {
  readonly directory: string;
  /** Keeps a mail. When it answers, the mail survives the loss of power. */
  readonly store: (mail: Buffer) => Promise<StoredMail>;
  /** Files of the mails with this Message-ID: none, one, or more when it was sent more than once. */
  readonly find: (messageId: string) => readonly string[];
  /** All mails, oldest first. */
  readonly list: () => readonly string[];
}

/** Opens a folder to read: lists and finds, whoever writes. */
export function readMailFolder(directory: string): Pick<MailFolder, "directory" | "find" | "list"> {
  const list = (): readonly string[] => mailsIn(directory);
  return { directory, list, find: (messageId) => list().filter((file) => file.includes(`-${hashOf(messageId)}-`)) };
}

/** The part of a file's name that stands for its Message-ID: equal for a mail that came twice. */
export function messageKeyOf(file: string): string {
  return file.split("-")[1] ?? file;
}

/** Opens a folder to write; only the mail server does, one at a time. Leftovers of a torn write are removed. */
export async function openMailFolder(directory: string, now: () => Date = () => new Date()): Promise<MailFolder> {
  const incoming = join(directory, "incoming");
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  await flushDirectory(directory);
  return { ...readMailFolder(directory), store: (mail) => store(directory, mail, now()) };
}

/** The Message-ID header of a mail, or null. */
export function messageIdOf(mail: Buffer): string | null {
  return /^message-id:\s*(<[^>\s]+>)/im.exec(headersOf(mail))?.[1] ?? null;
}

/** The id of the message that a mail of the desk answers, or null. */
export function answersOf(mail: Buffer): string | null {
  const found = /^x-answers:(.*)$/im.exec(headersOf(mail))?.[1]?.trim();
  return found === undefined ? null : decodeWords(found);
}

/** Folded headers are unfolded first. */
function headersOf(mail: Buffer): string {
  const [headers = ""] = mail.toString("latin1").split(/\r?\n\r?\n/, 1);
  return headers.replaceAll(/\r?\n[ \t]+/g, " ");
}

/**
 * The order is the promise: content on disk, then its name, then the name on disk. A crash before the rename leaves
 * a leftover that no one was promised; after it, the mail is there and a probe finds it.
 */
async function store(directory: string, mail: Buffer, at: Date): Promise<StoredMail> {
  const messageId = messageIdOf(mail);
  const time = at.toISOString().replaceAll(/[-:.]/g, "");
  const file = `${time}-${hashOf(messageId ?? "none")}-${randomBytes(4).toString("hex")}.eml`;
  const draft = join(directory, "incoming", file);
  await using handle = await open(draft, "wx", 0o600);
  await handle.writeFile(mail);
  await handle.sync();
  await rename(draft, join(directory, file));
  await flushDirectory(directory);
  return { file, messageId };
}

/** Windows cannot flush a directory and does not need it: NTFS journals names. */
async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  await using handle = await open(directory, "r");
  await handle.sync();
}

function mailsIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((file) => file.endsWith(".eml"))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function hashOf(messageId: string): string {
  return createHash("sha256").update(messageId).digest("hex").slice(0, 24);
}
