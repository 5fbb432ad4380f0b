/**
 * Makes what is published of the core: few files, because finding and opening 170 of them was four fifths of an import
 * (docs/decisions/0013). Inputs are what package.json exports and the programs of worker threads, which must lie beside
 * the file that starts them. Types are tsc's own, one file for each source.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { root } from "./tools.mjs";

const core = join(root, "packages", "concertato");
const dist = join(core, "dist");

/** Writes the JavaScript of the core's `dist`; types and other files there stay. */
export async function bundleCore() {
  removeScripts(dist);
  const bundle = await rolldown({ input: inputs(), platform: "node", external: /^[^./]/ });
  await bundle.write({
    dir: dist,
    format: "esm",
    chunkFileNames: "[name].js",
    comments: false,
    sourcemap: true,
  });
  await bundle.close();
}

/** Sources by the names that they have in `dist`. */
function inputs() {
  const { exports, bin = {} } = JSON.parse(readFileSync(join(core, "package.json"), "utf8"));
  const scripts = [...Object.values(exports).map((one) => one.default), ...Object.values(bin)];
  const named = scripts
    .filter((script) => script !== undefined)
    .map((script) => script.replace(/^(?:\.\/)?dist\/(.*)\.js$/, "$1"));
  const threads = readdirSync(join(core, "src"), { recursive: true })
    .filter((file) => file.endsWith("-worker.ts"))
    .map((file) => [file.replace(/^.*[\\/]|\.ts$/g, ""), join(core, "src", file)]);
  return Object.fromEntries([...named.map((name) => [name, join(core, "src", `${name}.ts`)]), ...threads]);
}

/** What an earlier build left: a chunk may have another name now. */
function removeScripts(folder) {
  for (const file of readdirSync(folder, { recursive: true })) {
    if (/\.js(?:\.map)?$/.test(file)) rmSync(join(folder, file));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleCore();
