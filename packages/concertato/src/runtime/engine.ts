/**
 * The engine of one process: it owns runs, delivers committed entries to their bodies one at a time, and commits what
 * they write. Live and replay use the same loop:
 *
 *   deliver ONE result to ONE scope → drain microtasks until none is left → next; when nothing is left to deliver:
 *   one transaction for everything written → apply what was committed → deliver …
 *
 * Nothing is seen by a body, a subscriber or the outside before its commit.
 */
import { ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { decodeJson } from "../kernel/json.ts";
import type { World } from "../kernel/world.ts";
import type { Limits } from "../journal/entry.ts";
import { largeFrom } from "../journal/large-payload.ts";
import type { PayloadCodec, RunRow, Store } from "../journal/store.ts";
import { type Agent, agentId, type Saying } from "./agent.ts";
import { AttemptGate } from "./attempt-gate.ts";
import type { HeldBudget } from "./held-budget.ts";
import { limitScope, usageMeta } from "./ledger.ts";
import { Caps } from "./caps.ts";
import { BodyContext, foreignEnd } from "./body-context.ts";
import { cancelOperation } from "./cancellation.ts";
import { compensationAgent, compensationId } from "./compensation-agent.ts";
import { undoMeta } from "./compensation-chain.ts";
import { Deadlines } from "./deadlines.ts";
import { WallDeadlines } from "./wall-deadlines.ts";
import { depart, leaveWhenDone, noWorker } from "./departure.ts";
import { CircuitBreakers } from "./circuit-breakers.ts";
import { Committer } from "./committer.ts";
import { Container } from "./container.ts";
import { EffectsUnderWay } from "./effects-under-way.ts";
import { comesNext, deliverTurn } from "./delivery.ts";
import type { StubFunctions } from "./fork-description.ts";
import { releaseUnder } from "./holding.ts";
import { launch } from "./launch.ts";
import { endScope } from "./scope-end.ts";
import { ensureStarted, failureOf } from "./results.ts";
import { LiveRun, type Written } from "./live-run.ts";
import type { LoopState } from "./loop-operation.ts";
import { needsTurnBefore, type StoredState } from "./loop-state.ts";
import type { Operation } from "./operation.ts";
import { progressed, stopOfLoop, unlimitedLoop } from "./loop-progress.ts";
import type { NoSlice } from "./slice.ts";
import { awaitSlice, resumeWaiting, takeTurn } from "./spending.ts";
import { watchDeadline } from "./run-deadline.ts";
import { foreseeRisk } from "./usual-time.ts";
import { carryFlags } from "./patch-flags.ts";
import { begin, beginAdmitted } from "./outside-work.ts";
import { Ownership } from "./ownership.ts";
import { Pauses } from "./pauses.ts";
import { resumeEngineWork } from "./recovery.ts";
import type { Delivery, Scope } from "./scope.ts";
import type { TimerEntry } from "./timer-heap.ts";

/** How an engine is set up. */
export interface EngineOptions {
  readonly store: Store;
  readonly world: World;
  readonly codec: PayloadCodec;
  /** Bytes that waiting runs may take in memory before the longest waiting are given back to the store. Default 64 MiB. */
  readonly warmBytes?: number;
  /** What attempts may ask for by name: models, for example. */
  readonly services?: ReadonlyMap<string, unknown>;
  /** How often the store is asked whether another process wrote. Default 50 ms. */
  readonly pollMs?: number;
  /** How often everything is looked through again, whatever events said. Default 500 ms. */
  readonly sweepMs?: number;
  /** Runs at work at once; more stay in the store until some rest. Default 1,000. */
  readonly maxActive?: number;
  /** Payloads from this length on, in characters, are kept as blobs. Default 32 Ki; smaller ones serve tests. */
  readonly largeFrom?: number;
  /** Attempts under way at once in this process; more wait, the urgent ones first. Default 1,000. */
  readonly maxAttempts?: number;
}

/** Told of every committed entry of a run. */
export type EntryListener = (written: Written, run: LiveRun) => void;

/** Longest stretch of work before the event loop gets a turn, in ms. */
const sliceMs = 1;

export class Engine {
  readonly world: World;
  readonly store: Store;
  readonly codec: PayloadCodec;
  readonly largeFrom: number;
  readonly committer: Committer;
  readonly ownership: Ownership;
  readonly gate: AttemptGate;
  readonly pauses: Pauses;
  readonly caps: Caps;
  readonly breakers: CircuitBreakers;
  /** Runs in memory, by key. */
  readonly runs: Map<number, LiveRun> = new Map();
  readonly listeners: Set<EntryListener> = new Set();
  /** Runs that hold recorded ends back. */
  readonly directed: Set<LiveRun> = new Set();
  /** Functions that forks made here were given in place of tools, by run id. */
  readonly stubs: Map<string, StubFunctions> = new Map();
  /** Told of what attempts say while they are under way. */
  readonly hearers: Set<(saying: Saying) => void> = new Set();
  /** What the app offers to attempts, by name. */
  readonly services: ReadonlyMap<string, unknown>;
  /** The same for attempts: one function for all of them. Whoever offers something under a name says of what type it is. */
  readonly service = <Service>(name: string): Service | undefined => this.services.get(name) as Service | undefined;
  readonly effects: EffectsUnderWay = new EffectsUnderWay();
  /** Writes to named values that wait for each other, by value: the first is under way. */
  readonly stateLanes: Map<string, Operation[]> = new Map();
  /** The scope whose delivery is being drained: the only one whose body may call ctx. */
  current: Scope | null = null;
  /** Some attempt was started since the last drain; its end may be a microtask away. */
  launched = false;
  stopped = false;
  /** Closing: what is written is still committed, and nothing new is delivered. */
  draining = false;

  readonly #agents = new Map<string, Agent>();
  #ready: Scope[] = [];
  #readyHead = 0;
  #pumping = false;
  #sliceStart = 0;
  readonly #deadlines: Deadlines;
  readonly #wallDeadlines: WallDeadlines;

  constructor(options: EngineOptions) {
    this.world = options.world;
    this.store = options.store;
    this.codec = options.codec;
    this.largeFrom = options.largeFrom ?? largeFrom;
    this.services = options.services ?? new Map();
    this.#deadlines = new Deadlines(options.world);
    this.#wallDeadlines = new WallDeadlines(options.world);
    this.committer = new Committer(this);
    this.pauses = new Pauses(this);
    this.breakers = new CircuitBreakers(options.world);
    this.caps = new Caps(this, begin);
    this.gate = new AttemptGate(this, options.maxAttempts ?? 1_000, beginAdmitted);
    this.ownership = new Ownership(this, {
      warmBytes: options.warmBytes ?? 64 * 1024 * 1024,
      pollMs: options.pollMs ?? 50,
      sweepMs: options.sweepMs ?? 500,
      maxActive: options.maxActive ?? 1_000,
    });
  }

  // --- agents -----------------------------------------------------------------------------------------------------

  /** Makes an agent, and those it uses, known to this engine. */
  register(agent: Agent): void {
    const id = agentId(agent);
    const known = this.#agents.get(id);
    if (known === agent || agent === compensationAgent) return;
    this.#agents.set(id, agent);
    for (const used of agent.uses) this.register(used);
    // Runs may wait for just this one.
    if (known === undefined) this.ownership.agentsChanged();
  }

  agent(id: string): Agent | undefined {
    return this.#agents.get(id) ?? (id === compensationId ? compensationAgent : undefined);
  }

  agentIds(): readonly string[] {
    return [...this.#agents.keys()];
  }

  /** Passes on what an attempt says. */
  hear(saying: Saying): void {
    for (const hearer of this.hearers) {
      try {
        hearer(saying);
      } catch (error) {
        this.world.report(error);
      }
    }
  }

  // --- the loop ---------------------------------------------------------------------------------------------------

  /** Puts a scope in line for its next delivery. */
  enqueue(scope: Scope): void {
    if (scope.queued || scope.dead) return;
    scope.queued = true;
    scope.run.queuedScopes++;
    this.#ready.push(scope);
    this.wake();
  }

  /** Something was written; it will be committed when there is nothing left to deliver. */
  markDirty(run: LiveRun): void {
    this.committer.add(run);
    this.wake();
  }

  /** An attempt of this run ended. */
  settled(run: LiveRun): void {
    if (run.ledger !== null) resumeWaiting(run);
    if (run.departure !== null) leaveWhenDone(this, run);
    this.committer.touch(run);
    this.wake();
  }

  /** Starts the loop if it rests. */
  wake(): void {
    if (this.#pumping || this.stopped) return;
    this.#pumping = true;
    this.#sliceStart = this.world.clock.monotonic();
    this.world.drain(this.#pump);
  }

  readonly #pump = (): void => {
    while (!this.stopped) {
      const scope = this.draining ? undefined : this.#nextReady();
      if (scope !== undefined) {
        if (!this.#deliverReadable(scope)) continue;
        return this.world.drain(this.#drained);
      }
      if (this.launched) {
        this.launched = false;
        return this.world.drain(this.#pump);
      }
      if (!this.committer.flush() && !this.#releaseNext()) break;
    }
    this.#pumping = false;
  };

  /** Forks and replays go on with what was recorded next when nothing else is left to do. */
  #releaseNext(): boolean {
    if (this.directed.size === 0 || this.draining) return false;
    for (const run of this.directed) if (run.direction?.releaseNext() === true) return true;
    return false;
  }

  #nextReady(): Scope | undefined {
    if (this.#readyHead >= this.#ready.length) return undefined;
    const scope = this.#ready[this.#readyHead++];
    if (this.#readyHead > 1024 && this.#readyHead * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#readyHead);
      this.#readyHead = 0;
    }
    if (scope !== undefined) {
      scope.queued = false;
      scope.run.queuedScopes--;
    }
    return scope;
  }

  /** A payload that cannot be read was damaged in the store: it harms its own run and no other. */
  #deliverReadable(scope: Scope): boolean {
    try {
      return this.#deliver(scope);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.current = null;
      this.ownership.park(scope.run, unreadable(scope, error));
      return false;
    }
  }

  /** One delivery. True when body code ran, so that a drain must follow. */
  #deliver(scope: Scope): boolean {
    if (scope.dead || scope.run.dead) return false;
    if (scope.run.departure !== null) {
      scope.run.withheld = true;
      return false;
    }
    if (!this.pauses.none && this.pauses.holds(scope)) return false;
    if (scope.frame === "none") return this.#startFrame(scope);
    if (scope.frame === "settled") return false;
    const delivery = scope.takeDelivery();
    if (delivery === undefined) {
      this.current = scope;
      return true;
    }
    if (!delivery.operation.attached) {
      this.diverged(scope, delivery.operation, "nothing there");
      return false;
    }
    this.current = scope;
    scope.now = delivery.at;
    if (delivery.kind === "turn") return this.#beginTurn(scope, delivery);
    else settleOperation(scope, delivery);
    return true;
  }

  readonly #drained = (): void => {
    const scope = this.current;
    this.current = null;
    if (scope !== null && !scope.dead && !scope.run.dead && !this.stopped) this.#afterDrain(scope);
    if (this.world.clock.monotonic() - this.#sliceStart < sliceMs) return this.#pump();
    this.world.yield(() => {
      this.#sliceStart = this.world.clock.monotonic();
      this.#pump();
    });
  };

  #afterDrain(scope: Scope): void {
    if (scope.frame === "settled") return endScope(this, scope);
    if (scope.run.wanting) this.#startWanted(scope);
    if (!scope.caughtUp) return this.enqueue(scope);
    scope.trim();
    this.caughtUp(scope);
    if (scope.run.recovering === 0) this.launchFresh(scope);
    const missing = scope.run.wanting && scope.run.recovering === 0 ? this.#missing(scope) : undefined;
    if (missing !== undefined) return depart(this, scope.run, noWorker(missing.run, missing.path, missing.agentId));
    const { run } = scope;
    if (run.admitAgain) {
      run.admitAgain = false;
      this.ownership.admit(run);
    }
    if (run.ledger !== null) resumeWaiting(run);
    // A body of the library may wait for the departure that it began.
    const waits = scope.awaiting > 0 || run.departure !== null || this.#turning(scope);
    if (!waits) this.failForeign(scope, foreignEnd(scope, "body"));
    this.committer.touch(run);
  }

  /** A loop of the scope waits for its next turn to begin. */
  #turning(scope: Scope): boolean {
    for (const operation of scope.operations.values()) if (operation.loop?.advancing === true) return true;
    return false;
  }

  /** A scope's replay has reached the end of its journal (or no longer matters); the last one sets the run going. */
  caughtUp(scope: Scope): void {
    if (!scope.catchingUp) return;
    scope.catchingUp = false;
    const { run } = scope;
    if (--run.recovering > 0 || run.dead || run.finished) return;
    for (const other of run.scopes.values()) if (other !== scope && other.caughtUp) this.launchFresh(other);
    resumeEngineWork(this, run);
  }

  /** A run cannot be started for want of a slice: later, or its budget is used up. */
  withoutSlice(operation: Operation, none: NoSlice): void {
    awaitSlice(this, operation, none);
  }

  /** Arms the deadline of a budget, if it has one. */
  watchDeadline(budget: HeldBudget): void {
    watchDeadline(this, budget);
  }

  /** Starts one operation; maps start their items through it. */
  launch(operation: Operation): void {
    launch(this, operation);
  }

  /** Carries out what the body issued in the drains since the last time. */
  launchFresh(scope: Scope): void {
    while (scope.fresh.length > 0) {
      const fresh = scope.fresh;
      scope.fresh = [];
      for (const operation of fresh) launch(this, operation);
    }
  }

  // --- frames -----------------------------------------------------------------------------------------------------

  #startFrame(scope: Scope): boolean {
    const agent = scope.agent ?? this.agent(scope.agentId) ?? broughtBy(scope.operation);
    if (agent === undefined || agent.body.type !== "code") return this.#startLeaf(scope, agent);
    scope.agent = agent;
    scope.frame = "running";
    scope.now = scope.startedAt;
    this.current = scope;
    const context = new BodyContext(scope);
    const settle = (failed: boolean, value: unknown) => this.#bodyEnded(scope, failed, value);
    const input = decodeJson(scope.inputText);
    try {
      Promise.resolve(agent.body.run(input as never, context)).then(
        (value) => settle(false, value),
        (error: unknown) => settle(true, error),
      );
    } catch (error) {
      settle(true, error);
    }
    return true;
  }

  /** A run of something that has no body (a tool, a person): one operation and its result. */
  #startLeaf(scope: Scope, agent: Agent | undefined): boolean {
    if (agent === undefined) {
      this.#fetchAgent(scope);
      return false;
    }
    scope.frame = "running";
    scope.now = scope.startedAt;
    this.current = scope;
    new BodyContext(scope).runParsed(agent, decodeJson(scope.inputText)).then(
      (value) => this.#bodyEnded(scope, false, value),
      (error: unknown) => this.#bodyEnded(scope, true, error),
    );
    return true;
  }

  /** An agent that was never registered by name is known to the body that calls it: that one is replayed first. */
  #fetchAgent(scope: Scope): void {
    const caller = scope.operation?.scope;
    const comes =
      caller !== undefined &&
      (caller.frame === "none" || (caller.frame === "running" && (caller.queued || !caller.caughtUp)));
    if (!comes) return depart(this, scope.run, noWorker(scope.run, scope.path, scope.agentId));
    scope.wanted = true;
    scope.run.wanting = true;
    this.enqueue(caller);
  }

  /** Scopes that waited for this body to bring their agents: those that it has brought are replayed now. */
  #startWanted(caller: Scope): void {
    for (const scope of caller.run.scopes.values()) {
      if (!scope.wanted || scope.operation?.scope !== caller || broughtBy(scope.operation) === undefined) continue;
      scope.wanted = false;
      this.enqueue(scope);
    }
  }

  /** A body that has caught up and did not bring the agent of a scope that waits for it never will. */
  #missing(caller: Scope): Scope | undefined {
    for (const scope of caller.run.scopes.values()) {
      if (scope.wanted && scope.operation?.scope === caller && scope.agent === undefined) return scope;
    }
    return undefined;
  }

  #bodyEnded(scope: Scope, failed: boolean, value: unknown): void {
    if (scope.dead || scope.frame !== "running") return;
    if (this.current !== scope) return this.failForeign(scope, foreignEnd(scope, "body"));
    scope.frame = "settled";
    scope.settled = failed ? { failed: true, error: value } : { failed: false, value };
  }

  /** The next turn of a loop, from what was stored. False when that is not what this code began with. */
  #beginTurn(scope: Scope, { operation, text }: Delivery): boolean {
    const { loop } = operation;
    if (loop === null) return true;
    loop.advancing = false;
    let state: unknown;
    try {
      state = loop.states.decode(text);
    } catch (error) {
      this.current = null;
      this.ownership.park(scope.run, toFailureRecord(error, operation.path));
      return false;
    }
    loop.begin?.(state);
    return true;
  }

  /** A loop's turn ended: the next begins with the stored state, or the loop ends here. */
  turnEnded(loop: LoopState, failed: boolean, value: unknown): void {
    const { operation } = loop;
    const { scope } = operation;
    if (scope.dead || scope.frame !== "running" || !operation.live || loop.advancing) return;
    if (this.current !== scope) return this.failForeign(scope, foreignEnd(scope, "loop turn"));
    this.cancelUnder(scope, `${operation.key}/`);
    if (failed) return rejectLoop(operation, value);
    const turn = value as { kind?: string; state?: unknown; result?: unknown };
    if (turn.kind === "done") {
      operation.state = "done";
      return operation.resolve?.(turn.result);
    }
    try {
      const stored = loop.states.encode(turn.state, `state of the loop at ${operation.path}`);
      const stop = stopAt(loop, stored);
      if (stop !== undefined) return rejectLoop(operation, stop);
      this.#advance(loop, stored);
    } catch (error) {
      rejectLoop(operation, error);
    }
  }

  #advance(loop: LoopState, state: StoredState): void {
    const { operation } = loop;
    const { scope } = operation;
    if (!operation.live || scope.dead) return;
    loop.advancing = true;
    if (scope.run.ledger?.limited === true && !takeTurn(this, loop, () => this.#advance(loop, state))) return;
    carryFlags(scope, loop);
    loop.turns++;
    if (loop.operation.scope.run.direction !== null && this.#isTurnHeld(loop, state)) return;
    this.#writeTurn(loop, state);
  }

  #isTurnHeld(loop: LoopState, state: StoredState): boolean {
    const write = (recorded: StoredState) => this.#writeTurn(loop, recorded);
    return loop.operation.scope.run.direction?.holdsTurn(loop, state, write) === true;
  }

  #writeTurn(loop: LoopState, { text, appends }: StoredState): void {
    const { operation } = loop;
    const { scope } = operation;
    if (!operation.live) return;
    const next = comesNext(scope.run);
    ensureStarted(scope);
    const flags = loop.flags.size === 0 ? "" : `,"flags":${JSON.stringify([...loop.flags])}`;
    const progress = loop.progress === null ? "" : `,"progress":${JSON.stringify(loop.progress)}`;
    const continued = appends === null ? "" : `,"appends":${JSON.stringify(appends)}`;
    const skipped = needsTurnBefore(appends) ? loop.turn : loop.container;
    const written = scope.run.write("loop-advanced", scope, {
      op: operation.key,
      meta: `{"verb":"loop","count":${loop.turns}${flags}${continued}${progress}${usageMeta(operation)}${undoMeta(scope.undo)}}`,
      text,
      operation,
      container: loop.container,
      jump: skipped.jumpFrom(scope.run.nextSeq + 1),
    });
    loop.turn = new Container(loop.container);
    if (!next) return;
    written.delivered = true;
    deliverTurn(this, operation, written);
  }

  // --- ends that nobody asked for ---------------------------------------------------------------------------------

  /** The body broke the rule of its kind: it awaited something that is not ctx. Its scope fails, once, for good. */
  failForeign(scope: Scope, error: ConcertatoError): void {
    if (scope.dead || scope.frame !== "running") return;
    scope.frame = "settled";
    scope.settled = { failed: true, error };
    if (this.current !== scope) endScope(this, scope);
  }

  /** Code and journal disagree: this run is parked with the difference, and no other is touched. */
  diverged(scope: Scope, operation: Operation, found: string): void {
    const { run } = scope;
    const recorded = `${operation.verb} ${operation.agent === "" ? operation.name : operation.agent}`.trim();
    const message = `The journal of run ${run.id} has "${recorded}" at ${operation.path}, the code of ${scope.agentId} has "${found}". Restore the code the run was started with, or start a new version of the agent for new runs.`;
    this.ownership.parkDiverged(run, operation.path, found, {
      code: "journal/divergence",
      message,
      path: operation.path,
      retryable: false,
      details: { runId: run.id, path: operation.path, recorded, found },
    });
  }

  /** Gives up every pending operation whose key begins so. */
  cancelUnder(scope: Scope, prefix: string): void {
    releaseUnder(scope, prefix);
    for (const operation of scope.operations.values()) {
      if (operation.live && operation.key.startsWith(prefix)) cancelOperation(this, operation, true);
    }
  }

  // --- time -------------------------------------------------------------------------------------------------------

  /** Calls `fire` when the monotonic clock has reached `dueMonotonic`: never early. */
  at(dueMonotonic: number, fire: () => void): TimerEntry {
    return this.#deadlines.at(dueMonotonic, fire);
  }

  /** Calls `fire` when the wall clock shows `dueWall`, also when it is set meanwhile: never early by it. */
  atWall(dueWall: number, fire: () => void): TimerEntry {
    return this.#wallDeadlines.at(dueWall, fire);
  }

  /** Tells what went wrong beside all work. That a store was closed under what was still asked of it is nothing to be told. */
  report(error: unknown): void {
    if (!this.stopped || !ConcertatoError.is(error, "runtime/closed")) this.world.report(error);
  }

  /** Stops at once: nothing more is delivered, committed or heard. What was committed is what there is. */
  halt(): void {
    this.stopped = true;
    this.#deadlines.stop();
    this.#wallDeadlines.stop();
    this.ownership.stop();
    this.listeners.clear();
    this.ownership.endListeners.clear();
    this.gate.stop();
    for (const run of this.runs.values()) this.drop(run);
  }

  /** Forgets a run: attempts are told to stop, and nothing they answer is heard. The journal is not touched. */
  drop(run: LiveRun): void {
    if (run.dead) return;
    run.dead = true;
    for (const scope of run.scopes.values()) {
      for (const operation of scope.operations.values()) if (operation.live) cancelOperation(this, operation, false);
      scope.dead = true;
      for (const controller of scope.controllers) controller.abort();
    }
    if (this.caps.active) this.caps.forget(run);
    if (this.runs.get(run.key) === run) this.runs.delete(run.key);
    this.directed.delete(run);
    this.ownership.forget(run);
  }

  /**
   * Keeps a run that was loaded in memory: one copy of each, that of the latest epoch. Two of one epoch would both be
   * accepted by the store, each in turn, and what one has begun outside the other would find in doubt and do again (found
   * by the simulator, seed 353838: a payment took place twice).
   * @returns false when it is here already; what was loaded is forgotten then
   */
  hold(run: LiveRun): boolean {
    const held = this.runs.get(run.key);
    if (held !== undefined && held.epoch >= run.epoch) {
      this.drop(run);
      return false;
    }
    if (held !== undefined) this.drop(held);
    this.runs.set(run.key, run);
    return true;
  }

  /**
   * The row of a run this process just created, put to work. Where its start was long under way, a look at the store may
   * have found and taken it before: then it is at work already.
   */
  adopt(
    row: RunRow,
    inputText: string | null,
    startedAt: number,
    headRef: number,
    limits: Limits | null = null,
  ): LiveRun {
    const held = this.runs.get(row.key);
    if (held !== undefined) return held;
    const run = new LiveRun(this, row, this.agent(row.agent), row.id);
    run.root.inputText = inputText;
    run.root.startedAt = startedAt;
    run.root.revision = this.agent(row.agent)?.revision ?? 1;
    run.lastAt = startedAt;
    run.headRef = headRef;
    run.firstRef = headRef;
    this.runs.set(run.key, run);
    if (limits !== null) watchDeadline(this, limitScope(run.root, limits));
    if (limits?.deadline !== undefined) foreseeRisk(this, run);
    this.enqueue(run.root);
    return run;
  }
}

/** Whether a loop goes on after this turn, by its own options. */
function stopAt(loop: LoopState, { text, appends }: StoredState): ConcertatoError | undefined {
  const { limits, operation } = loop;
  if (limits === unlimitedLoop) return undefined;
  const { scope, path } = operation;
  // Of a history only what was appended is in the text; from where on tells whether it grew.
  if (limits.stall > 0)
    loop.progress = progressed(loop.progress, `${text ?? ""}${appends === null ? "" : JSON.stringify(appends)}`);
  return stopOfLoop(limits, loop.turns + 1, loop.progress, { runId: scope.run.id, path });
}

/** The agent as the body that calls it has just made it: after a crash that body may have come first. */
function broughtBy(operation: Operation | null): Agent | undefined {
  return operation !== null && operation.itemOf === null ? (operation.target ?? undefined) : undefined;
}

function settleOperation(scope: Scope, delivery: Delivery): void {
  const { operation } = delivery;
  scope.awaiting--;
  scope.lastText = delivery.text;
  scope.lastSeq = delivery.seq;
  if (delivery.failed) rejectHeard(operation, failureOf(delivery.text));
  else operation.resolve?.(decodeJson(delivery.text));
  operation.promise = null;
  operation.resolve = null;
  operation.reject = null;
  // Its body has it and will not issue this number again.
  scope.operations.delete(operation.key);
}

function rejectLoop(operation: Operation, error: unknown): void {
  operation.state = "done";
  rejectHeard(operation, error);
}

/** A body may look at a failure later than it comes, or never: that must not end the process as an unhandled rejection. */
function rejectHeard(operation: Operation, error: unknown): void {
  operation.promise?.catch(() => undefined);
  operation.reject?.(error);
}

function unreadable(scope: Scope, error: SyntaxError): FailureRecord {
  return {
    code: "journal/damaged",
    message: `A payload at ${scope.path} of run ${scope.run.id} cannot be read: ${error.message}. The run is set aside; restore it from a backup.`,
    path: scope.path,
    retryable: false,
    details: { runId: scope.run.id, path: scope.path },
  };
}
