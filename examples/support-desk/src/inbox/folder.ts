/**
 * Reads a folder: a maildir (folders `new` and `cur`, one mail to a file), or any folder of inbox files, which are read
 * one after the other by their names. It moves and marks nothing: what was answered is known by its key.
 */
import { opendirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { longestMail, mailRecord } from "./mail-message.ts";
import { InboxError, type InboxRecord } from "./record.ts";

/** The folders of a maildir that hold mail; `tmp` holds what is still being delivered. */
const maildirFolders = ["cur", "new"] as const;

export function isMaildir(folder: string): boolean {
  return maildirFolders.every((name) => isFolder(join(folder, name)));
}

/** Mails in the order of their file names, which begin with the time of delivery. */
export async function* maildirMails(folder: string): AsyncGenerator<InboxRecord> {
  const files = maildirFolders
    .flatMap((name) => entriesIn(join(folder, name)).map((file) => ({ file, path: join(folder, name, file) })))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
  for (const { path } of files) yield await mailFile(path);
}

/** One mail in a file of its own. */
export async function mailFile(path: string): Promise<InboxRecord> {
  const at = { file: path, offset: 0 };
  const content = await contentOf(path);
  return typeof content === "string"
    ? { kind: "set-aside", at, reason: content, raw: Buffer.alloc(0) }
    : mailRecord(at, content);
}

/** What is in the file, or why it is not read. */
async function contentOf(path: string): Promise<Buffer | string> {
  try {
    if (statSync(path).size <= longestMail) return await readFile(path);
    return `it is longer than ${longestMail / 1024 / 1024} MB; it stays where it is`;
  } catch (error) {
    // Another reader may have moved it from `new` to `cur` meanwhile; the next look finds it there.
    return `it cannot be read (${error instanceof Error ? error.message : String(error)})`;
  }
}

/** Names of files and folders in a folder, sorted. Hidden ones are left out, and links: they may lead in a circle. @throws InboxError */
export function entriesIn(folder: string): readonly string[] {
  const names: string[] = [];
  try {
    using directory = opendirSync(folder);
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if ((entry.isFile() || entry.isDirectory()) && !entry.name.startsWith(".")) names.push(entry.name);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InboxError("inbox/unreadable", `${folder} cannot be read (${why}).`, { cause: error });
  }
  return names.sort();
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
