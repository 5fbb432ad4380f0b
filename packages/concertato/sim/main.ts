/**
 * The simulator's command: `npm run sim -- --seeds 200000 --from 1`, `--seconds 20`, `--seed 42` (with a trace),
 * `--plants` (every planted bug must be caught), `--json`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { failingSeeds } from "./failing-seeds.ts";
import { type Hunted, huntPlants } from "./plant-hunt.ts";
import { plants } from "./plants.ts";
import { simulate, type Verdict } from "./simulate.ts";
import { Storm, type StormSummary } from "./storm.ts";
import { StormProgress, summaryText } from "./storm-progress.ts";
import type { Failure } from "./storm-worker.ts";
import { presentGeneration } from "./vocabulary.ts";

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
  await weather(Number(values.from), seeds, seconds, values.json);
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

/** Many seeds over all cores, with a word now and then of how far they are. */
async function weather(from: number, seeds: number, seconds: number, json: boolean): Promise<void> {
  const workers = Math.max(1, availableParallelism());
  const storm = new Storm({ from, seeds, seconds, workers, kept: failingSeeds });
  const progress = json ? null : new StormProgress(storm.tally, { seeds: seeds + failingSeeds.length, seconds });
  try {
    await storm.run();
  } finally {
    progress?.stop();
  }
  const { failures } = storm.tally;
  if (json) process.stdout.write(`${JSON.stringify({ ...storm.summary(), kept: failingSeeds.length, failures })}\n`);
  else await report(storm.summary(), failures);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

async function report(total: StormSummary, failures: readonly Failure[]): Promise<void> {
  for (const failure of failures.slice(0, 3)) await explain(failure);
  for (const { seed, generation, violations } of failures.slice(3))
    process.stdout.write(`${repeat(seed, generation)}  # ${violations[0]?.slice(0, 120)}\n`);
  process.stdout.write(`Simulator: ${summaryText(total, failingSeeds.length)}\n`);
}

/** Lines of a trace that a failure is shown with. */
const shownLines = 24;

/** What a seed broke, what had happened, the end of the run it concerns, and how to see it all. */
async function explain({ seed, generation, violations: found }: Failure): Promise<void> {
  if (found[0]?.startsWith("died: ") === true)
    return void process.stdout.write(`\nSeed ${seed}: ${found[0]}.\n  Repeat it: ${repeat(seed, generation)}\n\n`);
  // With a trace a report tells where it comes from.
  const { trace, violations: told } = await simulate(seed, { trace: true, generation });
  const violations = told.length > 0 ? told : found;
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

await main();
