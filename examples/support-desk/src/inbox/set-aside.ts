/**
 * Keeps the records of an inbox that are no messages: one JSON line each, with the place, the reason and the record as it
 * stands, so that a person can mend it and hand it in again. Written anew each time the inbox is read, and only its owner
 * may read it: it is as private as the inbox.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { keyOf, type SetAside } from "./record.ts";

export interface SetAsideFile extends Disposable {
  readonly add: (record: SetAside) => void;
  /** Gives the file its name, when anything is in it; where it lies. */
  readonly finish: () => string | undefined;
}

/** Opens the file for one inbox in a folder. Crash before `finish`: the earlier file is still there. */
export function openSetAside(folder: string, inbox: string): SetAsideFile {
  const file = join(folder, `${basename(inbox)}-${keyOf(inbox).slice(0, 8)}.jsonl`);
  const draft = `${file}.${process.pid}.tmp`;
  let handle: number | undefined;
  const close = (): void => {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
  };
  return {
    add: ({ at, reason, raw }) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      handle ??= openSync(draft, "w", 0o600);
      const text = raw.toString("utf8");
      const record = Buffer.from(text).equals(raw) ? { text } : { base64: raw.toString("base64") };
      writeSync(handle, `${JSON.stringify({ ...at, reason, ...record })}\n`);
    },
    finish: () => {
      const some = handle !== undefined;
      close();
      if (some) renameSync(draft, file);
      else rmSync(file, { force: true });
      return some ? file : undefined;
    },
    [Symbol.dispose]: () => {
      const torn = handle !== undefined;
      close();
      if (torn) rmSync(draft, { force: true });
    },
  };
}
