/**
 * Whoever awaits a run's end or reads its entries as they come. Runs of this process are told of at once; runs of others
 * change without a word here, so while somebody watches, the store is asked whether anything was written.
 */
import type { FinalStatus, StoredEntry } from "./journal/entry.ts";
import type { StopTimer } from "./kernel/world.ts";
import type { Engine } from "./runtime/engine.ts";

/** Entries of this process kept for a watcher until it looks; beyond that it reads the store. */
const heldEntries = 256;

/** And never more than so many characters of payload, for one watcher. */
const heldLength = 1024 * 1024;

type Watcher = (end: boolean, stored?: StoredEntry) => void;

/** One watcher's place. */
export interface Watch {
  /** Entries committed here since the last look, where they follow `after` without a gap. */
  readonly take: (after: number) => readonly StoredEntry[];
  readonly next: () => Promise<void>;
  readonly stop: () => void;
}

/** How a run of this process ended. */
export interface RunEnd {
  readonly status: FinalStatus | "diverged";
  readonly text: string | null;
}

/** How often the store is asked, in ms. */
const askMs = 50;

export class Watchers {
  readonly #engine: Engine;
  /** Asking must not keep a worker's process alive; a client has nothing else that would. */
  readonly #background: boolean;
  readonly #byRun: Map<string, Set<Watcher>> = new Map();
  readonly #ends: Map<string, RunEnd> = new Map();
  #poller: StopTimer | null = null;
  #closed = false;

  constructor(engine: Engine, background: boolean) {
    this.#engine = engine;
    this.#background = background;
    engine.listeners.add((written, run) => this.#notify(run.id, false, written.stored));
    engine.ownership.endListeners.add((runId, status, text) => {
      if (this.#byRun.has(runId)) this.#ends.set(runId, { status, text });
      this.#notify(runId, true);
    });
  }

  /** The end of a run that was told while somebody watched it. */
  endOf(runId: string): RunEnd | undefined {
    return this.#ends.get(runId);
  }

  /** A run that was parked goes on: that was not its end. */
  forget(runId: string): void {
    this.#ends.delete(runId);
  }

  /** Wakes everybody, for the last time. */
  close(): void {
    this.#closed = true;
    this.#poller?.();
    for (const runId of this.#byRun.keys()) this.#notify(runId, true);
  }

  /** Waits for the next sign that a run changed (or, `endOnly`, may have ended): from this process at once, from others by asking. */
  watch(runId: string, endOnly: boolean): Watch {
    let changed = false;
    let wake: (() => void) | null = null;
    let fresh: StoredEntry[] = [];
    let length = 0;
    const listener: Watcher = (end, stored) => {
      if (endOnly && !end) return;
      if (stored !== undefined && fresh.length < heldEntries && length < heldLength) {
        fresh.push(stored);
        length += stored.body?.length ?? 0;
      }
      changed = true;
      wake?.();
    };
    const set = this.#byRun.get(runId) ?? new Set();
    this.#byRun.set(runId, set);
    set.add(listener);
    this.#pollOthers();
    return {
      take: (after) => {
        const taken = fresh;
        fresh = [];
        length = 0;
        // Without a gap, or not at all: another process may have owned the run in between.
        return taken.every((stored, index) => stored.seq === after + 1 + index) ? taken : [];
      },
      next: () =>
        new Promise<void>((resolve) => {
          const go = () => {
            changed = false;
            wake = null;
            resolve();
          };
          if (changed) go();
          else wake = go;
        }),
      stop: () => {
        set.delete(listener);
        if (set.size > 0) return;
        this.#byRun.delete(runId);
        this.#ends.delete(runId);
      },
    };
  }

  #notify(runId: string, end: boolean, stored?: StoredEntry): void {
    for (const listener of this.#byRun.get(runId) ?? []) listener(end, stored);
  }

  /** Runs of other processes change without a word here; while somebody watches, their rows are asked for. */
  #pollOthers(): void {
    if (this.#poller !== null || this.#closed) return;
    let token = this.#engine.store.changeToken();
    const ask = () => {
      this.#poller = null;
      if (this.#byRun.size === 0 || this.#closed) return;
      try {
        const now = this.#engine.store.changeToken();
        if (now !== token) for (const runId of this.#byRun.keys()) this.#notify(runId, true);
        token = now;
      } catch (error) {
        // A store that is away for a moment is asked again.
        this.#engine.world.report(error);
      }
      this.#poller = this.#engine.world.timer(askMs, ask, this.#background);
    };
    this.#poller = this.#engine.world.timer(askMs, ask, this.#background);
  }
}
