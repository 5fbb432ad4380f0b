/**
 * Agents that are paused, as this process knows them from the store, and what of its runs waits for them: bodies nested in
 * other runs, to which nothing is delivered meanwhile. (Attempts wait at the gate; a run that is paused itself, or whose own
 * agent is, is given back.) Nothing here is stored: a process that dies forgets it, and the next one holds the same back.
 */
import type { AgentPause } from "../journal/store.ts";
import type { Pass } from "./attempt-gate.ts";
import type { Engine } from "./engine.ts";
import type { Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

export class Pauses {
  readonly #engine: Engine;
  /** By `name`, or `name@version`. */
  #byAgent: ReadonlyMap<string, AgentPause> = new Map();
  readonly #held = new Map<Scope, Pass>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Nothing is paused: nobody needs to ask further. */
  get none(): boolean {
    return this.#byAgent.size === 0 && this.#held.size === 0;
  }

  /** The pause of an agent, all versions of it or this one. */
  of(agentId: string): AgentPause | undefined {
    if (this.#byAgent.size === 0) return undefined;
    return this.#byAgent.get(agentId) ?? this.#byAgent.get(agentId.slice(0, agentId.lastIndexOf("@")));
  }

  /** What keeps an attempt back: its agent is paused, or one within whose body it is called. */
  before(operation: Operation): AgentPause | undefined {
    return this.of(operation.agent) ?? this.#around(operation.scope);
  }

  /** True: the scope's agent, or one around it, is paused; it is delivered nothing until that is over. */
  holds(scope: Scope): boolean {
    // What it replays has happened already.
    if (scope.catchingUp || scope.operation === null) return false;
    const pause = this.#around(scope);
    if (pause === undefined) return false;
    if (!this.#held.has(scope)) this.#hold(scope, scope.operation, pause);
    return true;
  }

  #hold(scope: Scope, operation: Operation, { agent, since }: AgentPause): void {
    const pass: Pass = { operation, kind: "paused", name: agent, since, n: 0, ticket: null, state: "in line" };
    this.#held.set(scope, pass);
    scope.run.addGated(pass);
    this.#engine.settled(scope.run);
  }

  /** The scope no longer counts. */
  forget(scope: Scope): void {
    const pass = this.#held.get(scope);
    if (pass === undefined) return;
    this.#held.delete(scope);
    scope.run.removeGated(pass);
  }

  /** What the store says now. What is over goes on. */
  update(pauses: readonly AgentPause[]): void {
    if (pauses.length === 0 && this.none) return;
    this.#byAgent = new Map(pauses.map((pause) => [pause.agent, pause]));
    for (const scope of [...this.#held.keys()]) {
      if (!scope.dead && this.#around(scope) !== undefined) continue;
      this.forget(scope);
      this.#engine.enqueue(scope);
    }
    this.#engine.gate.pausesChanged();
  }

  #around(scope: Scope): AgentPause | undefined {
    for (let within: Scope | undefined = scope; within !== undefined; within = within.operation?.scope) {
      const pause = this.of(within.agentId);
      if (pause !== undefined) return pause;
    }
    return undefined;
  }
}
