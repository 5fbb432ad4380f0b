/** Measures one cell in this process: warm-up, repetitions, then the checker. Nothing else may run here. */
import { versions } from "node:process";
import type { Cell, CellSpec, Timed } from "./cell.ts";
import { type HotFunction, profiled } from "./profile.ts";
import { peakRssMb, type Usage, usage } from "./resources.ts";
import { median } from "./statistics.ts";

/** Figures of one cell. Times are per unit and medians over the repetitions. */
export interface Measurement {
  readonly repetitions: number;
  readonly unitsPerRepetition: number;
  readonly wallUs: number;
  readonly fastestUs: number;
  readonly slowestUs: number;
  readonly cpuUs: number;
  readonly writtenBytes: number | null;
  /** Of the database file, per unit, warm-up included. */
  readonly keptBytes: number | null;
  readonly peakRssMb: number;
  /** Share of the measured time that the core worked for others; null when unknown. Over 0.05 is noise. */
  readonly othersShare: number | null;
  readonly entriesChecked: number;
  readonly node: string;
  /** What else the cell measured. */
  readonly figures?: Readonly<Record<string, number>>;
  /** Where the time went, when asked for. */
  readonly hot?: readonly HotFunction[];
}

interface Sample {
  readonly units: number;
  readonly wallUs: number;
  readonly cpuUs: number;
  readonly writtenBytes: number | null;
}

export interface MeasureOptions {
  /** A folder of its own for files, on a real disk. */
  readonly folder: string;
  /** The core this process is pinned to. */
  readonly core: number | null;
  readonly profile: boolean;
}

export async function measure(spec: CellSpec, options: MeasureOptions): Promise<Measurement> {
  const cell = await spec.open(options.folder);
  let units = 0;
  for (let index = 0; index < spec.warmups; index++) {
    await cell.prepare?.();
    units += unitsOf(await cell.repeat());
  }
  const samples: Sample[] = [];
  const repeatAll = async (): Promise<void> => {
    for (let index = 0; index < spec.repetitions; index++) {
      await cell.prepare?.();
      samples.push(await sample(cell.repeat));
    }
  };
  const before = usage(options.core);
  const hot = options.profile ? await profiled(repeatAll) : await repeatAll();
  const after = usage(options.core);
  const peak = peakRssMb();
  for (const one of samples) units += one.units;
  const verdict = await cell.check();
  const figures = await cell.figures?.();
  return {
    ...summaryOf(samples),
    keptBytes: verdict.keptBytes === undefined ? null : verdict.keptBytes / units,
    peakRssMb: peak,
    othersShare: othersShare(before, after),
    entriesChecked: verdict.entries,
    node: versions.node,
    ...(figures === undefined ? {} : { figures }),
    ...(hot === undefined ? {} : { hot }),
  };
}

const unitsOf = (done: number | Timed): number => (typeof done === "number" ? done : done.units);

async function sample(repeat: Cell["repeat"]): Promise<Sample> {
  const before = usage(null);
  const done = await repeat();
  const after = usage(null);
  return {
    units: unitsOf(done),
    wallUs: typeof done === "number" ? after.wallUs - before.wallUs : done.wallUs,
    cpuUs: typeof done === "number" ? after.cpuUs - before.cpuUs : done.cpuUs,
    writtenBytes:
      before.writtenBytes === null || after.writtenBytes === null ? null : after.writtenBytes - before.writtenBytes,
  };
}

function summaryOf(samples: readonly Sample[]) {
  const walls = samples.map((one) => one.wallUs / one.units);
  const written = samples.map((one) => (one.writtenBytes === null ? Number.NaN : one.writtenBytes / one.units));
  const writtenBytes = written.some(Number.isNaN) ? null : written.reduce((sum, one) => sum + one, 0) / written.length;
  return {
    repetitions: samples.length,
    unitsPerRepetition: samples[0]?.units ?? 0,
    wallUs: median(walls),
    fastestUs: Math.min(...walls),
    slowestUs: Math.max(...walls),
    cpuUs: median(samples.map((one) => one.cpuUs / one.units)),
    // A mean, because a checkpoint comes only every 16 MB and belongs to all of them.
    writtenBytes,
  };
}

function othersShare(before: Usage, after: Usage): number | null {
  if (before.coreBusyUs === null || after.coreBusyUs === null) return null;
  const wall = after.wallUs - before.wallUs;
  const others = after.coreBusyUs - before.coreBusyUs - (after.cpuUs - before.cpuUs);
  // The core's clock ticks every 10 ms; less than two ticks say nothing.
  return others < 20_000 ? 0 : others / wall;
}
