/**
 * `npm run power-cut -- --cuts N`: cuts the power under a store at random moments and checks what is left. Linux, root;
 * it makes its own disks, of image files in a temporary folder, and touches no other.
 *   --cuts N            how often (10)
 *   --durability D      full or normal (full). `normal` may lose what it acknowledged, but never an intent
 *   --load L            calm, busy, reading, bulky, or mixed: one of the first three for each writer (mixed).
 *                       `bulky` fills the log, and the cuts fall in checkpoints and after them
 *   --drive-cache       the disk has a cache of its own that the cut empties too
 *   --slow-sync         syncs take up to 40 ms, so that cuts meet them under way
 *   --observer          what a second connection sees counts as acknowledged too; 0004 says why it is not by itself
 *   --plant NAME        takes one sync away; succeeds when the checker notices. `all`: each of them
 *   --seed S            the choices of load and cuts (made up, and printed)
 *   --json              the report as JSON      --keep  keeps the folder with the images
 * Exit code: 0 nothing wrong (or the plant was caught), 1 violations (or it was not), 2 wrong use or no such machine,
 * 130 interrupted.
 */
import { parseArgs } from "node:util";
import { paces, type PaceName } from "./load.ts";
import { isPlant, type PlantName, plantOf, plants } from "./plants.ts";
import { plantCaught, powerCut, type PowerCutOptions, violationsOf } from "./power-cut.ts";
import { cutLine, reportText } from "./report.ts";
import { missing } from "./requirements.ts";
import { runAll } from "../torture/run-all.ts";

interface Wanted {
  readonly runs: readonly PowerCutOptions[];
  readonly json: boolean;
}

function parse(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cuts: { type: "string", default: "10" },
      durability: { type: "string", default: "full" },
      load: { type: "string", default: "mixed" },
      "drive-cache": { type: "boolean", default: false },
      observer: { type: "boolean", default: false },
      "slow-sync": { type: "boolean", default: false },
      plant: { type: "string" },
      seed: { type: "string", default: Math.random().toString(36).slice(2, 10) },
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  });
  const { seed, keep, json, durability, load, plant, observer } = values;
  const cuts = Number(values.cuts);
  if (!Number.isInteger(cuts) || cuts < 1) throw new Error("--cuts needs a whole number from 1");
  if (durability !== "full" && durability !== "normal") throw new Error("--durability needs full or normal");
  if (load !== "mixed" && !isPace(load))
    throw new Error(`--load needs one of: mixed, ${Object.keys(paces).join(", ")}`);
  const common = { cuts, driveCache: values["drive-cache"], slowSync: values["slow-sync"], observer, seed, keep };
  if (plant === undefined) return { json, runs: [{ ...common, durability, load, plant: null }] };
  return { json, runs: planted(plant).map((name) => ({ ...common, plant: name, ...settingOf(name) })) };
}

function isPace(name: string): name is PaceName {
  return Object.hasOwn(paces, name);
}

function planted(name: string): PlantName[] {
  if (name === "all") return Object.keys(plants).filter(isPlant);
  if (isPlant(name)) return [name];
  throw new Error(`--plant needs one of: all, ${Object.keys(plants).join(", ")}`);
}

/** A plant shows under one load and durability. */
function settingOf(name: PlantName): Pick<PowerCutOptions, "durability" | "load"> {
  const { durability, pace } = plantOf(name);
  return { durability, load: pace };
}

/** True when it ended as it should. */
async function one(options: PowerCutOptions, json: boolean, signal: AbortSignal): Promise<boolean> {
  const { cuts, durability, load, driveCache, slowSync, observer, seed, plant } = options;
  const what = `${driveCache ? ", drive cache" : ""}${slowSync ? ", slow syncs" : ""}${observer ? ", observer" : ""}${plant === null ? "" : `, with the plant ${plant}`}`;
  if (!json) process.stderr.write(`Power cut · ${cuts} cuts, ${durability}, load ${load}${what}, seed ${seed}\n`);
  const report = await powerCut(options, (cut) => json || process.stderr.write(`${cutLine(cut)}\n`), signal);
  process.stdout.write(`${json ? JSON.stringify(report) : reportText(report)}\n`);
  return plant === null ? violationsOf(report).length === 0 : plantCaught(report);
}

async function main(): Promise<number> {
  let wanted: Wanted;
  try {
    wanted = parse(process.argv.slice(2));
    const reason = missing();
    if (reason !== null) throw new Error(`The power cut ${reason}.`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  const { runs, json } = wanted;
  return runAll(runs, (options, signal) => one(options, json, signal));
}

process.exitCode = await main();
