/** `ctx.loop`: endless work in bounded memory. Each turn's end stores the state; a replay begins at the last turn. */
import type { Context, LoopTurn } from "./context.ts";
import { Container } from "./container.ts";
import { StoredStates } from "./loop-state.ts";
import type { LoopProgress } from "../journal/entry.ts";
import { type LoopLimits, unlimitedLoop } from "./loop-progress.ts";
import type { Operation } from "./operation.ts";

export type LoopTurnBody = (
  state: unknown,
  ctx: Context,
) => PromiseLike<LoopTurn<unknown, unknown>> | LoopTurn<unknown, unknown>;

export class LoopState {
  readonly operation: Operation;
  /** All turns. */
  readonly container: Container;
  /** The present turn: where its end needs the turn before it, its jump passes over this one alone. */
  turn: Container;
  readonly states: StoredStates = new StoredStates();
  body: LoopTurnBody | null = null;
  /** Begins a turn in the place where the loop was called. */
  begin: ((state: unknown) => void) | null = null;
  /** Turns that have ended; the next one has this number. */
  turns = 0;
  /** A `loop-advanced` entry is on its way; the running turn is over. */
  advancing = false;
  /** The loop in whose turn this one was called. */
  parent: LoopState | null = null;
  limits: LoopLimits = unlimitedLoop;
  /** How its states came so far, where that is watched. */
  progress: LoopProgress | null = null;
  /** Flags that earlier turns found patched. */
  readonly flags: Set<string> = new Set();

  constructor(operation: Operation) {
    this.operation = operation;
    this.container = new Container(operation.container);
    this.turn = new Container(this.container);
  }
}
