/**
 * What was asked of the app and what it acknowledged, in the manner of Jepsen: every operation is invoked, and ends as
 * ok, as fail (it certainly did not happen) or as info (nobody knows). The checker holds the app to every ok.
 */
import { appendFileSync } from "node:fs";
import type { Json } from "concertato";
import type { Plan } from "./plan.ts";

export type OperationKind = "start" | "signal" | "answer" | "cancel" | "outcome" | "conflict";

/** What was asked. */
export interface Asked {
  readonly kind: OperationKind;
  /** Of a start or signal: its key. Of an answer: the label of the question. */
  readonly key: string;
  readonly runId?: string;
  /** Of a start. */
  readonly plan?: Plan;
  /** Of a signal or an answer: its address. */
  readonly name?: string;
  readonly value?: Json;
}

export type End = "ok" | "fail" | "info" | "open";

export interface Operation extends Asked {
  /** How many kills came before it. */
  readonly kills: number;
  readonly invokedAt: number;
  end: End;
  endedAt: number;
  /** Of an ok: the run it is about, or its outcome. */
  result?: Json;
  /** Of a fail or info: the error. */
  error?: string;
  /** Entries in the run's journal when a cancel was acknowledged. */
  entries?: number;
}

export class History {
  readonly operations: Operation[] = [];
  readonly #file: string;
  kills = 0;

  constructor(file: string) {
    this.#file = file;
  }

  invoke(asked: Asked): Operation {
    const operation: Operation = { ...asked, kills: this.kills, invokedAt: Date.now(), end: "open", endedAt: 0 };
    this.operations.push(operation);
    return operation;
  }

  end(operation: Operation, end: End, more: Partial<Pick<Operation, "result" | "error" | "entries">> = {}): void {
    Object.assign(operation, more, { end, endedAt: Date.now() });
    appendFileSync(this.#file, `${JSON.stringify(operation)}\n`);
  }

  /** Runs one operation and notes how it ended. Answers the result, or nothing when it was not acknowledged. */
  async during<T>(operation: Operation, work: () => Promise<T>, toResult: (value: T) => Json): Promise<T | undefined> {
    try {
      const value = await work();
      this.end(operation, "ok", { result: toResult(value) });
      return value;
    } catch (error) {
      const code = errorCode(error);
      this.end(operation, certain.has(code) ? "fail" : "info", { error: `${code} ${String(error)}` });
      return undefined;
    }
  }
}

/** Refusals: with these the app says that nothing was done. */
const certain = new Set(["run/already-finished", "run/not-waiting", "run/not-found", "run/key-conflict"]);

/** The run that an acknowledged start answered. */
export function startedRun({ result }: Operation): string {
  return typeof result === "string" ? result : "";
}

export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
