/** Where the house tests find the project's files. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone's folder. */
export const root: string = fileURLToPath(new URL("../../../../", import.meta.url));

/** Text of a file, by its path from the clone's folder. */
export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Files below a folder, as paths from the clone's folder, that end like this. */
export function files(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(ending))
    .sort();
}
