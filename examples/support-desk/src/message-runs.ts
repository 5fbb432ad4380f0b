/**
 * The runs of the messages: starts one run for each message, by a key, and follows what is committed to it. A message that
 * waits for a person or for its customer's turn rests in the store and holds nothing here but its place in this list.
 *
 *   started ──▶ under way ◀──any other entry── resting        ended: no longer listed
 *                   └──────a wait opens──────────▶┘
 *
 * Crash anywhere: the runs are in the store and go on in the next process; starting them again by key finds them.
 */
import { type Agent, type App, ConcertatoError, type Job, type RunSummary } from "concertato";
import type { Answer, Message } from "./messages.ts";
import type { IncomingRecord } from "./inbox/record.ts";
import { isUrgent } from "./agents/urgency.ts";

/** A committed entry of a message's run. */
export type MessageEntry =
  Job<unknown> extends { events(options?: object): AsyncIterable<infer Entry> } ? Entry : never;

export interface MessageRunsOptions {
  readonly app: App;
  readonly desk: Agent<Message, Answer>;
  /** Hears every entry of every run, in the order of its run. */
  readonly hear: Hear;
  /** Told of each run that a message has, before its entries. */
  readonly found?: (message: Message, run: RunSummary) => void;
  /** Of runs that ended before, so many are told from their beginning. Default 0. */
  readonly retell?: number;
}

export type Hear = (message: Message, entry: MessageEntry) => void;

/** What became of handing a message in. */
export type Intake =
  | { readonly kind: "begun" }
  /** It was begun or ended before: the same message again, or the same inbox. */
  | { readonly kind: "known" }
  /** Another message has this id. */
  | { readonly kind: "refused"; readonly reason: string };

/** Where more messages are under way than have a turn, urgent ones go first. */
const urgentPriority = 7;
const usualPriority = 5;

const ended: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "stopped"]);
/** Nothing more will happen to a run with this status. */
export function hasEnded(status: RunSummary["status"]): boolean {
  return ended.has(status);
}

const waits: ReadonlySet<string> = new Set(["wait-opened", "in-doubt"]);

export class MessageRuns {
  readonly #options: MessageRunsOptions;
  readonly #underWay = new Set<string>();
  readonly #resting = new Set<string>();
  #changed = Promise.withResolvers<void>();
  #lost: unknown;
  #done = 0;
  #retold = 0;
  /** Counted in `done` and not ended yet. */
  readonly #counted = new Set<string>();

  constructor(options: MessageRunsOptions) {
    this.#options = options;
  }

  /** Runs that ended, or came to rest for the first time, since this began. */
  get done(): number {
    return this.#done;
  }

  /** Runs that are not known to rest or to have ended. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Begins a message, or finds the run that did. Durable when it resolves. */
  async take({ message, key }: IncomingRecord): Promise<Intake> {
    const { app, desk } = this.#options;
    const before = Date.now();
    try {
      const priority = isUrgent(message) ? urgentPriority : usualPriority;
      const job = await app.start(desk, message, { key, priority });
      const run = await app.find(job.runId);
      if (run !== undefined) this.#options.found?.(message, run);
      if (run !== undefined && !hasEnded(run.status)) this.#follow(job, message);
      else if (this.#retold++ < (this.#options.retell ?? 0)) void this.#retell(job, message);
      return { kind: run !== undefined && run.createdAt >= before ? "begun" : "known" };
    } catch (error) {
      if (!ConcertatoError.is(error, "run/key-conflict")) throw error;
      return { kind: "refused", reason: `another message has the id “${message.id}”, in this inbox or an earlier one` };
    }
  }

  /** Resolves when fewer than so many runs are under way. @throws what broke the following of a run */
  async below(limit: number): Promise<void> {
    for (;;) {
      if (this.#lost !== undefined)
        throw new Error("A message's run cannot be followed any more.", { cause: this.#lost });
      if (this.#underWay.size < limit) return;
      await this.#changed.promise;
    }
  }

  /** Resolves when a run has ended, rests or goes on. */
  async change(): Promise<void> {
    await this.#changed.promise;
  }

  /** Only shown: where it cannot be read to its end, because the app closes, nothing is lost. */
  async #retell(job: Job<Answer>, message: Message): Promise<void> {
    try {
      for await (const entry of job.events({ after: 0 })) this.#options.hear(message, entry);
    } catch (error) {
      if (!ConcertatoError.is(error)) throw error;
    }
  }

  #follow(job: Job<Answer>, message: Message): void {
    const { runId } = job;
    if (this.#underWay.has(runId) || this.#resting.has(runId)) return;
    this.#underWay.add(runId);
    this.#listen(job, message)
      .catch((error: unknown) => (this.#lost ??= error))
      .finally(() => {
        if (!this.#counted.delete(runId)) this.#done++;
        this.#underWay.delete(runId);
        this.#resting.delete(runId);
        this.#tell();
      });
  }

  async #listen(job: Job<Answer>, message: Message): Promise<void> {
    for await (const entry of job.events({ after: 0, live: true })) {
      this.#options.hear(message, entry);
      // An answer that was refused leaves the question open.
      if (entry.kind !== "signal-refused") this.#mark(job.runId, waits.has(entry.kind));
    }
  }

  #mark(runId: string, rests: boolean): void {
    if (rests === this.#resting.has(runId)) return;
    if (rests) {
      this.#underWay.delete(runId);
      this.#resting.add(runId);
      if (!this.#counted.has(runId)) this.#done++;
      this.#counted.add(runId);
    } else {
      this.#resting.delete(runId);
      this.#underWay.add(runId);
    }
    this.#tell();
  }

  #tell(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
