/** Models for workloads: they answer at once and allocate little, so that the figures are the agent's and not theirs. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import { payload } from "./payload.ts";

const usage: LanguageModelV4GenerateResult["usage"] = {
  inputTokens: { total: 100, noCache: 100, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 20, text: 20, reasoning: 0 },
};

const base = { specificationVersion: "v4", provider: "bench", modelId: "talkative", supportedUrls: {} } as const;

/** What every call of the tool is given: 200 bytes. */
const argumentsText = JSON.stringify(payload(1000));

/** Calls `step` once in each turn, and answers in the last of `turns`. It looks at the last message only. */
export function loopingModel(turns: number): LanguageModelV4 {
  return {
    ...base,
    doGenerate: (options) => Promise.resolve(loopingAnswer(options, turns)),
    doStream: () => Promise.reject(new Error("Nobody listens in this workload.")),
  };
}

/** A conversation has a system message, a question, and two messages for each turn that was. */
function loopingAnswer({ prompt }: LanguageModelV4CallOptions, turns: number): LanguageModelV4GenerateResult {
  const turn = prompt.length / 2;
  const calls = turn < turns;
  return {
    content: calls
      ? [{ type: "tool-call", toolCallId: `call-${turn}`, toolName: "step", input: argumentsText }]
      : [{ type: "text", text: "That was it." }],
    finishReason: { unified: calls ? "tool-calls" : "stop", raw: undefined },
    usage,
    warnings: [],
  };
}

/** The text of a chunk. */
export const chunkText = "word ";

/** Streams one answer of so many chunks, each when it is asked for. */
export function streamingModel(chunks: number): LanguageModelV4 {
  return {
    ...base,
    doGenerate: () => Promise.reject(new Error("Somebody listens in this workload.")),
    doStream: () => Promise.resolve({ stream: chunkStream(chunks) }),
  };
}

export function chunkStream(chunks: number): ReadableStream<LanguageModelV4StreamPart> {
  let sent = -1;
  return new ReadableStream<LanguageModelV4StreamPart>({
    pull: (controller) => {
      if (sent < 0) controller.enqueue({ type: "text-start", id: "0" });
      else if (sent < chunks) controller.enqueue({ type: "text-delta", id: "0", delta: chunkText });
      else if (sent === chunks) controller.enqueue({ type: "text-end", id: "0" });
      else {
        controller.enqueue({ type: "finish", finishReason: { unified: "stop", raw: undefined }, usage });
        controller.close();
      }
      sent++;
    },
  });
}
