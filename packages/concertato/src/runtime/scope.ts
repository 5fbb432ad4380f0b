/**
 * A scope: one nested agent body and the entries it owns. It is the unit of replay: a body is a function of its input
 * and its own entries, so waking one scope runs no other. A finished scope is its one end entry.
 *
 * Frame states:  none ──start──▶ running ──returned or threw──▶ settled ──end entry──▶ (gone)
 */
import type { CompensationChain } from "../journal/entry.ts";
import type { Agent } from "./agent.ts";
import type { Compensating } from "./compensation.ts";
import type { Container } from "./container.ts";
import type { LiveRun } from "./live-run.ts";
import type { Operation } from "./operation.ts";

/** A committed end of an operation, on its way to the body that awaits it. */
export interface Delivery {
  readonly operation: Operation;
  /** `turn`: a loop's next turn begins with the stored state. */
  readonly kind: "result" | "turn";
  readonly failed: boolean;
  readonly text: string | null;
  readonly at: number;
  /** Of its entry. */
  readonly seq: number;
}

export type FrameState = "none" | "running" | "settled";

/** How a body ended. */
export type Settled =
  | { readonly failed: false; readonly value: unknown }
  | { readonly failed: true; readonly error: unknown };

export class Scope {
  readonly run: LiveRun;
  /** The operation that called it; null for the run's own body. */
  readonly operation: Operation | null;
  agentId: string;
  agent: Agent | undefined;
  readonly path: string;
  /** What the addresses of its operations begin with: its path, and of a run that began anew its generation ("0~2"). */
  base: string;
  /** Stretch of the journal that this scope's own entries make. */
  readonly container: Container | null;
  /** Seq of its `scope-started` entry; 0 until it writes anything. */
  seq = 0;
  inputText: string | null = null;
  startedAt = 0;
  /** Revision of the library code under which it began. */
  revision = 1;
  readonly operations: Map<string, Operation> = new Map();
  log: Delivery[] = [];
  cursor = 0;
  /** Issued in this drain, or found unfinished; launched when the replay has caught up. */
  fresh: Operation[] = [];
  frame: FrameState = "none";
  settled: Settled | null = null;
  /** Operations this frame awaits that something outside it will end. */
  awaiting = 0;
  /** Paths of claims that it holds, by operation. */
  held: Map<string, string> | null = null;
  /** What `ctx.patched` decided, by turn and flag. */
  flags: Map<string, boolean> | null = null;
  /** The journal has told entries of this scope: its body must tell them again. */
  told = false;
  /** Direct operations outside any loop, against bodies that grow without bound. */
  direct = 0;
  /** Time of the last delivered entry. */
  now = 0;
  /** Text of the last delivered result and the seq of its entry: mostly the input of what comes next. */
  lastText: string | null = null;
  lastSeq = 0;
  /** In the engine's ready queue. */
  queued = false;
  /** Replaying after a crash; nothing of this run is launched before all such scopes have caught up. */
  catchingUp = false;
  dead = false;
  /** Was to run and could not: only the body that calls it knows its agent. */
  wanted = false;
  /** What it has registered to be undone, and what finished scopes inside it handed up. */
  undo: CompensationChain | null = null;
  /** It has failed, or its run was cancelled, and what was registered is being undone. */
  compensating: Compensating | null = null;
  /** Its body has ended, and something inside it is still being undone. */
  deferred: { readonly failed: boolean; readonly text: string | null } | null = null;
  controller: AbortController | null = null;
  /** Those of the body and of its branches: all are aborted when the scope no longer counts. */
  readonly controllers: AbortController[] = [];

  constructor(
    run: LiveRun,
    operation: Operation | null,
    agentId: string,
    agent: Agent | undefined,
    container: Container | null,
  ) {
    this.run = run;
    this.operation = operation;
    this.agentId = agentId;
    this.agent = agent;
    this.container = container;
    this.path = operation === null ? "0" : operation.path;
    this.base = this.path;
  }

  get caughtUp(): boolean {
    return this.cursor >= this.log.length;
  }

  /** Something for its body to do. */
  get hasWork(): boolean {
    return !this.dead && (this.frame === "none" || (this.frame === "running" && !this.caughtUp));
  }

  /** The next delivery whose operation still counts. */
  takeDelivery(): Delivery | undefined {
    while (this.cursor < this.log.length) {
      const delivery = this.log[this.cursor++];
      if (delivery && delivery.operation.state !== "cancelled") return delivery;
    }
    return undefined;
  }

  /** Forgets delivered entries once the frame has them all. */
  trim(): void {
    if (this.cursor > 0 && this.caughtUp) {
      this.log = [];
      this.cursor = 0;
    }
  }
}
