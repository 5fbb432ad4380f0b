/** A model's answer as one, from the parts in which it was streamed. */
import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import type { AttemptContext } from "../runtime/agent.ts";

/** What a model answered, whole. */
export interface WholeAnswer {
  readonly content: LanguageModelV4Content[];
  readonly finishReason: LanguageModelV4FinishReason;
  readonly usage: LanguageModelV4Usage | undefined;
  readonly warnings: readonly unknown[];
}

type Growing = Extract<LanguageModelV4Content, { type: "text" | "reasoning" }>;

/** Parts of a stream, put together in the order in which they began. */
export class StreamAssembly {
  readonly #say: AttemptContext["say"];
  readonly #content: LanguageModelV4Content[] = [];
  /** Texts that are still growing, by their id in the stream. */
  readonly #growing = new Map<string, Growing>();
  #finish: LanguageModelV4FinishReason | undefined;
  #usage: LanguageModelV4Usage | undefined;
  #warnings: readonly unknown[] = [];

  /** @param say hears texts as they come */
  constructor(say: AttemptContext["say"] = () => undefined) {
    this.#say = say;
  }

  /** The answer; undefined while its end has not come. */
  get whole(): WholeAnswer | undefined {
    if (this.#finish === undefined) return undefined;
    return { content: this.#content, finishReason: this.#finish, usage: this.#usage, warnings: this.#warnings };
  }

  add(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case "text-delta":
        this.#grow(part.id, "text", part.delta);
        return this.#say(part.delta, "text");
      case "reasoning-delta":
        this.#grow(part.id, "reasoning", part.delta);
        return this.#say(part.delta, "reasoning");
      case "text-start":
      case "reasoning-start":
        return this.#begin(part.id, part.type === "text-start" ? "text" : "reasoning", part.providerMetadata);
      case "text-end":
      case "reasoning-end":
        return this.#end(part.id, part.providerMetadata);
      case "tool-call":
      case "tool-result":
      case "file":
      case "reasoning-file":
      case "source":
      case "custom":
      case "tool-approval-request":
        this.#content.push(part);
        return;
      case "stream-start":
        this.#warnings = part.warnings;
        return;
      case "finish":
        this.#finish = part.finishReason;
        this.#usage = part.usage;
        return;
      case "error":
        throw part.error;
      case "tool-input-start":
      case "tool-input-delta":
      case "tool-input-end":
      case "response-metadata":
      case "ping":
      case "raw":
        return;
    }
  }

  #begin(id: string, type: Growing["type"], metadata: Growing["providerMetadata"]): void {
    const growing: Growing = { type, text: "", ...(metadata === undefined ? {} : { providerMetadata: metadata }) };
    this.#growing.set(`${type} ${id}`, growing);
    this.#content.push(growing);
  }

  #grow(id: string, type: Growing["type"], delta: string): void {
    if (!this.#growing.has(`${type} ${id}`)) this.#begin(id, type, undefined);
    const growing = this.#growing.get(`${type} ${id}`);
    if (growing !== undefined) growing.text += delta;
  }

  #end(id: string, metadata: Growing["providerMetadata"]): void {
    const growing = this.#growing.get(`text ${id}`) ?? this.#growing.get(`reasoning ${id}`);
    if (growing !== undefined && metadata !== undefined) growing.providerMetadata = metadata;
  }
}
