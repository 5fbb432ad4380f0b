/** Models by name: `openai/gpt-5-mini`, `ollama/qwen3`, or the address of a server: `http://127.0.0.1:8080/v1#model`. */
import { createRequire } from "node:module";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { ConcertatoError } from "./kernel/errors.ts";

/** A provider's package makes models of ids. */
type Factory = (modelId: string) => LanguageModelV4;

interface Provider {
  readonly package: string;
  /** Environment variable with its key; the package reads it itself. */
  readonly key: string | undefined;
  readonly load: () => Promise<Factory>;
}

/** Optional peers: a provider's package is loaded when a model of it is named. */
const providers: Readonly<Record<string, Provider>> = {
  openai: {
    package: "@ai-sdk/openai",
    key: "OPENAI_API_KEY",
    load: async () => (await optional<{ openai: Factory }>("@ai-sdk/openai")).openai,
  },
  anthropic: {
    package: "@ai-sdk/anthropic",
    key: "ANTHROPIC_API_KEY",
    load: async () => (await optional<{ anthropic: Factory }>("@ai-sdk/anthropic")).anthropic,
  },
  google: {
    package: "@ai-sdk/google",
    key: "GOOGLE_GENERATIVE_AI_API_KEY",
    load: async () => (await optional<{ google: Factory }>("@ai-sdk/google")).google,
  },
  ollama: {
    package: "@ai-sdk/openai-compatible",
    key: undefined,
    load: () => compatible("ollama", "http://127.0.0.1:11434/v1"),
  },
};

/** A provider whose models can be named. */
export interface ProviderReport {
  /** What stands before the slash. */
  readonly name: string;
  readonly package: string;
  /** The package can be loaded from here. */
  readonly installed: boolean;
  /** The environment variable with its key; null where none is needed. */
  readonly key: string | null;
  /** The variable is set. It is read only when a model of this provider is named. */
  readonly keySet: boolean;
}

export function providerReports(): readonly ProviderReport[] {
  return Object.entries(providers).map(([name, provider]) => ({
    name,
    package: provider.package,
    installed: isInstalled(provider.package),
    key: provider.key ?? null,
    keySet: provider.key !== undefined && (process.env[provider.key] ?? "") !== "",
  }));
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** @throws ConcertatoError `model/unknown` for a name nobody knows, a package that is not installed or a key that is missing */
export async function namedModel(name: string): Promise<LanguageModelV4> {
  const address = /^(https?:\/\/[^#]+)#(.+)$/.exec(name);
  if (address !== null) {
    const url = (address[1] ?? "").replace(/\/$/, "");
    return (await compatible(new URL(url).host, url))(address[2] ?? "");
  }
  const slash = name.indexOf("/");
  const provider = slash < 0 ? undefined : providers[name.slice(0, slash)];
  if (provider === undefined) throw unknownModel(name, "it names no provider");
  const { key } = provider;
  if (key !== undefined && (process.env[key] ?? "") === "") throw unknownModel(name, `${key} is not set`);
  return (await provider.load())(name.slice(slash + 1));
}

interface CompatibleOptions {
  readonly name: string;
  readonly baseURL: string;
  readonly includeUsage: boolean;
  readonly supportsStructuredOutputs: boolean;
}

async function compatible(name: string, baseURL: string): Promise<Factory> {
  const peer = await optional<{ createOpenAICompatible: (options: CompatibleOptions) => Factory }>(
    "@ai-sdk/openai-compatible",
  );
  return peer.createOpenAICompatible({ name, baseURL, includeUsage: true, supportsStructuredOutputs: true });
}

async function optional<Module>(name: string): Promise<Module> {
  try {
    // The package's own types are not a dependency of ours; the provider specification is.
    return (await import(name)) as Module;
  } catch (cause) {
    throw new ConcertatoError({
      code: "model/unknown",
      message: `The package ${name} is needed for this model and could not be loaded. Install it: npm install ${name}`,
      details: { package: name },
      cause,
    });
  }
}

function unknownModel(name: string, why: string): ConcertatoError {
  const known = Object.entries(providers).map(([id, { key }]) => `${id}/MODEL${key === undefined ? "" : ` (${key})`}`);
  return new ConcertatoError({
    code: "model/unknown",
    message: `The model "${name}" cannot be used: ${why}. Write ${known.join(", ")}, or http://HOST:PORT/v1#MODEL for any OpenAI-compatible server.`,
    details: { model: name },
  });
}
