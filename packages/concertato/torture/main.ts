/**
 * `npm run torture -- --kills N`: kills real processes at random moments under load and checks what is left.
 *   --kills N             how often (20)
 *   --processes N         workers on one file (1)
 *   --seed S              the choices of load and kills (made up, and printed)
 *   --seconds-per-kill S  mean time between kills (0.45)
 *   --plant NAME          breaks one promise from outside; succeeds when the checker notices. `all`: each of them
 *   --store sqlite        the store under torture; there is one that survives a process
 *   --json                the report as JSON      --keep  keeps the folder with database, ledger and history
 * Exit code: 0 nothing wrong (or the plant was caught), 1 violations (or it was not), 2 wrong use, 130 interrupted.
 */
import { parseArgs } from "node:util";
import { isPlant, type PlantName, plants } from "./plants.ts";
import { progressLine, reportText } from "./report.ts";
import { plantCaught, torture, type TortureOptions } from "./torture.ts";
import { runAll } from "./run-all.ts";

interface Wanted {
  readonly runs: readonly TortureOptions[];
  readonly json: boolean;
}

function parse(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string", default: "20" },
      processes: { type: "string", default: "1" },
      seed: { type: "string", default: Math.random().toString(36).slice(2, 10) },
      "seconds-per-kill": { type: "string", default: "0.45" },
      plant: { type: "string" },
      store: { type: "string", default: "sqlite" },
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  });
  if (values.store !== "sqlite") throw new Error(`--store ${values.store}: only sqlite survives a process`);
  const kills = count("kills", values.kills, 0);
  const processes = count("processes", values.processes, 1);
  const secondsPerKill = Number(values["seconds-per-kill"]);
  if (!(secondsPerKill > 0)) throw new Error("--seconds-per-kill needs a positive number");
  const { seed, keep, json } = values;
  const stuckMs = values.plant === undefined ? 30_000 : 5_000;
  const runs = planted(values.plant).map((plant) => ({
    kills,
    processes,
    seed,
    secondsPerKill,
    plant,
    keep,
    stuckMs,
    open: 40,
  }));
  return { runs, json };
}

function count(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} needs a whole number from ${least}`);
}

function planted(name: string | undefined): (PlantName | null)[] {
  if (name === undefined) return [null];
  if (name === "all") return Object.keys(plants).filter(isPlant);
  if (isPlant(name)) return [name];
  throw new Error(`--plant needs one of: all, ${Object.keys(plants).join(", ")}`);
}

/** True when it ended as it should. */
async function one(options: TortureOptions, json: boolean, signal: AbortSignal): Promise<boolean> {
  const { kills, seed, processes, plant } = options;
  const what = plant === null ? "" : `, with the plant ${plant}`;
  if (!json) process.stderr.write(`Torture · ${kills} kills, ${processes} worker(s) on SQLite, seed ${seed}${what}\n`);
  const line = progressLine(kills, json);
  const { report } = await torture(options, line.watch, signal).finally(line.clear);
  process.stdout.write(`${json ? JSON.stringify(report) : reportText(report)}\n`);
  return plant === null ? report.violations.length === 0 : plantCaught(report);
}

async function main(): Promise<number> {
  let wanted: Wanted;
  try {
    wanted = parse(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  const { runs, json } = wanted;
  return runAll(runs, (options, signal) => one(options, json, signal));
}

process.exitCode = await main();
