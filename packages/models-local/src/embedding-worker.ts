/** One thread with the model in it: one slice of texts at a time, vectors back. */
import { Worker } from "node:worker_threads";

type Answer = { readonly vectors: readonly Float32Array[] } | { readonly error: string };

interface Call {
  readonly done: (vectors: readonly Float32Array[]) => void;
  readonly failed: (error: unknown) => void;
}

export class EmbeddingWorker {
  readonly #worker: Worker;
  readonly #idle: () => void;
  #call: Call | null = null;
  dead = false;

  /** @param idle told when it could take the next slice */
  constructor(idle: () => void) {
    this.#idle = idle;
    // Beside this file, under the name it has there: .ts from the clone, .js when installed.
    this.#worker = new Worker(new URL(import.meta.url.endsWith(".ts") ? "thread.ts" : "thread.js", import.meta.url));
    // An idle model keeps nobody's process alive; a call under way does.
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer) => this.#answered(answer));
    this.#worker.on("error", (error) => this.#died(error));
    this.#worker.on("exit", (code) => this.#died(new Error(`The embedding thread ended with code ${code}.`)));
  }

  get busy(): boolean {
    return this.#call !== null || this.dead;
  }

  /** @throws Error when the thread fails; it is then dead */
  embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return new Promise((done, failed) => {
      this.#call = { done, failed };
      this.#worker.ref();
      this.#worker.postMessage(texts);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #answered(answer: Answer): void {
    const call = this.#call;
    this.#call = null;
    this.#worker.unref();
    if ("error" in answer) call?.failed(new Error(answer.error));
    else call?.done(answer.vectors);
    this.#idle();
  }

  #died(error: unknown): void {
    this.dead = true;
    const call = this.#call;
    this.#call = null;
    call?.failed(error);
  }
}
