/**
 * Whether a loop gets on: a state that stays the same turn after turn is no progress, states that come round in a circle are a
 * loop. Pure, and of constant size: what it knows stands in each turn's entry, so that a replay of the last turn alone decides
 * the same. Circles of any length are found (Brent's method: the state is compared with one that is kept for a while, and
 * for twice as long each time).
 */
import { ConcertatoError } from "../kernel/errors.ts";
import { fingerprint } from "../kernel/derive.ts";
import type { LoopProgress } from "../journal/entry.ts";
import type { LoopOptions } from "./context.ts";

/** When a loop is stopped. */
export interface LoopLimits {
  readonly maxTurns: number;
  /** Times in a row; 0 when it is not watched. */
  readonly stall: number;
}

export const unlimitedLoop: LoopLimits = { maxTurns: Number.POSITIVE_INFINITY, stall: 0 };

/** @throws ConcertatoError `policy/edge-invalid` */
export function loopLimits({ maxTurns, stall }: LoopOptions): LoopLimits {
  if (maxTurns === undefined && stall === undefined) return unlimitedLoop;
  return {
    maxTurns: maxTurns === undefined ? unlimitedLoop.maxTurns : countOf("maxTurns", maxTurns),
    stall: stall === undefined ? unlimitedLoop.stall : countOf("stall", stall),
  };
}

function countOf(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new ConcertatoError({
    code: "policy/edge-invalid",
    message: `The loop option ${name} is ${String(value)}; pass a whole number from 1.`,
    details: { name, given: String(value) },
  });
}

/** What is known after one more state. */
export function progressed(before: LoopProgress | null, stateText: string): LoopProgress {
  const last = fingerprint(stateText);
  if (before === null) return { last, same: 0, kept: last, keptFor: 1, since: 0, rounds: 0 };
  const same = last === before.last ? before.same + 1 : 0;
  const since = before.since + 1;
  const { kept, keptFor, rounds } = before;
  if (last === kept) return { last, same, kept, keptFor, since: 0, rounds: rounds + 1 };
  if (since >= keptFor) return { last, same, kept: last, keptFor: keptFor * 2, since: 0, rounds: 0 };
  return { last, same, kept, keptFor, since, rounds };
}

/** Why a loop is stopped after this many turns, if it is. */
export function stopOfLoop(
  { maxTurns, stall }: LoopLimits,
  turns: number,
  progress: LoopProgress | null,
  where: { readonly runId: string; readonly path: string },
): ConcertatoError | undefined {
  const { runId, path } = where;
  const at = `The loop at ${path} of run ${runId}`;
  if (stall > 0 && progress !== null && progress.same >= stall) {
    return new ConcertatoError({
      code: "policy/no-progress",
      message: `${at} was stopped: ${stall} turns in a row left its state as it was. Let a turn change the state or end the loop, or raise stall.`,
      details: { runId, path, reason: "no-progress", turns, stall },
    });
  }
  if (stall > 0 && progress !== null && progress.rounds >= stall && progress.same === 0) {
    return new ConcertatoError({
      code: "policy/loop-detected",
      message: `${at} was stopped: its states came round in a circle ${stall} times. Let the turns reach something new or end the loop, or raise stall.`,
      details: { runId, path, reason: "loop", turns, stall },
    });
  }
  if (turns < maxTurns) return undefined;
  return new ConcertatoError({
    code: "policy/steps-exceeded",
    message: `${at} was stopped: it has had its ${maxTurns} turns and did not end. Raise maxTurns, or let it end earlier.`,
    details: { runId, path, reason: "steps", turns, maxTurns },
  });
}
