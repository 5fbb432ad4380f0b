/** Every cell by name, with how often it is repeated. Sized so that a suite stays under three minutes without `--full`. */
import type { Cell, CellSpec } from "./cell.ts";
import type { HandOptions } from "./floors/journal-by-hand.ts";
import type { FanOutOptions } from "./workloads/fan-out.ts";
import type { SequenceOptions } from "./workloads/sequence.ts";
import type { ToolLoopOptions } from "./workloads/tool-loop.ts";
import type { TypedFile } from "./workloads/type-check.ts";

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

const cyclic =
  (turns: number) =>
  async (folder: string): Promise<Cell> =>
    (await import("./workloads/cyclic.ts")).cyclicCell(folder, { turns });

const toolLoop =
  (options: ToolLoopOptions) =>
  async (folder: string): Promise<Cell> =>
    (await import("./workloads/tool-loop.ts")).toolLoopCell(folder, options);

const typeCheck = (what: TypedFile) => async (folder: string) =>
  (await import("./workloads/type-check.ts")).typeCheckCell(folder, what);

const restart =
  (runs: number) =>
  async (folder: string): Promise<Cell> =>
    (await import("./workloads/restart.ts")).restartCell(folder, { runs });

const restartFloor =
  (runs: number) =>
  async (folder: string): Promise<Cell> =>
    (await import("./workloads/restart.ts")).restartFloor(folder, { runs });

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
  "floor messages 5000": {
    warmups: 1,
    repetitions: 5,
    open: async (folder) =>
      (await import("./floors/journal-by-hand.ts")).messagesFloor(folder, { messages: 5_000, perTransaction: 1 }),
  },
  "floor starting": {
    warmups: 1,
    repetitions: 5,
    open: async (folder) => (await import("./floors/waiting-by-hand.ts")).startingFloor(folder, { runs: 10_000 }),
  },
  "floor resuming": {
    warmups: 1,
    repetitions: 5,
    open: async (folder) =>
      (await import("./floors/waiting-by-hand.ts")).resumingFloor(folder, { runs: 2_000, batches: 6 }),
  },
  "floor restart 1000": { warmups: 1, repetitions: 5, open: restartFloor(1_000) },
  "floor restart 10000": { warmups: 1, repetitions: 5, open: restartFloor(10_000) },
  "floor restart 100000": { warmups: 1, repetitions: 5, open: restartFloor(100_000) },
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
  "floor tool loop": {
    warmups: 5,
    repetitions: 9,
    open: async () => (await import("./floors/tool-loop.ts")).toolLoopFloor({ turns: 6, runs: 2_000 }),
  },
  "floor two commits": {
    warmups: 2,
    repetitions: 7,
    open: byHand({ durability: "normal", perTransaction: 1, rows: 5_000, fenced: false, rowsPerUnit: 2 }),
  },
  "floor stream": {
    warmups: 3,
    repetitions: 9,
    open: async () => (await import("./floors/stream.ts")).streamFloor({ chunks: 5_000, streams: 10 }),
  },
  "floor type check": { warmups: 1, repetitions: 5, open: typeCheck("imports only") },
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
  "W4 5000": { warmups: 1, repetitions: 5, open: cyclic(5_000) },
  "W4 50000": { warmups: 0, repetitions: 3, open: cyclic(50_000) },
  "W4 100000": { warmups: 0, repetitions: 5, open: cyclic(100_000) },
  "W5 starting": {
    warmups: 1,
    repetitions: 5,
    open: async (folder) => (await import("./workloads/waiting.ts")).startingCell(folder, { runs: 10_000 }),
  },
  "W5 resuming": {
    warmups: 1,
    repetitions: 5,
    open: async (folder) => (await import("./workloads/waiting.ts")).resumingCell(folder, { runs: 2_000, batches: 6 }),
  },
  "W5 starting million": {
    warmups: 0,
    repetitions: 1,
    open: async (folder) => (await import("./workloads/waiting.ts")).startingCell(folder, { runs: 1_000_000 }),
  },
  "W5 resuming among a million": {
    warmups: 1,
    repetitions: 5,
    open: async (folder) =>
      (await import("./workloads/waiting.ts")).resumingCell(folder, { runs: 2_000, batches: 6, others: 988_000 }),
  },
  "W9 1000": { warmups: 1, repetitions: 5, open: restart(1_000) },
  "W9 10000": { warmups: 0, repetitions: 3, open: restart(10_000) },
  "W9 100000": { warmups: 0, repetitions: 3, open: restart(100_000) },
  W10: {
    warmups: 1,
    repetitions: 5,
    open: async (folder) => (await import("./workloads/simulator.ts")).simulatorCell(folder, { seeds: 300 }),
  },
  "W6 6": { warmups: 6, repetitions: 9, open: toolLoop({ store: "memory", turns: 6, runs: 300 }) },
  "W6 20": { warmups: 6, repetitions: 9, open: toolLoop({ store: "memory", turns: 20, runs: 100 }) },
  "W6 200": { warmups: 4, repetitions: 9, open: toolLoop({ store: "memory", turns: 200, runs: 10 }) },
  "W6 1000": { warmups: 3, repetitions: 7, open: toolLoop({ store: "memory", turns: 1_000, runs: 2 }) },
  "W6 durable": { warmups: 4, repetitions: 7, open: toolLoop({ store: "normal", turns: 20, runs: 25 }) },
  W7: {
    warmups: 3,
    repetitions: 9,
    open: async (folder) =>
      (await import("./workloads/streaming.ts")).streamingCell(folder, { chunks: 5_000, streams: 10 }),
  },
  W8: {
    warmups: 1,
    repetitions: 9,
    open: async (folder) => (await import("./workloads/package-import.ts")).packageImportCell(folder),
  },
  W11: { warmups: 1, repetitions: 5, open: typeCheck("agents and teams") },
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
