/** Prints rows in columns. Decides nothing. */
import type { HotFunction } from "./profile.ts";
import type { Environment } from "./environment.ts";
import type { Measurement } from "./measure.ts";
import type { Goal } from "./suite.ts";
import type { GrowthRow, ReportRow } from "./report.ts";

type Cells = readonly string[];

export function environmentText(env: Environment): string {
  const pinned = env.pinned
    ? "each cell in its own process, pinned to one core"
    : "each cell in its own process, not pinned";
  const lines = [
    `node ${env.node} · sqlite ${env.sqlite} · commit ${env.commit} · ${env.date}`,
    `${env.cpu}, ${env.cores} cores, ${env.memoryGb} GB · ${env.system} · load ${env.loadAtStart}`,
    `payload ${env.payloadBytes} B · ${pinned} · median of at least 5 repetitions`,
    "normal: write-ahead log, survives the death of the process · full: log synced before each answer, survives the loss of power",
  ];
  if (env.diskIsMemory) lines.push("THE FILES ARE IN MEMORY HERE: durable figures say nothing.");
  return lines.join("\n");
}

export function timesText(rows: readonly ReportRow[], growths: readonly GrowthRow[]): string {
  const head = [
    "",
    "workload",
    "floor",
    "",
    "floor",
    "ours",
    "× floor",
    "× by CPU",
    "goal",
    "published, not in this run",
  ];
  const body = rows.map((row) => [
    row.id,
    row.title,
    row.floorTitle,
    row.unit,
    row.floor === null ? "" : time(row, row.floor),
    time(row, row.ours),
    row.timesFloor?.toFixed(2) ?? "",
    row.floor === null ? "" : (row.ours.cpuUs / row.floor.cpuUs).toFixed(2),
    goalsText(row.goals, row.noisy),
    row.published,
  ]);
  const grown = growths.map((row) => [
    row.id,
    row.title,
    "",
    "",
    `× ${row.timesLarger}`,
    `× ${row.timesSlower.toFixed(1)}`,
    "",
    "",
    `${goalsText([row.goal])}, is ${row.exponent.toFixed(2)}`,
    "",
  ]);
  return columns([head, ...body, ...grown], [4, 5, 6, 7]);
}

export function resourcesText(rows: readonly ReportRow[]): string {
  const head = [
    "",
    "workload",
    "CPU",
    "floor",
    "range of ours",
    "RSS MB",
    "floor",
    "written B",
    "floor",
    "kept B",
    "checked",
    "others",
    "",
  ];
  const body = rows.map((row) => [
    row.id,
    row.title,
    `${short(scaled(row, row.ours.cpuUs))} ${row.unit}`,
    row.floor === null ? "" : short(scaled(row, row.floor.cpuUs)),
    `${short(scaled(row, row.ours.fastestUs))}–${short(scaled(row, row.ours.slowestUs))}`,
    row.ours.peakRssMb.toFixed(0),
    row.floor?.peakRssMb.toFixed(0) ?? "",
    bytes(row.ours.writtenBytes),
    bytes(row.floor?.writtenBytes ?? null),
    bytes(row.ours.keptBytes),
    `${grouped(row.ours.entriesChecked)} entries`,
    noise(row),
    Object.entries(row.ours.figures ?? {})
      .map(([name, value]) => `${name} ${short(value)}`)
      .join(", "),
  ]);
  return columns([head, ...body], [3, 5, 6, 7, 8, 9, 10, 11]);
}

export function profileText(name: string, hot: readonly HotFunction[]): string {
  const rows = hot.map(({ name: where, selfMs, share }) => [
    `${(share * 100).toFixed(1)} %`,
    `${selfMs.toFixed(1)} ms`,
    where,
  ]);
  return `\n${name}: self time by function\n${columns(rows, [0, 1])}`;
}

/** @param byCpu the times among them were judged by CPU time */
function goalsText(goals: readonly Goal[], byCpu = false): string {
  const text = goals.map(({ text: goal, reached }) => `${goal} ${verdict(reached)}`).join(", ");
  return byCpu && goals.some(({ reached }) => reached !== null) ? `${text} (times by CPU)` : text;
}

function verdict(reached: boolean | null): string {
  if (reached === null) return "not judged (noisy)";
  return reached ? "reached" : "NOT reached";
}

/** How much of the core went to others while this row was measured, on either side. */
function noise(row: ReportRow): string {
  const share = Math.max(row.ours.othersShare ?? 0, row.floor?.othersShare ?? 0);
  return row.noisy ? `NOISY ${(share * 100).toFixed(0)} %` : `${(share * 100).toFixed(0)} %`;
}

function time(row: ReportRow, { wallUs }: Measurement): string {
  return short(scaled(row, wallUs));
}

function scaled(row: ReportRow, us: number): number {
  return row.unit.startsWith("ms") ? us / 1000 : us;
}

function short(value: number): string {
  return value.toFixed(value < 1 ? 3 : value < 10 ? 2 : 1);
}

function bytes(value: number | null): string {
  return value === null || value < 1 ? "–" : grouped(Math.round(value));
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

/** @param right columns whose text stands at the right */
function columns(rows: readonly Cells[], right: readonly number[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (text: string, column: number): string =>
    right.includes(column) ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
