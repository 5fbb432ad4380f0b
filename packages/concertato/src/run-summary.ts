/** Runs as lists show them: folds of a run's row, without any payload. */
import type { FinalStatus } from "./journal/entry.ts";
import type { RunRow, RunStatus } from "./journal/store.ts";

/** Most waits that a run's row names. */
export const noted: number = 20;

/** Something a run waits for. */
export interface WaitSummary {
  /** Address to answer: the path of the operation. */
  readonly waitId: string;
  readonly kind: "answer" | "signal" | "child" | "timer" | "retry" | "in-doubt";
  readonly name: string;
  readonly since: number;
  readonly until?: number;
}

/** A run as lists show it. */
export interface RunSummary {
  readonly runId: string;
  readonly agent: string;
  readonly tenant: string;
  readonly status: RunStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Entries in its journal. */
  readonly entries: number;
  readonly key: string | null;
  readonly parent: string | null;
  /** What it waits for; at most the first 20. */
  readonly waiting: readonly WaitSummary[];
  /** Code of its failure. */
  readonly failure?: string;
}

/** True for statuses that never change again. */
export function isFinalStatus(status: RunStatus): status is FinalStatus {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "stopped";
}

/** A row as lists show it. */
export function summaryOf(row: RunRow): RunSummary {
  const note = (row.note === null ? {} : JSON.parse(row.note)) as { waiting?: WaitSummary[]; failure?: string };
  return {
    runId: row.id,
    agent: row.agent,
    tenant: row.tenant,
    status: row.status,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    entries: row.seq,
    key: row.startKey,
    parent: row.parent,
    waiting: note.waiting ?? [],
    ...(note.failure === undefined ? {} : { failure: note.failure }),
  };
}
