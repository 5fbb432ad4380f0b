/**
 * What a replay does with operations: nothing is begun, every end comes from the recording in the recorded order, and
 * what the code asks for is compared with what it asked for then. What has no record waits for ever.
 */
import { operationWords } from "../journal/excerpt.ts";
import type { RecordedEnd, RecordedOperation, Recording } from "../journal/recording.ts";
import type { Direction, EndWriter } from "./direction.ts";
import type { LiveRun } from "./live-run.ts";
import type { LoopState } from "./loop-operation.ts";
import type { StoredState } from "./loop-state.ts";
import type { Operation } from "./operation.ts";
import { writeRecorded } from "./recorded-end.ts";
import { RecordedOrder } from "./recorded-order.ts";
import { sameInput } from "./same-input.ts";
import type { Scope } from "./scope.ts";

/** A difference that a live run would not stop at: there the recorded value counts. */
export interface ReplayWarning {
  readonly path: string;
  /** Seq of the recorded operation, or of the turn's end. */
  readonly seq: number;
  /** What differs: the input of an operation, the output of a scope or map, the state of a loop's turn. */
  readonly what: "input" | "output" | "state";
}

/** Where the code asked for something else than it did then. */
export interface Mismatch {
  readonly path: string;
  readonly seq: number;
  readonly recorded: string;
  readonly found: string;
  /** Frames of the call, innermost first. */
  readonly stack: readonly string[];
}

/** Frames kept of a call. */
const frames = 5;

export class ReplayDirection implements Direction {
  /** Paths of recorded operations that the code asked for. */
  readonly seen: Set<string> = new Set();
  /** Operations that the code asked for and that no record has, in order. */
  readonly unrecorded: Operation[] = [];
  readonly warnings: ReplayWarning[] = [];
  mismatch: Mismatch | undefined;
  readonly #recording: Recording;
  readonly #order: RecordedOrder;
  readonly #taken = new WeakSet<Operation>();
  readonly #stacks = new WeakMap<Operation, string>();

  constructor(run: LiveRun, recording: Recording) {
    this.#recording = recording;
    this.#order = new RecordedOrder(run, true);
  }

  issued(operation: Operation): void {
    this.#stacks.set(operation, new Error().stack ?? "");
  }

  /** Where the code called for it. */
  stackOf(operation: Operation): readonly string[] {
    const lines = (this.#stacks.get(operation) ?? "").split("\n").slice(1);
    // The call itself, not how it got here.
    return lines
      .map((line) => line.trim().replace(/^at /, ""))
      .filter(
        (line) => !/runtime\/(?:replay-direction|body-context)\.[jt]s/.test(line) && !line.includes("(<anonymous>)"),
      )
      .slice(0, frames);
  }

  takes(operation: Operation): boolean {
    if (this.#taken.has(operation)) return true;
    const recorded = this.#recording.operations.get(operation.path);
    if (recorded === undefined) {
      this.unrecorded.push(operation);
      return reachesOutside(operation) && this.#wait(operation);
    }
    this.seen.add(operation.path);
    if (!isCalledAs(operation, recorded)) return this.#mismatched(operation, recorded);
    if (!sameInput(operation, recorded)) this.#warn(operation.path, recorded.seq, "input");
    if (!reachesOutside(operation)) return false;
    return recorded.end === undefined ? this.#wait(operation) : this.#serve(operation, recorded, recorded.end);
  }

  holdsEnd(operation: Operation, failed: boolean, text: string | null, write: EndWriter): boolean {
    if (this.#order.releasing) return false;
    const recorded = this.#recording.operations.get(operation.path);
    const end = recorded?.end;
    // The recording ends before this does.
    if (recorded === undefined || end === undefined) return true;
    if (end.failed !== failed || end.text !== text) this.#warn(operation.path, recorded.seq, "output");
    this.#order.hold(end, () => write(end.failed, end.text));
    return true;
  }

  holdsTurn({ operation, turns, states }: LoopState, state: StoredState, write: (state: StoredState) => void): boolean {
    const end = this.#recording.turns.get(`${operation.path}#${turns}`);
    if (end === undefined) return true;
    const same = end.text === state.text && JSON.stringify(end.appends) === JSON.stringify(state.appends);
    if (!same && !end.edited) this.#warn(operation.path, end.seq, "state");
    this.#order.hold(end, () => {
      if (same) return write(state);
      states.replace(end.text, end.appends);
      write({ text: end.text, appends: end.appends });
    });
    return true;
  }

  failureOf(scope: Scope, text: string | null): string | null {
    const recorded = this.#recording.undone.get(scope.base);
    if (recorded === undefined || recorded.text === text) return text;
    this.#warn(scope.base, recorded.seq, "output");
    return recorded.text;
  }

  /** It was given up before it came to that, and is again. */
  holdsUndo({ base }: Scope): boolean {
    return !this.#recording.undone.has(base) && this.#recording.wasGivenUp(base);
  }

  /** As a replay passes by: true where it is recorded. */
  flag(scope: Scope, owner: string, flag: string): boolean {
    return this.#recording.hasFlag(scope.base, owner, flag);
  }

  revisionOf({ path }: Operation): number | undefined {
    return this.#recording.operations.get(path)?.revision;
  }

  releaseNext(): boolean {
    return this.#order.releaseNext();
  }

  #serve(operation: Operation, recorded: RecordedOperation, end: RecordedEnd): true {
    operation.inputText = recorded.input ?? null;
    this.#order.hold(end, () => {
      if (operation.live) writeRecorded(operation, end);
    });
    return this.#wait(operation);
  }

  #wait(operation: Operation): true {
    this.#taken.add(operation);
    operation.state = "pending";
    return true;
  }

  #mismatched(operation: Operation, recorded: RecordedOperation): true {
    this.mismatch ??= {
      path: operation.path,
      seq: recorded.seq,
      recorded: operationWords(recorded),
      found: operationWords(operation),
      stack: this.stackOf(operation),
    };
    return this.#wait(operation);
  }

  #warn(path: string, seq: number, what: ReplayWarning["what"]): void {
    this.warnings.push({ path, seq, what });
  }
}

function isCalledAs({ verb, name, agent }: Operation, recorded: RecordedOperation): boolean {
  return recorded.verb === verb && recorded.name === name && recorded.agent === agent;
}

/** Calls of workflows, maps and loops only compute; what is inside them is looked at by itself. */
function reachesOutside({ work, wait, verb }: Operation): boolean {
  if (work !== null || wait !== null) return true;
  return (
    verb === "sleep" ||
    verb === "until" ||
    verb === "start" ||
    verb === "outcome" ||
    verb === "send" ||
    verb === "state"
  );
}
