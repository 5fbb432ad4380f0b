/** Runs as lists show them: folds of a run's row, without any payload. */
import type { FinalStatus, Usage } from "./journal/entry.ts";
import type { AgentPause, RunRow, RunStatus } from "./journal/store.ts";

/** Most waits that a run's row names. */
export const noted: number = 20;

/** Something a run waits for. */
export interface WaitSummary {
  /** Address to answer: the path of the operation. */
  readonly waitId: string;
  /**
   * `no-worker`: no process that lives has the agent named. `mail`: a letter, which any run or client may send;
   * `mailbox`: room in a channel of another run; `claim`: a key that another run holds; `budget`: one that is used up,
   * which a person may raise. `slot`, `rate`: the limits of the agent named (or of the key behind its name) let no more
   * attempts in at present. `capacity`: this process has enough attempts under way. `paused`: the agent named is paused. `cap`: what the tenant
   * or agent named may spend is used up, or held by attempts elsewhere.
   */
  readonly kind:
    | "answer"
    | "signal"
    | "child"
    | "timer"
    | "retry"
    | "in-doubt"
    | "no-worker"
    | "mail"
    | "mailbox"
    | "claim"
    | "budget"
    | "slot"
    | "rate"
    | "capacity"
    | "paused"
    | "cap";
  readonly name: string;
  readonly since: number;
  readonly until?: number;
}

/** Who paused a run, or its agent. */
export interface PausedSummary {
  readonly by: string;
  readonly since: number;
  /** The agent that is paused, where it is not the run itself. */
  readonly agent?: string;
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
  /** 0 to 9; higher is served first. */
  readonly priority: number;
  /** It is paused, or its agent is: by whom, and since when (ms). */
  readonly paused?: PausedSummary;
  /** What it waits for; at most the first 20. */
  readonly waiting: readonly WaitSummary[];
  /** What it used: in all when it has ended, else up to the last time it waited. */
  readonly usage?: Usage;
  /** Deadlines that may be missed: of the run ("0") and of calls in it. */
  readonly atRisk?: readonly { readonly path: string; readonly deadline: number }[];
  /** Code of its failure. */
  readonly failure?: string;
  /** It is undoing what it had registered, `done` of `of`, and then ends with this status. */
  readonly undoing?: { readonly status: FinalStatus; readonly done: number; readonly of: number };
  /** How much of what it had registered was undone before it ended; less than `of` when something could not be. */
  readonly undone?: { readonly done: number; readonly of: number };
}

/** True for statuses that never change again. */
export function isFinalStatus(status: RunStatus): status is FinalStatus {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "stopped";
}

/** What keeps a run that has not ended from going on: it is paused, or its agent is. */
export function pauseOf(row: RunRow, agents: readonly AgentPause[]): PausedSummary | undefined {
  if (isFinalStatus(row.status)) return undefined;
  if (row.paused !== null) return row.paused;
  const name = row.agent.slice(0, row.agent.lastIndexOf("@"));
  return agents.find(({ agent }) => agent === row.agent || agent === name);
}

/** A summary that says who paused the run. */
export function withPause(summary: RunSummary, paused: PausedSummary | undefined): RunSummary {
  return paused === undefined ? summary : { ...summary, paused };
}

/** Somebody can end this wait with an answer or a signal. */
export function isQuestion({ kind }: WaitSummary): boolean {
  return kind === "answer" || kind === "signal" || kind === "in-doubt" || kind === "budget";
}

/** Waits for a turn. */
const turns: ReadonlySet<WaitSummary["kind"]> = new Set(["no-worker", "slot", "rate", "capacity", "paused", "cap"]);

/** The wait is an operation's own, and not one for its turn. */
export function isAddressed({ kind }: WaitSummary): boolean {
  return !turns.has(kind);
}

/** Due, and nobody has taken it: where no living process has its agent, that is what it waits for. */
export function isUnclaimed(row: RunRow, now: number): boolean {
  return (
    row.owner === null &&
    row.wake !== null &&
    row.wake <= now &&
    !row.cancelling &&
    row.status !== "diverged" &&
    row.paused === null
  );
}

/**
 * An unclaimed row as lists show it.
 * @param agents `name@version` of what the living processes can run
 */
export function unclaimedSummaryOf(row: RunRow, agents: ReadonlySet<string>): RunSummary {
  const missing = [row.agent, ...(row.needs === null ? [] : [row.needs])].find((agent) => !agents.has(agent));
  const summary = summaryOf(row);
  if (missing === undefined || summary.waiting.some(({ kind }) => kind === "no-worker")) return summary;
  const wait: WaitSummary = { waitId: "0", kind: "no-worker", name: missing, since: row.updatedAt };
  return { ...summary, waiting: [...summary.waiting, wait] };
}

/** A row as lists show it. */
export function summaryOf(row: RunRow): RunSummary {
  const note = (row.note === null ? {} : JSON.parse(row.note)) as Pick<
    Partial<RunSummary>,
    "waiting" | "usage" | "atRisk" | "failure" | "undoing" | "undone"
  >;
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
    priority: row.priority,
    waiting: note.waiting ?? [],
    ...(note.usage === undefined ? {} : { usage: note.usage }),
    ...(note.atRisk === undefined ? {} : { atRisk: note.atRisk }),
    ...(note.failure === undefined ? {} : { failure: note.failure }),
    ...(note.undoing === undefined ? {} : { undoing: note.undoing }),
    ...(note.undone === undefined ? {} : { undone: note.undone }),
  };
}
