/** What a run's row tells lists: what it waits for, and what it used so far. */
import { undoingNote } from "./compensation-chain.ts";
import { type Ledger, usageOf } from "./ledger.ts";
import type { LiveRun } from "./live-run.ts";
import type { Operation } from "./operation.ts";
import { risksOf } from "./run-deadline.ts";

/** Most waits a row's note names; the count says how many there are. */
const noted = 20;

/**
 * JSON without payloads for the run's row, or null.
 * @param asked only what somebody can answer: the rest of a run at work is no news
 */
export function noteOf(run: LiveRun, asked: boolean): string | null {
  const waiting: unknown[] = [];
  let count = 0;
  for (const operation of run.pending) {
    const kind = waitKind(operation);
    if (asked && kind !== "answer" && kind !== "signal" && kind !== "in-doubt") continue;
    count++;
    if (waiting.length >= noted) continue;
    waiting.push({
      waitId: operation.waitId,
      kind,
      name: operation.name,
      since: operation.since,
      ...(operation.until === null ? {} : { until: operation.until }),
    });
  }
  // One that is being given back waits at no gate of this process any more.
  for (const { operation, kind, name, since } of run.departure === null ? run.gated : []) {
    count++;
    if (waiting.length < noted) waiting.push({ waitId: operation.path, kind, name, since });
  }
  const raises = run.ledger === null ? noRaises : openRaises(run.ledger);
  const risks = risksOf(run);
  if (asked && count === 0 && raises.length === 0 && run.undoings.size === 0 && risks.atRisk === undefined) return null;
  const undoing = run.undoings.size === 0 ? {} : { undoing: undoingNote(run) };
  const named = raises.length === 0 ? waiting : [...raises, ...waiting].slice(0, noted);
  count += raises.length;
  return JSON.stringify({ waiting: named, count, ...undoing, ...usageOf(run.ledger?.root), ...risks });
}

const noRaises: readonly object[] = [];

/** Budgets that a person is asked to raise: named first, because all else may wait for them. */
function openRaises({ watched }: Ledger): readonly object[] {
  const raises: object[] = [];
  for (const budget of watched) {
    if (budget.asked === null || budget.over) continue;
    raises.push({ waitId: budget.waitId, kind: "budget", name: "budget", since: budget.asked.since });
  }
  return raises;
}

function waitKind(operation: Operation): string {
  if (operation.inDoubt) return "in-doubt";
  if (operation.wait !== null) return operation.wait.kind;
  if (operation.verb === "send") return "mailbox";
  // A question of an agent that only the calling body knows.
  if (operation.opened && operation.verb === "run") return "answer";
  return operation.verb === "sleep" || operation.verb === "until" ? "timer" : "retry";
}
