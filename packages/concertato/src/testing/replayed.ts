/**
 * Plays recorded calls back: a call is answered by what was recorded for the same content, whatever order calls come in. A
 * call that nobody recorded fails and says in what it differs from the nearest that was; what was recorded and never asked
 * for is found by `assertDone`.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamResult,
} from "@ai-sdk/provider";
import type { ToolCall, ToolCalls } from "../agents/intercepted-calls.ts";
import { differences, toldDifferences } from "./differences.ts";
import { canonical, readRecording, type RecordedCall, requestOf, thrownError } from "./recording.ts";
import type { ScriptedModel } from "./script.ts";
import { resultOfParts, streamOf } from "./stream-parts.ts";

/** Tools that answer from a recording. */
export interface ReplayedTools extends ToolCalls {
  /** @throws Error when some of the recording was not used, or a call was made that is not in it */
  assertDone(): void;
}

/**
 * A model that answers from a file that `record` wrote. It asks nobody.
 * @throws Error when there is no such file, or it is no recording of a model
 * @example
 * await using t = testApp({ models: { billing: replayed("test/billing.jsonl") } });
 */
export function replayed(file: string): ScriptedModel {
  return new Replay(file);
}

/**
 * All tools of a test, answered from a file that `recordTools` wrote: nothing happens in the world. Tools that are `pure`
 * are left as they are.
 * @throws Error when there is no such file, or it is no recording of tools
 */
export function replayedTools(file: string): ReplayedTools {
  return new ToolReplay(file);
}

type Of<Kind extends RecordedCall["kind"]> = Extract<RecordedCall, { kind: Kind }>;

/** Recorded calls by their content. */
class Tape<Kind extends RecordedCall["kind"]> {
  readonly #file: string;
  readonly #what: (call: Of<Kind>) => unknown;
  readonly #calls: readonly Of<Kind>[];
  /** Places of equal calls, in the order in which they were recorded. */
  readonly #places = new Map<string, number[]>();
  /** Places that were played, in order. */
  #played: number[] = [];
  /** Those that were played in any life of the process. */
  readonly #used = new Set<number>();
  #lives = 1;
  /** The first call that nobody recorded. */
  #refused: Error | undefined;

  constructor(file: string, kind: Kind, what: (call: Of<Kind>) => unknown) {
    this.#file = file;
    this.#what = what;
    // The file has calls of one kind, or reading it failed.
    this.#calls = readRecording(file, kind) as readonly Of<Kind>[];
    this.#calls.forEach((call, place) => {
      const content = canonical(what(call));
      this.#places.set(content, [...(this.#places.get(content) ?? []), place]);
    });
  }

  get first(): Of<Kind> | undefined {
    return this.#calls[0];
  }

  /** The next recorded answer to this. @throws Error when there is none */
  play(asked: unknown): Of<Kind> {
    const places = this.#places.get(canonical(asked)) ?? [];
    const place = places.find((one) => !this.#played.includes(one)) ?? (this.#lives > 1 ? places.at(-1) : undefined);
    const call = place === undefined ? undefined : this.#calls[place];
    if (place === undefined || call === undefined) {
      // Its agent may get over it (a retry, another model, a word to the model): the test is told all the same.
      const refused = this.#unexpected(asked, places);
      this.#refused ??= refused;
      throw refused;
    }
    this.#played.push(place);
    this.#used.add(place);
    return call;
  }

  /** The process died: what came after so many answers was never heard. */
  rewind(answers: number): void {
    this.#lives++;
    this.#played = this.#played.slice(0, answers);
  }

  assertDone(): void {
    if (this.#refused !== undefined) throw this.#refused;
    const left = this.#calls.flatMap((call, place) => (this.#used.has(place) ? [] : [{ call, place }]));
    if (left.length === 0) return;
    const lines = left.map(({ call, place }) => `  line ${place + 1}: ${summaryOf(this.#what(call))}`);
    throw new Error(
      `${this.#file} has ${left.length} of ${this.#calls.length} recorded calls left that nobody made:\n${lines.join("\n")}`,
    );
  }

  #unexpected(asked: unknown, equal: readonly number[]): Error {
    const all = `${this.#file} has ${this.#calls.length} recorded calls`;
    if (equal.length > 0) {
      const lines = equal.map((place) => place + 1).join(", ");
      return new Error(
        `${all}; this one is there ${equal.length} times (line ${lines}) and was made once more: ${summaryOf(asked)}. ${again}`,
      );
    }
    const nearest = this.#nearest(asked);
    if (nearest === undefined) return new Error(`${all}, and was asked for: ${summaryOf(asked)}. ${again}`);
    const { place, found } = nearest;
    return new Error(
      `${all}, and none of this content. The nearest, line ${place + 1}, differs in:\n${toldDifferences(found)}\n${again}`,
    );
  }

  /** Of the calls that were not made yet the one with the fewest differences; of all, when all were made. */
  #nearest(asked: unknown): { readonly place: number; readonly found: readonly string[] } | undefined {
    const left = this.#calls
      .keys()
      .filter((place) => !this.#used.has(place))
      .toArray();
    const places = left.length > 0 ? left : [...this.#calls.keys()];
    let nearest: { place: number; found: readonly string[] } | undefined;
    for (const place of places) {
      const call = this.#calls[place];
      if (call === undefined) continue;
      const found = differences(JSON.parse(canonical(this.#what(call))), JSON.parse(canonical(asked)));
      if (nearest === undefined || found.length < nearest.found.length) nearest = { place, found };
    }
    return nearest;
  }
}

const again = "Record it anew if the change is meant.";

const longestSummary = 200;

function summaryOf(asked: unknown): string {
  const { prompt } = asked as { readonly prompt?: readonly unknown[] };
  const text = JSON.stringify(prompt?.at(-1) ?? asked);
  return text.length <= longestSummary ? text : `${text.slice(0, longestSummary)}…`;
}

class Replay implements ScriptedModel {
  readonly specificationVersion = "v4";
  readonly provider: string;
  readonly modelId: string;
  readonly supportedUrls: LanguageModelV4["supportedUrls"] = {};
  readonly asked: LanguageModelV4CallOptions[] = [];
  readonly #tape: Tape<"model">;

  constructor(file: string) {
    this.#tape = new Tape(file, "model", ({ request }) => request);
    // Its cost is that of the model it was recorded from.
    this.provider = this.#tape.first?.provider ?? "recording";
    this.modelId = this.#tape.first?.model ?? "recording";
  }

  async doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const { parts, error } = this.#play(options);
    if (error !== undefined) throw thrownError(error);
    return resultOfParts(parts);
  }

  async doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    const { parts, error } = this.#play(options);
    const thrown = error === undefined ? undefined : thrownError(error);
    if (thrown !== undefined && parts.length === 0) throw thrown;
    return { stream: streamOf(parts, thrown) };
  }

  #play(options: LanguageModelV4CallOptions): Of<"model"> {
    this.asked.push(options);
    return this.#tape.play(requestOf(options));
  }

  rewind(answers: number): void {
    this.asked.length = Math.min(this.asked.length, answers);
    this.#tape.rewind(answers);
  }

  assertDone(): void {
    this.#tape.assertDone();
  }
}

class ToolReplay implements ReplayedTools {
  readonly #tape: Tape<"tool">;
  /** What attempts were given: one that is made again after a crash is given the same. */
  readonly #given = new Map<string, Of<"tool">>();

  constructor(file: string) {
    this.#tape = new Tape(file, "tool", contentOf);
  }

  async call({ tool, input, idempotencyKey, attempt }: ToolCall): Promise<unknown> {
    const one = `${idempotencyKey}#${attempt}`;
    const call = this.#given.get(one) ?? this.#tape.play(contentOf({ tool, input }));
    this.#given.set(one, call);
    if (call.error !== undefined) throw thrownError(call.error);
    return call.output;
  }

  assertDone(): void {
    this.#tape.assertDone();
  }
}

function contentOf({ tool, input }: { readonly tool: string; readonly input?: unknown }): unknown {
  return { tool, input: input ?? null };
}
