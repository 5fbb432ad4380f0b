/** Puts measurements beside their floors, goals and published figures: as rows for people and for machines alike. */
import type { Measurement } from "./measure.ts";
import { isNoisy } from "./pinned-process.ts";
import { type Goal, type Growth, growthGoal, type Measured, type Workload } from "./suite.ts";

export interface ReportRow {
  readonly id: string;
  readonly title: string;
  readonly unit: Workload["unit"];
  readonly floorTitle: string;
  /** Null where there is none. */
  readonly floor: Measurement | null;
  readonly ours: Measurement;
  readonly timesFloor: number | null;
  /** Others were at work on either side: goals were judged by CPU time. */
  readonly noisy: boolean;
  readonly goals: readonly Goal[];
  readonly published: string;
}

export interface GrowthRow {
  readonly id: string;
  readonly title: string;
  readonly timesLarger: number;
  readonly timesSlower: number;
  readonly exponent: number;
  readonly goal: Goal;
}

export function reportRows(workloads: readonly Workload[], measured: Measured): readonly ReportRow[] {
  return workloads.flatMap((workload) => {
    const floor = workload.floor === null ? null : measured.get(workload.floor);
    const ours = measured.get(workload.contestant);
    if (floor === undefined || ours === undefined) return [];
    const { id, title, unit, floorTitle, published } = workload;
    const noisy = (floor !== null && isNoisy(floor)) || isNoisy(ours);
    const goals = noisy ? goalsWhenNoisy(workload, ours, floor ?? ours) : workload.goals(ours, floor ?? ours);
    const timesFloor = floor === null ? null : ours.wallUs / floor.wallUs;
    return [{ id, title, unit, floorTitle, floor, ours, timesFloor, noisy, goals, published }];
  });
}

/** On one core a cell that never waits takes its CPU time; a clock that others share says nothing. */
function goalsWhenNoisy(workload: Workload, ours: Measurement, floor: Measurement): readonly Goal[] {
  if (workload.waits === true) return workload.goals(ours, floor).map(({ text }) => ({ text, reached: null }));
  return workload.goals({ ...ours, wallUs: ours.cpuUs }, { ...floor, wallUs: floor.cpuUs });
}

export function growthRows(growths: readonly Growth[], measured: Measured): readonly GrowthRow[] {
  return growths.flatMap((growth) => {
    const small = measured.get(growth.small);
    const large = measured.get(growth.large);
    if (small === undefined || large === undefined) return [];
    const { id, title, timesLarger } = growth;
    const { exponent, ...goal } = growthGoal(small, large, growth);
    return [{ id, title, timesLarger, timesSlower: timesLarger ** exponent, exponent, goal }];
  });
}
