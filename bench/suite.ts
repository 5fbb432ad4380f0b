/**
 * What a suite of benchmarks consists of: workloads, which cells they need, what is to be reached, what others were
 * published to reach. Goals compare with the floor of the same run where they can; a time alone moves with the machine.
 */
import type { CellName } from "./cells.ts";
import type { Measurement } from "./measure.ts";
import { growthExponent } from "./statistics.ts";

/** Figures of the cells that were measured. */
export type Measured = ReadonlyMap<CellName, Measurement>;

/** One thing to be reached. */
export interface Goal {
  readonly text: string;
  /** Null: the machine was too busy to tell. */
  readonly reached: boolean | null;
}

export interface Workload {
  readonly id: string;
  readonly title: string;
  /** What a figure is for. */
  readonly unit:
    | "µs/step"
    | "ms/run"
    | "µs/run"
    | "ms/restart"
    | "µs/seed"
    | "µs/turn"
    | "µs/chunk"
    | "ms/import"
    | "ms/check";
  /** Null where there is nothing that a person would write by hand. */
  readonly floor: CellName | null;
  readonly floorTitle: string;
  readonly contestant: CellName;
  readonly goals: (ours: Measurement, floor: Measurement) => readonly Goal[];
  /** Most of its time it waits for the disk, so CPU time says little about it. */
  readonly waits?: boolean;
  /** Takes minutes: only with `--full`. */
  readonly full?: boolean;
  /** Measured earlier, on another machine state and with their own adapters: not of this run. */
  readonly published: string;
}

/** A question about two workloads: does the time grow as the work does? */
export interface Growth {
  readonly full?: boolean;
  readonly id: string;
  readonly title: string;
  readonly small: CellName;
  readonly large: CellName;
  readonly timesLarger: number;
  /** The figures of both are of one unit of their work (a turn), not of all of it. */
  readonly perUnit?: boolean;
}

export const none = (): readonly Goal[] => [];

export const microseconds =
  (limit: number) =>
  (ours: Measurement): Goal => ({ text: `≤ ${limit} µs`, reached: ours.wallUs <= limit });

export const timesFloor =
  (limit: number) =>
  (ours: Measurement, floor: Measurement): Goal => ({
    text: `≤ ${limit} × floor`,
    reached: ours.wallUs <= limit * floor.wallUs,
  });

export const milliseconds =
  (limit: number) =>
  (ours: Measurement): Goal => ({ text: `≤ ${limit} ms`, reached: ours.wallUs <= limit * 1000 });

export const megabytes =
  (limit: number) =>
  (ours: Measurement): Goal => ({ text: `≤ ${limit} MB`, reached: ours.peakRssMb <= limit });

export const perSecond =
  (rate: number) =>
  (ours: Measurement): Goal => ({
    text: `≥ ${rate.toLocaleString("en-US")} a second`,
    reached: ours.wallUs <= 1e6 / rate,
  });

export const keptAtMost =
  (bytes: number, text: string) =>
  (ours: Measurement): Goal => ({ text: `≤ ${text}`, reached: (ours.keptBytes ?? 0) <= bytes });

export const figureAtMost =
  (name: string, limit: number, unit: string) =>
  (ours: Measurement): Goal => ({ text: `${name} ≤ ${limit} ${unit}`, reached: (ours.figures?.[name] ?? 0) <= limit });

export const all =
  (...goals: readonly ((ours: Measurement, floor: Measurement) => Goal)[]) =>
  (ours: Measurement, floor: Measurement): readonly Goal[] =>
    goals.map((goal) => goal(ours, floor));

/** A suite of benchmarks, as `npm run bench -- NAME` runs it. */
export interface Suite {
  readonly name: string;
  readonly workloads: readonly Workload[];
  readonly growths: readonly Growth[];
}

/** An exponent up to this counts as linear: ten times the work in at most 14 times the time. */
const linear = 1.15;

export function growthGoal(
  small: Measurement,
  large: Measurement,
  { timesLarger, perUnit }: Growth,
): Goal & { readonly exponent: number } {
  const exponent = growthExponent(small.cpuUs, large.cpuUs, timesLarger) + (perUnit === true ? 1 : 0);
  return { text: `linear (exponent ≤ ${linear})`, reached: exponent <= linear, exponent };
}

/** Cells that the chosen workloads need, floor and contestant side by side, each once. */
export function cellsOf(chosen: readonly Workload[]): readonly CellName[] {
  return [...new Set(chosen.flatMap(({ floor, contestant }) => (floor === null ? [contestant] : [floor, contestant])))];
}
