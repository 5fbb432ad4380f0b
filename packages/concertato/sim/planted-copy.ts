/** Makes a copy of kernel and simulator with one planted bug, and loads the simulator from there. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plant } from "./plants.ts";
import type { simulate } from "./simulate.ts";

const here = dirname(fileURLToPath(import.meta.url));
const packageRoot = join(here, "..");
const workspaceModules = join(packageRoot, "../../node_modules");

/** The simulator of a planted copy; `dispose` removes the copy. */
export async function plantedSimulator(
  plant: Plant,
): Promise<{ readonly simulate: typeof simulate; readonly dispose: () => Promise<void> }> {
  const copy = await mkdtemp(join(tmpdir(), "concertato-plant-"));
  const dispose = () => rm(copy, { recursive: true, force: true });
  try {
    await cp(join(packageRoot, "src"), join(copy, "src"), { recursive: true });
    await cp(here, join(copy, "sim"), { recursive: true });
    await writeFile(join(copy, "package.json"), '{"type":"module"}\n');
    await symlink(workspaceModules, join(copy, "node_modules"), "junction");
    for (const edit of plant.edits) await plantEdit(join(copy, "src", edit.file), plant.name, edit);
    const planted = (await import(pathToFileURL(join(copy, "sim/simulate.ts")).href)) as { simulate: typeof simulate };
    return { simulate: planted.simulate, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function plantEdit(
  path: string,
  name: string,
  edit: { readonly file: string; readonly find: string; readonly replace: string },
): Promise<void> {
  const source = await readFile(path, "utf8");
  if (source.split(edit.find).length !== 2) {
    throw new Error(
      `The plant ${name} is stale: ${edit.file} does not hold its text exactly once. Update sim/plants.ts to the present source.`,
    );
  }
  await writeFile(
    path,
    source.replace(edit.find, () => edit.replace),
  );
}
