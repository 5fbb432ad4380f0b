/**
 * One operation of a body: what `ctx.run`, `ctx.step`, `ctx.sleep` … issued, from its number to its result.
 *
 *   issued ──launch──▶ pending ──result committed──▶ done
 *      └───────────────────┴──── lost a race ──────▶ cancelled
 *
 * An operation may exist without its promise: a loaded run knows its pending operations from the journal and runs the
 * body that awaits them only when there is something to deliver.
 */
import type { EntryMeta, Verb } from "../journal/entry.ts";
import type { Agent, LeafBody } from "./agent.ts";
import type { AttemptHandle } from "./attempt.ts";
import type { Pass } from "./attempt-gate.ts";
import type { Container } from "./container.ts";
import type { LoopState } from "./loop-operation.ts";
import type { Sending } from "./mail-sending.ts";
import type { MapState } from "./map-operation.ts";
import type { Scope } from "./scope.ts";
import type { TimerEntry } from "./timer-heap.ts";
import type { Validator } from "./validation.ts";

export type OperationState = "issued" | "pending" | "done" | "cancelled";

/** Outside work as an operation carries it; the input is bound when it is an agent. */
export interface Work {
  readonly leaf: LeafBody<never, unknown>;
  readonly input: Validator | undefined;
  readonly output: Validator | undefined;
  /** Constant part of the result's meta, as JSON without the closing brace. */
  readonly metaHead: string;
  /** The same closed: the whole meta of a result that has nothing to add, which is most of them. */
  readonly meta: string;
}

/** What an operation waits for from outside. */
export interface Wait {
  /** "answer" for a person's answer by address, "signal" for a named signal, "mail" for a letter, "claim" for a key, "child" for the end of a run. */
  readonly kind: "answer" | "signal" | "mail" | "claim" | "child";
  readonly validate: Validator | undefined;
  readonly withinMs: number | undefined;
  readonly onTimeout: ((input: unknown) => unknown) | undefined;
}

export class Operation {
  readonly scope: Scope;
  readonly key: string;
  readonly verb: Verb;
  readonly name: string;
  /** `name@version` of the agent it calls, "" for steps, timers and waits. */
  readonly agent: string;
  /** The innermost stretch of the journal its entries belong to. */
  readonly container: Container | null;
  state: OperationState = "issued";
  /** The body that awaits it runs in this process and has issued it. */
  attached = false;
  promise: Promise<unknown> | null = null;
  resolve: ((value: unknown) => void) | null = null;
  reject: ((error: unknown) => void) | null = null;

  /** The agent it calls, where this process knows it. */
  target: Agent | null = null;
  input: unknown = undefined;
  /** The input was checked before; checking it again could refuse what a schema made of it. */
  parsed = false;
  /** `ctx.start`: the end of this run does not concern what it starts. */
  detached = false;
  /** Text of the input, when it is kept with the result. */
  inputText: string | null = null;
  /** Seq of an entry whose first line is that text, 0 when none is known. */
  inputOf = 0;
  work: Work | null = null;
  wait: Wait | null = null;
  /** The letter that `ctx.send` has on its way. */
  sending: Sending | null = null;
  /** The wait's entry is in the journal. */
  opened = false;
  /** Its deadline passed before the body that knows its agent was there. */
  overdue = false;
  /** Wall-clock ms of opening or setting; the base of deadlines. */
  since = 0;
  until: number | null = null;
  timer: TimerEntry | null = null;
  /** An intent is in the journal: from here on the effect may have happened. */
  intended = false;
  /** Loaded with an intent and without a result: nobody knows. */
  doubtful = false;
  /** The journal says a person must resolve it. */
  inDoubt = false;
  /** Seq of the entry that says so: an answer to an earlier doubt does not resolve this one. */
  doubtSeq = 0;
  attempt = 0;
  /** A failed attempt of it is in the journal, with the time of the next. */
  retried = false;
  /** What the last attempt threw, while its probe is asked whether the effect happened all the same. */
  thrown: unknown = undefined;
  /** Its way through the gate: waiting there, or let in. */
  pass: Pass | null = null;
  /** The attempt under way. */
  running: AttemptHandle | null = null;
  child: Scope | null = null;
  map: MapState | null = null;
  loop: LoopState | null = null;
  /** The map this operation is an item of, and which. */
  itemOf: MapState | null = null;
  itemIndex = 0;

  constructor(scope: Scope, key: string, verb: Verb, name: string, agent: string, container: Container | null) {
    this.scope = scope;
    this.key = key;
    this.verb = verb;
    this.name = name;
    this.agent = agent;
    this.container = container;
  }

  /** Address in the run: "0.3", "0.2/fast/0". Also the name by which a person answers it. */
  get path(): string {
    return `${this.scope.base}.${this.key}`;
  }

  /** Address of what it asks: a doubt is one of possibly several of its operation. */
  get waitId(): string {
    return this.inDoubt ? `${this.path}@${this.doubtSeq}` : this.path;
  }

  /** Its body waits for its end; a loop ends by itself, and what is only told has none. */
  get awaited(): boolean {
    return this.verb !== "loop" && this.verb !== "emit" && this.verb !== "log";
  }

  get live(): boolean {
    return this.state === "issued" || this.state === "pending";
  }

  /** It is recorded in the journal as begun, so a reader must be told when it is given up. */
  get recorded(): boolean {
    return (
      this.opened ||
      this.intended ||
      this.retried ||
      this.scope.run.begunElsewhere.has(this) ||
      this.map?.recorded === true ||
      (this.child?.seq ?? 0) > 0 ||
      (this.loop?.turns ?? 0) > 0
    );
  }
}

/** The stretch of the journal that the operation's own entries belong to. */
export function innermost(operation: Operation): Container | null {
  return operation.itemOf === null ? operation.container : operation.itemOf.container;
}

/** The first revision goes without saying. */
export function revisionMeta(revision: number): { readonly revision?: number } {
  return revision === 1 ? firstRevision : { revision };
}

const firstRevision: { readonly revision?: number } = {};

/** JSON text of a meta object; null when there is nothing to say. */
export function metaText(meta: EntryMeta): string | null {
  const text = JSON.stringify(meta);
  return text === "{}" ? null : text;
}
