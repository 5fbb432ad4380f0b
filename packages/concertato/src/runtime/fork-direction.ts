/**
 * What a fork does with its operations: takes over what the run it was forked from recorded, uses what was given instead,
 * does it anew, or stops. Which of these is written in the fork's `forked` entry, so every process decides the same.
 *
 *   issued ─┬─ a stub of this name ──────────────▶ the stub's value
 *           ├─ `recorded`, and recorded the same ─▶ the recorded end, in the recorded order
 *           ├─ `recorded`, and not ───────────────▶ elsewhere: live, or the run stops
 *           └─ `live` ───────────────────────────▶ done anew, under this run's own key
 */
import { type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { encodeJson } from "../kernel/json.ts";
import type { RecordedEnd, RecordedOperation, Recording } from "../journal/recording.ts";
import type { Direction, EndWriter } from "./direction.ts";
import {
  actsOutside,
  type ByEffect,
  type ForkDescription,
  type ForkMode,
  type StubFunctions,
} from "./fork-description.ts";
import { claimNotHeld } from "./holding.ts";
import type { LiveRun } from "./live-run.ts";
import type { LoopState } from "./loop-operation.ts";
import type { StoredState } from "./loop-state.ts";
import type { Operation, Work } from "./operation.ts";
import { finish, finishText } from "./results.ts";
import { writeRecorded } from "./recorded-end.ts";
import { RecordedOrder } from "./recorded-order.ts";
import { sameInput, startsWith } from "./same-input.ts";
import type { Scope } from "./scope.ts";
import { endRun } from "./scope-end.ts";
import type { StateAccess } from "./state-access.ts";
import { validateNow } from "./validation.ts";
import { channelOf, openWait } from "./waits.ts";

/** What is known of the run that was forked. */
export interface ForkSource {
  readonly recording: Recording;
  /** The runs that it started and that are still there, by id. */
  readonly children: ReadonlyMap<string, StartedRun>;
}

/** A run that the original started. */
export interface StartedRun {
  /** What it was started with: the original's own journal does not have it. */
  readonly inputHash: string;
  /** Undefined while it is under way. */
  readonly end: RecordedEnd | undefined;
}

export class ForkDirection implements Direction {
  readonly #run: LiveRun;
  readonly #description: ForkDescription;
  readonly #source: ForkSource;
  readonly #functions: StubFunctions | undefined;
  readonly #order: RecordedOrder;
  readonly #taken = new WeakSet<Operation>();
  #values: ReadonlyMap<string, string | null> | null = null;

  constructor(run: LiveRun, description: ForkDescription, source: ForkSource, functions: StubFunctions | undefined) {
    this.#run = run;
    this.#description = description;
    this.#source = source;
    this.#functions = functions;
    this.#order = new RecordedOrder(run, false);
  }

  takes(operation: Operation): boolean {
    if (this.#taken.has(operation)) return true;
    if (operation.verb === "outcome") return this.#takesOutcome(operation);
    if (operation.verb === "state") this.#inheritState(operation);
    const mode = this.#modeOf(operation);
    if (mode === undefined) return false;
    if (this.#isStubbed(operation)) return this.#stub(operation);
    if (this.#isAnew(operation)) return this.#live(operation);
    const recorded = this.#source.recording.operations.get(operation.path);
    if (mode === "recorded" && recorded?.end !== undefined && this.#isSame(operation, recorded))
      return this.#serve(operation, recorded, recorded.end);
    if (recorded !== undefined && this.#isDoubtful(operation, recorded)) return this.#doubt(operation, recorded);
    if (mode === "live" || this.#elsewhere(operation) === "live") return this.#anew(operation);
    return this.#stop(operation, recorded);
  }

  /** Whose idempotency key an effect goes under; undefined: this run's own. */
  keyOwner({ path }: Operation): string | undefined {
    const { retry } = this.#description;
    return retry === undefined || isUnder(path, retry.undone) ? undefined : retry.keys;
  }

  holdsEnd(operation: Operation, failed: boolean, text: string | null, write: EndWriter): boolean {
    if (this.#order.releasing) return false;
    if (this.#modeOf(operation) !== undefined) {
      this.#run.pinnedAt = null;
      return false;
    }
    const end = this.#source.recording.operations.get(operation.path)?.end;
    if (end === undefined) return false;
    this.#order.hold(end, () => write(failed, text));
    return true;
  }

  holdsTurn({ operation, turns }: LoopState, state: StoredState, write: (state: StoredState) => void): boolean {
    const end = this.#source.recording.turns.get(`${operation.path}#${turns}`);
    if (end === undefined) return false;
    this.#order.hold(end, () => write(state));
    return true;
  }

  /** A fork runs today's code, except where the original is known to have taken the new path too. */
  flag(scope: Scope, owner: string, flag: string): boolean | undefined {
    return this.#source.recording.hasFlag(scope.base, owner, flag) ? true : undefined;
  }

  revisionOf({ path }: Operation): number | undefined {
    return this.#source.recording.operations.get(path)?.revision;
  }

  releaseNext(): boolean {
    return this.#order.releaseNext();
  }

  /** Undefined for what only computes: calls of workflows, maps, loops. */
  #modeOf(operation: Operation): ForkMode | undefined {
    const { effects, people, time } = this.#description;
    if (operation.verb === "sleep" || operation.verb === "until") return time;
    if (operation.verb === "state") return sharedAccess(operation.input as StateAccess, effects);
    const { verb } = operation;
    // Whoever acts by itself must hold what it acts on.
    if (verb === "claim")
      return this.#description.retry !== undefined || actsOutside(this.#description) ? "live" : effects.write;
    if (verb === "start" || verb === "send") return effects.write;
    if (operation.work !== null) return effects[classOf(operation.work)];
    return operation.wait === null ? undefined : people;
  }

  #elsewhere(operation: Operation): "live" | "stop" {
    const { elsewhere } = this.#description;
    if (operation.verb === "start" || operation.verb === "send") return elsewhere.write;
    if (operation.verb === "state") return sharedAccess(operation.input as StateAccess, elsewhere) ?? "live";
    return operation.work === null ? "live" : elsewhere[classOf(operation.work)];
  }

  /** It may happen anew, unless the original held a key for it that the fork does not hold. */
  #anew(operation: Operation): boolean {
    const claim = changesSomething(operation) ? claimNotHeld(operation) : undefined;
    if (claim === undefined) return this.#live(operation);
    const { run } = this.#description.from;
    const seq = this.#source.recording.operations.get(claim.path)?.seq ?? 1;
    return this.#stopBefore(operation, {
      code: "fork/key-not-held",
      why: `the key "${claim.key}" under which it would act was granted to ${run} (claimed at ${claim.path}, entry ${seq}), not to the fork`,
      remedy: `Fork again at entry ${seq - 1} or before, so that the fork asks for the key itself, or take over what ${run} recorded`,
    });
  }

  /** Something happens anew, and it happens now: reads and sleeps when they end, as a race may have given them up before. */
  #live({ work, verb }: Operation): false {
    const later = verb === "sleep" || verb === "until" || (work !== null && classOf(work) === "read");
    if (!later) this.#run.pinnedAt = null;
    return false;
  }

  #serve(operation: Operation, recorded: RecordedOperation, end: RecordedEnd): true {
    operation.inputText = recorded.input ?? null;
    return this.#promise(operation, end);
  }

  /** The end will be written in its turn. Crash before: it is promised again by the next owner. */
  #promise(operation: Operation, end: RecordedEnd): true {
    this.#taken.add(operation);
    operation.state = "pending";
    this.#order.hold(end, () => {
      if (operation.live) writeRecorded(operation, end);
    });
    return true;
  }

  #isSame(operation: Operation, recorded: RecordedOperation): boolean {
    if (!isSame(operation, recorded)) return false;
    const child = operation.verb === "start" ? this.#source.children.get(startedRun(recorded) ?? "") : undefined;
    // Of one that is no longer there nobody can tell.
    return child === undefined || startsWith(operation, child.inputHash);
  }

  /** A run that the original started belongs to the original; what it ended with is a fact for both. */
  #takesOutcome(operation: Operation): boolean {
    const { recording, children } = this.#source;
    const recorded = recording.operations.get(operation.path);
    if (recorded?.end !== undefined && this.#isSame(operation, recorded))
      return this.#serve(operation, recorded, recorded.end);
    const ended = children.get(operation.name)?.end;
    if (ended !== undefined) return this.#promise(operation, ended);
    if (!startedBy(recording, operation.name)) return this.#live(operation);
    return this.#stop(operation, recorded);
  }

  // --- failed runs that were put back -----------------------------------------------------------------------------

  /** What failed is tried again, and what was undone is done again. */
  #isAnew({ path }: Operation): boolean {
    const { retry } = this.#description;
    return retry !== undefined && (retry.anew.includes(path) || isUnder(path, retry.undone));
  }

  /** It had begun when the run failed, and nobody heard whether it happened. */
  #isDoubtful({ work }: Operation, recorded: RecordedOperation): boolean {
    const begun = recorded.end === undefined && this.#description.retry !== undefined;
    return begun && work?.leaf.effect === "irreversible";
  }

  #doubt(operation: Operation, recorded: RecordedOperation): false {
    operation.inputText = recorded.input ?? null;
    operation.doubtful = true;
    return this.#live(operation);
  }

  // --- state ------------------------------------------------------------------------------------------------------

  /** The run's own values begin as the original's were at the point where they part. */
  #inheritState(operation: Operation): void {
    const access = operation.input as StateAccess;
    if (isShared(access)) return;
    this.#values ??= this.#valuesAt(this.#description.from.at);
    const initialText = this.#values.get(access.name);
    if (initialText !== undefined) operation.input = { ...access, initialText } satisfies StateAccess;
  }

  #valuesAt(at: number): ReadonlyMap<string, string | null> {
    const values = new Map<string, string | null>();
    const writes = [...this.#source.recording.operations.values()]
      .filter(({ verb, end }) => verb === "state" && end !== undefined && !end.failed && end.seq <= at)
      .sort((a, b) => (a.end?.seq ?? 0) - (b.end?.seq ?? 0));
    // "set seats": what it does, and to which.
    for (const { name, end } of writes) values.set(name.slice(name.indexOf(" ") + 1), end?.text ?? null);
    for (const [name, value] of Object.entries(this.#description.values ?? {})) values.set(name, JSON.stringify(value));
    return values;
  }

  // --- stubs ------------------------------------------------------------------------------------------------------

  #isStubbed({ name, work, wait }: Operation): boolean {
    const { stubs, functions } = this.#description;
    return (work !== null || wait !== null) && (Object.hasOwn(stubs, name) || functions.includes(name));
  }

  #stub(operation: Operation): boolean {
    const { stubs } = this.#description;
    const { name, work } = operation;
    const given = this.#functions?.[name];
    if (!Object.hasOwn(stubs, name) && given === undefined) return this.#ask(operation);
    const answer = (input: unknown): unknown => (given === undefined ? stubs[name] : given(input));
    if (work === null) return this.#stubAnswer(operation, answer);
    const leaf = { ...work.leaf, effect: "read" as const, execute: answer, probe: undefined, retry: undefined };
    const metaHead = `${work.metaHead},"stubbed":true`;
    operation.work = { ...work, leaf, metaHead, meta: `${metaHead}}` };
    return false;
  }

  /** A person's answer that was given with the fork. */
  #stubAnswer(operation: Operation, answer: (input: unknown) => unknown): true {
    this.#taken.add(operation);
    operation.state = "pending";
    try {
      const value = validateNow(operation.wait?.validate, answer(operation.input), `stub of ${operation.name}`);
      if (operation.opened) this.#run.removeWait(channelOf(operation), operation);
      finishText(operation, encodeJson(value, `stub of ${operation.name}`), 0, ',"stubbed":true');
    } catch (error) {
      finish(operation, toFailureRecord(error, operation.path));
    }
    return true;
  }

  /** The function was given in another process: whoever knows what it would have said may answer in its place. */
  #ask(operation: Operation): true {
    operation.wait ??= {
      kind: "answer",
      validate: operation.work?.output,
      withinMs: undefined,
      onTimeout: undefined,
    };
    openWait(operation);
    return true;
  }

  // --- stopping ---------------------------------------------------------------------------------------------------

  #stop(operation: Operation, recorded: RecordedOperation | undefined): true {
    const { from } = this.#description;
    return this.#stopBefore(operation, {
      code: "fork/nothing-recorded",
      why: `${reasonOf(operation, recorded)} in ${from.run}, and doing it anew was not allowed`,
      remedy: `Fork again with a stub for ${operation.name}, or with effects live`,
    });
  }

  #stopBefore(operation: Operation, { code, why, remedy }: StopReason): true {
    const { from } = this.#description;
    const what = `${operation.verb} ${operation.agent === "" ? operation.name : operation.agent}`.trim();
    const failure: FailureRecord = {
      code,
      message: `Run ${this.#run.id}, a fork of ${from.run}, stopped before "${what}" at ${operation.path}: ${why}. ${remedy}.`,
      path: operation.path,
      retryable: false,
      details: { runId: this.#run.id, forkedFrom: from.run, path: operation.path, operation: what },
    };
    endRun(this.#run, "stopped", JSON.stringify(failure));
    return true;
  }
}

function isUnder(path: string, scopes: readonly string[]): boolean {
  return scopes.some((scope) => path.startsWith(`${scope}.`));
}

/** Why a fork stops before an operation, and what whoever forked can do. */
interface StopReason {
  readonly code: "fork/nothing-recorded" | "fork/key-not-held";
  readonly why: string;
  readonly remedy: string;
}

/** Others see what it does: outside, in another run, in shared state. */
function changesSomething({ verb, work, input }: Operation): boolean {
  if (verb === "state") return isShared(input as StateAccess) && (input as StateAccess).kind !== "get";
  return verb === "start" || verb === "send" || (work !== null && classOf(work) !== "read");
}

function isShared({ owner }: StateAccess): boolean {
  return owner.startsWith("tenant/");
}

/** Values that other runs see are read and written outside; the run's own are its own. */
function sharedAccess<T>(access: StateAccess, by: ByEffect<T>): T | undefined {
  if (!isShared(access)) return undefined;
  return access.kind === "get" ? by.read : by.write;
}

function classOf({ leaf: { effect } }: Work): "read" | "write" | "irreversible" {
  return effect === "pure" ? "read" : effect;
}

function isSame(operation: Operation, recorded: RecordedOperation): boolean {
  const { verb, name, agent } = operation;
  return recorded.verb === verb && recorded.name === name && recorded.agent === agent && sameInput(operation, recorded);
}

function reasonOf(operation: Operation, recorded: RecordedOperation | undefined): string {
  if (recorded === undefined) return "nothing is recorded there";
  if (recorded.verb !== operation.verb || recorded.name !== operation.name || recorded.agent !== operation.agent)
    return `"${recorded.verb} ${recorded.agent === "" ? recorded.name : recorded.agent}" is recorded there`;
  return recorded.end === undefined ? "no end of it is recorded" : "it is recorded with another input";
}

function startedBy(recording: Recording, runId: string): boolean {
  for (const operation of recording.operations.values())
    if (operation.verb === "start" && startedRun(operation) === runId) return true;
  return false;
}

/** Id of the run that was started; undefined where that failed, or is not recorded. */
function startedRun({ end }: RecordedOperation): string | undefined {
  if (end === undefined || end.failed || end.text === null) return undefined;
  return (JSON.parse(end.text) as { readonly runId: string }).runId;
}
