/**
 * The Context that bodies see: it turns calls into numbered operations, and checks that each call is made while a
 * delivery to its own scope is being drained. It launches nothing itself.
 */
import { derivedId, derivedRandom } from "../kernel/derive.ts";
import { durationMs } from "../kernel/duration.ts";
import { momentMs } from "../kernel/moment.ts";
import { AgentFailure, ConcertatoError, type FailureRecord, toFailureRecord } from "../kernel/errors.ts";
import { appended } from "../kernel/short-list.ts";
import { encodeJson, type Json } from "../kernel/json.ts";
import type { Effect, Verb } from "../journal/entry.ts";
import {
  type Agent,
  agentId,
  type Argument,
  type AttemptContext,
  type AttemptLimits,
  type CallArguments,
  type Schema,
} from "./agent.ts";
import { circuitPolicy } from "./circuit-breakers.ts";
import { Container } from "./container.ts";
import type {
  ChildArguments,
  ChildHandle,
  Claim,
  ClaimOptions,
  ChildOptions,
  Context,
  Duration,
  LoopOptions,
  LoopTurn,
  MapJoin,
  MapOptions,
  ReceiveOptions,
  SendOptions,
  Settled,
  State,
  StateOptions,
  StepOptions,
  Thunk,
  WaitOptions,
} from "./context.ts";
import { limitsOf } from "./edge.ts";
import { releaseUnder } from "./holding.ts";
import { keepEdge } from "./hand-over.ts";
import { accountOf } from "./ledger.ts";
import { loopLimits } from "./loop-progress.ts";
import { LoopState, type LoopTurnBody } from "./loop-operation.ts";
import { MapState, type RecordedJoin } from "./map-operation.ts";
import { Operation } from "./operation.ts";
import { checkedRetry } from "./retry-policy.ts";
import type { Scope } from "./scope.ts";
import { continuationOf } from "./continuation.ts";
import { mailLimit } from "./mail-limit.ts";
import { isPatched } from "./patch-flags.ts";
import { type StateAccess, stateOwner } from "./state-access.ts";
import { tell } from "./told.ts";
import { mayUse } from "./tool-grant.ts";
import { tooFewSucceeded } from "./too-few-succeeded.ts";
import { validator } from "./validation.ts";
import { bindAgent, boundAgent } from "./work.ts";

/** A body with more direct operations than this is stopped; endless work belongs into `ctx.loop`. */
const maxDirectOperations = 10_000;

/** At so many it is reported, once, while there is time to change it. */
const warnedOperations = 2_000;

const stepMeta = (effect: Effect) => ({
  metaHead: `{"verb":"step","effect":"${effect}"`,
  meta: `{"verb":"step","effect":"${effect}"}`,
});

/** Made once: a step has no agent that could carry it. */
const stepMetas = {
  pure: stepMeta("pure"),
  read: stepMeta("read"),
  write: stepMeta("write"),
  irreversible: stepMeta("irreversible"),
};

/** A branch of all or race: given up as one. */
interface Branch {
  readonly parent: Branch | null;
  cancelled: boolean;
  controller: AbortController | null;
}

/**
 * What a body that no longer counts is given: it never goes on. One for each call: a shared promise would keep the frame
 * of every body that ever awaited it.
 */
function never(): Promise<never> {
  return new Promise<never>(() => undefined);
}

export class BodyContext implements Context {
  readonly #scope: Scope;
  readonly #prefix: string;
  readonly #container: Container | null;
  readonly #branch: Branch | null;
  readonly #loop: LoopState | null;
  #next = 0;
  // Counted per context: a replay of a loop starts at its last turn and does not make the draws of earlier ones.
  #randoms = 0;
  #ids = 0;

  constructor(
    scope: Scope,
    prefix = "",
    container: Container | null = scope.container,
    branch: Branch | null = null,
    loop: LoopState | null = null,
  ) {
    this.#scope = scope;
    this.#prefix = prefix;
    this.#container = container;
    this.#branch = branch;
    this.#loop = loop;
  }

  /** For bodies of the library itself. */
  get scope(): Scope {
    return this.#scope;
  }

  get runId(): string {
    return this.#scope.run.id;
  }

  get path(): string {
    return this.#prefix === "" ? this.#scope.base : `${this.#scope.base}.${this.#prefix.slice(0, -1)}`;
  }

  get revision(): number {
    return this.#scope.revision;
  }

  get signal(): AbortSignal {
    const owner = this.#branch ?? this.#scope;
    if (owner.controller === null) {
      owner.controller = new AbortController();
      this.#scope.controllers.push(owner.controller);
    }
    return owner.controller.signal;
  }

  run<Input, Output>(agent: Agent<Input, Output>, ...[input, edge]: CallArguments<Input>): Promise<Output> {
    const bound = boundAgent(agent as Agent);
    const given = limitsOf(edge, agent.name);
    const operation = this.#issue("run", agent.name, bound.id);
    if (operation === null) return never();
    bindAgent(operation, agent as Agent, bound);
    keepEdge(operation, given, bound.limits);
    operation.input = input;
    return this.#promise(operation) as Promise<Output>;
  }

  /** Like `run`, for an input that was checked when the run was started. */
  runParsed(agent: Agent, input: unknown): Promise<unknown> {
    const operation = this.#issue("run", agent.name, agentId(agent));
    if (operation === null) return never();
    bindAgent(operation, agent);
    operation.input = input;
    operation.parsed = true;
    return this.#promise(operation);
  }

  map<Input, Output>(items: readonly Input[], agent: Agent<Input, Output>, options: MapOptions = {}): Promise<never> {
    const { join, need } = recordedJoin(options.join ?? "all");
    const given = limitsOf(options.edge, agent.name);
    const operation = this.#issue("map", agent.name, agentId(agent));
    if (operation === null) return never();
    const limit = Math.max(1, options.concurrency ?? defaultConcurrency(agent as Agent));
    // A loaded map keeps its outcomes; the body only hands it the agent again.
    if (operation.map === null) {
      operation.map = new MapState(operation, agent as Agent, items, limit, join, need);
      operation.map.edge = given;
    } else operation.map.agent = agent as Agent;
    this.#scope.run.engine.register(agent as Agent);
    return this.#promise(operation) as Promise<never>;
  }

  all<Branches extends Record<string, Thunk<unknown>>>(
    branches: Branches,
  ): Promise<{ [Name in keyof Branches]: Awaited<ReturnType<Branches[Name]>> }> {
    const names = Object.keys(branches);
    const outputs: Record<string, unknown> = {};
    let left = names.length;
    if (left === 0) return Promise.resolve(outputs as never);
    return this.#group(branches, (_name, _value, failed, decide) => {
      if (failed) return decide(true, _value);
      outputs[_name] = _value;
      if (--left > 0) return;
      // Keys in the order of the branches, whatever order they ended in.
      decide(false, Object.fromEntries(names.map((key) => [key, outputs[key]])));
    }) as Promise<never>;
  }

  race<Branches extends Record<string, Thunk<unknown>>>(branches: Branches): Promise<never> {
    return this.#group(branches, (name, value, failed, decide) => {
      decide(failed, failed ? value : { branch: name, value });
    }) as Promise<never>;
  }

  any<Branches extends Record<string, Thunk<unknown>>>(branches: Branches): Promise<never> {
    const names = Object.keys(branches);
    const failures: Record<string, FailureRecord> = {};
    let left = names.length;
    const allFailed = () => {
      const causes = Object.fromEntries(names.map((name) => [name, failures[name]])) as Record<string, FailureRecord>;
      return new AgentFailure(tooFewSucceeded(this.path, "branches", { needed: 1, of: names.length }, causes));
    };
    if (left === 0) return heard(Promise.reject(allFailed()));
    return this.#group(branches, (name, value, failed, decide) => {
      if (!failed) return decide(false, { branch: name, value });
      failures[name] = toFailureRecord(value, `${this.path}/${name}`);
      if (--left === 0) decide(true, allFailed());
    }) as Promise<never>;
  }

  settle<Branches extends Record<string, Thunk<unknown>>>(branches: Branches): Promise<never> {
    const names = Object.keys(branches);
    const ends: Record<string, Settled<unknown>> = {};
    let left = names.length;
    if (left === 0) return Promise.resolve(ends as never);
    return this.#group(branches, (name, value, failed, decide) => {
      ends[name] = failed ? settledFailure(value) : { status: "completed", output: value };
      if (--left === 0) decide(false, Object.fromEntries(names.map((key) => [key, ends[key]])));
    }) as Promise<never>;
  }

  step<Output>(
    name: string,
    work: (attempt: AttemptContext) => Output | PromiseLike<Output>,
    options: StepOptions<Output> = {},
  ): Promise<Output> {
    // Read before the number is taken: a call that throws must leave no operation behind.
    const retry = checkedRetry(options.retry);
    const timeoutMs = options.timeout === undefined ? undefined : durationMs(options.timeout);
    const breaker =
      options.breaker === undefined ? undefined : circuitPolicy(`${this.#scope.agentId}/${name}`, options.breaker);
    const operation = this.#issue("step", name, "");
    if (operation === null) return never();
    const { probe, reserve } = options;
    operation.work = {
      leaf: {
        type: "leaf",
        effect: options.effect ?? "irreversible",
        execute: (_input: never, attempt) => work(attempt),
        probe: probe === undefined ? undefined : (_input: never, attempt) => probe(attempt),
        retry,
        reserve: reserve === undefined ? undefined : () => reserve,
        limits: bodyLimits(this.#scope),
        breaker,
        timeoutMs,
      },
      input: undefined,
      output: undefined,
      ...stepMetas[options.effect ?? "irreversible"],
    };
    return this.#promise(operation) as Promise<Output>;
  }

  sleep(duration: Duration): Promise<void> {
    const ms = durationMs(duration);
    const operation = this.#issue("sleep", "", "");
    if (operation === null) return never();
    operation.input = ms;
    return this.#promise(operation) as Promise<void>;
  }

  until(when: Date | string | number): Promise<void> {
    const ms = momentMs(when);
    const operation = this.#issue("until", "", "");
    if (operation === null) return never();
    operation.input = ms;
    return this.#promise(operation) as Promise<void>;
  }

  waitFor<T>(name: string, schema?: Schema<T>, options: WaitOptions = {}): Promise<T & Json> {
    const withinMs = options.within === undefined ? undefined : durationMs(options.within);
    const operation = this.#issue("wait", name, "");
    if (operation === null) return never();
    operation.input = options.request;
    operation.wait = {
      kind: "signal",
      validate: validator(schema, `signal ${name}`, "agent/input-invalid"),
      withinMs,
      onTimeout: undefined,
    };
    return this.#promise(operation) as Promise<T & Json>;
  }

  continueAs(input?: unknown, agent?: Agent): Promise<never> {
    if (!this.#admits("ctx.continueAs")) return never();
    const scope = this.#scope;
    const continuation = continuationOf(scope, input, agent);
    scope.run.engine.register(continuation.agent);
    scope.run.continuation = continuation;
    scope.frame = "settled";
    scope.settled = { failed: false, value: undefined };
    return never();
  }

  state<T>(name: string, options: StateOptions<T>): State<T> {
    const initialText = encodeJson(options.initial, `initial value of state ${name}`);
    const owner = stateOwner(this.#scope.run, options.shared === true);
    const act = (kind: StateAccess["kind"], text: string | null, change: StateAccess["change"]) => {
      const operation = this.#issue("state", `${kind} ${name}`, "");
      if (operation === null) return never();
      const access: StateAccess = { kind, owner, name, initialText, text, change, counted: false };
      operation.input = access;
      return this.#promise(operation);
    };
    return {
      name,
      get: () => act("get", null, null) as Promise<T>,
      set: (value) => act("set", encodeJson(value, `state ${name}`), null) as Promise<void>,
      // What was stored under this name is what the caller says it is, as with every value that is read back.
      update: (change) => act("update", null, change as (value: unknown) => unknown) as Promise<T>,
    };
  }

  claim(key: string, options: ClaimOptions = {}): Promise<Claim> {
    const withinMs = options.within === undefined ? undefined : durationMs(options.within);
    const lease = options.lease === undefined ? undefined : durationMs(options.lease);
    return heard(this.#claim(key, withinMs, lease));
  }

  async #claim(key: string, withinMs: number | undefined, lease: number | undefined): Promise<Claim> {
    const operation = this.#issue("claim", key, "");
    if (operation === null) return never();
    operation.wait = { kind: "claim", validate: undefined, withinMs, onTimeout: undefined };
    operation.input = lease;
    const { token } = (await this.#promise(operation)) as { token: number };
    let released: Promise<void> | null = null;
    return { key, token, release: () => (released ??= this.#release(operation.key, key)) };
  }

  #release(claim: string, key: string): Promise<void> {
    const operation = this.#issue("release", key, "");
    if (operation === null) return never();
    operation.input = claim;
    return this.#promise(operation) as Promise<void>;
  }

  send(to: string, channel: string, value?: unknown, options: SendOptions = {}): Promise<void> {
    const text = encodeJson(value, `letter for ${channel}`);
    const limit = mailLimit(options.limit);
    const operation = this.#issue("send", channel, "");
    if (operation === null) return never();
    operation.inputText ??= text;
    operation.sending ??= { to, limit, n: 0, offered: false, again: false };
    return this.#promise(operation) as Promise<void>;
  }

  receive<T>(channel: string, schema?: Schema<T>, options: ReceiveOptions = {}): Promise<T & Json> {
    const withinMs = options.within === undefined ? undefined : durationMs(options.within);
    const operation = this.#issue("receive", channel, "");
    if (operation === null) return never();
    operation.wait = {
      kind: "mail",
      validate: validator(schema, `letter in ${channel}`, "agent/input-invalid"),
      withinMs,
      onTimeout: undefined,
    };
    return this.#promise(operation) as Promise<T & Json>;
  }

  loop<State, Result>(
    state: State,
    body: (state: State, ctx: Context) => PromiseLike<LoopTurn<State, Result>> | LoopTurn<State, Result>,
    options: LoopOptions = {},
  ): Promise<Result> {
    const watched = loopLimits(options);
    const operation = this.#issue("loop", "", "");
    if (operation === null) return never();
    const loop = operation.loop ?? new LoopState(operation);
    operation.loop = loop;
    loop.limits = watched;
    loop.parent = this.#loop;
    // The types of state and result are the caller's own; the loop only carries them.
    loop.body = body as unknown as LoopTurnBody;
    // Named first: V8 takes a function that is assigned to a property as it stands for a method, and puts it among what is old.
    const begin = (from: unknown) => this.#startTurn(loop, from);
    loop.begin = begin;
    loop.states.begin(state);
    const ended = this.#promise(operation) as Promise<Result>;
    // A loaded loop begins when its last `loop-advanced` entry is delivered, at the same place as it did live.
    if (loop.turns === 0) this.#startTurn(loop, state);
    return ended;
  }

  /** Runs the next turn of a loop inside the present drain. */
  #startTurn(loop: LoopState, state: unknown): void {
    const { operation } = loop;
    const turn = new BodyContext(this.#scope, `${operation.key}/${loop.turns}/`, loop.turn, this.#branch, loop);
    const end = (failed: boolean, value: unknown) => this.#scope.run.engine.turnEnded(loop, failed, value);
    try {
      Promise.resolve(loop.body?.(state, turn)).then(
        (value) => end(false, value),
        (error: unknown) => end(true, error),
      );
    } catch (error) {
      end(true, error);
    }
  }

  start<Input, Output>(
    agent: Agent<Input, Output>,
    ...[input, options]: ChildArguments<Input>
  ): Promise<ChildHandle<Output>> {
    return heard(this.#start(agent as Agent<unknown, Output>, input, options));
  }

  async #start<Output>(
    agent: Agent<unknown, Output>,
    input: unknown,
    options: ChildOptions | undefined,
  ): Promise<ChildHandle<Output>> {
    const given = limitsOf(options, agent.name);
    const operation = this.#issue("start", agent.name, agentId(agent));
    if (operation === null) return never();
    keepEdge(operation, given, boundAgent(agent as Agent).limits);
    this.#scope.run.engine.register(agent as Agent);
    operation.input = input;
    operation.detached = options?.detached === true;
    const { runId } = (await this.#promise(operation)) as { runId: string };
    // One message tells the end, so one operation waits for it, however often the body asks.
    let ended: Promise<unknown> | null = null;
    return { runId, outcome: () => (ended ??= this.#childOutcome(runId)) as Promise<Output> };
  }

  compensate<Input>(agent: Agent<Input, unknown>, ...[input]: Argument<Input>): Promise<void> {
    const operation = this.#issue("compensate", agent.name, agentId(agent));
    if (operation === null) return never();
    this.#scope.run.engine.register(agent as Agent);
    operation.input = input;
    return this.#promise(operation) as Promise<void>;
  }

  #childOutcome(runId: string): Promise<unknown> {
    const operation = this.#issue("outcome", runId, "");
    if (operation === null) return never();
    operation.wait = { kind: "child", validate: undefined, withinMs: undefined, onTimeout: undefined };
    return this.#promise(operation);
  }

  emit(name: string, value?: unknown): void {
    this.#tell("emit", name, encodeJson(value, `event ${name}`));
  }

  log(message: string, details?: unknown): void {
    this.#tell("log", "", encodeJson({ message, ...(details === undefined ? {} : { details }) }, "log line"));
  }

  #tell(verb: "emit" | "log", name: string, text: string | null): void {
    const operation = this.#issue(verb, name, "");
    if (operation !== null) tell(operation, text);
  }

  patched(flag: string): boolean {
    if (!this.#admits(`ctx.patched ${flag}`)) return false;
    return isPatched(this.#scope, this.#loop, this.#container, flag);
  }

  mayUse(agent: Agent): boolean {
    return mayUse(this.#scope, this.#container, agent);
  }

  now(): number {
    return this.#scope.now;
  }

  deadline(): number | undefined {
    const { run, container, now } = this.#scope;
    if (run.ledger === null) return undefined;
    let nearest: number | undefined;
    for (const budget of accountOf(run, container).budgets()) {
      const deadline = budget.deadlineAt(now);
      if (deadline !== undefined && deadline < (nearest ?? Number.POSITIVE_INFINITY)) nearest = deadline;
    }
    return nearest === undefined ? undefined : Math.max(0, nearest - now);
  }

  random(): number {
    return derivedRandom(this.#scope.run.seed, this.path, this.#randoms++);
  }

  id(): string {
    return derivedId(this.#scope.run.seed, `${this.path}#id`, this.#ids++);
  }

  /** Numbers a new operation, or finds the recorded one. Null when this body no longer counts. */
  #issue(verb: Verb, name: string, agent: string): Operation | null {
    const scope = this.#scope;
    if (!this.#admits(`ctx.${verb}${name === "" ? "" : ` ${name}`}`)) return null;
    const key = this.#prefix + String(this.#next++);
    if (this.#loop === null) countDirect(scope);
    const known = scope.operations.get(key);
    if (known !== undefined) return this.#attach(known, verb, name, agent);
    const operation = new Operation(scope, key, verb, name, agent, this.#container);
    operation.attached = true;
    if (scope.run.direction !== null) scope.run.direction.issued?.(operation);
    scope.operations.set(key, operation);
    scope.fresh = appended(scope.fresh, operation);
    if (operation.awaited) scope.awaiting++;
    return operation;
  }

  #attach(operation: Operation, verb: Verb, name: string, agent: string): Operation | null {
    const scope = this.#scope;
    if (operation.verb !== verb || operation.name !== name || operation.agent !== agent) {
      scope.run.engine.diverged(scope, operation, `${verb} ${agent === "" ? name : agent}`.trim());
      return null;
    }
    operation.attached = true;
    if (operation.state === "cancelled") return operation;
    if (operation.awaited) scope.awaiting++;
    if (operation.live) scope.fresh = appended(scope.fresh, operation);
    return operation;
  }

  /** Guards every call: this body's scope is the one being drained, and it still counts. */
  #admits(call: string): boolean {
    const scope = this.#scope;
    if (scope.dead || scope.run.dead || scope.frame === "settled") return false;
    for (let branch = this.#branch; branch !== null; branch = branch.parent) if (branch.cancelled) return false;
    if (scope.run.engine.current === scope) return true;
    const error = new ConcertatoError({
      code: "runtime/foreign-await",
      message: `${call} in ${scope.agentId} at ${scope.path} of run ${scope.run.id} was called after awaiting something that is not ctx: its order would differ on replay. Move outside I/O, timers and callbacks into a tool or ctx.step.`,
      details: { runId: scope.run.id, path: scope.path, call },
    });
    scope.run.engine.failForeign(scope, error);
    throw error;
  }

  #promise(operation: Operation): Promise<unknown> {
    operation.promise = new Promise((resolve, reject) => {
      operation.resolve = resolve;
      operation.reject = reject;
    });
    return operation.promise;
  }

  /** Starts branches over contexts of their own; `onEnd` decides when the group ends, which gives up the rest. */
  #group(
    branches: Record<string, Thunk<unknown>>,
    onEnd: (name: string, value: unknown, failed: boolean, decide: (failed: boolean, value: unknown) => void) => void,
  ): Promise<unknown> {
    if (!this.#admits("ctx.all, any, race or settle")) return never();
    const scope = this.#scope;
    const key = this.#prefix + String(this.#next++);
    const ended = new Promise((resolve, reject) => {
      const started: { readonly branch: Branch; readonly prefix: string }[] = [];
      let decided = false;
      const giveUp = (branch: Branch, prefix: string) => {
        branch.cancelled = true;
        branch.controller?.abort();
        scope.run.engine.cancelUnder(scope, prefix);
      };
      const decide = (failed: boolean, value: unknown) => {
        if (decided) return;
        decided = true;
        for (const { branch, prefix } of started) giveUp(branch, prefix);
        if (failed) reject(value);
        else resolve(value);
      };
      for (const [name, thunk] of Object.entries(branches)) {
        const branch: Branch = { parent: this.#branch, cancelled: false, controller: null };
        const prefix = `${key}/${name}/`;
        started.push({ branch, prefix });
        const context = new BodyContext(scope, prefix, this.#container, branch, this.#loop);
        startBranch(thunk, context, (failed, value) => {
          if (decided || branch.cancelled || scope.dead) return;
          if (scope.run.engine.current === scope) {
            onEnd(name, value, failed, decide);
            // The others go on without it; what it had begun is nobody's any more.
            if (failed && !decided) giveUp(branch, prefix);
            // What it had claimed is free with its end: others may wait for it who hold what a later branch needs.
            else if (!decided) releaseUnder(scope, prefix);
          } else scope.run.engine.failForeign(scope, foreignEnd(scope, `branch ${name}`));
        });
      }
    });
    return heard(ended);
  }
}

function settledFailure(error: unknown): Settled<never> {
  const { code, message } = toFailureRecord(error);
  return { status: "failed", code, message };
}

/** What the agent of this body limits: its steps are its attempts. */
function bodyLimits({ agent }: Scope): AttemptLimits | undefined {
  return agent?.body.type === "code" ? agent.body.limits : undefined;
}

/** A join as the journal has it. @throws ConcertatoError `agent/input-invalid` for a count that is no count */
function recordedJoin(join: MapJoin): { readonly join: RecordedJoin; readonly need: number } {
  if (typeof join === "string") return { join, need: 1 };
  if (Number.isSafeInteger(join.count) && join.count > 0) return { join: "count", need: join.count };
  throw new ConcertatoError({
    code: "agent/input-invalid",
    message: `A map cannot be joined by ${String(join.count)} of its items. Pass a whole number from 1 on as join.count.`,
  });
}

/**
 * A body may look at a failure later than it comes, or never; either is its own affair, and none of the process, which
 * would otherwise end on an unhandled rejection.
 */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function startBranch(thunk: Thunk<unknown>, context: Context, end: (failed: boolean, value: unknown) => void): void {
  try {
    Promise.resolve(thunk(context)).then(
      (value) => end(false, value),
      (error: unknown) => end(true, error),
    );
  } catch (error) {
    end(true, error);
  }
}

/** A body, branch or turn that ended outside any delivery: it had awaited something that is not ctx. */
export function foreignEnd(scope: Scope, what: string): ConcertatoError {
  return new ConcertatoError({
    code: "runtime/foreign-await",
    message: `The ${what} of ${scope.agentId} at ${scope.path} of run ${scope.run.id} ended after awaiting something that is not ctx: its order would differ on replay. Move outside I/O, timers and callbacks into a tool or ctx.step.`,
    details: { runId: scope.run.id, path: scope.path },
  });
}

/** Work that reaches outside runs a few at a time; pure functions in larger shoals. */
function defaultConcurrency(agent: Agent): number {
  return agent.body.type === "leaf" && agent.body.effect === "pure" ? 256 : 16;
}

/** Bodies that grow without bound are told early and stopped late. */
function countDirect(scope: Scope): void {
  scope.direct++;
  if (scope.direct === warnedOperations) scope.run.engine.world.report(tooMany(scope, "has issued", warnedOperations));
  if (scope.direct > maxDirectOperations) throw tooMany(scope, "issued more than", maxDirectOperations);
}

function tooMany(scope: Scope, issued: string, count: number): ConcertatoError {
  return new ConcertatoError({
    code: "runtime/too-many-operations",
    message: `${scope.agentId} at ${scope.path} of run ${scope.run.id} ${issued} ${count} operations outside ctx.loop; its replay grows with each, and it is stopped at ${maxDirectOperations}. Put the repetition into ctx.loop.`,
    details: { runId: scope.run.id, path: scope.path, limit: maxDirectOperations },
  });
}
