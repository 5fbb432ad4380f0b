/** `npm run build`: what is published, made from nothing, so that no file of a deleted source stays in a package. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundleCore } from "./bundle.mjs";
import { node, root, tool } from "./tools.mjs";

for (const name of readdirSync(join(root, "packages")))
  rmSync(join(root, "packages", name, "dist"), { recursive: true, force: true });

const projects = ["packages/concertato", "packages/cli", "packages/conformance", "packages/models-local"].filter(
  (path) => existsSync(join(root, path, "src")),
);
const { code } = await node([tool("typescript", "tsc"), "-b", ...projects], { inherit: true });
if (code === 0) await bundleCore();
process.exitCode = code;
