/** The folder where the desk keeps everything, and what lies where in it. It deletes only a folder that a desk made. */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dismissServer } from "./services/mail-post.ts";

export interface DataFolder {
  readonly directory: string;
  readonly desk: string;
  readonly bank: string;
  readonly mails: string;
  readonly key: string;
  /** Records of inboxes that are no messages. */
  readonly setAside: string;
}

export function dataFolder(directory: string): DataFolder {
  return {
    directory,
    desk: join(directory, "desk.db"),
    bank: join(directory, "bank.db"),
    mails: join(directory, "mails"),
    key: join(directory, "payload.key"),
    setAside: join(directory, "set-aside"),
  };
}

export function makeFolder({ directory }: DataFolder): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The folder ${directory} cannot be made (${why}). Choose another with --data.`, { cause: error });
  }
}

/** Forgets all work, after its mail server has gone. @throws when the folder holds something else than a desk's data */
export async function clearFolder(folder: DataFolder): Promise<void> {
  if (!existsSync(folder.directory) || readdirSync(folder.directory).length === 0) return;
  if (!existsSync(folder.desk))
    throw new Error(
      `${folder.directory} is not the data of a support desk, so it is not deleted. Choose another with --data.`,
    );
  await dismissServer(folder.mails);
  rmSync(folder.directory, { recursive: true, force: true, maxRetries: 5 });
}
