/** Runs one cell in a process of its own, pinned to the idlest core where the system can do that. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Measurement } from "./measure.ts";
import { coreBusyUs } from "./resources.ts";

/** More of the core than this went to others: the cell is measured again. */
const noisyShare = 0.05;

const attempts = 3;

/** Later than this in a run, nothing is measured again: a busy machine must not make it endless. */
const againUntilMs = 45_000;

const watchMs = 120;
const child = fileURLToPath(new URL("./child.ts", import.meta.url));

export interface PinnedOptions {
  /** Folder on a real disk, in which the cell gets one of its own. */
  readonly scratch: string;
  readonly profile: boolean;
}

/** Measures a cell; again while others were at work, a few times, and then answers the quietest. */
export async function measureCell(name: string, options: PinnedOptions): Promise<Measurement> {
  let quietest = await measureOnce(name, options);
  for (let attempt = 2; attempt <= attempts && isNoisy(quietest) && performance.now() < againUntilMs; attempt++) {
    const next = await measureOnce(name, options);
    if (shareOf(next) < shareOf(quietest)) quietest = next;
  }
  return quietest;
}

/** Others were at work on the core: times by the clock then say little, CPU times still do. */
export function isNoisy(measurement: Measurement): boolean {
  return shareOf(measurement) > noisyShare;
}

function shareOf({ othersShare }: Measurement): number {
  return othersShare ?? 0;
}

async function measureOnce(name: string, options: PinnedOptions): Promise<Measurement> {
  const core = hasTaskset() ? await idlestCore() : null;
  const output = await runChild(name, core, options);
  // Written by measure.ts of this same checkout.
  return JSON.parse(output) as Measurement;
}

/**
 * Fills the cache of compiled code. With it a cell reads plain JavaScript as the users of the published package do;
 * without it 40 MB of every cell's memory would be Node's stripper of types.
 */
export async function prime(options: PinnedOptions): Promise<void> {
  await runChild("prime", null, options);
}

async function runChild(name: string, core: number | null, options: PinnedOptions): Promise<string> {
  const folder = mkdtempSync(join(options.scratch, "cell-"));
  const pin = core === null ? [] : ["taskset", "-c", String(core)];
  const node = [
    process.execPath,
    ...process.execArgv,
    child,
    name,
    folder,
    String(core ?? ""),
    options.profile ? "profile" : "",
  ];
  const [command = "", ...args] = [...pin, ...node];
  const env = { ...process.env, NODE_ENV: "production", NODE_COMPILE_CACHE: join(options.scratch, "compiled") };
  try {
    return await outputOf(spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], env }), name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function outputOf(process: ChildProcess, name: string): Promise<string> {
  const pieces: Buffer[] = [];
  process.stdout?.on("data", (piece: Buffer) => pieces.push(piece));
  return new Promise((resolve, reject) => {
    process.on("error", reject);
    process.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(pieces).toString("utf8"));
      else reject(new Error(`The cell "${name}" ended with exit code ${code}. Its message is above.`));
    });
  });
}

let taskset: boolean | undefined;

/** Whether cells can be pinned to a core here. */
export function hasTaskset(): boolean {
  taskset ??= process.platform === "linux" && spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0;
  return taskset;
}

/** The core that did least in the last moment. */
async function idlestCore(): Promise<number> {
  const before = coresBusy();
  await setTimeout(watchMs);
  const busy = coresBusy().map((us, core) => us - (before[core] ?? 0));
  return busy.lastIndexOf(Math.min(...busy));
}

function coresBusy(): number[] {
  return Array.from({ length: availableParallelism() }, (_, core) => coreBusyUs(core) ?? 0);
}
