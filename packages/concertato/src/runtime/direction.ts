/**
 * Who decides what becomes of a run's operations when another journal knows their ends already: forks and replays.
 * Runs of their own have none. A direction never changes what is delivered or how; it only says where an end comes from.
 */
import type { LoopState } from "./loop-operation.ts";
import type { StoredState } from "./loop-state.ts";
import type { Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

export interface Direction {
  /** True when nothing is begun for this operation: its end comes from a recording, or not at all. */
  takes(operation: Operation): boolean;
  /** True when an end that the engine reached itself is kept back until its turn in the recorded order. */
  holdsEnd(operation: Operation, failed: boolean, text: string | null, write: EndWriter): boolean;
  /** The same for the end of a loop's turn. */
  holdsTurn(loop: LoopState, state: StoredState, write: (state: StoredState) => void): boolean;
  /**
   * Why a scope failed, where the recording has it: asked when what it registered is about to be undone, after which it
   * ends with this failure.
   */
  failureOf?(scope: Scope, text: string | null): string | null;
  /** True when a scope that failed does not begin to undo what it registered: the recording ends before that. */
  holdsUndo?(scope: Scope): boolean;
  /** What `ctx.patched` answers, where the recording decides it. `owner` is the loop's turn that asks. */
  flag(scope: Scope, owner: string, flag: string): boolean | undefined;
  /** Under which revision of its library code the scope that an operation calls was recorded. */
  revisionOf(operation: Operation): number | undefined;
  /** The run under whose idempotency keys an effect is done; undefined: its own. */
  keyOwner?(operation: Operation): string | undefined;
  /** Told of every operation when its body issues it. */
  issued?(operation: Operation): void;
  /** Writes the held end that was recorded first. False when none is held, or the run is not at rest. */
  releaseNext(): boolean;
}

/** Writes an end, with what it is to say. */
export type EndWriter = (failed: boolean, text: string | null) => void;
