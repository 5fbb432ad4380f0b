/**
 * How long runs of an agent usually take: the median of those that completed lately. A sample, read when a run with a deadline
 * begins: of the newest completed runs of all agents those of this one, so that the read is bounded however many runs there
 * are. An agent that completed fewer than three of them says nothing.
 */
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./live-run.ts";
import { tellRisk, watchDeadline } from "./run-deadline.ts";

/** Completed runs that are looked at. */
const looked = 200;

/** Runs of the agent that must be among them. */
const enough = 3;

/** Tells a run that has just begun to be at risk when runs like it usually take longer than it has. */
export function foreseeRisk(engine: Engine, run: LiveRun): void {
  const budget = run.ledger?.root.budget;
  const deadline = budget?.limits.deadline;
  if (budget == null || deadline === undefined || budget.risked !== null) return;
  usualMs(engine, run.root.agentId).then(
    (usual) => {
      if (usual === undefined || run.dead || run.departure !== null || run.root.startedAt + usual <= deadline) return;
      tellRisk(budget, "history", usual);
      watchDeadline(engine, budget);
      engine.settled(run);
    },
    // The elapsed share still warns.
    (error: unknown) => engine.report(error),
  );
}

/** The median time from start to end, in ms. */
async function usualMs(engine: Engine, agentId: string): Promise<number | undefined> {
  const name = agentId.split("@")[0];
  const rows = await engine.store.runs({ status: ["completed"], limit: looked });
  const times = rows
    .filter((row) => row.agent.split("@")[0] === name)
    .map((row) => row.updatedAt - row.createdAt)
    .sort((a, b) => a - b);
  return times.length < enough ? undefined : times[times.length >> 1];
}
