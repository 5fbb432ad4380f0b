/**
 * Giving a run back while it still has something to do: nobody here has an agent that it needs, or it makes room for a
 * more urgent one. What is under way ends and is recorded; nothing new begins; then one change gives it back.
 *
 *   at work ──depart──▶ departing ──attempts ended, all committed──▶ released (the row is anybody's)
 *
 * A departing run is delivered nothing and starts no attempt and no intent; what it keeps back so is found again from the
 * journal by the next owner. If the process dies here, the run is released as that of a dead process: the same, later.
 */
import type { Change } from "../journal/store.ts";
import { undoingNote } from "./compensation-chain.ts";
import type { Engine } from "./engine.ts";
import type { LiveRun } from "./live-run.ts";

/** Why a run is given back, and what its row then says. */
export interface Departure {
  /** `queued`: it only waits for its turn. */
  readonly status: "queued" | "waiting";
  readonly note: string | null;
  /** Asked when it leaves, where the note depends on what it waits for then. */
  readonly noteThen?: (run: LiveRun) => string | null;
  /** Agent that its next owner must have, `name@version`. */
  readonly needs: string | null;
}

/** It waits for its turn again. */
export const displaced: Departure = { status: "queued", note: null, needs: null };

/**
 * It waits for a process that has an agent.
 * @param path where the run needs it
 */
export function noWorker(run: LiveRun, path: string, agentId: string): Departure {
  const wait = { waitId: path, kind: "no-worker", name: agentId, since: run.tick() };
  const undoing = run.undoings.size === 0 ? {} : { undoing: undoingNote(run) };
  return { status: "waiting", note: JSON.stringify({ waiting: [wait], count: 1, ...undoing }), needs: agentId };
}

/** Begins to give a run back. Does nothing when it is on its way already. */
export function depart(engine: Engine, run: LiveRun, departure: Departure): void {
  if (run.departure !== null || run.dead || run.finished) return;
  run.departure = departure;
  engine.ownership.departing(run);
  leaveWhenDone(engine, run);
}

/** Gives a departing run back if nothing of it is under way any more. Level-triggered: asked after every end and commit. */
export function leaveWhenDone(engine: Engine, run: LiveRun): void {
  const { departure } = run;
  if (departure === null || run.leaving || run.dead || run.finished) return;
  if (run.attempts > 0 || run.out.length > 0 || run.consumed.length > 0 || run.committing || run.admitting) return;
  run.leaving = true;
  const { seq } = run;
  engine.committer.submit(release(engine, run, departure)).then(
    (result) => {
      run.leaving = false;
      if (run.dead) return;
      // A deadline may have passed in between and been recorded: it leaves after that.
      if (!result.ok && run.seq !== seq) return leaveWhenDone(engine, run);
      engine.ownership.lost(run);
    },
    (error: unknown) => {
      engine.report(error);
      engine.ownership.unknown(run, error);
    },
  );
}

function release(engine: Engine, run: LiveRun, departure: Departure): Change {
  const { status, needs } = departure;
  const note = departure.noteThen === undefined ? departure.note : departure.noteThen(run);
  // At rest, and nothing was kept back since: its row says truly that a wake needs to run only what it concerns.
  const parked =
    run.shownParked &&
    !run.withheld &&
    run.gated.size === 0 &&
    run.held === 0 &&
    run.queuedScopes === 0 &&
    run.recovering === 0;
  return {
    kind: "release",
    run: run.key,
    epoch: run.epoch,
    seq: run.seq,
    status: parked ? "waiting" : status,
    note: parked && needs === null ? run.shownNote : note,
    wake: parked ? engine.ownership.deadlineOf(run) : 0,
    parked,
    needs,
    at: engine.world.clock.now(),
  };
}
