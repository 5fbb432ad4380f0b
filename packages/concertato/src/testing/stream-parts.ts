/** Answers of models as the parts of a stream, and back. */
import type { LanguageModelV4GenerateResult, LanguageModelV4StreamPart, LanguageModelV4Usage } from "@ai-sdk/provider";
import { StreamAssembly } from "../agents/stream-assembly.ts";

/** Text comes word by word, as it would from a model. */
export function partsOfResult({
  content,
  finishReason,
  usage,
  warnings,
}: LanguageModelV4GenerateResult): LanguageModelV4StreamPart[] {
  const parts: LanguageModelV4StreamPart[] = [{ type: "stream-start", warnings }];
  content.forEach((part, index) => {
    const id = String(index);
    if (part.type !== "text" && part.type !== "reasoning") return void parts.push(part);
    const metadata = part.providerMetadata === undefined ? {} : { providerMetadata: part.providerMetadata };
    parts.push({ type: `${part.type}-start`, id, ...metadata });
    for (const delta of part.text.match(/\S+\s*|\s+/g) ?? []) parts.push({ type: `${part.type}-delta`, id, delta });
    parts.push({ type: `${part.type}-end`, id });
  });
  parts.push({ type: "finish", finishReason, usage });
  return parts;
}

/**
 * The parts as one answer.
 * @throws what an error part among them says
 */
export function resultOfParts(parts: readonly LanguageModelV4StreamPart[]): LanguageModelV4GenerateResult {
  const assembly = new StreamAssembly();
  for (const part of parts) assembly.add(part);
  const { whole } = assembly;
  if (whole === undefined) throw new Error("The recorded answer broke off before its end.");
  const { content, finishReason, usage = unknownUsage } = whole;
  return { content, finishReason, usage, warnings: [] };
}

/** Parts one by one, and an error after the last, if there is one. */
export function streamOf(
  parts: readonly LanguageModelV4StreamPart[],
  error?: Error,
): ReadableStream<LanguageModelV4StreamPart> {
  let at = 0;
  return new ReadableStream<LanguageModelV4StreamPart>({
    pull(controller) {
      const part = parts[at++];
      if (part !== undefined) controller.enqueue(part);
      else if (error !== undefined) controller.error(error);
      else controller.close();
    },
  });
}

const unknownUsage: LanguageModelV4Usage = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};
