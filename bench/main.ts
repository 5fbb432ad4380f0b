/** `npm run bench`: measures Concertato beside its floors. Progress on standard error, results on standard output. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CellName } from "./cells.ts";
import { type Environment, environment } from "./environment.ts";
import type { Measurement } from "./measure.ts";
import { helpText, type Options, parseOptions } from "./options.ts";
import { measureCell, prime } from "./pinned-process.ts";
import { growthRows, reportRows } from "./report.ts";
import { cellsOf, type Measured, type Workload } from "./suite.ts";
import { suites } from "./suites.ts";
import { environmentText, profileText, resourcesText, timesText } from "./table.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..");

process.exitCode = await main(parseOptions(process.argv.slice(2)));

async function main(options: Options): Promise<number> {
  switch (options.kind) {
    case "help":
      console.log(helpText);
      return 0;
    case "list":
      for (const { name, workloads } of suites) list(name, workloads);
      return 0;
    case "wrong":
      console.error(`${options.reason}\n\n${helpText}`);
      return 2;
    case "suite":
      await measureSuite(options);
      return 0;
  }
}

function list(suite: string, workloads: readonly Workload[]): void {
  for (const { id, title, floor, floorTitle, full } of workloads) {
    const beside = floor === null ? "no floor" : `floor: ${floorTitle}`;
    console.log(`${suite.padEnd(7)} ${id.padEnd(4)} ${title} (${beside})${full === true ? " --full" : ""}`);
  }
}

async function measureSuite(options: Extract<Options, { kind: "suite" }>): Promise<void> {
  const { name, workloads, growths } = options.suite;
  const wanted = ({ full = false }: { readonly full?: boolean }): boolean => options.full || !full;
  const chosen = workloads
    .filter(({ id }) => options.only.length === 0 || options.only.includes(id.toLowerCase()))
    .filter(wanted);
  const scratch = makeScratch();
  try {
    const env = environment(root, scratch);
    const measured = await measureAll(cellsOf(chosen), { scratch, profile: options.profile });
    const rows = reportRows(chosen, measured);
    const growth = growthRows(growths.filter(wanted), measured);
    const results = JSON.stringify({ suite: name, environment: env, rows, growth }, null, 2);
    if (options.save) console.error(`saved ${save(env, name, results)}`);
    if (options.json) console.log(results);
    else console.log(`${environmentText(env)}\n\n${timesText(rows, growth)}\n\n${resourcesText(rows)}`);
    if (options.profile && !options.json) printProfiles(measured);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Beside the project, because a system's folder for temporary files is often in memory. */
function makeScratch(): string {
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(join(cache, "concertato-bench-"));
}

async function measureAll(
  names: readonly CellName[],
  options: { readonly scratch: string; readonly profile: boolean },
): Promise<Measured> {
  const measured = new Map<CellName, Measurement>();
  await prime(options);
  for (const [index, name] of names.entries()) {
    const began = performance.now();
    process.stderr.write(`${String(index + 1).padStart(2)}/${names.length}  ${name.padEnd(24)}`);
    measured.set(name, await measureCell(name, options));
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s\n`);
  }
  return measured;
}

function printProfiles(measured: Measured): void {
  for (const [name, { hot }] of measured) if (hot !== undefined) console.log(profileText(name, hot));
}

/** Answers the name under which the results are kept. */
function save(env: Environment, suite: string, results: string): string {
  const folder = join(here, "results");
  mkdirSync(folder, { recursive: true });
  const name = `${env.date.slice(0, 10)}-${env.commit}-${suite}.json`;
  writeFileSync(join(folder, name), `${results}\n`);
  return `bench/results/${name}`;
}
