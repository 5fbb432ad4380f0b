/**
 * The way to the outside world: what tools, probes and the supervisor say to the ledger. Knows nothing of runs beyond
 * their ids. Every request says when it was sent, by the machine's own monotonic clock, which all processes share.
 */
import { Agent, request } from "node:http";
import type { AttemptContext, ProbeAnswer } from "concertato";
import type { LedgerRecords } from "./ledger-book.ts";

/** What happens to the world. `charge` is a payment that somebody approved. */
export type EffectTool = "mail" | "pay" | "wire" | "charge";

/** What the world answers to an effect, and a tool returns. */
export type Receipt = {
  readonly label: string;
  readonly serial: number;
};

/** One attempt at an effect. */
export interface Order {
  readonly tool: EffectTool;
  readonly label: string;
  readonly key: string;
  readonly runId: string;
  readonly path: string;
  readonly attempt: number;
  /** Name of the worker that asks. */
  readonly worker: string;
  /** Nanoseconds of the machine's monotonic clock, as text. */
  readonly sentAt: string;
  /** Wall clock, ms. */
  readonly wall: number;
}

/** Answer of the ledger to a question by run and path. */
export type Found = { readonly happened: true; readonly output: Receipt } | { readonly happened: false };

export class Outside {
  readonly #port: number;
  readonly #worker: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });

  constructor(port: number, worker: string) {
    this.#port = port;
    this.#worker = worker;
  }

  /** Makes an effect happen. */
  async effect(
    tool: EffectTool,
    label: string,
    attempt: AttemptContext,
    key = attempt.idempotencyKey,
  ): Promise<Receipt> {
    const { runId, path } = attempt;
    const order: Order = { tool, label, key, runId, path, attempt: attempt.attempt, worker: this.#worker, ...moment() };
    return (await this.#send("/effect", order, attempt.signal)) as Receipt;
  }

  /** Asks whether an effect happened. After a no, whatever was sent before and is still on its way is refused. */
  async find(runId: string, path: string): Promise<Found> {
    return (await this.#send("/find", { runId, path, ...moment() })) as Found;
  }

  /** The same, as a probe answers. */
  async probe(attempt: AttemptContext): Promise<ProbeAnswer<Receipt>> {
    const found = await this.find(attempt.runId, attempt.path);
    return found.happened ? { kind: "happened", output: found.output } : { kind: "did-not-happen" };
  }

  /** From here on the world answers at once. */
  async calm(): Promise<void> {
    await this.#send("/calm", {});
  }

  /** Everything that happened, in order. */
  async records(): Promise<LedgerRecords> {
    return (await this.#send("/records", {})) as LedgerRecords;
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const options = { host: "127.0.0.1", port: this.#port, path, method: "POST", agent: this.#agent };
    const sent = request({ ...options, ...(signal === undefined ? {} : { signal }) }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`The world answered ${response.statusCode}: ${text}`));
      });
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
    return promise;
  }
}

function moment(): { readonly sentAt: string; readonly wall: number } {
  return { sentAt: String(process.hrtime.bigint()), wall: Date.now() };
}
