/** The runs that a list shows: what the store can select by, and what only their summaries tell, page by page. */
import type { App, RunStatus, RunSummary, WaitSummary } from "concertato";

export interface RunFilter {
  readonly status?: readonly RunStatus[];
  /** Name of the agent, without version. */
  readonly agent?: string;
  readonly tenant?: string;
  /** Only runs that were started from here on (wall clock, ms). */
  readonly since?: number;
  /** Only runs in which somebody is asked; with a name, only those that ask this one. */
  readonly waiting?: string | true;
  /** Only runs older than this one. */
  readonly before?: string;
}

export interface SelectedRuns {
  readonly runs: readonly RunSummary[];
  /** There may be more, older than the last. */
  readonly more: boolean;
}

const page = 200;

/** At most `limit` runs, newest first. */
export async function selectRuns(app: App, filter: RunFilter, limit: number): Promise<SelectedRuns> {
  const {
    status = filter.waiting === undefined ? undefined : (["waiting", "running"] as const),
    agent,
    tenant,
  } = filter;
  const found: RunSummary[] = [];
  for (let { before } = filter; ; ) {
    const runs = await app.runs({
      limit: page,
      ...(status === undefined ? {} : { status }),
      ...(agent === undefined ? {} : { agent }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(before === undefined ? {} : { before }),
    });
    for (const run of runs.filter((each) => isWanted(each, filter))) {
      if (found.length === limit) return { runs: found, more: true };
      found.push(run);
    }
    before = runs.at(-1)?.runId;
    // Runs stand in the order in which they came here, so where a whole page is too old, those after it are too.
    const { since } = filter;
    const tooOld = since !== undefined && runs.every(({ createdAt }) => createdAt < since);
    if (runs.length < page || tooOld) return { runs: found, more: false };
  }
}

function isWanted(run: RunSummary, { since, waiting }: RunFilter): boolean {
  if (since !== undefined && run.createdAt < since) return false;
  if (waiting === undefined) return true;
  return run.waiting.some((wait) => asksSomebody(wait) && (waiting === true || wait.name === waiting));
}

/** Somebody outside can end it: with an answer, a signal, word about a doubt, more budget. */
function asksSomebody({ kind }: WaitSummary): boolean {
  return kind === "answer" || kind === "signal" || kind === "in-doubt" || kind === "budget";
}
