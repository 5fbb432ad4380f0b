/**
 * The people: they look at open questions and answer them, sometimes twice with different answers, sometimes with
 * nonsense. Effects in doubt they answer by what the ledger says.
 */
import type { App, Json, Question } from "concertato";
import type { History } from "./history.ts";
import { pathOf, readJournal, scopePaths } from "./journal-paths.ts";
import type { Outside } from "./outside.ts";
import type { PlantName } from "./plants.ts";
import type { Random } from "./random.ts";

export interface PeopleOptions {
  readonly app: App;
  readonly history: History;
  readonly outside: Outside;
  readonly random: Random;
  readonly plant: PlantName | null;
}

/** Between two looks at the open questions, in ms. */
const beat = 70;

export class People {
  readonly #options: PeopleOptions;
  /** Questions that have had an answer which counts. */
  readonly #answered = new Set<string>();
  readonly #teased = new Set<string>();
  #ended = false;
  #calm = false;
  #working: Promise<void> = Promise.resolve();
  #nonce = 0;
  /** Effects in doubt that were resolved. */
  doubts = 0;
  readonly faults: unknown[] = [];

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#working = this.#work();
  }

  /** From here on everything is answered at first sight. */
  calm(): void {
    this.#calm = true;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    while (!this.#ended) {
      try {
        for (const question of await this.#options.app.waiting({ limit: 1_000 })) await this.#consider(question);
      } catch (error) {
        this.faults.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, beat));
    }
  }

  async #consider(question: Question): Promise<void> {
    if (this.#ended || (!this.#calm && this.#options.random.chance(0.4))) return;
    if (question.kind === "in-doubt") return this.#resolveDoubt(question);
    if (question.kind !== "answer" || this.#answered.has(place(question))) return;
    if (this.#teasing(question)) return this.#tease(question);
    const end = await this.#answer(question, this.#thought(question));
    if (end === "ok") this.#answered.add(place(question));
    // Second thoughts come too late: the first answer decides.
    if (this.#options.random.chance(0.2)) await this.#answer(question, this.#thought(question));
  }

  #teasing(question: Question): boolean {
    return !this.#teased.has(place(question)) && this.#options.random.chance(0.1);
  }

  /** An answer that does not fit; the question must stay open. */
  async #tease(question: Question): Promise<void> {
    this.#teased.add(place(question));
    await this.#answer(question, "perhaps");
  }

  #thought(question: Question): Json {
    const nonce = `n${this.#nonce++}`;
    if (question.name === "manager") return { approved: this.#options.random.chance(0.7), note: nonce };
    return { word: nonce };
  }

  async #answer(question: Question, value: Json): Promise<string> {
    const { app, history } = this.#options;
    const { runId, waitId } = question;
    const operation = history.invoke({ kind: "answer", key: labelOf(question), runId, name: waitId, value });
    await history.during(
      operation,
      () => app.answer(runId, waitId, value, { by: "people" }),
      () => null,
    );
    return operation.end;
  }

  /**
   * An answer speaks of one doubt: the same operation may be in doubt again later, so doubts are told apart by how many
   * there were. One that was acknowledged is never answered again.
   */
  async #resolveDoubt(question: Question): Promise<void> {
    const { app, outside, plant } = this.#options;
    const { runId, waitId } = question;
    const entries = await readJournal(app.job(runId));
    const paths = scopePaths(entries);
    const times = entries.filter((entry) => entry.kind === "in-doubt" && pathOf(paths, entry) === waitId).length;
    const doubt = `${place(question)} ${times}`;
    if (this.#answered.has(doubt)) return;
    const found = plant === "rash-answer" ? { happened: false } : await outside.find(runId, waitId);
    if ((await this.#answer(question, found)) !== "ok") return;
    this.#answered.add(doubt);
    this.doubts++;
  }
}

function place({ runId, waitId }: Question): string {
  return `${runId} ${waitId}`;
}

/** What the question is about: tools are asked about in `arguments`, plain questions directly. */
function labelOf({ request }: Question): string {
  return String(fieldOf(fieldOf(request, "arguments") ?? request, "label"));
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === field)?.[1];
}
