/** W8: the package as npm would have installed it: how long its import takes, how large it is. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertEqual, type Cell } from "../cell.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

const program = `
const before = process.cpuUsage();
const began = performance.now();
const { open } = await import("concertato");
const wall = performance.now() - began;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ wallUs: wall * 1000, cpuUs: user + system, opens: typeof open }));
`;

/** A unit is one import in a process of its own. The bare start of Node is not counted. */
export async function packageImportCell(folder: string): Promise<Cell> {
  const project = join(folder, "project");
  const packages = install(project);
  let checked = 0;
  return {
    repeat: async () => {
      const output = execFileSync(process.execPath, ["import.mjs"], { cwd: project, env: bareEnvironment() });
      const { wallUs, cpuUs, opens } = JSON.parse(output.toString("utf8")) as {
        readonly wallUs: number;
        readonly cpuUs: number;
        readonly opens: string;
      };
      assertEqual(opens, "function", "open");
      checked++;
      return { units: 1, wallUs, cpuUs };
    },
    check: async () => ({ entries: checked }),
    figures: async () => ({
      packages: packages.length,
      installMb: packages.reduce((sum, name) => sum + sizeOf(join(project, "node_modules", name)), 0) / 1e6,
    }),
  };
}

/** The built package and what it needs, in an empty project. Answers their names. */
function install(project: string): readonly string[] {
  const source = join(root, "packages", "concertato");
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  for (const script of [[tsc, "-b", source], [join(root, "scripts", "bundle.mjs")]]) {
    execFileSync(process.execPath, script, { stdio: ["ignore", "ignore", "inherit"] });
  }
  const target = join(project, "node_modules", "concertato");
  mkdirSync(target, { recursive: true });
  for (const part of ["dist", "src", "package.json"])
    cpSync(join(source, part), join(target, part), { recursive: true });
  writeFileSync(join(project, "import.mjs"), program);
  const needed = closure(manifest(source));
  for (const name of needed) {
    const link = join(project, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  return ["concertato", ...needed];
}

/** Names of a package's dependencies and of theirs. */
function closure({ dependencies = {} }: Manifest): readonly string[] {
  const direct = Object.keys(dependencies);
  const nested = direct.flatMap((name) => closure(manifest(join(root, "node_modules", name))));
  return [...new Set([...direct, ...nested])];
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

function sizeOf(path: string): number {
  if (!statSync(path).isDirectory()) return path.endsWith(".tsbuildinfo") ? 0 : statSync(path).size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

/** As a user's process has it: no cache of compiled code, no condition of ours. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: _cache, NODE_OPTIONS: _options, ...rest } = process.env;
  return rest;
}
