/**
 * `npm run lock`: brings package-lock.json up to date after a package.json changed, for every platform.
 *
 * `npm install` alone does not do here. It builds the lock partly from node_modules, and it leaves out what is optional
 * on another platform when the registry at hand does not carry it (mirrors often do not); `npm ci` then refuses the file,
 * on every platform. So this works in a folder that has no node_modules, and adds what was left out by version and
 * platform, without a hash: such a package is only ever fetched on its own platform.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { node, npm, root } from "./tools.mjs";

const folder = mkdtempSync(join(tmpdir(), "concertato-lock-"));
try {
  for (const file of [...manifests(), ".npmrc", "package-lock.json"]) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(folder, file), { recursive: true });
  }
  const { code } = await node([npm(), "install", "--package-lock-only"], { cwd: folder, inherit: true });
  if (code !== 0) process.exit(code);
  const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  const added = addOtherPlatforms(lock.packages);
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")));
  writeFileSync(join(root, "package-lock.json"), `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json is up to date; ${added} packages of other platforms are recorded without a hash.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function manifests() {
  const members = ["packages", "examples"].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(parent, name)),
  );
  return ["", ...members].map((path) => join(path, "package.json")).filter((path) => existsSync(join(root, path)));
}

/** Adds every optional dependency that is named but not recorded. Answers how many have no hash. */
function addOtherPlatforms(packages) {
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isRecorded(packages, path, name)) continue;
      if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`${path} wants ${name}@${version}: not an exact version.`);
      const found = { dev: entry.dev, optional: true, ...platformOf(name) };
      const known = Object.entries(found).filter(([, value]) => value !== undefined);
      packages[`node_modules/${name}`] = { version, ...Object.fromEntries(known.sort(([a], [b]) => (a < b ? -1 : 1))) }; // npm's own order
    }
  }
  return Object.entries(packages).filter(
    ([path, entry]) => path.includes("node_modules/") && !entry.link && !entry.integrity,
  ).length;
}

/** As Node looks for it: in the package's own node_modules, then in those above it. */
function isRecorded(packages, path, name) {
  for (let at = path; ; at = dirname(at)) {
    if (at === ".") return `node_modules/${name}` in packages;
    if (`${at}/node_modules/${name}` in packages) return true;
  }
}

/** Platform packages say in their name where they run: `binding-linux-x64-musl`. */
function platformOf(name) {
  const words = name.split("/").at(-1).split("-");
  const pick = (known) => known.filter((word) => words.includes(word));
  const cpu = pick(["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"]);
  const os = pick([
    "aix",
    "android",
    "darwin",
    "freebsd",
    "linux",
    "netbsd",
    "openbsd",
    "openharmony",
    "sunos",
    "win32",
  ]);
  if (words.includes("ppc64le")) cpu.push("ppc64");
  if (cpu.length + os.length === 0) throw new Error(`${name} is not in the registry and its name tells no platform.`);
  const libc = words.some((word) => word.startsWith("musl"))
    ? ["musl"]
    : words.some((word) => word.startsWith("gnu"))
      ? ["glibc"]
      : [];
  const orNone = (values) => (values.length > 0 ? values : undefined);
  return { cpu: orNone(cpu), libc: orNone(libc), os: orNone(os) };
}
