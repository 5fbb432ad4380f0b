/**
 * The gate before every attempt at outside work: what must be granted before an attempt, or the intent before it, may
 * begin. An agent without limits passes at once; nothing here is stored for it.
 *
 *   enter ──no limits, room──────────────────────────────▶ in ──attempt ended or given up──▶ left
 *     └──limits──▶ asking ──▶ in line (store) ──granted──▶ ready ──room──▶ in
 *
 * Slots and rates are tickets in the store, so they hold over all processes; room (attempts under way at once) is this
 * process's own. While it waits here an attempt has written nothing: if the process dies, the next owner's attempt waits.
 * A ticket's name (this process, a number) makes asking and ending repeatable, so an unknown commit is simply asked again.
 */
import { toFailureRecord } from "../kernel/errors.ts";
import { decodeJson } from "../kernel/json.ts";
import type { StopTimer } from "../kernel/world.ts";
import type { AgentPause, Ticket, TicketState } from "../journal/store.ts";
import type { AttemptLimits } from "./agent.ts";
import type { Engine } from "./engine.ts";
import type { Operation } from "./operation.ts";
import type { LiveRun } from "./live-run.ts";
import { finish } from "./results.ts";

/** An attempt's way through the gate. */
export interface Pass {
  readonly operation: Operation;
  /** What it waits for, and since when (wall clock, ms). */
  kind: "slot" | "rate" | "capacity" | "paused" | "cap";
  name: string;
  readonly since: number;
  /** Its ticket's number in this process; 0 for none. */
  readonly n: number;
  ticket: Ticket | null;
  state: "asking" | "in line" | "ready" | "in";
}

/** Of those that nothing limits: they only count. */
const open: Pass = {
  // Never read: whoever holds this pass holds its operation.
  operation: undefined as unknown as Operation,
  kind: "capacity",
  name: "",
  since: 0,
  n: 0,
  ticket: null,
  state: "in",
};

/** Pause before the store is asked again after it failed, in ms. */
const failedPauseMs = 100;

const priorities = 10;

export class AttemptGate {
  readonly #engine: Engine;
  readonly #room: number;
  readonly #admitted: (engine: Engine, operation: Operation) => void;
  #inside = 0;
  #pumping = false;
  #lastNumber = 0;
  /** Passes with a ticket, by its number. */
  readonly #tickets = new Map<number, Pass>();
  /** Passes that wait for room, by priority, first come first. */
  readonly #ready: Pass[][] = Array.from({ length: priorities }, () => []);
  #waitingForRoom = 0;
  /** Passes whose agent is paused. */
  readonly #paused = new Set<Pass>();
  /** By rate: when its line is asked for again. */
  readonly #timers = new Map<string, StopTimer>();

  /**
   * @param room attempts under way at once in this process
   * @param admitted begins an attempt that had to wait
   */
  constructor(engine: Engine, room: number, admitted: (engine: Engine, operation: Operation) => void) {
    this.#engine = engine;
    this.#room = Math.max(1, room);
    this.#admitted = admitted;
  }

  /** True: the attempt may begin now. False: it waits here and is begun when its turn comes. */
  enter(operation: Operation): boolean {
    const { run } = operation.scope;
    // A run that is being given back begins nothing: its next owner does.
    if (run.departure !== null) {
      run.withheld = true;
      return false;
    }
    const pause = this.#engine.pauses.none ? undefined : this.#engine.pauses.before(operation);
    const limits = operation.work?.leaf.limits;
    if (pause !== undefined) return this.#line(operation, limits, pause);
    if (limits !== undefined || this.#inside >= this.#room) return this.#line(operation, limits);
    this.pass(operation);
    return true;
  }

  /** Lets an attempt in that must not wait; it counts all the same. */
  pass(operation: Operation): void {
    this.#inside++;
    operation.pass = open;
  }

  /** The attempt ended, or is given up wherever it was. Crash before the ticket's end: it goes with this process. */
  leave(operation: Operation): void {
    const { pass } = operation;
    if (pass === null) return;
    operation.pass = null;
    if (pass.state === "in") this.#inside--;
    if (pass !== open) this.#forget(pass);
    if (this.#waitingForRoom > 0) this.#pump();
  }

  /** The run's priority changed: so does its place in every line. */
  reprioritise(run: LiveRun): void {
    for (const pass of run.gated) {
      if (pass.ticket === null) continue;
      pass.ticket = { ...pass.ticket, priority: run.priority };
      if (pass.state === "in line") this.#ask(pass);
    }
  }

  /** Learns of tickets that others' ends have granted. */
  async look(): Promise<void> {
    if (!this.#anybodyInLine()) return;
    const granted = await this.#engine.store.granted(this.#engine.ownership.owner);
    for (const n of granted) {
      const pass = this.#tickets.get(n);
      if (pass === undefined) this.#endTicket(n);
      else if (pass.state === "in line") this.#granted(pass);
    }
  }

  /** Asks once more for the first of every line: a process that died may have made room without a word. */
  askAgain(): void {
    const lines = new Set<string>();
    for (const pass of this.#inOrder()) {
      const line = pass.ticket?.slot?.name ?? pass.ticket?.rate?.name ?? "";
      if (!lines.has(line)) this.#ask(pass);
      lines.add(line);
    }
  }

  /** Agents were paused or resumed: who waited for that alone goes on. */
  pausesChanged(): void {
    for (const pass of this.#paused) {
      if (pass.operation.pass === pass && this.#engine.pauses.before(pass.operation) !== undefined) continue;
      this.#paused.delete(pass);
      if (pass.operation.pass !== pass) continue;
      pass.state = "ready";
      this.#begin(pass);
    }
  }

  stop(): void {
    for (const stop of this.#timers.values()) stop();
    this.#timers.clear();
  }

  // --- in line ----------------------------------------------------------------------------------------------------

  #line(operation: Operation, limits: AttemptLimits | undefined, pause?: AgentPause): boolean {
    const { run } = operation.scope;
    let ticket: Ticket | null;
    try {
      ticket = limits === undefined ? null : ticketOf(operation, limits);
    } catch (error) {
      // The key of a limit is the agent's own code.
      finish(operation, toFailureRecord(error, operation.path));
      return false;
    }
    const pass: Pass = {
      operation,
      kind: "capacity",
      name: operation.name,
      since: this.#engine.world.clock.now(),
      n: ticket === null ? 0 : ++this.#lastNumber,
      ticket,
      state: "ready",
    };
    operation.pass = pass;
    run.addGated(pass);
    if (pause === undefined) this.#begin(pass);
    else {
      this.#paused.add(pass);
      Object.assign(pass, { kind: "paused", name: pause.agent, state: "in line" });
    }
    this.#engine.settled(run);
    return false;
  }

  /** Into the line for what its agent limits, or for room. */
  #begin(pass: Pass): void {
    if (pass.ticket === null) return this.#stand(pass);
    this.#tickets.set(pass.n, pass);
    this.#ask(pass);
  }

  #ask(pass: Pass): void {
    const { ticket, n } = pass;
    if (ticket === null) return;
    if (pass.state === "ready") pass.state = "asking";
    pass.kind = ticket.slot === null ? "rate" : "slot";
    pass.name = ticket.slot?.name ?? ticket.rate?.name ?? pass.name;
    const { committer, ownership, world } = this.#engine;
    const at = world.clock.now();
    committer.submit({ kind: "ticket", owner: ownership.owner, n, ticket, at }).then(
      (result) => {
        if (result.ok && result.ticket !== undefined) this.#answered(pass, result.ticket);
      },
      (error: unknown) => {
        this.#engine.report(error);
        world.timer(failedPauseMs, () => {
          if (pass.operation.pass === pass && pass.state !== "in") this.#ask(pass);
        });
      },
    );
  }

  #answered(pass: Pass, state: TicketState): void {
    // Given up meanwhile: its end is on the way to the store, behind the question.
    if (pass.operation.pass !== pass || (pass.state !== "asking" && pass.state !== "in line")) return;
    if (state.granted) {
      if (pass.ticket?.slot === null) this.#tickets.delete(pass.n);
      this.#granted(pass);
    } else {
      pass.state = "in line";
      if (state.retryAt !== null) this.#waitForRate(pass, state.retryAt);
      this.#engine.settled(pass.operation.scope.run);
    }
    // Others of this process may have been granted by the same commit, or before this one was in line.
    this.look().catch((error: unknown) => this.#engine.report(error));
  }

  #waitForRate(pass: Pass, retryAt: number): void {
    const { rate } = pass.ticket ?? {};
    if (rate == null) return;
    if (pass.kind === "slot") Object.assign(pass, { kind: "rate", name: rate.name });
    if (this.#timers.has(rate.name)) return;
    const { world } = this.#engine;
    const stop = world.timer(Math.max(1, retryAt - world.clock.now()), () => {
      this.#timers.delete(rate.name);
      const next = this.#inOrder().find((other) => other.ticket?.rate?.name === rate.name);
      if (next !== undefined) this.#ask(next);
    });
    this.#timers.set(rate.name, stop);
  }

  #granted(pass: Pass): void {
    pass.state = "ready";
    this.#stand(pass);
    // A rate alone is spent with its grant; there is nothing to hold.
    if (pass.ticket?.slot === null && this.#tickets.delete(pass.n)) this.#endTicket(pass.n);
  }

  /** In line in the store, the most urgent first, then who came first. */
  #inOrder(): readonly Pass[] {
    const waiting = [...this.#tickets.values()].filter(({ state }) => state === "in line");
    return waiting.toSorted((a, b) => (b.ticket?.priority ?? 0) - (a.ticket?.priority ?? 0));
  }

  #anybodyInLine(): boolean {
    for (const { state } of this.#tickets.values()) if (state === "in line") return true;
    return false;
  }

  // --- room -------------------------------------------------------------------------------------------------------

  /** It has what the store grants, and needs room here. */
  #stand(pass: Pass): void {
    const { run } = pass.operation.scope;
    pass.kind = "capacity";
    this.#ready[Math.min(priorities - 1, Math.max(0, run.priority))]?.push(pass);
    this.#waitingForRoom++;
    this.#pump();
  }

  /** Lets in who waits for room, the most urgent first. Not within itself: what it lets in may end at once. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#inside < this.#room && this.#waitingForRoom > 0 && !this.#engine.stopped) {
        const pass = this.#takeReady();
        if (pass !== undefined) this.#admit(pass);
      }
    } finally {
      this.#pumping = false;
    }
  }

  #takeReady(): Pass | undefined {
    for (let priority = priorities - 1; priority >= 0; priority--) {
      const pass = this.#ready[priority]?.shift();
      if (pass === undefined) continue;
      this.#waitingForRoom--;
      return pass.operation.pass === pass ? pass : undefined;
    }
    return undefined;
  }

  #admit(pass: Pass): void {
    const { operation } = pass;
    const { run } = operation.scope;
    run.removeGated(pass);
    if (run.departure !== null) {
      run.withheld = true;
      operation.pass = null;
      return this.#forget(pass);
    }
    pass.state = "in";
    this.#inside++;
    this.#admitted(this.#engine, operation);
    // Its row says what it waited for.
    this.#engine.markDirty(run);
  }

  // --- ends -------------------------------------------------------------------------------------------------------

  #forget(pass: Pass): void {
    pass.operation.scope.run.removeGated(pass);
    this.#paused.delete(pass);
    if (this.#tickets.delete(pass.n)) this.#endTicket(pass.n);
  }

  /** Until the store has it: a slot that nobody gives back would be lost for as long as this process lives. */
  #endTicket(n: number): void {
    const { committer, ownership, world } = this.#engine;
    if (this.#engine.stopped) return;
    committer.submit({ kind: "ticket-end", owner: ownership.owner, n, at: world.clock.now() }).then(
      () => this.look().catch((error: unknown) => this.#engine.report(error)),
      () => void world.timer(failedPauseMs, () => this.#endTicket(n)),
    );
  }
}

function ticketOf(operation: Operation, { name, slot, rate }: AttemptLimits): Ticket {
  const { run } = operation.scope;
  const nameFor = (key: ((input: never) => string) | undefined): string =>
    key === undefined ? name : `${name}:${key(keyedInput(operation) as never)}`;
  return {
    slot: slot === null ? null : { name: nameFor(slot.key), limit: slot.limit },
    rate:
      rate === null ? null : { name: nameFor(rate.key), limit: rate.limit, periodMs: rate.periodMs, burst: rate.burst },
    priority: run.priority,
    run: run.id,
  };
}

/** What a key is taken of: the input of the agent that limits, which for a step is that of the body around it. */
function keyedInput({ verb, scope, input }: Operation): unknown {
  return verb === "step" ? decodeJson(scope.inputText) : input;
}
