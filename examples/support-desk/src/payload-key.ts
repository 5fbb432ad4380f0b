/**
 * The key under which the desk's journal is encrypted: 32 random bytes in a file only its owner can read, made once.
 * It lies beside the data so that two commands are enough to start; whoever copies the folder has both. In earnest,
 * keep it in a secret store and pass it from there.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";

const keyLength = 32;

/** The key in the file; made first when there is none. Two processes that start at once get the same one. */
export function payloadKey(file: string): Buffer {
  const key = readKey(file) ?? makeKey(file);
  if (key.length !== keyLength)
    throw new Error(`${file} is not a key of ${keyLength} bytes. Restore it, or start afresh with --fresh.`);
  return key;
}

function readKey(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Whole and on disk before it has its name; a link never replaces a key that another process made meanwhile. */
function makeKey(file: string): Buffer {
  const draft = `${file}.${process.pid}`;
  const handle = openSync(draft, "w", 0o600);
  writeSync(handle, randomBytes(keyLength));
  fsyncSync(handle);
  closeSync(handle);
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  rmSync(draft);
  return readFileSync(file);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
