/**
 * The people: they look at open questions and answer them, sometimes twice with different answers, sometimes with
 * nonsense. Effects in doubt they answer by what the ledger says.
 */
import type { App, Json, Question } from "concertato";
import type { History } from "./history.ts";
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
  /** Doubts that are over, to be answered once more. */
  readonly #stale: Question[] = [];
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
        await this.#repeatStale();
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

  /** The world knows. Once in a while the opposite is said later, of a doubt that is over: it must count for nothing. */
  async #resolveDoubt(question: Question): Promise<void> {
    const { outside, plant, random } = this.#options;
    if (this.#answered.has(place(question))) return;
    const path = question.waitId.split("@")[0] ?? question.waitId;
    const found = plant === "rash-answer" ? { happened: false } : await outside.find(question.runId, path);
    if ((await this.#answer(question, found)) !== "ok") return;
    this.#answered.add(place(question));
    this.doubts++;
    if (!found.happened && random.chance(0.5)) this.#stale.push(question);
  }

  /** Says again that something did not happen, which was true when it was asked. */
  async #repeatStale(): Promise<void> {
    const question = this.#options.random.chance(0.3) ? this.#stale.shift() : undefined;
    if (question !== undefined) await this.#answer(question, { happened: false });
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
