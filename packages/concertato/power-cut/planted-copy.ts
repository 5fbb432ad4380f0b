/** Makes a copy of the source with one plant in it; the writer that is started from there runs on that source. */
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type PlantName, plantOf } from "./plants.ts";

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), "..");

/** A package that finds itself under its own name, as the copied writer imports it. */
const manifest = { name: "concertato", type: "module", exports: { ".": { source: "./src/index.ts" } } };

/** Answers the address of the copied writer. */
export async function plantedWriter(name: PlantName, folder: string): Promise<string> {
  await mkdir(folder);
  for (const part of ["src", "torture", "power-cut"]) {
    await cp(join(packageRoot, part), join(folder, part), { recursive: true });
  }
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await symlink(join(packageRoot, "../../node_modules"), join(folder, "node_modules"), "junction");
  for (const { file, find, replace } of plantOf(name).edits) await edit(join(folder, "src", file), name, find, replace);
  return pathToFileURL(join(folder, "power-cut/writer.ts")).href;
}

async function edit(path: string, name: PlantName, find: string, replace: string): Promise<void> {
  const source = await readFile(path, "utf8");
  if (source.split(find).length !== 2)
    throw new Error(`The plant ${name} is stale: ${path} does not hold its text exactly once. Update plants.ts.`);
  await writeFile(
    path,
    source.replace(find, () => replace),
  );
}
