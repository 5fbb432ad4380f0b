/**
 * The sweep's command: `npm run sweep`, `--scenario loop`, `--step 5` (every fifth call), `--store sqlite` (a real file),
 * `--plants` (every planted bug must be caught), `--json`. Ends with 1 when a rule was broken.
 */
import { parseArgs } from "node:util";
import { type FaultKind, faultKinds } from "./faults.ts";
import { plantedSweep, plants } from "./plants.ts";
import { scenarios } from "./scenarios.ts";
import { type SqliteTrialStore, sqliteTrialStore, survivable } from "./sqlite-trial-store.ts";
import { type Swept, type SweepOptions, sweep } from "./sweep.ts";
import type { TrialStore } from "./trial.ts";

/** Rejections that nobody heard: in a real process each would end it. */
const unheard: string[] = [];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      scenario: { type: "string" },
      step: { type: "string", default: "1" },
      store: { type: "string", default: "memory" },
      plants: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return help();
  process.on("unhandledRejection", (error) => unheard.push(error instanceof Error ? error.message : String(error)));
  if (values.plants) return checkPlants(values.json);
  const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario);
  if (chosen.length === 0) throw new Error(`There is no scenario ${values.scenario}: ${names()}.`);
  const options = values.store === "sqlite" ? sqliteOptions() : {};
  const swept: Swept[] = [];
  if (!values.json) line("scenario", "calls", "faults tried", "violations");
  for (const scenario of chosen) {
    const found = withUnheard(await sweep(scenario, { ...options, step: Number(values.step) }));
    swept.push(found);
    if (!values.json) show(found);
  }
  const sum = (pick: (one: Swept) => number) => swept.reduce((total, one) => total + pick(one), 0);
  const violations = sum((one) => one.violations.length);
  if (values.json) process.stdout.write(`${JSON.stringify({ scenarios: swept, violations })}\n`);
  else
    line(
      `all ${swept.length}`,
      sum((one) => one.calls),
      sum((one) => one.faults),
      violations,
    );
  process.exitCode = violations === 0 ? 0 : 1;
}

const names = () => scenarios.map(({ name }) => name).join(", ");

function help(): void {
  process.stdout.write(`Fails the 1st, 2nd, 3rd … store call of each scenario, in each way (${faultKinds.join(", ")}), and checks
that it ends the same, that effects happen once, and that nothing is held after close.

  --scenario NAME   one of: ${names()}
  --step N          every Nth call (default 1)
  --store sqlite    on a real file (${survivable.join(", ")})
  --plants          every planted bug must be caught
  --json            for machines
`);
}

/** Real files; what they report of themselves is a violation of the scenario that made it. */
function sqliteOptions(): SweepOptions {
  return {
    kinds: survivable as readonly FaultKind[],
    makeStore: () => sqliteTrialStore((error) => unheard.push(error instanceof Error ? error.message : String(error))),
    dropStore: (made: TrialStore) => (made as SqliteTrialStore).drop(),
  };
}

function withUnheard(found: Swept): Swept {
  const left = unheard.splice(0).map((what) => ({ fault: null, call: "", what: `unheard: ${what}` }));
  return left.length === 0 ? found : { ...found, violations: [...found.violations, ...left] };
}

function line(scenario: string, calls: string | number, faults: string | number, violations: string | number): void {
  const cells = [String(calls).padStart(7), String(faults).padStart(14), String(violations).padStart(12)];
  process.stdout.write(`${scenario.padEnd(30)}${cells.join("")}\n`);
}

/** Violations of one scenario that are shown; `--json` has them all. */
const shown = 3;

function show({ scenario, calls, faults, violations }: Swept): void {
  line(scenario, calls, faults, violations.length);
  for (const { fault, call, what } of violations.slice(0, shown)) {
    const where = fault === null ? "nothing went wrong" : `call ${fault.call} (${call}) ${fault.kind}`;
    process.stdout.write(`  ${where}: ${what.slice(0, 400)}\n`);
  }
}

async function checkPlants(json: boolean): Promise<void> {
  const found: { name: string; caught: boolean; violation: string }[] = [];
  for (const plant of plants) {
    const planted = await plantedSweep(plant);
    const scenario = planted.scenarios.find(({ name }) => name === plant.scenario);
    if (scenario === undefined) throw new Error(`There is no scenario ${plant.scenario}.`);
    const { violations } = withUnheard(await planted.sweep(scenario, { most: 1 }));
    await planted.dispose();
    const violation = violations[0]?.what ?? "";
    found.push({ name: plant.name, caught: violations.length > 0, violation });
    if (!json)
      process.stdout.write(
        `${violations.length > 0 ? "caught" : "missed"}  ${plant.name.padEnd(24)} ${violation.slice(0, 100)}\n`,
      );
  }
  const missed = found.filter(({ caught }) => !caught).length;
  if (json) process.stdout.write(`${JSON.stringify({ plants: found, missed })}\n`);
  else process.stdout.write(`Planted bugs: ${plants.length - missed} of ${plants.length} caught\n`);
  process.exitCode = missed === 0 ? 0 : 1;
}

await main();
