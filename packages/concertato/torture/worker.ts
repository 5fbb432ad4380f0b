/**
 * A worker process: opens the app on the file, performs whatever is there, and starts runs of its own. It is made to be
 * killed. Ends by itself, giving everything back, when its standard input does.
 */
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { type App, open, type OpenOptions } from "concertato";
import { errorCode } from "./history.ts";
import { Outside } from "./outside.ts";
import { plantedReach, plantedWorld } from "./plants.ts";
import { randomPlan } from "./plan.ts";
import { Random } from "./random.ts";
import type { WorkerLine, WorkerOptions } from "./worker-options.ts";
import { type Cast, castOf } from "./workflows.ts";

// The supervisor wrote them.
const options = JSON.parse(process.argv[2] ?? "{}") as WorkerOptions;
const random = new Random(`${options.seed}/${options.name}`);
let calm = false;

/** Straight to the pipe: what was said before the kill is heard after it. */
function say(line: WorkerLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function report(error: unknown): void {
  say({ say: "report", code: errorCode(error), message: String(error) });
}

/** Starts runs until the world is calm: here the starter is the owner. */
async function startRuns(app: App, cast: Cast): Promise<void> {
  for (let count = 0; !calm; count++) {
    const key = `${options.name}-${count}`;
    const plan = randomPlan(random, key, false);
    say({ say: "invoke", key, plan });
    const { runId } = await app.start(cast.play, { plan, suffix: "" }, { key });
    say({ say: "ok", key, runId });
    await new Promise((resolve) => setTimeout(resolve, random.between(20, 400)));
  }
}

/** No two workers are set up alike: some keep nothing in memory, some wait for the disk at every commit. */
function openOptions(cast: Cast): OpenOptions {
  const world = plantedWorld(options.plant, report);
  const warmBytes = random.pick([0, 5_000, 100_000, 64 * 1024 * 1024]);
  return {
    agents: cast.agents,
    onReport: report,
    durability: random.chance(0.25) ? "full" : "normal",
    warmBytes,
    ...(options.key === null ? {} : { key: Buffer.from(options.key, "hex") }),
    ...(world === null ? {} : { world }),
  };
}

say({ say: "opening" });
const outside = new Outside(options.ledgerPort, options.name);
const cast = castOf(plantedReach(options.plant, outside, random));
const app = await open(options.file, openOptions(cast));
say({ say: "ready" });
flushCompileCache();

process.stdin.on("data", () => (calm = true));
/** Goes home properly: what rests is given back, what is under way ends. */
function goHome(): void {
  calm = true;
  void app.close().then(() => process.exit(0));
}

process.stdin.on("end", goHome);
process.on("SIGTERM", goHome);
process.on("SIGINT", () => undefined);
if (options.starts) startRuns(app, cast).catch((error: unknown) => calm || report(error));
