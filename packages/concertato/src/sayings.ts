/**
 * What the models of a run say, as it is said: pieces from this process while they come, and from the journal what was
 * said when nobody listened here, so that nothing is missing and nothing comes twice.
 */
import type { LanguageModelV4Content } from "@ai-sdk/provider";
import type { Entry } from "./journal/entry.ts";
import type { Saying } from "./runtime/agent.ts";
import type { Engine } from "./runtime/engine.ts";

/** Pieces kept for a listener that does not look; beyond that it gets whole answers from the journal. */
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

class Listener {
  readonly #engine: Engine;
  readonly #hear: (saying: Saying) => void;
  /** Operations whose words were heard from the first on. */
  readonly #heard = new Set<string>();
  /** `scope-started` entries: paths and agents of scopes by seq. */
  readonly #scopes = new Map<number, { readonly path: string; readonly agent: string }>();
  readonly #runId: string;
  #pieces: Saying[] = [];
  #wake: (() => void) | null = null;

  constructor(engine: Engine, runId: string) {
    this.#engine = engine;
    this.#runId = runId;
    this.#hear = (saying) => {
      if (saying.runId !== runId || this.#pieces.length >= held) return;
      this.#heard.add(saying.path);
      this.#pieces.push(saying);
      this.#wake?.();
    };
    engine.hearers.add(this.#hear);
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

  /** The words of an answer that was not heard as it came; null for any other entry. */
  unheard(entry: Entry): Saying | null {
    if (entry.kind === "run-started") this.#scopes.set(1, { path: "0", agent: entry.name });
    if (entry.kind === "continued")
      this.#scopes.set(entry.seq, { path: `0~${entry.meta.count ?? 2}`, agent: entry.name });
    const scope = this.#scopes.get(entry.scope);
    if (scope === undefined) return null;
    const path = `${scope.path}.${entry.op}`;
    if (entry.kind === "scope-started") this.#scopes.set(entry.seq, { path, agent: entry.meta.agent ?? entry.name });
    const answer = entry.kind === "result" && entry.meta.failed !== true ? entry.body : undefined;
    if (!isModelAnswer(entry, answer) || this.#heard.delete(path)) return null;
    const text = answer.content.map((part) => (part.type === "text" ? part.text : "")).join("");
    if (text === "") return null;
    return { kind: "text", text, runId: this.#runId, path, agent: scope.agent, attempt: entry.meta.attempt ?? 1 };
  }

  stop(): void {
    this.#engine.hearers.delete(this.#hear);
  }
}

/** The step that the turn loop of a model agent makes. */
function isModelAnswer(
  entry: Entry,
  body: unknown,
): body is { readonly model: string; readonly content: readonly LanguageModelV4Content[] } {
  return (
    entry.meta.verb === "step" &&
    entry.name === "model" &&
    typeof body === "object" &&
    body !== null &&
    "content" in body
  );
}
