/**
 * A copy of a store file while it is used. The copy is made under another name and gets its own when it is whole and on the
 * disk, so a file of that name is never half of one. If the process dies before, a `.partial` file is left, and nothing else.
 */
import { existsSync, linkSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { ConcertatoError } from "../kernel/errors.ts";
import type { BackupDone } from "../journal/store.ts";
import { syncDirectory } from "./full-sync.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { runTask } from "./sqlite-task.ts";

/**
 * @param from the store file
 * @param to a file that does not exist yet
 * @throws ConcertatoError `store/exists`, `store/full`, `store/unavailable`
 */
export async function backupFile(from: string, to: string): Promise<BackupDone> {
  if (existsSync(to)) throw exists(to);
  const partial = `${to}.${process.pid}.partial`;
  try {
    rmSync(partial, { force: true });
    await runTask({ task: "copy", file: from, to: partial });
    giveName(partial, to);
    await syncDirectory(dirname(to));
    return { path: to, bytes: statSync(to).size };
  } catch (error) {
    throw toStoreError(error, to);
  } finally {
    rmSync(partial, { force: true });
  }
}

/** A link fails where the name is taken; renaming would put the copy in the place of a file that came in between. */
function giveName(partial: string, to: string): void {
  try {
    linkSync(partial, to);
  } catch (error) {
    if (existsSync(to)) throw exists(to);
    // A file system without links.
    if (!(error instanceof Error)) throw error;
    renameSync(partial, to);
  }
}

function exists(to: string): ConcertatoError {
  return new ConcertatoError({
    code: "store/exists",
    message: `There is a file ${to} already, and a backup never replaces one. Name another file, or remove that one.`,
    details: { path: to },
  });
}
