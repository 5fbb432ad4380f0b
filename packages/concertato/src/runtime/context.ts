/**
 * What a workflow body works with. Its only sources of asynchrony are these calls and pure promises; anything else
 * awaited in a body is caught at the next ctx call as `runtime/foreign-await`.
 */
import type {
  Agent,
  Argument,
  AttemptContext,
  Breaker,
  CallArguments,
  ProbeAnswer,
  Reservation,
  RetryPolicy,
  Schema,
} from "./agent.ts";
import type { Edge } from "./edge.ts";
import type { Effect } from "../journal/entry.ts";
import type { Json } from "../kernel/json.ts";

/** "500ms", "30s", "5m", "4h", "2d" or milliseconds. */
export type Duration = string | number;

/** What `ctx.step` may declare. */
export interface StepOptions<Output> {
  /** Default `irreversible`: an undeclared effect is treated with the most care. */
  readonly effect?: Effect;
  readonly retry?: RetryPolicy;
  /** Per attempt. Default: none. */
  readonly timeout?: Duration;
  /** What one attempt may use, reserved before it begins. Default: nobody knows; something must be left. */
  readonly reserve?: Reservation;
  /** Leaves what fails again and again alone for a while. Its name, where none is given: the agent's and the step's. Default: none. */
  readonly breaker?: Breaker;
  /** For `irreversible`: asks the outside world whether it happened. */
  readonly probe?: (attempt: AttemptContext) => PromiseLike<ProbeAnswer<Output>>;
}

/**
 * How a map joins:
 *  - `all` (default) waits for every item; the first failure fails the map and gives up the rest
 *  - `settle` waits for every item and collects how each ended
 *  - `any` ends with the first item that succeeds; fails when all have failed
 *  - `first` ends with the first item to end, by value or by failure
 *  - `{ count: n }` ends as soon as n items have succeeded; fails as soon as that has become impossible
 *
 * What a decided join no longer needs is given up.
 */
export type MapJoin = "all" | "settle" | "any" | "first" | { readonly count: number };

/** An item of a map that counted: its place in the list, and its output. */
export interface ItemWinner<Output> {
  readonly index: number;
  readonly value: Output;
}

export interface MapOptions {
  /** At most so many at once. Default 16 for agents that reach outside; all at once never. */
  readonly concurrency?: number;
  readonly join?: MapJoin;
  /** What each item is handed over. */
  readonly edge?: Edge;
}

/** When a loop is stopped though its body would go on. */
export interface LoopOptions {
  /** So many turns may run; then it fails with `policy/steps-exceeded`. Default: no limit. */
  readonly maxTurns?: number;
  /**
   * So many times in a row a turn may leave the state as it was (`policy/no-progress`), or the states may come round in a circle
   * (`policy/loop-detected`). Default: neither is looked for.
   */
  readonly stall?: number;
}

/** One item's end, as data. */
export type Settled<T> =
  | { readonly status: "completed"; readonly output: T }
  | { readonly status: "failed"; readonly code: string; readonly message: string };

/** A branch of all or race: a thunk over a context of its own, so that losers can be cancelled. */
export type Thunk<T> = (branch: Context) => PromiseLike<T> | T;

/** The winner of a race, tagged with its branch's name. */
export type Winner<Branches extends Record<string, Thunk<unknown>>> = {
  [Name in keyof Branches & string]: { readonly branch: Name; readonly value: Awaited<ReturnType<Branches[Name]>> };
}[keyof Branches & string];

export interface WaitOptions {
  /** Fails with `agent/timeout` when nothing came. Default: waits for ever. */
  readonly within?: Duration;
  /** Shown to whoever is asked. */
  readonly request?: Json;
}

export interface StateOptions<T> {
  /** What it is where nobody wrote it. Plain JSON. */
  readonly initial: T;
  /** Of all runs of the tenant, and it outlives them. Default: of this run alone. */
  readonly shared?: boolean;
}

/** A named value. Every call is an entry of the run that makes it, so a replay sees what was seen. */
export interface State<T> {
  readonly name: string;
  get(): Promise<T>;
  /** Writes it, whatever is there. */
  set(value: T): Promise<void>;
  /**
   * Changes it, and answers what it is then. No update is ever lost: when another process wrote in between, `change` is
   * called again with what is there now.
   * @param change a pure function of the value; it may be called more than once
   */
  update(change: (value: T) => T): Promise<T>;
}

export interface ClaimOptions {
  /** Fails with `agent/timeout` when the key was not free in time. Default: waits for ever. */
  readonly within?: Duration;
  /**
   * Held at most so long once another run waits for it. Afterwards the other holds it, and this claim's token is stale:
   * whoever keeps the last token it saw can refuse an older one. Default: until it is released.
   */
  readonly lease?: Duration;
}

/** A key that this run holds. */
export interface Claim {
  readonly key: string;
  /** Grows with every holder of the key. Pass it on to what you protect, which refuses a smaller one than it has seen. */
  readonly token: number;
  /** Lets the next in. Calling it again does nothing. */
  release(): Promise<void>;
}

export interface SendOptions {
  /** So many letters may lie in the channel unread. With that many there, the sender waits. Default 100. */
  readonly limit?: number;
}

export interface ReceiveOptions {
  /** Fails with `agent/timeout` when nothing came. Default: waits for ever. */
  readonly within?: Duration;
}

/** How a run is started by another, and what it may use of what this one has. */
export interface ChildOptions extends Edge {
  /**
   * The new run outlives this one, however it ends. Default false: when this run fails, is cancelled or stopped, the runs
   * it started that are still open are cancelled, and so are those that they started.
   */
  readonly detached?: boolean;
}

/** Input and options of `ctx.start`; an agent that takes no input is started without. */
export type ChildArguments<Input> = void extends Input
  ? readonly [input?: NoInfer<Input>, options?: ChildOptions]
  : readonly [input: NoInfer<Input>, options?: ChildOptions];

/** A run started by this one, with a journal of its own. */
export interface ChildHandle<Output> {
  readonly runId: string;
  /** Waits for its end; throws its failure. */
  outcome(): Promise<Output>;
}

/** How one iteration of a loop ends. */
export type LoopTurn<State, Result> =
  | { readonly kind: "next"; readonly state: State }
  | { readonly kind: "done"; readonly result: Result };

/** Goes on with another iteration. */
export function next<State>(state: State): LoopTurn<State, never> {
  return { kind: "next", state };
}

/** Ends the loop. */
export function done<Result>(result: Result): LoopTurn<never, Result> {
  return { kind: "done", result };
}

export interface Context {
  readonly runId: string;
  /** Address of this body in its run ("0", "0.3"). */
  readonly path: string;
  /** Revision of the agent under which this body began, which may be older than the code that runs now. */
  readonly revision: number;
  /** Aborted when the run is cancelled or this branch lost its race. */
  readonly signal: AbortSignal;

  /**
   * Calls an agent of any kind and returns its output; throws AgentFailure. The edge, after the input, makes smaller what
   * the call may use.
   * @throws ConcertatoError `policy/edge-widens` where the edge asks for more than the caller has, `policy/grant-denied` for
   * a tool that the edges around the caller left out, `policy/depth-exceeded`, `policy/budget-exceeded` and the other stops where a limit of the call is reached
   * @example
   * await ctx.run(research, topic, { budget: { usd: 0.1 }, deadline: "2m" });
   */
  run<Input, Output>(agent: Agent<Input, Output>, ...input: CallArguments<Input>): Promise<Output>;
  /** Runs one agent over many items. Outputs are in the order of the items. */
  map<Input, Output>(
    items: readonly NoInfer<Input>[],
    agent: Agent<Input, Output>,
    options?: MapOptions & { readonly join?: "all" },
  ): Promise<Output[]>;
  map<Input, Output>(
    items: readonly NoInfer<Input>[],
    agent: Agent<Input, Output>,
    options: MapOptions & { readonly join: "settle" },
  ): Promise<Settled<Output>[]>;
  map<Input, Output>(
    items: readonly NoInfer<Input>[],
    agent: Agent<Input, Output>,
    options: MapOptions & { readonly join: "any" | "first" },
  ): Promise<ItemWinner<Output>>;
  map<Input, Output>(
    items: readonly NoInfer<Input>[],
    agent: Agent<Input, Output>,
    options: MapOptions & { readonly join: { readonly count: number } },
  ): Promise<ItemWinner<Output>[]>;
  /** Runs named branches side by side; the first failure fails it and cancels the rest. */
  all<Branches extends Record<string, Thunk<unknown>>>(
    branches: Branches,
  ): Promise<{ [Name in keyof Branches]: Awaited<ReturnType<Branches[Name]>> }>;
  /** The first branch to end wins (by value or by failure); the others are cancelled. */
  race<Branches extends Record<string, Thunk<unknown>>>(branches: Branches): Promise<Winner<Branches>>;
  /**
   * The first branch to succeed wins; the others are cancelled. A branch that fails loses, and what it left open is given up.
   * Fails with `agent/too-few-succeeded` when every branch failed; `details.causes` has each failure by branch.
   * @example
   * const { branch, value } = await ctx.any({ cheap: (b) => b.run(small, x), sure: (b) => b.run(large, x) });
   */
  any<Branches extends Record<string, Thunk<unknown>>>(branches: Branches): Promise<Winner<Branches>>;
  /**
   * Waits for every branch and tells how each ended; never fails because one did.
   * @example
   * const ends = await ctx.settle({ mail: (b) => b.run(mail, x), sms: (b) => b.run(sms, x) });
   * if (ends.mail.status === "failed") throw new Error(ends.mail.message);
   */
  settle<Branches extends Record<string, Thunk<unknown>>>(
    branches: Branches,
  ): Promise<{ [Name in keyof Branches]: Settled<Awaited<ReturnType<Branches[Name]>>> }>;
  /** One unit of outside work in place. */
  step<Output>(
    name: string,
    work: (attempt: AttemptContext) => Output | PromiseLike<Output>,
    options?: StepOptions<Output>,
  ): Promise<Output>;
  /** Waits for a length of time; never wakes early, and goes on over restarts. */
  sleep(duration: Duration): Promise<void>;
  /**
   * Waits for a moment of the wall clock: a Date, an ISO text with its zone, or milliseconds since 1970. Where `sleep`
   * counts time that passes, `until` follows the clock, also when it is set meanwhile (within a second); never early by
   * it. A moment that has passed is over at once.
   * @throws ConcertatoError `runtime/moment` for anything else
   * @example
   * await ctx.until("2026-12-24T18:00:00+01:00");
   */
  until(when: Date | string | number): Promise<void>;
  /** Waits for a signal of this name; signals that came before count, oldest first. */
  waitFor<T>(name: string, schema: Schema<T>, options?: WaitOptions): Promise<T>;
  waitFor(name: string, schema?: undefined, options?: WaitOptions): Promise<Json>;
  /**
   * Repeats a body; each turn starts from the stored state, and replay starts at the last one. The state is stored whole at
   * every turn, except a `history()` that is a property of it (or all of it): of that only what the turn appended.
   */
  loop<State, Result>(
    state: State,
    body: (state: State, ctx: Context) => PromiseLike<LoopTurn<State, Result>> | LoopTurn<State, Result>,
    options?: LoopOptions,
  ): Promise<Result>;
  /**
   * Registers what undoes something this body has done (or is about to do): `agent` is called with `input` when this
   * body fails, or its run is cancelled or stopped. Everything registered is undone once, last registered first, each as
   * a journaled call with the rules of its effect; one that fails for good leaves the others to be run and is named in
   * `details.compensation` of the failure. A body that completes hands what it registered to its caller; a completed
   * run forgets it. Await it: from its commit on it counts, whatever crashes.
   *
   * A cancel may come between an effect and its registration. Where that matters, register first, with a compensation
   * that finds by a key of yours whether there is anything to undo.
   * @param agent named in the workflow's `uses` (or registered with the app), so that any process can undo
   * @throws AgentFailure `agent/input-invalid`, `codec/unstorable`
   * @example
   * const seat = await ctx.run(reserve, flight);
   * await ctx.compensate(release, seat);
   */
  compensate<Input>(agent: Agent<Input, unknown>, ...input: Argument<Input>): Promise<void>;
  /**
   * Starts a run of its own and goes on; the handle can wait for it. When this run fails, or is cancelled or stopped, what
   * it started and is still open is cancelled with it; `{ detached: true }` lets it live on.
   */
  start<Input, Output>(agent: Agent<Input, Output>, ...args: ChildArguments<Input>): Promise<ChildHandle<Output>>;

  /**
   * Ends this body here and begins the run anew, with this input and as this agent (default: the same one), its journal
   * so far left behind: for runs that live for ever. The run keeps its id, key, mail, unread signals, named values, held
   * keys, budget, what is registered with `compensate`, and whoever waits for its end; what else the body had under way is
   * given up. What is registered is undone when a later body fails or the run is cancelled, so give work that is done with
   * to a run of its own (`ctx.start`). Only the run's own body can; never resolves.
   * @throws ConcertatoError `runtime/continue-nested`, `agent/input-invalid`, `policy/grant-denied`
   * @example
   * if (day.orders > 10_000) return ctx.continueAs({ date: tomorrow });
   */
  continueAs<Input>(input: NoInfer<Input>, agent: Agent<Input>): Promise<never>;
  continueAs(input?: Json): Promise<never>;
  /**
   * A named value that is read and written while the run goes on: of this run, or shared by the runs of its tenant. The
   * value is in the store, not in the journal's past, so reading it costs the same after a million turns.
   * In a branch or a loop's turn, take it from the ctx of that branch or turn.
   * @example
   * const stock = ctx.state("stock", { initial: 0, shared: true });
   * const left = await stock.update((count) => count - 1);
   */
  state<T>(name: string, options: StateOptions<T>): State<T>;
  /**
   * Claims a key of the tenant: one run holds it at a time, over all processes; the others wait in the order they came.
   * Freed by `release()`, at the latest at the end of the body, branch or loop's turn that claimed it, and by any end of
   * the run. A run in another process that dies keeps its keys and goes on with them where it is taken up.
   * Fails with `claim/deadlock`, naming the runs, when waiting would close a circle of runs that wait for each other.
   * @param key what must have one owner: "customer:17"
   * @example
   * const claim = await ctx.claim(`customer:${order.customer}`, { within: "5m" });
   * await ctx.run(charge, { ...order, token: claim.token });
   * await claim.release();
   */
  claim(key: string, options?: ClaimOptions): Promise<Claim>;
  /**
   * Sends a letter to a channel of another run of the tenant. Resolves when the other run's mailbox has taken it: once,
   * whatever crashes, and in the order of the calls. While the channel is full it waits (back-pressure).
   * Fails with `run/not-found` or `run/already-finished` when nobody will ever receive it.
   * @param to id of the run
   * @param value plain JSON
   * @example
   * await ctx.send(worker.runId, "orders", { id: "A1" }, { limit: 10 });
   */
  send(to: string, channel: string, value?: unknown, options?: SendOptions): Promise<void>;
  /**
   * Takes the oldest letter of a channel of this run, or waits for the next. One that does not fit the schema is set
   * aside in the journal and the wait goes on.
   * @example
   * const order = await ctx.receive("orders", z.object({ id: z.string() }), { within: "1h" });
   */
  receive<T>(channel: string, schema: Schema<T>, options?: ReceiveOptions): Promise<T>;
  receive(channel: string, schema?: undefined, options?: ReceiveOptions): Promise<Json>;
  /**
   * Tells subscribers something: an entry of kind `emitted` with this name and value, seen once by everybody who reads
   * `job.events()`, whatever crashes. Returns at once; its order among the body's other entries is the order of the calls.
   * @param value plain JSON; `codec/unstorable` is thrown here for anything else
   * @example
   * ctx.emit("progress", { done: 3, of: 10 });
   */
  emit(name: string, value?: unknown): void;
  /** Writes a line into the journal: shown with the run, not printed. Like `emit`, once over crashes and replays. */
  log(message: string, details?: unknown): void;
  /**
   * For code changed in place while runs of it are under way: true where live code comes by, false where a replay passes
   * a place that an older code recorded without it. The answer is recorded and stays the same for this body (in a loop:
   * for the turn and those after it).
   * @param flag a name of its own for each change
   * @example
   * if (ctx.patched("ask-twice")) await ctx.run(manager, request);
   */
  patched(flag: string): boolean;

  /**
   * Whether this body may call an agent: what the edges around it granted (`Edge.tools`). Calling one that it may not use
   * fails with `policy/grant-denied`.
   */
  mayUse(agent: Agent): boolean;

  /** Time left before the nearest deadline of this body and of all around it, in ms from `now()`; undefined without one. */
  deadline(): number | undefined;

  /** Time of the entry delivered last, in ms: the same on replay. */
  now(): number;
  /** Derived from the run's seed: the same on replay. In [0, 1). */
  random(): number;
  /** A derived unique id: the same on replay. */
  id(): string;
}
