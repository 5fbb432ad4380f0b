/**
 * Records what real models and tools answer, for tests that then run without them: the calls go through, and a file keeps
 * what was asked and what came back.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from "@ai-sdk/provider";
import type { ToolCalls } from "../agents/intercepted-calls.ts";
import { recordedError, RecordingFile, requestOf } from "./recording.ts";
import { partsOfResult } from "./stream-parts.ts";

/** What lets a test wait for real work: its clock stands still meanwhile. */
export interface RealWork {
  /** Resolves when nothing is under way; undefined when nothing is. */
  underWay(): Promise<void> | undefined;
}

/** A model whose calls are recorded. */
export interface RecordedModel extends LanguageModelV4, RealWork {}

/** Tools whose calls are recorded. */
export interface RecordedTools extends ToolCalls, RealWork {}

/**
 * The same model; what it is asked and answers is written to a file, which begins anew with its first call. Headers are
 * never written. One file for each model.
 * @example
 * await using t = testApp({ models: { billing: record(openai("gpt-5-mini"), "test/billing.jsonl") } });
 */
export function record(model: LanguageModelV4, file: string): RecordedModel {
  return new Recorder(model, new RecordingFile(file));
}

/**
 * All tools of a test; what they are given and answer is written to a file. Tools that are `pure` are left out.
 * @example
 * await using t = testApp({ tools: recordTools("test/tools.jsonl") });
 */
export function recordTools(file: string): RecordedTools {
  return new ToolRecorder(new RecordingFile(file));
}

class Work implements RealWork {
  readonly #open = new Set<Promise<unknown>>();

  watch<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.catch(() => undefined);
    this.#open.add(ended);
    void ended.then(() => this.#open.delete(ended));
    return work;
  }

  underWay(): Promise<void> | undefined {
    return this.#open.size === 0 ? undefined : Promise.race(this.#open).then(() => undefined);
  }
}

class Recorder extends Work implements RecordedModel {
  readonly specificationVersion = "v4";
  readonly provider: string;
  readonly modelId: string;
  readonly supportedUrls: LanguageModelV4["supportedUrls"];
  readonly #model: LanguageModelV4;
  readonly #file: RecordingFile;

  constructor(model: LanguageModelV4, file: RecordingFile) {
    super();
    this.provider = model.provider;
    this.modelId = model.modelId;
    this.supportedUrls = model.supportedUrls;
    this.#model = model;
    this.#file = file;
  }

  doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    return this.watch(this.#generate(options));
  }

  doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    return this.watch(this.#stream(options));
  }

  async #generate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    try {
      const result = await this.#model.doGenerate(options);
      this.#keep(options, partsOfResult(result));
      return result;
    } catch (error) {
      this.#keep(options, [], error);
      throw error;
    }
  }

  async #stream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    let result: LanguageModelV4StreamResult;
    try {
      result = await this.#model.doStream(options);
    } catch (error) {
      this.#keep(options, [], error);
      throw error;
    }
    const parts: LanguageModelV4StreamPart[] = [];
    const ended = Promise.withResolvers<void>();
    void this.watch(ended.promise);
    const reader = result.stream.getReader();
    const end = (error?: unknown) => {
      this.#keep(options, parts, error);
      ended.resolve();
    };
    const stream = new ReadableStream<LanguageModelV4StreamPart>({
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (done) {
            end();
            controller.close();
            return;
          }
          parts.push(value);
          controller.enqueue(value);
        } catch (error) {
          end(error);
          controller.error(error);
        }
      },
      // Given up: nobody heard the end, so there is nothing to play back.
      cancel: async (reason) => {
        ended.resolve();
        await reader.cancel(reason);
      },
    });
    return { stream };
  }

  #keep(options: LanguageModelV4CallOptions, parts: readonly LanguageModelV4StreamPart[], error?: unknown): void {
    // Given up by its caller, which asks again or not at all.
    if (options.abortSignal?.aborted === true) return;
    this.#file.add({
      v: 1,
      kind: "model",
      provider: this.provider,
      model: this.modelId,
      request: requestOf(options),
      parts: parts.flatMap(storedPart),
      ...(error === undefined ? {} : { error: recordedError(error) }),
    });
  }
}

/** Raw pieces are the provider's own bytes; an error may carry the request with its headers. */
function storedPart(part: LanguageModelV4StreamPart): LanguageModelV4StreamPart[] {
  if (part.type === "raw" || part.type === "response-metadata" || part.type === "ping") return [];
  if (part.type === "error") return [{ type: "error", error: recordedError(part.error) }];
  if (part.type === "finish") {
    const { raw: _raw, ...usage } = part.usage;
    return [{ ...part, usage }];
  }
  return [part];
}

class ToolRecorder extends Work implements RecordedTools {
  readonly #file: RecordingFile;

  constructor(file: RecordingFile) {
    super();
    this.#file = file;
  }

  call({ tool, input }: Parameters<ToolCalls["call"]>[0], real: () => unknown): Promise<unknown> {
    return this.watch(this.#call(tool, input, real));
  }

  async #call(tool: string, input: unknown, real: () => unknown): Promise<unknown> {
    try {
      const output = await real();
      this.#file.add({ v: 1, kind: "tool", tool, input, ...(output === undefined ? {} : { output }) });
      return output;
    } catch (error) {
      this.#file.add({ v: 1, kind: "tool", tool, input, error: recordedError(error) });
      throw error;
    }
  }
}
