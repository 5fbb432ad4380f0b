/**
 * The simulator's command: `npm run sim -- --seeds 200000 --from 1`, `--seconds 20`, `--seed 42` (with a trace),
 * `--plants` (every planted bug must be caught), `--json`. Seeds are spread over the cores.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { failingSeeds } from "./failing-seeds.ts";
import { type Hunted, huntPlants } from "./plant-hunt.ts";
import { plants } from "./plants.ts";
import { simulate, type Verdict } from "./simulate.ts";
import { presentGeneration } from "./vocabulary.ts";

/** What a worker has done so far. */
interface Progress {
  readonly seeds: number;
  readonly events: number;
  readonly crashes: number;
  readonly failures: readonly Failure[];
}

interface Failure {
  readonly seed: number;
  readonly generation: number;
  readonly violations: readonly string[];
}

interface Share {
  readonly from: number;
  readonly step: number;
  readonly seeds: number;
  /** Stops after this many seconds of real time. */
  readonly seconds: number;
}

const repeat = (seed: number, generation: number) =>
  `npm run sim -- --seed ${seed}${generation === presentGeneration ? "" : ` --generation ${generation}`}`;

/** Seeds tried for a plant that its remembered seed does not catch, before it counts as missed. */
const patience = 20_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      seconds: { type: "string" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      plants: { type: "boolean", default: false },
      plant: { type: "string" },
      remember: { type: "boolean", default: false },
      generation: { type: "string", default: String(presentGeneration) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return help();
  if (values.seed !== undefined) return showSeed(Number(values.seed), Number(values.generation), values.json);
  if (values.plants || values.plant !== undefined) return checkPlants(values.plant, values.remember, values.json);
  const seconds =
    values.seconds === undefined
      ? values.seeds === undefined
        ? 20
        : Number.POSITIVE_INFINITY
      : Number(values.seconds);
  const seeds = values.seeds === undefined ? Number.MAX_SAFE_INTEGER : Number(values.seeds);
  await storm(Number(values.from), seeds, seconds, values.json);
}

function help(): void {
  process.stdout.write(`Simulates apps on a virtual clock and a failing store, and checks every rule of the kernel.

  --seeds N      so many seeds               --from S     the first of them (default 1)
  --seconds N    as many as fit (default 20) --seed S     one seed, with its trace
  --plants       every planted bug must be caught
  --plant NAME   this planted bug must be    --generation G  with --seed: of a kept seed
  --remember     with --plants: writes seeds that catch into sim/plants.ts
  --json         for machines
`);
}

/** Many seeds over all cores. */
async function storm(from: number, seeds: number, seconds: number, json: boolean): Promise<void> {
  const started = performance.now();
  const kept = await Promise.all(failingSeeds.map(({ seed, generation }) => simulate(seed, { generation })));
  const cores = Math.max(1, availableParallelism());
  const progress = new Array<Progress>(cores).fill({ seeds: 0, events: 0, crashes: 0, failures: [] });
  const show = progressLine(() => summary(progress, started));
  const workers = progress.map((_, index) =>
    runShare({ from: from + index, step: cores, seeds: Math.ceil((seeds - index) / cores), seconds }, (state) => {
      progress[index] = state;
      if (!json) show();
    }),
  );
  await Promise.all(workers);
  const failures = [
    ...kept.filter((verdict) => verdict.violations.length > 0).map(failureOf),
    ...progress.flatMap((state) => state.failures),
  ];
  const total = summary(progress, started);
  if (json) process.stdout.write(`${JSON.stringify({ ...total, kept: kept.length, failures })}\n`);
  else await report(total, kept.length, failures);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

const failureOf = ({ seed, generation, violations }: Verdict): Failure => ({ seed, generation, violations });

function runShare(share: Share, onProgress: (progress: Progress) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.on("message", onProgress);
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });
}

async function work(share: Share): Promise<void> {
  const failures: Failure[] = [];
  let events = 0;
  let crashes = 0;
  let done = 0;
  const deadline = performance.now() + share.seconds * 1_000;
  let next = performance.now() + 500;
  while (done < share.seeds && performance.now() < deadline && failures.length < 5) {
    const verdict = await simulate(share.from + done * share.step);
    done++;
    events += verdict.events;
    crashes += verdict.crashes;
    if (verdict.violations.length > 0) failures.push(failureOf(verdict));
    if (performance.now() < next) continue;
    parentPort?.postMessage({ seeds: done, events, crashes, failures } satisfies Progress);
    next = performance.now() + 500;
  }
  parentPort?.postMessage({ seeds: done, events, crashes, failures } satisfies Progress);
}

interface Summary {
  readonly seeds: number;
  readonly events: number;
  readonly crashes: number;
  readonly failures: number;
  readonly seconds: number;
  readonly seedsPerSecond: number;
}

function summary(progress: readonly Progress[], started: number): Summary {
  const sum = (pick: (state: Progress) => number) => progress.reduce((total, state) => total + pick(state), 0);
  const seconds = (performance.now() - started) / 1_000;
  const seeds = sum((state) => state.seeds);
  return {
    seeds,
    events: sum((state) => state.events),
    crashes: sum((state) => state.crashes),
    failures: sum((state) => state.failures.length),
    seconds: Math.round(seconds * 10) / 10,
    seedsPerSecond: Math.round(seeds / seconds),
  };
}

function progressLine(state: () => Summary): () => void {
  if (!process.stdout.isTTY) return () => undefined;
  return () => {
    const { seeds, events, crashes, failures, seedsPerSecond } = state();
    process.stdout.write(
      `\r\x1b[2K  ${seeds.toLocaleString("en")} seeds  ${events.toLocaleString("en")} events  ${crashes.toLocaleString("en")} crashes  ${failures} failures  ${seedsPerSecond}/s`,
    );
  };
}

async function report(total: Summary, kept: number, failures: readonly Failure[]): Promise<void> {
  if (process.stdout.isTTY) process.stdout.write("\r\x1b[2K");
  for (const failure of failures.slice(0, 3)) await explain(failure);
  const { seeds, events, crashes, seconds, seedsPerSecond } = total;
  process.stdout.write(
    `Simulator: ${seeds.toLocaleString("en")} seeds (and ${kept} kept), ${events.toLocaleString("en")} events, ${crashes.toLocaleString("en")} crashes, ${failures.length} failures, ${seconds} s, ${seedsPerSecond} seeds/s\n`,
  );
}

/** Lines of a trace that a failure is shown with. */
const shownLines = 24;

/** What a seed broke, what had happened, the end of the run it concerns, and how to see it all. */
async function explain({ seed, generation, violations }: Failure): Promise<void> {
  const { trace } = await simulate(seed, { trace: true, generation });
  const run = /run_\w+/.exec(violations[0] ?? "")?.[0].slice(0, 12);
  const happened = trace.filter((line) => !line.startsWith("run_"));
  const journal = run === undefined ? [] : trace.filter((line) => line.startsWith(run));
  const lines = [...happened.slice(-shownLines), ...journal.slice(-shownLines)].map(
    (line) => `    ${line.slice(0, 160)}`,
  );
  const broken = violations.slice(0, 3).map((line) => `  ${line.slice(0, 400)}`);
  process.stdout.write(
    `\nSeed ${seed} breaks a rule:\n${broken.join("\n")}\n\n${lines.join("\n")}\n\n  Repeat it with its whole trace: ${repeat(seed, generation)}\n\n`,
  );
}

/** One seed with everything that happened, twice, so that a seed that does not repeat is noticed. */
async function showSeed(seed: number, generation: number, json: boolean): Promise<void> {
  const verdict = await simulate(seed, { trace: true, generation });
  const again = await simulate(seed, { generation });
  if (json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
  else print(verdict);
  if (again.digest !== verdict.digest)
    process.stdout.write(`Seed ${seed} did not repeat: ${verdict.digest} and ${again.digest}.\n`);
  process.exitCode = verdict.violations.length === 0 && again.digest === verdict.digest ? 0 : 1;
}

function print(verdict: Verdict): void {
  process.stdout.write(`${verdict.trace.join("\n")}\n\n`);
  process.stdout.write(verdict.violations.length === 0 ? "No rule broken.\n" : `${verdict.violations.join("\n")}\n`);
  process.stdout.write(
    `Seed ${verdict.seed}: ${verdict.runs} runs, ${verdict.entries} entries, ${verdict.events} events, ${verdict.crashes} crashes, digest ${verdict.digest}\n`,
  );
}

/** Every planted bug must be caught; a seed that catches no more is replaced in plants.ts when that is asked for. */
async function checkPlants(name: string | undefined, remember: boolean, json: boolean): Promise<void> {
  const chosen = plants.filter((plant) => name === undefined || plant.name === name);
  if (chosen.length === 0) throw new Error(`There is no plant ${name}.`);
  const hunted = await huntPlants(chosen, patience, (one) => {
    if (!json) process.stdout.write(`${huntLine(one)}\n`);
    if (remember && one.find !== null) rememberSeed(one.plant.name, one.find.seed, one.generation);
  });
  const missed = hunted.filter(({ find }) => find === null).length;
  if (json) {
    const found = hunted.map(({ plant, find, generation, remembered }) => ({
      name: plant.name,
      seed: find?.seed ?? null,
      generation,
      violation: find?.violation ?? "",
      remembered,
    }));
    process.stdout.write(`${JSON.stringify({ plants: found, missed })}\n`);
  } else process.stdout.write(`Planted bugs: ${chosen.length - missed} of ${chosen.length} caught\n`);
  process.exitCode = missed === 0 ? 0 : 1;
}

function huntLine({ plant, find, remembered, searched }: Hunted): string {
  if (find === null) return `missed  ${plant.name.padEnd(26)} in ${searched} seeds`;
  const news = remembered ? "" : `  (seed ${plant.seed} does not catch it any more: remember this one)`;
  return `caught  ${plant.name.padEnd(26)} seed ${String(find.seed).padEnd(6)} ${find.violation.slice(0, 90)}${news}`;
}

function rememberSeed(name: string, seed: number, generation: number): void {
  const file = new URL("plants.ts", import.meta.url);
  const place = new RegExp(`(name: "${name}",\n    rule: .*\n    seed: )\\d+(,\n    generation: )\\d+`);
  writeFileSync(file, readFileSync(file, "utf8").replace(place, `$1${seed}$2${generation}`));
}

if (isMainThread) await main();
else await work(workerData as Share);
