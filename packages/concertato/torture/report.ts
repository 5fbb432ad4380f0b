/** What a person reads: a line while it goes on, a table and the violations at the end. */
import { plants } from "./plants.ts";
import { plantCaught, type Progress, type TortureReport } from "./torture.ts";

/** Violations shown in full; more are counted. */
const shown = 12;

/** One updating line on a terminal, a line every few seconds elsewhere. Answers how to take it away. */
export function progressLine(
  kills: number,
  quiet: boolean,
): { watch: (progress: Progress) => void; clear: () => void } {
  const live = process.stderr.isTTY === true && !quiet;
  let next = 0;
  const watch = (progress: Progress): void => {
    if (quiet || (!live && progress.seconds < next)) return;
    next = progress.seconds + 5;
    const line = `  ${progress.phase.padEnd(7)} ${progress.kills}/${kills} kills · ${progress.runs} runs, ${progress.open} open · ${progress.doubts} doubts resolved · ${progress.seconds.toFixed(0)} s`;
    process.stderr.write(live ? `\r\x1b[K${line}` : `${line}\n`);
  };
  return { watch, clear: () => live && process.stderr.write("\r\x1b[K") };
}

export function reportText(report: TortureReport): string {
  const { violations } = report;
  const lines = rowsOf(report).map(([name, value]) => `  ${name.padEnd(28)} ${value}`);
  for (const { rule, subject, detail } of violations.slice(0, shown))
    lines.push("", `✗ ${rule}  ${subject}`, `    ${detail}`);
  if (violations.length > shown)
    lines.push("", `  and ${violations.length - shown} more: ${countsOf(violations.map(({ rule }) => rule))}`);
  lines.push("", verdict(report));
  return lines.join("\n");
}

function rowsOf(report: TortureReport): [string, string][] {
  return [
    ["kills", String(report.kills)],
    ["runs", `${total(report.runs)} (${counts(report.runs)})`],
    ["journal entries", String(report.entries)],
    ["acknowledged operations", String(report.acknowledged)],
    ["effects", String(report.effects)],
    ["retakes under the same key", String(report.retakes)],
    ["probes", String(report.probes)],
    ["in doubt, resolved", String(report.doubts)],
    ["reports got over", counts(report.reports) || "none"],
    ["violations", String(report.violations.length)],
    ["repeated payments or mails", String(report.repeated)],
    ["time", `${report.seconds.toFixed(1)} s`],
    ["seed", report.options.seed],
    ...(report.folder === null ? [] : [["kept in", report.folder] as [string, string]]),
  ];
}

function verdict(report: TortureReport): string {
  const { plant } = report.options;
  if (plant === null)
    return report.violations.length === 0 ? "Nothing was lost, nothing happened twice." : "Promises were broken.";
  const { what, rule } = plants[plant];
  const caught = plantCaught(report) ? "was caught by" : "was NOT caught by";
  return `Plant ${plant} (${what}) ${caught} ${rule}.`;
}

function total(numbers: Readonly<Record<string, number>>): number {
  return Object.values(numbers).reduce((sum, count) => sum + count, 0);
}

function counts(numbers: Readonly<Record<string, number>>): string {
  return Object.entries(numbers)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}

function countsOf(names: readonly string[]): string {
  const numbers: Record<string, number> = {};
  for (const name of names) numbers[name] = (numbers[name] ?? 0) + 1;
  return counts(numbers);
}
