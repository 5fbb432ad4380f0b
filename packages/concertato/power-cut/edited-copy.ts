/** Makes a copy of the source with some places edited; the writer that is started from there runs on that source. */
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One place of the source, written otherwise. */
export interface Edit {
  /** Below `src`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), "..");

/** A package that finds itself under its own name, as the copied writer imports it. */
const manifest = { name: "concertato", type: "module", exports: { ".": "./src/index.ts" } };

/** Answers the address of the copied writer. */
export async function editedWriter(edits: readonly Edit[], folder: string): Promise<string> {
  await mkdir(folder);
  for (const part of ["src", "torture", "power-cut"]) {
    await cp(join(packageRoot, part), join(folder, part), { recursive: true });
  }
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await symlink(join(packageRoot, "../../node_modules"), join(folder, "node_modules"), "junction");
  for (const edit of edits) await apply(edit, join(folder, "src", edit.file));
  return pathToFileURL(join(folder, "power-cut/writer.ts")).href;
}

async function apply({ file, find, replace }: Edit, path: string): Promise<void> {
  const source = await readFile(path, "utf8");
  if (source.split(find).length !== 2)
    throw new Error(`An edit is stale: src/${file} does not hold "${find}" exactly once. Update power-cut/plants.ts.`);
  await writeFile(
    path,
    source.replace(find, () => replace),
  );
}
