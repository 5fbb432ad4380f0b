/**
 * all-MiniLM-L6-v2: a sentence-embedding model (22.7 million weights, 384 dimensions), computed in WebAssembly in worker
 * threads, so that the event loop stays free. It speaks the AI SDK's embedding contract; nothing is fetched at run time.
 * It never decides what is alike enough: it gives vectors.
 *
 * Model: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019; weights by sentence-transformers, Apache-2.0.
 */
import type { EmbeddingModelV4, EmbeddingModelV4CallOptions, EmbeddingModelV4Result } from "@ai-sdk/provider";
import { availableParallelism } from "node:os";
import { EmbeddingWorker } from "./embedding-worker.ts";

export interface MiniLmOptions {
  /**
   * Threads that compute, each with its own copy of the model (about 200 MB of memory). Default: one less than the
   * processor has cores, at least 1 and at most 4.
   */
  readonly threads?: number;
  /** Texts whose vectors are kept, those used last. Default 10,000 (15 MB); 0 keeps none. */
  readonly cache?: number;
}

/** The model, with what people ask about it. */
export interface MiniLm extends EmbeddingModelV4, AsyncDisposable {
  readonly modelId: string;
  readonly dimensions: number;
  /** Longer texts are read up to here, in tokens (about 200 English words). */
  readonly maxTokens: number;
  readonly licence: string;
  /** Vectors of length 1, in the order of the texts. Texts seen before are not computed again. */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
  /** Ends the threads. Calls under way are refused. */
  close(): Promise<void>;
}

/** Texts a thread is given at once: small, so that several callers share a thread fairly. */
const slice = 8;

/**
 * Opens the model; the first call loads it (about a second).
 * @example
 * await using model = miniLm();
 * const [a, b] = await model.embed(["My card was stolen", "Somebody took my credit card"]);
 */
export function miniLm(options: MiniLmOptions = {}): MiniLm {
  return new LocalMiniLm(options);
}

interface Job {
  readonly text: string;
  readonly done: (vector: Float32Array) => void;
  readonly failed: (error: unknown) => void;
}

class LocalMiniLm implements MiniLm {
  readonly specificationVersion = "v4";
  readonly provider = "concertato.local";
  readonly modelId = "all-MiniLM-L6-v2";
  readonly dimensions = 384;
  readonly maxTokens = 256;
  readonly maxEmbeddingsPerCall = 2048;
  readonly supportsParallelCalls = true;
  readonly licence = "Apache-2.0";
  readonly #threads: number;
  readonly #cacheSize: number;
  /** Text to vector, least recently used first. A text under way is here too, so that it is computed once. */
  readonly #cache = new Map<string, Promise<Float32Array>>();
  readonly #workers: EmbeddingWorker[] = [];
  #queue: Job[] = [];
  #closed = false;

  constructor(options: MiniLmOptions) {
    this.#threads = Math.max(1, options.threads ?? Math.min(4, availableParallelism() - 1));
    this.#cacheSize = options.cache ?? 10_000;
  }

  async doEmbed(options: EmbeddingModelV4CallOptions): Promise<EmbeddingModelV4Result> {
    options.abortSignal?.throwIfAborted();
    const vectors = await this.embed(options.values);
    options.abortSignal?.throwIfAborted();
    return { embeddings: vectors.map((vector) => Array.from(vector)), warnings: [] };
  }

  embed(texts: readonly string[]): Promise<Float32Array[]> {
    if (this.#closed) return Promise.reject(new Error("The model is closed. Open it again with miniLm()."));
    return Promise.all(texts.map((text) => this.#vector(text)));
  }

  #vector(text: string): Promise<Float32Array> {
    const known = this.#cache.get(text);
    if (known !== undefined) {
      this.#cache.delete(text);
      this.#cache.set(text, known);
      return known;
    }
    const vector = new Promise<Float32Array>((done, failed) => this.#queue.push({ text, done, failed }));
    this.#remember(text, vector);
    // After the present turn: what is asked for in one call goes out in full slices.
    if (this.#queue.length === 1) queueMicrotask(() => this.#pump());
    return vector;
  }

  #remember(text: string, vector: Promise<Float32Array>): void {
    if (this.#cacheSize === 0) return;
    this.#cache.set(text, vector);
    // A failure is not kept; whoever asked has it.
    vector.catch(() => this.#cache.delete(text));
    if (this.#cache.size <= this.#cacheSize) return;
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined) this.#cache.delete(oldest);
  }

  /** Hands waiting texts to idle threads, starting another thread while there is more than the present ones can take. */
  #pump(): void {
    while (this.#queue.length > 0 && !this.#closed) {
      const worker = this.#idleWorker();
      if (worker === undefined) return;
      const jobs = this.#queue.splice(0, slice);
      worker.embed(jobs.map(({ text }) => text)).then(
        (vectors) => jobs.forEach(({ done }, index) => done(vectors[index] ?? new Float32Array(this.dimensions))),
        (error: unknown) => this.#failed(worker, jobs, error),
      );
    }
  }

  #idleWorker(): EmbeddingWorker | undefined {
    const idle = this.#workers.find((worker) => !worker.busy);
    if (idle !== undefined || this.#workers.length >= this.#threads) return idle;
    const worker = new EmbeddingWorker(() => this.#pump());
    this.#workers.push(worker);
    return worker;
  }

  /** A thread that died is replaced by the next call; its texts are refused, and their callers may ask again. */
  #failed(worker: EmbeddingWorker, jobs: readonly Job[], error: unknown): void {
    const index = this.#workers.indexOf(worker);
    if (worker.dead && index >= 0) this.#workers.splice(index, 1);
    for (const job of jobs) job.failed(error);
    this.#pump();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const queue = this.#queue;
    this.#queue = [];
    for (const { failed } of queue) failed(new Error("The model was closed."));
    await Promise.all(this.#workers.map((worker) => worker.close()));
    this.#workers.length = 0;
    this.#cache.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
