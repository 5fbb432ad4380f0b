/**
 * Loads kernel and simulator with one planted bug into this thread: every module once more, under an address that names
 * the plant, and the files that it edits with its text. The kernel as it is stays loaded beside it.
 */
import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import type { Plant } from "./plants.ts";
import type { simulate } from "./simulate.ts";

const packageRoot = new URL("..", import.meta.url).href;

/** Plants that were asked for, by name: the loader meets them again in addresses. */
const planted = new Map<string, Plant>();

/** What plants share, without its types. */
const stripped = new Map<string, string>();

/** The simulator with a planted bug. @throws Error when the plant is stale */
export async function plantedSimulator(plant: Plant): Promise<typeof simulate> {
  if (planted.size === 0) hookLoader();
  planted.set(plant.name, plant);
  const loaded = (await import(`${packageRoot}sim/simulate.ts?plant=${plant.name}`)) as { simulate: typeof simulate };
  return loaded.simulate;
}

/** The source of a file with what the plant changes in it. @throws Error when a text is not there exactly once */
export function plantedSource({ name, edits }: Plant, file: string): string {
  let source = readFileSync(new URL(`src/${file}`, packageRoot), "utf8");
  for (const edit of edits) {
    if (edit.file !== file) continue;
    if (source.split(edit.find).length !== 2)
      throw new Error(
        `The plant ${name} is stale: ${file} does not hold its text exactly once. Update sim/plants.ts to the present source.`,
      );
    source = source.replace(edit.find, () => edit.replace);
  }
  return source;
}

function hookLoader(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const [, name] = context.parentURL?.split("?plant=") ?? [];
      if (name === undefined || !resolved.url.startsWith(packageRoot)) return resolved;
      return { ...resolved, url: `${resolved.url}?plant=${name}` };
    },
    load(url, context, next) {
      const [address, name] = url.split("?plant=");
      const plant = planted.get(name ?? "");
      if (address === undefined || plant === undefined) return next(url, context);
      return { format: "module", source: sourceFor(plant, address), shortCircuit: true };
    },
  });
}

function sourceFor(plant: Plant, address: string): string {
  const file = address.slice(`${packageRoot}src/`.length);
  if (plant.edits.some((edit) => edit.file === file)) return stripTypeScriptTypes(plantedSource(plant, file));
  const known = stripped.get(address) ?? stripTypeScriptTypes(readFileSync(new URL(address), "utf8"));
  stripped.set(address, known);
  return known;
}
