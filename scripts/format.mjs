/** Formats every file of the project in place. */
import { spawnSync } from "node:child_process";
import { root, tool } from "./tools.mjs";

const { status } = spawnSync(process.execPath, [tool("@biomejs/biome"), "format", "--write", "."], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
