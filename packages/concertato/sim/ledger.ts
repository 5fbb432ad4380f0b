/** The outside world of a simulation: it remembers every effect by key, over all crashes, and answers probes truly. */
import type { AttemptContext } from "../src/runtime/agent.ts";
import type { Disk } from "./fault-store.ts";
import type { Process, Schedule } from "./schedule.ts";

/** What happened under one idempotency key. */
export interface EffectRecord {
  readonly kind: "write" | "pay" | "blind" | "undo";
  readonly runId: string;
  readonly path: string;
  /** How often it took place. */
  happened: number;
  readonly output: number;
}

/** Effects of all processes. */
export class Effects {
  readonly byKey = new Map<string, EffectRecord>();
  /** What was taken back, by mark, in order of the first time; with the keys it was done under. */
  readonly undone = new Map<string, Set<string>>();
  /** Who came under a key and has not gone: tokens in the order they came. */
  readonly inside = new Map<string, number[]>();
  /** Two under one key, or one that came with an older token than was seen before. */
  readonly crowded: { readonly runId: string; readonly what: string }[] = [];
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Keys belong to tenants. */
  tenantOf(runId: string): string {
    return this.#disk.truth.run(runId)?.tenant ?? "";
  }

  /**
   * A fork that may change nothing outside takes over that its original was granted a key, and holds none itself: it comes
   * and goes in its own reading only, at whatever time.
   */
  isFork(runId: string): boolean {
    const [first] = this.#disk.truth.journal(this.#disk.truth.run(runId)?.key ?? 0);
    return first?.meta?.includes('"fork":') === true;
  }
}

/** Under which name a process offers its way to the outside to attempts. */
export const ledgerService = "ledger";

/** The way to the outside of the process that makes this attempt. */
export function ledgerOf(attempt: AttemptContext): Ledger {
  const ledger = attempt.service<Ledger>(ledgerService);
  if (ledger === undefined) throw new Error("This process has no way to the outside.");
  return ledger;
}

/** How the outside behaves. */
export interface Chances {
  readonly refusals: number;
  readonly late: number;
}

/** One process's way to the outside. */
export class Ledger {
  readonly #effects: Effects;
  readonly #schedule: Schedule;
  readonly #process: Process;
  /** Chance that an effect is refused by the outside before it happens. */
  readonly refusals: number;
  /** Chance that a payment takes place a while after it was begun, and a probe in between says that it has not. */
  readonly #late: number;

  constructor(effects: Effects, schedule: Schedule, process: Process, chances: Chances) {
    this.#effects = effects;
    this.#schedule = schedule;
    this.#process = process;
    this.refusals = chances.refusals;
    this.#late = chances.late;
  }

  async read(id: number): Promise<number> {
    await this.#take();
    return id * 2;
  }

  /** Fails often; its retries must get through. */
  async flaky(id: number): Promise<number> {
    await this.#take();
    if (this.#schedule.random.chance(0.4)) throw new Error("flaky");
    return id * 2;
  }

  /** Sometimes it never answers. */
  async hang(id: number): Promise<number> {
    if (this.#schedule.random.chance(0.3)) await new Promise<void>(() => undefined);
    await this.#take();
    return id * 2;
  }

  /** Refused often; its retries must get through. */
  insist(id: number, attempt: AttemptContext): Promise<number> {
    return this.effect("write", id, attempt, 0.4);
  }

  /**
   * Takes place (or is refused) when it is called, or a payment on its way, and answers later. A caller that dies while a
   * payment is on its way has not paid.
   */
  async effect(
    kind: EffectRecord["kind"],
    id: number,
    attempt: AttemptContext,
    refusals = this.refusals,
  ): Promise<number> {
    const refused = this.#schedule.random.chance(refusals);
    const known = this.#effects.byKey.get(attempt.idempotencyKey);
    const record = known ?? { kind, runId: attempt.runId, path: attempt.path, happened: 0, output: id * 2 };
    if (known === undefined) this.#effects.byKey.set(attempt.idempotencyKey, record);
    const pays = kind === "pay" || kind === "blind";
    if (pays && this.#late > 0 && this.#schedule.random.chance(this.#late)) await this.#way();
    if (!refused) record.happened++;
    await this.#take();
    if (refused) throw new Error("refused");
    return record.output;
  }

  /** Takes something back; sometimes refused. */
  async undo(mark: string, attempt: AttemptContext): Promise<number> {
    const before = this.#effects.byKey.get(attempt.idempotencyKey)?.happened ?? 0;
    const ended = this.effect("undo", 0, attempt, 0.2);
    // The ledger has taken note when the call returns; what follows is only the answer.
    const after = this.#effects.byKey.get(attempt.idempotencyKey)?.happened ?? 0;
    if (after > before) {
      const keys = this.#effects.undone.get(mark) ?? new Set();
      this.#effects.undone.set(mark, keys.add(attempt.idempotencyKey));
    }
    return ended;
  }

  /** Comes under a key: with the newest token there is. */
  async enter(key: string, token: number, { runId }: AttemptContext): Promise<void> {
    if (this.#effects.isFork(runId)) return this.#take();
    const place = `${this.#effects.tenantOf(runId)} ${key}`;
    const seen = this.#effects.inside.get(place) ?? [];
    const newest = Math.max(0, ...seen);
    if (token < newest) this.#effects.crowded.push({ runId, what: `${place}: token ${token} came after ${newest}` });
    this.#effects.inside.set(place, [...seen.filter((other) => other !== token), token]);
    await this.#take();
  }

  /** Goes: nobody has come since with another token. */
  async leave(key: string, token: number, { runId }: AttemptContext): Promise<void> {
    if (this.#effects.isFork(runId)) return this.#take();
    const place = `${this.#effects.tenantOf(runId)} ${key}`;
    const last = this.#effects.inside.get(place)?.at(-1);
    if (last !== undefined && last > token)
      this.#effects.crowded.push({ runId, what: `${place}: token ${last} came before ${token} had gone` });
    await this.#take();
  }

  async probe(attempt: AttemptContext): Promise<{ kind: "happened"; output: number } | { kind: "did-not-happen" }> {
    await this.#take();
    const record = this.#effects.byKey.get(attempt.idempotencyKey);
    return record !== undefined && record.happened > 0
      ? { kind: "happened", output: record.output }
      : { kind: "did-not-happen" };
  }

  /** Longer than a process takes to read a run again. */
  #way(): Promise<void> {
    const { random } = this.#schedule;
    return new Promise((resolve) => this.#schedule.after(random.next() * 300, this.#process, resolve));
  }

  /** Work takes time; some of it none at all. */
  #take(): Promise<void> | void {
    const { random } = this.#schedule;
    if (random.chance(0.3)) return;
    return new Promise((resolve) => {
      this.#schedule.after(random.chance(0.5) ? random.below(4) * 10 : random.next() * 30, this.#process, resolve);
    });
  }
}
