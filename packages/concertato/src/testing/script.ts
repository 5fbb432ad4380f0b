/**
 * A model that says what a test wrote down, call by call: for tests only. A call that the script does not have fails
 * with what was asked; what the script has left over is found by `assertDone`.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import type { Agent } from "../runtime/agent.ts";
import { partsOfResult, streamOf } from "./stream-parts.ts";

/** One answer of a scripted model. */
export type Line =
  | { readonly kind: "answer"; readonly content: readonly LanguageModelV4Content[]; readonly usage: TokenUse }
  | { readonly kind: "failure"; readonly error: unknown; readonly after: number };

/** Tokens of one call. */
export interface TokenUse {
  readonly input: number;
  readonly output: number;
}

/** A model with a script. */
export interface ScriptedModel extends LanguageModelV4 {
  /** What it was asked so far, in order. */
  readonly asked: readonly LanguageModelV4CallOptions[];
  /** @throws Error when some of the script was not used, or more was asked than it has */
  assertDone(): void;
  /** Goes back to the answer after so many: what came later was never heard. */
  rewind(answers: number): void;
}

const defaultUse: TokenUse = { input: 10, output: 5 };

/** Says something: text as it is, anything else as JSON. */
export function reply(value: unknown, usage: TokenUse = defaultUse): Line {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { kind: "answer", content: [{ type: "text", text }], usage };
}

/** Calls a tool, by agent or by name; several at once with `calls`. */
export function call(tool: Agent | string, input: unknown = {}, usage: TokenUse = defaultUse): Line {
  return calls([[tool, input]], usage);
}

/** Calls several tools in one turn. */
export function calls(
  wanted: readonly (readonly [tool: Agent | string, input: unknown])[],
  usage: TokenUse = defaultUse,
): Line {
  const content = wanted.map(
    ([tool, input], index): LanguageModelV4Content => ({
      type: "tool-call",
      toolCallId: `call-${index}`,
      toolName: (typeof tool === "string" ? tool : tool.name).replaceAll(/[^a-zA-Z0-9_-]/g, "_"),
      input: typeof input === "string" ? input : JSON.stringify(input),
    }),
  );
  return { kind: "answer", content, usage };
}

/** Fails, when it streams only after so many parts. */
export function failure(error: unknown, after = 0): Line {
  return { kind: "failure", error, after };
}

/** A model that answers with these lines, in order. */
export function script(...lines: readonly Line[]): ScriptedModel {
  return new Script(lines);
}

class Script implements ScriptedModel {
  readonly specificationVersion = "v4";
  readonly provider = "script";
  readonly modelId = "script";
  readonly supportedUrls = {};
  readonly asked: LanguageModelV4CallOptions[] = [];
  readonly #lines: readonly Line[];

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const line = this.#next(options);
    if (line.kind === "failure") return Promise.reject(line.error as Error);
    return Promise.resolve({
      content: [...line.content],
      finishReason: finishOf(line.content),
      usage: usageOf(line.usage),
      warnings: [],
    });
  }

  doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    const line = this.#next(options);
    if (line.kind === "failure" && line.after === 0) return Promise.reject(line.error as Error);
    return Promise.resolve({ stream: streamOf(partsOf(line)) });
  }

  #next(options: LanguageModelV4CallOptions): Line {
    const line = this.#lines[this.asked.length];
    this.asked.push(options);
    if (line !== undefined) return line;
    const last = JSON.stringify(options.prompt.at(-1));
    throw new Error(`The script has ${this.#lines.length} answers and was asked for another. Last message: ${last}`);
  }

  rewind(answers: number): void {
    this.asked.length = Math.min(this.asked.length, answers);
  }

  assertDone(): void {
    const left = this.#lines.length - this.asked.length;
    if (left < 0) throw new Error(`The script has ${this.#lines.length} answers and was asked ${-left} times more.`);
    if (left > 0)
      throw new Error(`The script has ${left} of ${this.#lines.length} answers left that nobody asked for.`);
  }
}

function finishOf(content: readonly LanguageModelV4Content[]): LanguageModelV4FinishReason {
  const unified = content.some((part) => part.type === "tool-call") ? "tool-calls" : "stop";
  return { unified, raw: unified };
}

function usageOf({ input, output }: TokenUse): LanguageModelV4Usage {
  return {
    inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output, reasoning: 0 },
  };
}

function partsOf(line: Line): LanguageModelV4StreamPart[] {
  if (line.kind === "answer") {
    return partsOfResult({
      content: [...line.content],
      finishReason: finishOf(line.content),
      usage: usageOf(line.usage),
      warnings: [],
    });
  }
  const words = Array.from(
    { length: line.after },
    (_, index): LanguageModelV4StreamPart => ({ type: "text-delta", id: "0", delta: `word${index} ` }),
  );
  return [{ type: "stream-start", warnings: [] }, ...words, { type: "error", error: line.error }];
}
