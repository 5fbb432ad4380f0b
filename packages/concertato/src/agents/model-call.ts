/**
 * One call of a model: streamed while somebody listens, whole otherwise; the same answer either way. It never repeats
 * itself and never chooses another model: retries belong to its step, fallbacks to the agent.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
} from "@ai-sdk/provider";
import { ConcertatoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import type { AttemptContext } from "../runtime/agent.ts";
import { base64 } from "./base64.ts";
import { type PriceBook, pricedUsage } from "./price-book.ts";
import { StreamAssembly, type WholeAnswer } from "./stream-assembly.ts";

/** What a model is asked. */
export type ModelRequest = Omit<LanguageModelV4CallOptions, "abortSignal" | "includeRawChunks">;

/** What a model answered, as the journal keeps it. */
export interface ModelAnswer {
  /** `provider/model-id` of the model that answered. */
  readonly model: string;
  readonly content: readonly LanguageModelV4Content[];
  readonly finish: LanguageModelV4FinishReason["unified"];
  readonly warnings?: readonly string[];
}

/**
 * Asks a model once. What it says is streamed to whoever listens to the run; what it used is told to the attempt, also
 * when the call fails half-way.
 * @throws ConcertatoError `model/unavailable`, `model/refused`, `model/malformed`, `model/truncated`
 */
export async function callModel(
  model: LanguageModelV4,
  request: ModelRequest,
  attempt: AttemptContext,
  prices: PriceBook,
): Promise<ModelAnswer> {
  const name = `${model.provider}/${model.modelId}`;
  const options = { ...request, abortSignal: attempt.signal };
  let whole: WholeAnswer;
  try {
    whole = attempt.heard ? await streamed(model, options, attempt) : await model.doGenerate(options);
  } catch (error) {
    throw ConcertatoError.is(error) ? error : modelError(name, error);
  }
  const { usage } = whole;
  const count = {
    input: usage?.inputTokens.total,
    cachedInput: usage?.inputTokens.cacheRead,
    output: usage?.outputTokens.total,
  };
  const unknown = count.input === undefined || count.output === undefined;
  const exchanged =
    unknown && attempt.costLimited ? { asked: bytesOf(request), answered: bytesOf(whole.content) } : undefined;
  if (usage !== undefined || exchanged !== undefined) attempt.usage(pricedUsage(prices, model, count, exchanged));
  return answered(name, whole);
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

function answered(name: string, { content, finishReason, warnings }: WholeAnswer): ModelAnswer {
  const finish = finishReason.unified;
  if (finish === "content-filter") throw refused(name, "its filter stopped the answer");
  if (finish === "error") throw unavailable(name, "it ended with an error", undefined);
  if (finish === "length") throw truncated(name);
  const told = warnings.map((warning) => JSON.stringify(warning));
  const kept = content.map(storable);
  return { model: name, content: kept, finish, ...(told.length === 0 ? {} : { warnings: told }) };
}

/** Bytes become text: a journal keeps JSON. */
function storable(part: LanguageModelV4Content): LanguageModelV4Content {
  if ((part.type !== "file" && part.type !== "reasoning-file") || part.data.type !== "data") return part;
  const { data } = part.data;
  return typeof data === "string" ? part : { ...part, data: { type: "data", data: base64(data) } };
}

/** Reads a stream to its end; parts are put together in the order in which they began. */
async function streamed(
  model: LanguageModelV4,
  options: LanguageModelV4CallOptions,
  attempt: AttemptContext,
): Promise<WholeAnswer> {
  const { stream } = await model.doStream(options);
  const parts = new StreamAssembly(attempt.say);
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  attempt.signal.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.add(value);
    }
  } finally {
    attempt.signal.removeEventListener("abort", stop);
    reader.releaseLock();
  }
  const { whole } = parts;
  if (whole !== undefined) return whole;
  throw unavailable(
    `${model.provider}/${model.modelId}`,
    "its stream broke off before the answer was complete",
    undefined,
  );
}

/** An error of a provider, read by what it carries: it may come from another copy or version of the AI SDK. */
function modelError(name: string, error: unknown): ConcertatoError {
  const given = (typeof error === "object" && error !== null ? error : {}) as {
    readonly name?: unknown;
    readonly message?: unknown;
    readonly statusCode?: unknown;
    readonly isRetryable?: unknown;
    readonly responseHeaders?: Record<string, string>;
  };
  const message = typeof given.message === "string" ? given.message : String(error);
  const status = typeof given.statusCode === "number" ? given.statusCode : undefined;
  const kind = typeof given.name === "string" ? given.name : "";
  if (
    status === undefined &&
    /TypeValidation|JSONParse|InvalidResponseData|NoContentGenerated|EmptyResponse/.test(kind)
  ) {
    return malformed(name, message, error);
  }
  // A provider that could not read its own server's answer reports the status of a success.
  if (status !== undefined && status < 400) return malformed(name, message, error);
  const busy = status === undefined || status === 408 || status === 409 || status === 429 || status >= 500;
  if (given.isRetryable === true || busy) {
    const retryAfterMs = retryAfter(given.responseHeaders);
    return unavailable(name, message, error, {
      ...(status === undefined ? {} : { status }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  return refused(name, message, error, { status });
}

/** `Retry-After` in ms: seconds, or `retry-after-ms`. A date is left to the usual wait. */
function retryAfter(headers: Record<string, string> | undefined): number | undefined {
  const precise = Number(headers?.["retry-after-ms"]);
  if (Number.isFinite(precise) && precise >= 0) return Math.ceil(precise);
  const seconds = Number(headers?.["retry-after"]);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1_000) : undefined;
}

function unavailable(
  model: string,
  why: string,
  cause: unknown,
  details: { readonly [key: string]: Json } = {},
): ConcertatoError {
  return new ConcertatoError({
    code: "model/unavailable",
    message: `Model ${model} did not answer: ${why}. The call is repeated as its retry policy says; then the next model of the agent is asked.`,
    details: { model, ...details },
    ...(cause === undefined ? {} : { cause }),
  });
}

function refused(
  model: string,
  why: string,
  cause?: unknown,
  details: { readonly status?: number | undefined } = {},
): ConcertatoError {
  return new ConcertatoError({
    code: "model/refused",
    message: `Model ${model} refused the call: ${why}. Check the key, the model's name and what is sent.`,
    details: { model, ...(details.status === undefined ? {} : { status: details.status }) },
    ...(cause === undefined ? {} : { cause }),
  });
}

function malformed(model: string, why: string, cause: unknown): ConcertatoError {
  return new ConcertatoError({
    code: "model/malformed",
    message: `Model ${model} answered something that is no answer: ${why}. Check that the server speaks the protocol it is configured for.`,
    details: { model },
    cause,
  });
}

function truncated(model: string): ConcertatoError {
  return new ConcertatoError({
    code: "model/truncated",
    message: `Model ${model} reached its limit of output tokens before the answer was complete. Raise maxOutputTokens, or ask for less.`,
    details: { model },
  });
}
