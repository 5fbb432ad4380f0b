/** What a person reads: a line for each cut, a table and the violations at the end. */
import { plantOf } from "./plants.ts";
import { type Cut, plantCaught, type PowerCutReport, violationsOf } from "./power-cut.ts";

/** Violations shown in full; more are counted. */
const shown = 12;

export function cutLine({ number, pace, place, restarts, acknowledged, effects, entries, judgement }: Cut): string {
  const { violations, losses } = judgement;
  const lost = losses.length === 0 ? "" : ` · ${losses.length} lost, as normal may`;
  const wrong = violations.length === 0 ? "" : ` · ${violations.length} VIOLATIONS`;
  const log = restarts === 0 ? place : `${place} (restart ${restarts})`;
  return `  cut ${String(number).padStart(3)}  ${pace.padEnd(8)} ${log.padEnd(40)} ${acknowledged} acknowledged, ${effects} effects, ${entries} entries found${lost}${wrong}`;
}

export function reportText(report: PowerCutReport): string {
  const violations = violationsOf(report);
  const lines = rowsOf(report).map(([name, value]) => `  ${name.padEnd(32)} ${value}`);
  for (const { rule, subject, detail } of violations.slice(0, shown))
    lines.push("", `✗ ${rule}  ${subject}`, `    ${detail}`);
  if (violations.length > shown) lines.push("", `  and more, in all: ${counts(violations.map(({ rule }) => rule))}`);
  lines.push("", verdict(report));
  return lines.join("\n");
}

function rowsOf({ options, cuts, seconds, folder, faults }: PowerCutReport): [string, string][] {
  const losses = cuts.flatMap(({ judgement }) => judgement.losses);
  const violations = cuts.flatMap(({ judgement }) => judgement.violations);
  return [
    ["cuts", `${cuts.length} (${counts(cuts.map(({ place }) => place))})`],
    ["writers", counts(cuts.map(({ pace }) => pace))],
    ["acknowledged before the cuts", String(sum(cuts, ({ acknowledged }) => acknowledged))],
    ["effects begun before the cuts", String(sum(cuts, ({ effects }) => effects))],
    ["entries found after them", String(sum(cuts, ({ entries }) => entries))],
    ["in doubt, resolved by a person", String(sum(cuts, ({ doubts }) => doubts))],
    ["cuts that lost something", String(cuts.filter(({ judgement }) => judgement.losses.length > 0).length)],
    ["lost, as a normal store may", counts(losses.map(({ rule }) => rule)) || "nothing"],
    ["violations", counts([...faults, ...violations].map(({ rule }) => rule)) || "none"],
    ["time", `${seconds.toFixed(1)} s`],
    ["seed", options.seed],
    ...(folder === null ? [] : [["kept in", folder] as [string, string]]),
  ];
}

function verdict(report: PowerCutReport): string {
  const { plant, durability } = report.options;
  if (plant !== null)
    return `Plant ${plant} (${plantOf(plant).what}) ${plantCaught(report) ? "was caught." : "was NOT caught."}`;
  if (violationsOf(report).length > 0) return "Promises were broken.";
  return durability === "full"
    ? "Nothing that was acknowledged was lost."
    : "No intent was lost; the rest is what normal may lose.";
}

function sum(cuts: readonly Cut[], pick: (cut: Cut) => number): number {
  return cuts.reduce((total, cut) => total + pick(cut), 0);
}

function counts(names: readonly string[]): string {
  const numbers = new Map<string, number>();
  for (const name of names) numbers.set(name, (numbers.get(name) ?? 0) + 1);
  return [...numbers].map(([name, count]) => `${count} ${name}`).join(", ");
}
