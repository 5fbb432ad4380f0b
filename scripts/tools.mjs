/** Where the project's tools are and how they are run: by path, with the Node that runs this, never through a shell. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone's folder. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Script of a tool installed in the clone; `command` when its name is not the package's. */
export function tool(packageName, command = packageName.split("/").at(-1)) {
  const folder = join(root, "node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof bin === "string" ? bin : bin[command]);
}

/** Runs a Node script to its end. `output` is stdout and stderr as they came; with `inherit` they go to the terminal. */
export function node(args, { cwd = root, inherit = false } = {}) {
  const child = spawn(process.execPath, args, { cwd, stdio: inherit ? "inherit" : ["ignore", "pipe", "pipe"] });
  return new Promise((done, reject) => {
    let output = "";
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      output += text;
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (code, signal) => done({ code: code ?? 1, signal, output, stdout }));
  });
}

/** npm's own script; bootstrap.mjs names it to everything it starts. */
export function npm() {
  const script = process.env["npm_execpath"];
  if (script === undefined) throw new Error("Start this through npm (npm run …), so that it knows where npm is.");
  return script;
}
