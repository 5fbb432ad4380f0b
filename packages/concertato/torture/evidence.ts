/** What the checker judges: everything the public API says at the end, beside what the outside world wrote down. */
import type { App, Entry, Json, Outcome, RunSummary } from "concertato";
import type { Operation } from "./history.ts";
import { readJournal } from "./journal-paths.ts";
import type { LedgerRecords } from "./ledger-book.ts";
import type { Change, Sight } from "./witness.ts";

export interface RunEvidence {
  readonly summary: RunSummary;
  readonly entries: readonly Entry[];
  /** How the run ended, as `outcome()` tells it; null while it has not. */
  readonly outcome: Outcome<Json> | null;
  /** Status of the root of its tree, as `describe()` shows it. */
  readonly treeStatus: string;
}

export interface Evidence {
  readonly runs: ReadonlyMap<string, RunEvidence>;
  readonly operations: readonly Operation[];
  readonly ledger: LedgerRecords;
  /** Journals as they were seen during the torture. */
  readonly sights: ReadonlyMap<string, Sight>;
  /** Changes that were noticed already then. */
  readonly changes: readonly Change[];
  /** Runs that are left waiting on purpose. */
  readonly withheld: ReadonlySet<string>;
  /** Faults of processes and of the harness. */
  readonly faults: readonly Fault[];
}

/** Something that must not happen, though it belongs to no run. */
export interface Fault {
  readonly where: string;
  readonly message: string;
}

export const finalStatuses: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "stopped"]);

/** Reads all runs of an app. */
export async function readRuns(app: App): Promise<Map<string, RunEvidence>> {
  const runs = new Map<string, RunEvidence>();
  let before: string | undefined;
  for (;;) {
    const page = await app.runs({ limit: 200, ...(before === undefined ? {} : { before }) });
    for (const { runId } of page) runs.set(runId, await readRun(app, runId));
    before = page.at(-1)?.runId;
    if (before === undefined) return runs;
  }
}

async function readRun(app: App, runId: string): Promise<RunEvidence> {
  const job = app.job<Json>(runId);
  const { run: summary, tree } = await app.describe(runId);
  const outcome = finalStatuses.has(summary.status) ? await job.outcome() : null;
  return { summary, entries: await readJournal(job), outcome, treeStatus: tree.status };
}
