/**
 * Deadlines of runs and scopes, by the wall clock: what is limited ends as stopped when its deadline comes, and is told to be
 * at risk before, once for each deadline. Both are entries; a run that rests in the store is woken for either.
 */
import type { Engine } from "./engine.ts";
import type { HeldBudget } from "./held-budget.ts";
import type { LiveRun } from "./live-run.ts";
import { ensureStarted } from "./results.ts";
import { resumeWaiting } from "./spending.ts";
import { stopBudget } from "./stopped.ts";

/** Share of the time after which a deadline is at risk, where nothing says otherwise. */
const defaultShare = 0.8;

/** Arms the next moment of a budget's deadline; to be called again when it was put off. */
export function watchDeadline(engine: Engine, budget: HeldBudget): void {
  if (budget.timer !== null) budget.timer.fire = null;
  budget.timer = null;
  const due = nextLook(budget);
  if (due === null || budget.operation !== null) return;
  budget.timer = engine.atWall(due, () => lookAt(engine, budget));
}

/** When a deadline is to be looked at next: when it is at risk, then when it comes. */
function nextLook(budget: HeldBudget): number | null {
  const { deadline, atRisk = defaultShare } = budget.limits;
  if (deadline === undefined || budget.over) return null;
  if (budget.risked !== null) return deadline;
  const { startedAt } = budget.scope;
  return Math.min(deadline, Math.ceil(startedAt + atRisk * (deadline - startedAt)));
}

function lookAt(engine: Engine, budget: HeldBudget): void {
  budget.timer = null;
  const { run } = budget.scope;
  if (budget.over || run.departure !== null) return;
  const { deadline = Number.POSITIVE_INFINITY } = budget.limits;
  if (engine.world.clock.now() >= deadline) {
    stopBudget(engine, budget, "time");
    resumeWaiting(run);
    return engine.settled(run);
  }
  tellRisk(budget, "elapsed");
  watchDeadline(engine, budget);
}

/**
 * Tells that a deadline may be missed. Crash before its commit: it is told by the next owner.
 * @param reason `elapsed`: so much of the time is gone; `history`: earlier runs took longer
 */
export function tellRisk(budget: HeldBudget, reason: "elapsed" | "history", usualMs?: number): void {
  const { scope, limits, risked } = budget;
  if (risked !== null || budget.over) return;
  const { run } = scope;
  ensureStarted(scope);
  const { deadline } = limits;
  const { stored } = run.write("at-risk", scope, {
    name: "deadline",
    text: JSON.stringify({
      reason,
      deadline,
      leftMs: (deadline ?? 0) - run.engine.world.clock.now(),
      ...(usualMs === undefined ? {} : { usualMs }),
    }),
    container: scope.container,
  });
  budget.risked = { since: stored.at };
  run.askedAnew = true;
}

/** Arms all deadlines of a loaded run. */
export function watchDeadlines(engine: Engine, run: LiveRun): void {
  for (const budget of run.ledger?.watched ?? []) watchDeadline(engine, budget);
}

/** The earliest moment at which a resting run must be looked at because of a deadline. */
export function earliestLook(run: LiveRun): number | null {
  let earliest: number | null = null;
  for (const budget of run.ledger?.watched ?? []) {
    const due = budget.operation === null ? nextLook(budget) : null;
    if (due !== null && due < (earliest ?? Number.POSITIVE_INFINITY)) earliest = due;
  }
  return earliest;
}

/** What a run's row says of deadlines at risk, for lists. */
export function risksOf(run: LiveRun): {
  readonly atRisk?: readonly { readonly path: string; readonly deadline: number }[];
} {
  if (run.ledger === null) return none;
  const risks: { path: string; deadline: number }[] = [];
  for (const budget of run.ledger.watched) {
    const { deadline } = budget.limits;
    if (budget.risked !== null && deadline !== undefined && !budget.over) risks.push({ path: budget.path, deadline });
  }
  return risks.length === 0 ? none : { atRisk: risks };
}

const none = {};
