/**
 * `remote()`: an agent behind an address, over plain HTTP: the input is posted as JSON, the answer is the output. The
 * idempotency key of the call goes along as `Idempotency-Key`, the same for every attempt.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Effect } from "../journal/entry.ts";
import { durationMs } from "../kernel/duration.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import type {
  Agent,
  AttemptContext,
  Breaker,
  ConcurrencyLimit,
  LeafBody,
  RetryPolicy,
  StartRate,
} from "../runtime/agent.ts";
import { attemptLimits } from "../runtime/attempt-limits.ts";
import { circuitPolicy } from "../runtime/circuit-breakers.ts";
import type { Duration } from "../runtime/context.ts";
import { checkedRetry } from "../runtime/retry-policy.ts";
import { interceptable } from "./intercepted-calls.ts";
import { assertName } from "./name.ts";

export interface RemoteOptions<Input extends StandardSchemaV1, Output extends StandardSchemaV1> {
  readonly name: string;
  readonly description: string;
  readonly version?: number;
  readonly owner?: string;
  /** Where it listens: `https://host/path`. */
  readonly url: string;
  readonly input: Input;
  readonly output: Output;
  /** What calling it does to the outside world. Default `irreversible`. */
  readonly effect?: Effect;
  /** Sent along; made for each attempt, so that a token can be fresh. Never recorded. */
  readonly headers?: () => Readonly<Record<string, string>> | PromiseLike<Readonly<Record<string, string>>>;
  readonly retry?: RetryPolicy;
  /** Per attempt. Default "30s". */
  readonly timeout?: Duration;
  /** At most so many calls at once, over all processes, or so many for each key of the input. Default: no limit. */
  readonly concurrency?: number | ConcurrencyLimit<StandardSchemaV1.InferOutput<Input>>;
  /** At most so many calls begin in a period, over all processes. Default: no limit. */
  readonly rate?: StartRate<StandardSchemaV1.InferOutput<Input>>;
  /** Leaves a server that fails again and again alone for a while. Default: none. */
  readonly breaker?: Breaker;
  readonly capabilities?: readonly string[];
  readonly examples?: readonly string[];
}

/** Under this name an app offers its way to the network. */
export const fetchService = "concertato.fetch";

/** The part of the platform's `fetch` that is used here. */
export type Fetch = (
  url: string,
  request: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;

/** @throws ConcertatoError `agent/name`, `agent/limits`, `runtime/duration` */
export function remote<const Input extends StandardSchemaV1, const Output extends StandardSchemaV1>(
  options: RemoteOptions<Input, Output>,
): Agent<StandardSchemaV1.InferInput<Input>, StandardSchemaV1.InferOutput<Output>> {
  assertName("remote", options.name);
  const body: LeafBody<unknown, unknown> = {
    type: "leaf",
    effect: options.effect ?? "irreversible",
    execute: interceptable(options.name, (input, attempt) => post(options, input, attempt)),
    retry: checkedRetry(options.retry),
    limits: attemptLimits(options.name, options.concurrency, options.rate),
    breaker: circuitPolicy(options.name, options.breaker),
    timeoutMs: durationMs(options.timeout ?? "30s"),
  };
  const made: Agent<unknown> = {
    kind: "remote",
    name: options.name,
    version: options.version ?? 1,
    description: options.description,
    owner: options.owner,
    input: options.input,
    output: options.output,
    capabilities: options.capabilities ?? [],
    examples: options.examples ?? [],
    uses: [],
    body,
  };
  // The runtime checks both ends against these schemas.
  return made as Agent<StandardSchemaV1.InferInput<Input>, StandardSchemaV1.InferOutput<Output>>;
}

async function post(
  { name, url, headers }: Pick<RemoteOptions<StandardSchemaV1, StandardSchemaV1>, "name" | "url" | "headers">,
  input: unknown,
  attempt: AttemptContext,
): Promise<unknown> {
  const send = attempt.service<Fetch>(fetchService);
  if (send === undefined) throw unavailable(name, url, "this app has no way to the network", {});
  const sent = {
    "content-type": "application/json",
    accept: "application/json",
    ...(await headers?.()),
    "idempotency-key": attempt.idempotencyKey,
  };
  let answer: Awaited<ReturnType<Fetch>>;
  let text: string;
  try {
    answer = await send(url, {
      method: "POST",
      headers: sent,
      body: JSON.stringify(input ?? null),
      signal: attempt.signal,
    });
    text = await answer.text();
  } catch (cause) {
    throw unavailable(name, url, cause instanceof Error ? cause.message : String(cause), {}, cause);
  }
  if (answer.status === 429 || answer.status >= 500) {
    const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
    const wait = Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: Math.ceil(seconds * 1_000) } : {};
    throw unavailable(name, url, `status ${answer.status}: ${text.slice(0, 200)}`, { status: answer.status, ...wait });
  }
  if (answer.status >= 400) throw refused(name, url, answer.status, text);
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch (cause) {
    throw unavailable(name, url, `its answer is not JSON: ${text.slice(0, 200)}`, {}, cause);
  }
}

function unavailable(
  name: string,
  url: string,
  why: string,
  details: { readonly status?: number; readonly retryAfterMs?: number },
  cause?: unknown,
): ConcertatoError {
  return new ConcertatoError({
    code: "remote/unavailable",
    message: `Remote agent ${name} at ${url} did not answer: ${why}. The call is repeated as its retry policy says.`,
    details: { name, url, ...details },
    ...(cause === undefined ? {} : { cause }),
  });
}

function refused(name: string, url: string, status: number, text: string): ConcertatoError {
  return new ConcertatoError({
    code: "remote/refused",
    message: `Remote agent ${name} at ${url} refused the call with status ${status}: ${text.slice(0, 200)}. Check the address, the credentials and what is sent.`,
    details: { name, url, status },
  });
}
