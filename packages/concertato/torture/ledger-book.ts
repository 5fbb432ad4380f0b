/**
 * The books of the outside world: a bank and a post office. They write down every call before it is answered. Mail is
 * idempotent by key; money moves every time somebody says so. They judge nothing: that is the checker's work.
 */
import { writeSync } from "node:fs";
import type { EffectTool, Found, Order, Receipt } from "./outside.ts";

/** One call, as it was written down. */
export interface LedgerCall extends Order {
  /** Number of the effect that this call made, or of the earlier one that answered it. */
  readonly serial: number;
  /** Nothing new happened: the same key had been seen, and the tool is idempotent. */
  readonly again: boolean;
  /** Wall clock (ms) when it happened. */
  readonly at: number;
}

export interface LedgerRecords {
  readonly calls: readonly LedgerCall[];
  /** Questions whether something happened. */
  readonly probes: number;
  /** Calls refused because a probe had been told meanwhile that they did not happen. */
  readonly refused: number;
}

const idempotent: ReadonlySet<EffectTool> = new Set(["mail"]);

export class LedgerBook {
  readonly #file: number;
  readonly #calls: LedgerCall[] = [];
  /** First call with a key. */
  readonly #byKey = new Map<string, LedgerCall>();
  /** First call of an operation. */
  readonly #byPlace = new Map<string, LedgerCall>();
  /** Calls of an operation that were sent before this moment are refused. */
  readonly #fences = new Map<string, bigint>();
  #probes = 0;
  #refused = 0;

  /** @param file descriptor of the file that calls are appended to */
  constructor(file: number) {
    this.#file = file;
  }

  /** Makes the effect happen; `undefined` when it was ruled out before. */
  execute(order: Order): Receipt | undefined {
    if (BigInt(order.sentAt) < (this.#fences.get(place(order)) ?? 0n)) {
      this.#refused++;
      return undefined;
    }
    const first = this.#byKey.get(order.key);
    const again = first !== undefined && idempotent.has(order.tool);
    const call: LedgerCall = { ...order, serial: again ? first.serial : this.#calls.length + 1, again, at: Date.now() };
    writeSync(this.#file, `${JSON.stringify(call)}\n`);
    this.#calls.push(call);
    if (first === undefined) this.#byKey.set(order.key, call);
    if (!this.#byPlace.has(place(order))) this.#byPlace.set(place(order), call);
    return receipt(first !== undefined && again ? first : call);
  }

  /** Whether it happened. A no is binding: what was sent before and arrives later is refused. */
  find(question: { readonly runId: string; readonly path: string; readonly sentAt: string }): Found {
    this.#probes++;
    const call = this.#byPlace.get(place(question));
    if (call !== undefined) return { happened: true, output: receipt(call) };
    this.#fences.set(place(question), BigInt(question.sentAt));
    return { happened: false };
  }

  records(): LedgerRecords {
    return { calls: this.#calls, probes: this.#probes, refused: this.#refused };
  }
}

function place({ runId, path }: { readonly runId: string; readonly path: string }): string {
  return `${runId} ${path}`;
}

function receipt({ label, serial }: LedgerCall): Receipt {
  return { label, serial };
}
