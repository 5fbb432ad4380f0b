/**
 * An inbox on standard input: it cannot be read twice, so it is written into the data folder first, under a name that
 * follows from its content, and read from there. Once all of it is in the journal, the copy is deleted; after a crash it
 * is still there, and `--inbox` with its path goes on.
 */
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";

export interface StdinInbox {
  readonly path: string;
  /** Deletes the copy; to be called when all of it was handed in. */
  readonly done: () => void;
}

/** Reads standard input to its end. @param folder where the copy lies; only its owner may read it */
export async function keepStdin(folder: string, input: AsyncIterable<Buffer> = process.stdin): Promise<StdinInbox> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `stdin-${process.pid}.tmp`);
  const hash = createHash("sha256");
  {
    await using file = await open(draft, "w", 0o600);
    for await (const chunk of input) {
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.sync();
  }
  const path = join(folder, `stdin-${hash.digest("hex").slice(0, 12)}`);
  await rename(draft, path);
  return { path, done: () => rmSync(path, { force: true }) };
}
