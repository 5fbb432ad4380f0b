/** Model servers on this machine: Ollama, LM Studio, llama.cpp, vLLM and others that speak OpenAI's protocol. */

/** A server that answers, and what it has. */
export interface LocalServer {
  /** Base of its OpenAI-compatible interface: `http://127.0.0.1:11434/v1`. */
  readonly url: string;
  /** Ids of its models, as it lists them. */
  readonly models: readonly string[];
}

/** Where they listen unless told otherwise: Ollama, LM Studio, llama.cpp and others, vLLM. */
const usualPorts = [11434, 1234, 8080, 8000] as const;

/** A server on the same machine answers at once or is not there. */
const patienceMs = 300;

/**
 * Servers that answer, in the order in which they are usually found; `OLLAMA_HOST` names another place for the first.
 * Nothing is sent but a question for the list of models.
 */
export async function localServers(
  ollamaHost: string | undefined = process.env["OLLAMA_HOST"],
  ports: readonly number[] = usualPorts,
  withinMs: number = patienceMs,
): Promise<readonly LocalServer[]> {
  const urls = ports.map((port) => `http://127.0.0.1:${port}/v1`);
  if (ollamaHost !== undefined && ollamaHost !== "") urls.unshift(baseOf(ollamaHost));
  const found = await Promise.all([...new Set(urls)].map((url) => ask(url, withinMs)));
  return found.filter((server) => server !== undefined);
}

/** `host`, `host:port` or an address; 0.0.0.0 is where a server listens, not where it is reached. */
function baseOf(host: string): string {
  const address = /^https?:\/\//.test(host) ? host : `http://${host}`;
  const url = new URL(address);
  if (url.port === "" && !/:\d+\/?$/.test(address)) url.port = "11434";
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  return `${url.origin}/v1`;
}

async function ask(url: string, withinMs: number): Promise<LocalServer | undefined> {
  try {
    const response = await fetch(`${url}/models`, { signal: AbortSignal.timeout(withinMs) });
    if (!response.ok) return undefined;
    const list = (await response.json()) as { readonly data?: readonly { readonly id?: unknown }[] | null };
    const models = (list.data ?? []).map(({ id }) => id).filter((id) => typeof id === "string");
    // Embedding models are listed with the others and cannot answer.
    return { url, models: models.filter((id) => !/embed|minilm|bge-|rerank/i.test(id)) };
  } catch {
    // Nobody there, or something else than a model server.
    return undefined;
  }
}
