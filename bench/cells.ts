/** Every cell by name, with how often it is repeated. Sized so that a whole suite stays under 90 seconds. */
import type { Cell, CellSpec } from "./cell.ts";
import type { HandOptions } from "./floors/journal-by-hand.ts";
import type { FanOutOptions } from "./workloads/fan-out.ts";
import type { SequenceOptions } from "./workloads/sequence.ts";

const byHand =
  (options: HandOptions) =>
  async (folder: string): Promise<Cell> =>
    (await import("./floors/journal-by-hand.ts")).journalFloor(folder, options);

const sequence =
  (options: SequenceOptions) =>
  async (folder: string): Promise<Cell> =>
    (await import("./workloads/sequence.ts")).sequenceCell(folder, options);

const fanOut =
  (options: FanOutOptions) =>
  async (folder: string): Promise<Cell> =>
    (await import("./workloads/fan-out.ts")).fanOutCell(folder, options);

const floors = {
  "floor loop": {
    warmups: 3,
    repetitions: 7,
    open: async () => (await import("./floors/loop.ts")).loopFloor({ steps: 10, runs: 20_000 }),
  },
  "floor normal 1": {
    warmups: 2,
    repetitions: 7,
    open: byHand({ durability: "normal", perTransaction: 1, rows: 5_000, fenced: false }),
  },
  "floor normal 1 fenced": {
    warmups: 2,
    repetitions: 7,
    open: byHand({ durability: "normal", perTransaction: 1, rows: 5_000, fenced: true }),
  },
  "floor normal 100": {
    warmups: 1,
    repetitions: 5,
    open: byHand({ durability: "normal", perTransaction: 100, rows: 20_000, fenced: false }),
  },
  "floor normal 100 fenced": {
    warmups: 1,
    repetitions: 5,
    open: byHand({ durability: "normal", perTransaction: 100, rows: 20_000, fenced: true }),
  },
  "floor full 1": {
    warmups: 2,
    repetitions: 7,
    open: byHand({ durability: "full", perTransaction: 1, rows: 1_500, fenced: false }),
  },
  "floor full 100": {
    warmups: 1,
    repetitions: 5,
    open: byHand({ durability: "full", perTransaction: 100, rows: 20_000, fenced: false }),
  },
  "floor map 1000": {
    warmups: 20,
    repetitions: 15,
    open: async () => (await import("./floors/loop.ts")).mapFloor({ items: 1_000 }),
  },
  "floor map 10000": {
    warmups: 5,
    repetitions: 9,
    open: async () => (await import("./floors/loop.ts")).mapFloor({ items: 10_000 }),
  },
  "floor map durable 1000": {
    warmups: 10,
    repetitions: 9,
    open: async (folder) => (await import("./floors/journal-by-hand.ts")).durableMapFloor(folder, { items: 1_000 }),
  },
  "floor map durable 10000": {
    warmups: 3,
    repetitions: 7,
    open: async (folder) => (await import("./floors/journal-by-hand.ts")).durableMapFloor(folder, { items: 10_000 }),
  },
} as const satisfies Record<string, CellSpec>;

const contestants = {
  W1: {
    warmups: 6,
    repetitions: 9,
    open: sequence({ store: "memory", steps: 10, together: 1, runs: 1_000, subscribed: true }),
  },
  "W1 unwatched": {
    warmups: 6,
    repetitions: 9,
    open: sequence({ store: "memory", steps: 10, together: 1, runs: 1_000, subscribed: false }),
  },
  W2a: {
    warmups: 5,
    repetitions: 9,
    open: sequence({ store: "normal", steps: 10, together: 1, runs: 200, subscribed: false }),
  },
  "W2a long": {
    warmups: 5,
    repetitions: 9,
    open: sequence({ store: "normal", steps: 50, together: 1, runs: 40, subscribed: false }),
  },
  W2b: {
    warmups: 1,
    repetitions: 5,
    open: sequence({ store: "normal", steps: 50, together: 100, runs: 400, subscribed: false }),
  },
  "W2c alone": {
    warmups: 2,
    repetitions: 7,
    open: sequence({ store: "full", steps: 10, together: 1, runs: 100, subscribed: false }),
  },
  "W2c alone long": {
    warmups: 2,
    repetitions: 7,
    open: sequence({ store: "full", steps: 50, together: 1, runs: 20, subscribed: false }),
  },
  "W2c together": {
    warmups: 1,
    repetitions: 5,
    open: sequence({ store: "full", steps: 50, together: 100, runs: 200, subscribed: false }),
  },
  "W3 memory 1000": { warmups: 10, repetitions: 9, open: fanOut({ store: "memory", items: 1_000 }) },
  "W3 memory 10000": { warmups: 4, repetitions: 7, open: fanOut({ store: "memory", items: 10_000 }) },
  "W3 durable 1000": { warmups: 10, repetitions: 9, open: fanOut({ store: "normal", items: 1_000 }) },
  "W3 durable 10000": { warmups: 3, repetitions: 7, open: fanOut({ store: "normal", items: 10_000 }) },
} as const satisfies Record<string, CellSpec>;

export type CellName = keyof typeof floors | keyof typeof contestants;

/** Cells that between them load every module: opening them fills the cache of compiled code. */
export const loadingCells: readonly CellName[] = ["W2a", "W3 memory 1000", "floor map durable 1000"];

export const cells: ReadonlyMap<string, CellSpec> = new Map<string, CellSpec>([
  ...Object.entries(floors),
  ...Object.entries(contestants),
]);
