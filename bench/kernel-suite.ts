/**
 * The kernel's workloads: which cells they need, what is to be reached, what others were published to reach.
 * Goals compare with the floor of the same run where they can; a time alone moves with the machine.
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
  readonly unit: "µs/step" | "ms/run" | "µs/run" | "ms/restart" | "µs/seed";
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
}

const none = (): readonly Goal[] => [];

const microseconds =
  (limit: number) =>
  (ours: Measurement): Goal => ({ text: `≤ ${limit} µs`, reached: ours.wallUs <= limit });

const timesFloor =
  (limit: number) =>
  (ours: Measurement, floor: Measurement): Goal => ({
    text: `≤ ${limit} × floor`,
    reached: ours.wallUs <= limit * floor.wallUs,
  });

const milliseconds =
  (limit: number) =>
  (ours: Measurement): Goal => ({ text: `≤ ${limit} ms`, reached: ours.wallUs <= limit * 1000 });

const megabytes =
  (limit: number) =>
  (ours: Measurement): Goal => ({ text: `≤ ${limit} MB`, reached: ours.peakRssMb <= limit });

const perSecond =
  (rate: number) =>
  (ours: Measurement): Goal => ({
    text: `≥ ${rate.toLocaleString("en-US")} a second`,
    reached: ours.wallUs <= 1e6 / rate,
  });

const keptAtMost =
  (bytes: number, text: string) =>
  (ours: Measurement): Goal => ({ text: `≤ ${text}`, reached: (ours.keptBytes ?? 0) <= bytes });

const figureAtMost =
  (name: string, limit: number, unit: string) =>
  (ours: Measurement): Goal => ({ text: `${name} ≤ ${limit} ${unit}`, reached: (ours.figures?.[name] ?? 0) <= limit });

const all =
  (...goals: readonly ((ours: Measurement, floor: Measurement) => Goal)[]) =>
  (ours: Measurement, floor: Measurement): readonly Goal[] =>
    goals.map((goal) => goal(ours, floor));

export const workloads: readonly Workload[] = [
  {
    id: "W1",
    title: "10 function agents, in memory, events read",
    unit: "µs/step",
    floor: "floor loop",
    floorTitle: "hand-written loop",
    contestant: "W1",
    goals: all(microseconds(3)),
    published: "genkit 10.8; Mastra 44; LangGraph 449",
  },
  {
    id: "W1",
    title: "the same, nobody reads events",
    unit: "µs/step",
    floor: "floor loop",
    floorTitle: "hand-written loop",
    contestant: "W1 unwatched",
    goals: none,
    published: "",
  },
  {
    id: "W2a",
    title: "durable (normal), one run alone, 10 steps",
    unit: "µs/step",
    floor: "floor normal 1",
    floorTitle: "1 insert a transaction",
    contestant: "W2a",
    goals: all(microseconds(25), timesFloor(1.4)),
    published: "Mastra 326; LangGraph sync 886",
  },
  {
    id: "W2a",
    title: "the same, 50 steps",
    unit: "µs/step",
    floor: "floor normal 1",
    floorTitle: "1 insert a transaction",
    contestant: "W2a long",
    goals: all(microseconds(25), timesFloor(1.4)),
    published: "Mastra 432; LangGraph sync 801",
  },
  {
    id: "W2a",
    title: "the same; floor with the run's fence",
    unit: "µs/step",
    floor: "floor normal 1 fenced",
    floorTitle: "1 insert and 1 fence a transaction",
    contestant: "W2a long",
    goals: none,
    published: "",
  },
  {
    id: "W2b",
    title: "durable (normal), 100 runs at once, 50 steps",
    unit: "µs/step",
    floor: "floor normal 100",
    floorTitle: "100 inserts a transaction",
    contestant: "W2b",
    goals: all(microseconds(6)),
    published: "the same: no peer groups commits",
  },
  {
    id: "W2b",
    title: "the same; floor with the run's fence",
    unit: "µs/step",
    floor: "floor normal 100 fenced",
    floorTitle: "100 inserts and fences a transaction",
    contestant: "W2b",
    goals: none,
    published: "",
  },
  {
    id: "W2c",
    title: "durable (full), one run alone, 10 steps",
    waits: true,
    unit: "µs/step",
    floor: "floor full 1",
    floorTitle: "1 insert a transaction, synced",
    contestant: "W2c alone",
    goals: all(timesFloor(1.25)),
    published: "OpenWorkflow 420 (50 at once); VoltAgent 873",
  },
  {
    id: "W2c",
    title: "the same, 50 steps",
    waits: true,
    unit: "µs/step",
    floor: "floor full 1",
    floorTitle: "1 insert a transaction, synced",
    contestant: "W2c alone long",
    goals: all(timesFloor(1.25)),
    published: "OpenWorkflow 375 (50 at once); VoltAgent 1,195",
  },
  {
    id: "W2c",
    title: "durable (full), 100 runs at once, 50 steps",
    waits: true,
    unit: "µs/step",
    floor: "floor full 100",
    floorTitle: "100 inserts a transaction, synced",
    contestant: "W2c together",
    goals: all(microseconds(12)),
    published: "OpenWorkflow 420 (50 at once)",
  },
  {
    id: "W3",
    title: "map of 1,000 agents, in memory",
    unit: "ms/run",
    floor: "floor map 1000",
    floorTitle: "Promise.all",
    contestant: "W3 memory 1000",
    goals: none,
    published: "genkit 33; Mastra 95; LangGraph 820",
  },
  {
    id: "W3",
    title: "map of 10,000 agents, in memory",
    unit: "ms/run",
    floor: "floor map 10000",
    floorTitle: "Promise.all",
    contestant: "W3 memory 10000",
    goals: all(milliseconds(60), megabytes(130)),
    published: "genkit 205; Mastra 851, 346 MB; LangGraph 62,400",
  },
  {
    id: "W3",
    title: "map of 1,000 agents, durable (normal)",
    unit: "ms/run",
    floor: "floor map durable 1000",
    floorTitle: "Promise.all, 100 rows a transaction",
    contestant: "W3 durable 1000",
    goals: none,
    published: "",
  },
  {
    id: "W3",
    title: "map of 10,000 agents, durable (normal)",
    unit: "ms/run",
    floor: "floor map durable 10000",
    floorTitle: "Promise.all, 100 rows a transaction",
    contestant: "W3 durable 10000",
    goals: all(milliseconds(150)),
    published: "",
  },
  {
    id: "W4",
    title: "one run of 5,000 turns, an agent and a message each",
    unit: "ms/run",
    floor: "floor messages 5000",
    floorTitle: "1 insert a transaction",
    contestant: "W4 5000",
    goals: all(milliseconds(200), keptAtMost(2.5e6, "2.5 MB")),
    published: "LangGraph DeltaChannel 3,110, 11 MB; Mastra 17,600",
  },
  {
    id: "W4",
    title: "the same, 50,000 turns",
    unit: "ms/run",
    floor: "floor messages 5000",
    floorTitle: "5,000 of them",
    contestant: "W4 50000",
    goals: none,
    published: "quadratic, or not possible",
  },
  {
    id: "W4",
    title: "the same, 100,000 turns",
    unit: "ms/run",
    floor: "floor messages 5000",
    floorTitle: "5,000 of them",
    contestant: "W4 100000",
    goals: none,
    published: "",
    full: true,
  },
  {
    id: "W5",
    title: "10,000 runs started that wait for a person",
    unit: "µs/run",
    floor: "floor starting",
    floorTitle: "a row, 100 a transaction",
    contestant: "W5 starting",
    goals: all(
      perSecond(25_000),
      keptAtMost(1_000, "1 kB each"),
      figureAtMost("heapBytesEach", 50, "B"),
      figureAtMost("readyMs", 1_000, "ms"),
    ),
    published: "Mastra 425; LangGraph 1,149",
  },
  {
    id: "W5",
    title: "resumed by a fresh process, answer to committed end",
    unit: "µs/run",
    floor: "floor resuming",
    floorTitle: "a row, 100 a transaction",
    contestant: "W5 resuming",
    goals: all(perSecond(15_000)),
    published: "Mastra 373; LangGraph 962",
  },
  {
    id: "W5",
    title: "1,000,000 runs started that wait for a person",
    unit: "µs/run",
    floor: "floor starting",
    floorTitle: "a row, 100 a transaction",
    contestant: "W5 starting million",
    goals: all(
      perSecond(25_000),
      keptAtMost(1_000, "1 kB each"),
      figureAtMost("heapBytesEach", 50, "B"),
      figureAtMost("readyMs", 1_000, "ms"),
    ),
    published: "",
    full: true,
  },
  {
    id: "W5",
    title: "resumed by a fresh process among 1,000,000",
    unit: "µs/run",
    floor: "floor resuming",
    floorTitle: "a row, 100 a transaction",
    contestant: "W5 resuming among a million",
    goals: all(perSecond(15_000)),
    published: "",
    full: true,
  },
  {
    id: "W9",
    title: "killed with 1,000 open runs: start to first step",
    unit: "ms/restart",
    floor: "floor restart 1000",
    floorTitle: "bare process, one statement",
    contestant: "W9 1000",
    goals: all(milliseconds(300)),
    published: "",
  },
  {
    id: "W9",
    title: "the same with 10,000",
    unit: "ms/restart",
    floor: "floor restart 10000",
    floorTitle: "bare process, one statement",
    contestant: "W9 10000",
    goals: none,
    published: "",
  },
  {
    id: "W9",
    title: "the same with 100,000",
    unit: "ms/restart",
    floor: "floor restart 100000",
    floorTitle: "bare process, one statement",
    contestant: "W9 100000",
    goals: all(milliseconds(1_500)),
    published: "",
    full: true,
  },
  {
    id: "W10",
    title: "simulator, the real kernel, one core",
    unit: "µs/seed",
    floor: null,
    floorTitle: "",
    contestant: "W10",
    goals: all(perSecond(500)),
    published: "",
  },
];

export const growths: readonly Growth[] = [
  {
    id: "W4",
    title: "growth of CPU time, 5,000 to 50,000 turns",
    small: "W4 5000",
    large: "W4 50000",
    timesLarger: 10,
  },
  {
    id: "W4",
    title: "growth of CPU time, 5,000 to 100,000 turns",
    small: "W4 5000",
    large: "W4 100000",
    timesLarger: 20,
    full: true,
  },
  {
    id: "W3",
    title: "growth of CPU time in memory, 1,000 to 10,000",
    small: "W3 memory 1000",
    large: "W3 memory 10000",
    timesLarger: 10,
  },
  {
    id: "W3",
    title: "growth of CPU time durable, 1,000 to 10,000",
    small: "W3 durable 1000",
    large: "W3 durable 10000",
    timesLarger: 10,
  },
];

/** An exponent up to this counts as linear: ten times the work in at most 14 times the time. */
const linear = 1.15;

export function growthGoal(
  small: Measurement,
  large: Measurement,
  timesLarger: number,
): Goal & { readonly exponent: number } {
  const exponent = growthExponent(small.cpuUs, large.cpuUs, timesLarger);
  return { text: `linear (exponent ≤ ${linear})`, reached: exponent <= linear, exponent };
}

/** Cells that the chosen workloads need, floor and contestant side by side, each once. */
export function cellsOf(chosen: readonly Workload[]): readonly CellName[] {
  return [...new Set(chosen.flatMap(({ floor, contestant }) => (floor === null ? [contestant] : [floor, contestant])))];
}
