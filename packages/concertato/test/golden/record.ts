/**
 * Records the scenarios that have no golden journal yet. One that is there is never written again: it is what released
 * versions wrote, and every later one must read it.
 *
 *   node --conditions=concertato-source packages/concertato/test/golden/record.ts
 */
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { play } from "./play.ts";
import { scenarios } from "./scenarios.ts";

for (const scenario of scenarios) {
  const file = fileURLToPath(new URL(`${scenario.name}.jsonl`, import.meta.url));
  if (existsSync(file)) continue;
  const lines = await play(scenario);
  writeFileSync(file, `${lines.join("\n")}\n`, { flag: "wx" });
  process.stdout.write(`${scenario.name}: ${lines.length - 1} entries\n`);
}
