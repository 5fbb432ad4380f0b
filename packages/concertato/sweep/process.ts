/** One process of a trial: an app on the faulty store, with timers of its own, so that its death takes them along. */
import { App } from "../src/app.ts";
import { clearCodec } from "../src/store/clear-codec.ts";
import type { Store } from "../src/journal/store.ts";
import { ConcertatoError } from "../src/kernel/errors.ts";
import type { StopTimer, World } from "../src/kernel/world.ts";
import type { Agent } from "../src/runtime/agent.ts";
import { Engine } from "../src/runtime/engine.ts";
import type { CallCounter } from "./faults.ts";
import { faultyStore } from "./faults.ts";

export interface ProcessOptions {
  readonly store: Store;
  readonly world: World;
  readonly counter: CallCounter;
  /** The agent as this process has it; its tools live on the process's own timers. */
  readonly agent: (world: World) => Agent<unknown, unknown>;
  readonly warmBytes: number | undefined;
  readonly largeFrom: number | undefined;
  /** The operating system frees the lock of a dead process. */
  readonly onDeath: (owner: number) => void;
}

export class SweepProcess {
  readonly app: App;
  readonly agent: Agent<unknown, unknown>;
  readonly #engine: Engine;
  readonly #timers = new Set<StopTimer>();
  /** Those of the tools: what they began is theirs. */
  readonly #toolTimers = new Set<StopTimer>();
  readonly #onDeath: (owner: number) => void;
  readonly #reports: unknown[] = [];
  dead = false;

  constructor({ store, world, counter, agent, warmBytes, largeFrom, onDeath }: ProcessOptions) {
    this.#onDeath = onDeath;
    const own: World = {
      ...world,
      timer: (delayMs, fn) => heldTimer(this.#timers, world, delayMs, fn),
      report: (error) => this.#report(error),
    };
    this.#engine = new Engine({
      store: faultyStore(store, counter, () => this.die()),
      world: own,
      codec: clearCodec,
      pollMs: 50,
      sweepMs: 500,
      ...(warmBytes === undefined ? {} : { warmBytes }),
      ...(largeFrom === undefined ? {} : { largeFrom }),
    });
    this.agent = agent({ ...world, timer: (delayMs, fn) => heldTimer(this.#toolTimers, world, delayMs, fn) });
    this.#engine.register(this.agent as Agent);
    this.app = new App(this.#engine, { tenant: "sweep", principal: "sweeper", worker: true });
  }

  async join(): Promise<void> {
    await this.#engine.ownership.join();
  }

  /** What the store could not do is expected here; everything else is a fault of the kernel. */
  #report(error: unknown): void {
    const expected = ConcertatoError.is(error) && error.code.startsWith("store/");
    if (!this.dead && !expected) this.#reports.push(error);
  }

  /** kill -9: its timers and whatever it waited for are gone. */
  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.#engine.halt();
    for (const stop of [...this.#timers, ...this.#toolTimers]) stop();
    this.#onDeath(this.#engine.ownership.owner);
  }

  /** Faults reported, and what it holds on to after it was closed. */
  violations(closed: boolean): string[] {
    const found = this.#reports.map((error) => `report: ${error instanceof Error ? error.message : String(error)}`);
    if (!closed) return found;
    const { runs, listeners, ownership } = this.#engine;
    if (this.#timers.size > 0) found.push(`leak: ${this.#timers.size} timers after close`);
    if (runs.size > 0) found.push(`leak: ${runs.size} runs after close`);
    if (listeners.size + ownership.endListeners.size > 0) found.push("leak: listeners after close");
    return found;
  }
}

/** A timer of the world that is known to `held` until it fires or is stopped. */
function heldTimer(held: Set<StopTimer>, world: World, delayMs: number, fn: () => void): StopTimer {
  const stop = world.timer(delayMs, () => {
    held.delete(release);
    fn();
  });
  const release = (): void => {
    held.delete(release);
    stop();
  };
  held.add(release);
  return release;
}
