/**
 * What the models of a run say, as it is said: pieces from this process while they come, and from the journal what was
 * said when nobody listened here, so that nothing is missing and nothing comes twice.
 */
import type { LanguageModelV4Content } from "@ai-sdk/provider";
import type { Entry } from "./journal/entry.ts";
import type { Saying } from "./runtime/agent.ts";
import type { Engine } from "./runtime/engine.ts";
import { EntryPaths } from "./telemetry/entry-paths.ts";

/** Pieces kept for a listener that does not look; beyond that it gets the rest of an answer from the journal. */
const held = 10_000;

/** @param entries of the run, from its first to its end */
export async function* sayings(
  engine: Engine,
  runId: string,
  entries: AsyncGenerator<Entry, void, undefined>,
): AsyncGenerator<Saying, void, undefined> {
  const listener = new Listener(engine, runId);
  try {
    let next = entries.next();
    for (;;) {
      const come = await Promise.race([next.then((entry) => ({ entry })), listener.something().then(() => null)]);
      yield* listener.take();
      if (come === null) continue;
      if (come.entry.done === true) return;
      const whole = listener.unheard(come.entry.value);
      if (whole !== null) yield whole;
      next = entries.next();
    }
  } finally {
    listener.stop();
    await entries.return();
  }
}

/** The text of sayings, of one agent where it is named. */
export async function* textOf(
  said: AsyncGenerator<Saying, void, undefined>,
  agent: string | undefined,
): AsyncGenerator<string, void, undefined> {
  for await (const { kind, text, agent: who } of said) {
    if (kind === "text" && (agent === undefined || who.split("@")[0] === agent)) yield text;
  }
}

/** How far the words of an operation were heard, and handed on. */
interface Heard {
  readonly attempt: number;
  /** Characters of text, from the first without a gap. */
  length: number;
  /** Something after that was missed: the rest comes from the journal. */
  missed: boolean;
}

class Listener {
  readonly #engine: Engine;
  readonly #hear: (saying: Saying) => void;
  /** By path of the operation. */
  readonly #heard = new Map<string, Heard>();
  readonly #paths = new EntryPaths();
  readonly #runId: string;
  #pieces: Saying[] = [];
  #wake: (() => void) | null = null;

  constructor(engine: Engine, runId: string) {
    this.#engine = engine;
    this.#runId = runId;
    this.#hear = (saying) => {
      if (saying.runId !== runId || !this.#takes(saying)) return;
      this.#pieces.push(saying);
      this.#wake?.();
    };
    engine.hearers.add(this.#hear);
  }

  /** Whether a piece is handed on as it comes. An answer of which something was missed is not: its end brings the rest. */
  #takes({ path, name, kind, text, attempt, at }: Saying): boolean {
    const room = this.#pieces.length < held;
    // What else is said (thoughts, words of a tool) is recorded nowhere: what can be heard of it is.
    if (kind !== "text" || name !== modelStep) return room;
    let heard = this.#heard.get(path);
    if (heard === undefined || heard.attempt !== attempt) {
      heard = { attempt, length: 0, missed: false };
      this.#heard.set(path, heard);
    }
    heard.missed ||= !room || at !== heard.length;
    if (!heard.missed) heard.length += text.length;
    return !heard.missed;
  }

  something(): Promise<void> {
    if (this.#pieces.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  take(): readonly Saying[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#wake = null;
    return pieces;
  }

  /** The words of an answer that were not heard as they came; null where there are none, and for any other entry. */
  unheard(entry: Entry): Saying | null {
    const path = this.#paths.of(entry);
    const agent = this.#paths.agentOf(entry);
    if (agent === undefined) return null;
    const answer = entry.kind === "result" && entry.meta.failed !== true ? entry.body : undefined;
    if (!isModelAnswer(entry, answer)) return null;
    const attempt = entry.meta.attempt ?? 1;
    const heard = this.#heard.get(path);
    this.#heard.delete(path);
    const at = heard?.attempt === attempt ? heard.length : 0;
    const text = answer.content
      .map((part) => (part.type === "text" ? part.text : ""))
      .join("")
      .slice(at);
    if (text === "") return null;
    return { kind: "text", text, runId: this.#runId, path, name: entry.name, agent, attempt, at };
  }

  stop(): void {
    this.#engine.hearers.delete(this.#hear);
  }
}

/** The step that the turn loop of a model agent makes. */
const modelStep = "model";

function isModelAnswer(
  entry: Entry,
  body: unknown,
): body is { readonly model: string; readonly content: readonly LanguageModelV4Content[] } {
  return (
    entry.meta.verb === "step" &&
    entry.name === modelStep &&
    typeof body === "object" &&
    body !== null &&
    "content" in body
  );
}
