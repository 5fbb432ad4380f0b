/** The process of one cell: `child.ts CELL FOLDER CORE PROFILE`. Prints one line of JSON, the measurement. */
import { cells } from "./cells.ts";
import { measure } from "./measure.ts";

const [name = "", folder = "", core = "", profile = ""] = process.argv.slice(2);
const spec = cells.get(name);
if (spec === undefined) throw new Error(`There is no cell ${name}.`);
const measurement = await measure(spec, { folder, core: core === "" ? null : Number(core), profile: profile === "profile" });
process.stdout.write(`${JSON.stringify(measurement)}\n`);
