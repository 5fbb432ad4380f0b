/**
 * The load: starts runs, some twice, sends signals, some twice, cancels some, and awaits all. It believes nothing but
 * acknowledgements, writes them into the history, and says again under the same key what was not acknowledged.
 */
import type { App, Json } from "concertato";
import type { History } from "./history.ts";
import { readJournal } from "./journal-paths.ts";
import { hearings, type Plan, randomPlan, withheldName } from "./plan.ts";
import type { PlantName } from "./plants.ts";
import type { Random } from "./random.ts";
import type { Witness } from "./witness.ts";
import type { Cast } from "./workflows.ts";

/** Signals of one name to one run, sent one after the other. */
interface Line {
  readonly runId: string;
  readonly name: string;
  readonly values: readonly string[];
  sent: number;
  busy: boolean;
}

interface Started {
  readonly runId: string;
  readonly key: string;
  readonly plan: Plan;
  /** It will be left waiting on purpose. */
  readonly withheld: boolean;
}

export interface ClientOptions {
  readonly app: App;
  readonly cast: Cast;
  readonly history: History;
  readonly witness: Witness;
  readonly random: Random;
  readonly plant: PlantName | null;
  /** Most runs of its own at once. */
  readonly open: number;
}

/** Between two actions, in ms. */
const beat = 5;

/** One start in so many is left waiting for a signal that is never sent. */
const withheldShare = 1 / 40;

export class Client {
  readonly #options: ClientOptions;
  readonly #random: Random;
  /** Started and not seen to have ended. */
  readonly #open = new Map<string, Started>();
  readonly #known: Started[] = [];
  readonly #lines: Line[] = [];
  /** What was said already and will be said once more. */
  readonly #repeats: (() => Promise<void>)[] = [];
  readonly #working = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;
  #count = 0;
  #calm = false;
  /** Faults of the harness itself. */
  readonly faults: unknown[] = [];

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#random = options.random;
  }

  begin(): void {
    this.#timer = setInterval(() => this.#act(), beat);
  }

  /** Starts and cancels nothing from here on; signals that are due are still sent. */
  calm(): void {
    this.#calm = true;
  }

  /** Nothing is left to send. */
  get said(): boolean {
    return (
      this.#working.size === 0 &&
      this.#repeats.length === 0 &&
      this.#lines.every((line) => line.sent >= line.values.length)
    );
  }

  async end(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#working);
  }

  /** Runs that are left waiting on purpose. */
  get withheld(): Set<string> {
    return new Set(this.#known.filter((run) => run.withheld).map((run) => run.runId));
  }

  get open(): number {
    return this.#open.size;
  }

  /** A run that a worker started: watched like any other. */
  adopt(key: string, runId: string, plan: Plan): void {
    this.#watch({ key, runId, plan, withheld: false });
  }

  // --- acting -----------------------------------------------------------------------------------------------------

  #act(): void {
    if (this.#working.size >= 12) return;
    const action = this.#choose();
    if (action === undefined) return;
    const work = action()
      .catch((error: unknown) => void this.faults.push(error))
      .finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  #choose(): (() => Promise<void>) | undefined {
    const roll = this.#random.next();
    if (roll < 0.05) return this.#look();
    if (roll < 0.12) return this.#repeats.shift();
    if (roll < 0.135 && !this.#calm) return this.#cancelOne();
    if (roll < 0.35) return this.#sendNext();
    if (this.#calm) return this.#repeats.shift() ?? this.#sendNext();
    if (this.#open.size < this.#options.open) return () => this.#start();
    return undefined;
  }

  #look(): (() => Promise<void>) | undefined {
    if (this.#known.length === 0) return undefined;
    const recent = this.#random.chance(0.7) ? this.#known.slice(-60) : this.#known;
    const { runId } = this.#random.pick(recent);
    return () => this.#options.witness.look(runId);
  }

  // --- starts -----------------------------------------------------------------------------------------------------

  async #start(): Promise<void> {
    const key = `c${this.#count++}`;
    const random = this.#random.for(key);
    const withheld = random.chance(withheldShare);
    const plan = withheld ? withholding(key) : randomPlan(random, key, true);
    if (this.#options.plant === "false-start" && random.chance(0.2)) return this.#pretendStart(key, plan);
    const runId = await this.#startUntilKnown(key, plan);
    if (runId === undefined) return;
    this.#watch({ runId, key, plan, withheld });
    for (const { name, count } of withheld ? [] : hearings(plan)) this.#listen(runId, name, count);
    if (random.chance(0.15)) this.#repeats.push(() => this.#startAgain(key, plan));
    if (random.chance(0.05)) this.#repeats.push(() => this.#startOther(key));
  }

  /** The outcome of a start may stay unknown; the same key finds out. */
  async #startUntilKnown(key: string, plan: Plan, as = key): Promise<string | undefined> {
    const { app, cast, history } = this.#options;
    for (let attempt = 0; attempt < 20; attempt++) {
      const operation = history.invoke({ kind: "start", key, plan });
      const work = () => app.start(cast.play, { plan, suffix: "" }, { key: as });
      const job = await history.during(operation, work, ({ runId }) => runId);
      if (job !== undefined) return job.runId;
      if (operation.end === "fail") return undefined;
    }
    return undefined;
  }

  async #startAgain(key: string, plan: Plan): Promise<void> {
    await this.#startUntilKnown(key, plan, this.#options.plant === "second-key" ? `${key}-other` : key);
  }

  /** A used key with another input must be refused. */
  async #startOther(key: string): Promise<void> {
    const { app, cast, history } = this.#options;
    const operation = history.invoke({ kind: "conflict", key });
    const plan: Plan = { kind: "look", value: -1 };
    await history.during(
      operation,
      () => app.start(cast.play, { plan, suffix: "" }, { key }),
      ({ runId }) => runId,
    );
  }

  async #pretendStart(key: string, plan: Plan): Promise<void> {
    const { history } = this.#options;
    history.end(history.invoke({ kind: "start", key, plan }), "ok", { result: `run_${key}` });
  }

  #watch(started: Started): void {
    this.#known.push(started);
    if (started.withheld) return;
    this.#open.set(started.runId, started);
    // Not among the actions: it lasts as long as the run.
    void this.#awaitOutcome(started);
  }

  async #awaitOutcome({ key, runId }: Started): Promise<void> {
    const { app, history } = this.#options;
    const operation = history.invoke({ kind: "outcome", key, runId });
    const toResult = (outcome: unknown) => JSON.parse(JSON.stringify(outcome)) as Json;
    await history.during(operation, () => app.job(runId).outcome(), toResult);
    this.#open.delete(runId);
  }

  // --- signals ----------------------------------------------------------------------------------------------------

  #listen(runId: string, name: string, count: number): void {
    const values = Array.from({ length: count }, (_, index) => `${name}#${index}`);
    this.#lines.push({ runId, name, values, sent: 0, busy: false });
  }

  #sendNext(): (() => Promise<void>) | undefined {
    const ready = this.#lines.filter((line) => !line.busy && line.sent < line.values.length);
    if (ready.length === 0) return undefined;
    const line = this.#random.pick(ready);
    return () => this.#sendTo(line);
  }

  async #sendTo(line: Line): Promise<void> {
    line.busy = true;
    const { runId, name } = line;
    const value = line.values[line.sent] ?? "";
    const key = `${runId}:${value}`;
    const end = await this.#signal(runId, name, value, key);
    if (this.#options.plant === "double-send") await this.#signal(runId, name, value, `${key}!`);
    if (end === "fail") line.sent = line.values.length;
    if (end === "ok") line.sent++;
    line.busy = false;
    if (this.#random.chance(0.25)) this.#repeats.push(async () => void (await this.#signal(runId, name, value, key)));
  }

  async #signal(runId: string, name: string, value: string, key: string): Promise<string> {
    const { app, history } = this.#options;
    const operation = history.invoke({ kind: "signal", key, runId, name, value });
    await history.during(
      operation,
      () => app.signal(runId, name, value, { key }),
      () => null,
    );
    return operation.end;
  }

  // --- cancels ----------------------------------------------------------------------------------------------------

  #cancelOne(): (() => Promise<void>) | undefined {
    const open = [...this.#open.keys()];
    if (open.length === 0) return undefined;
    const runId = this.#random.pick(open);
    return () => this.#cancel(runId);
  }

  async #cancel(runId: string): Promise<void> {
    const { app, history, plant } = this.#options;
    const operation = history.invoke({ kind: "cancel", key: runId, runId });
    const work = async () => (plant === "false-cancel" ? undefined : await app.cancel(runId, { reason: "torture" }));
    await history.during(operation, work, () => null);
    if (operation.end !== "ok") return;
    // What is there now may have been there before the acknowledgement; what comes later may not.
    operation.entries = (await readJournal(app.job(runId))).length;
  }
}

function withholding(key: string): Plan {
  return {
    kind: "sequence",
    of: [
      { kind: "mail", label: key },
      { kind: "hear", name: withheldName, count: 1 },
    ],
  };
}
