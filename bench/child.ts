/**
 * The process of one cell: `child.ts CELL FOLDER CORE PROFILE` prints one line of JSON, the measurement.
 * `child.ts prime FOLDER` only loads everything once, for the cache of compiled code.
 */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { CellSpec } from "./cell.ts";
import { cells, loadingCells } from "./cells.ts";
import { measure } from "./measure.ts";

const [name = "", folder = "", core = "", profile = ""] = process.argv.slice(2);
if (name === "prime") await prime();
else
  process.stdout.write(
    `${JSON.stringify(await measure(specOf(name), { folder, core: core === "" ? null : Number(core), profile: profile === "profile" }))}\n`,
  );

async function prime(): Promise<void> {
  for (const loading of loadingCells) {
    const cell = await specOf(loading).open(mkdtempSync(join(folder, "prime-")));
    await cell.check();
  }
}

function specOf(cell: string): CellSpec {
  const spec = cells.get(cell);
  if (spec === undefined) throw new Error(`There is no cell ${cell}.`);
  return spec;
}
