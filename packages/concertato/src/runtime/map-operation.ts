/**
 * `ctx.map`: owned by the engine, so its items run, wait and finish without the body that asked for them; the body is
 * needed again only when the join is decided. The join is one entry with all outputs; it may jump over the items.
 */
import type { EntryMeta, Limits } from "../journal/entry.ts";
import type { FailureRecord } from "../kernel/errors.ts";
import type { Agent } from "./agent.ts";
import { Container } from "./container.ts";
import type { Operation } from "./operation.ts";
import { tooFewSucceeded } from "./too-few-succeeded.ts";

/** What decides a map, as its entry names it. */
export type RecordedJoin = NonNullable<EntryMeta["join"]>;

/** How a map ends. */
export interface MapVerdict {
  readonly failed: boolean;
  readonly text: string | null;
}

export class MapState {
  readonly operation: Operation;
  /** Replaced by the body's own when a loaded run's agent was never registered by name. */
  agent: Agent;
  /** Text of each item, as stored. */
  items: readonly unknown[];
  readonly limit: number;
  readonly join: RecordedJoin;
  /** So many items must succeed: `any` and `count`. */
  readonly need: number;
  readonly container: Container;
  /** What each item is handed over. */
  edge: Limits | null = null;
  /** The `map-started` entry was written. */
  recorded = false;
  /** Items launched so far; they start in order. */
  launched = 0;
  running = 0;
  ended = 0;
  decided = false;
  /** This process has taken it up: items are launched from here on. */
  resumed = false;
  /** A loaded map had begun these; they are not launched a second time. */
  readonly begun: Set<number> = new Set();
  /** Outcome texts by item. */
  readonly outcomes: (string | null | undefined)[];
  /** Items that failed, in the order of their ends, where that decides anything. */
  readonly #failed: number[] = [];
  /** Items that succeeded, in the order of their ends, where that decides anything. */
  readonly #succeeded: number[] = [];

  constructor(
    operation: Operation,
    agent: Agent,
    items: readonly unknown[],
    limit: number,
    join: RecordedJoin,
    need = 1,
  ) {
    this.operation = operation;
    this.agent = agent;
    this.items = items;
    this.limit = limit;
    this.join = join;
    this.need = need;
    this.container = new Container(operation.container);
    this.outcomes = new Array<string | null | undefined>(items.length);
  }

  get complete(): boolean {
    return this.ended === this.items.length;
  }

  /** Notes an item's end; `verdict` then says whether the map has ended with it. */
  settle(index: number, failed: boolean, text: string | null): void {
    if (this.outcomes[index] !== undefined) return;
    this.outcomes[index] = this.join === "settle" ? settledText(failed, text) : text;
    this.ended++;
    if (this.join === "settle") return;
    if (failed) this.#failed.push(index);
    else if (this.join !== "all") this.#succeeded.push(index);
  }

  /** How the map ends, as soon as that is certain. It depends on the ends of items alone, in the order of the journal. */
  get verdict(): MapVerdict | null {
    // By index: taking a list apart makes an iterator, and this is asked after every item.
    const failed = this.#failed[0];
    const succeeded = this.#succeeded[0];
    switch (this.join) {
      case "all":
        if (failed !== undefined) return { failed: true, text: this.outcomes[failed] ?? null };
        break;
      case "settle":
        break;
      case "first":
        if (succeeded !== undefined) return { failed: false, text: this.#winner(succeeded) };
        if (failed !== undefined) return { failed: true, text: this.outcomes[failed] ?? null };
        return this.complete ? this.#tooFew() : null;
      case "any":
        if (succeeded !== undefined) return { failed: false, text: this.#winner(succeeded) };
        return this.complete ? this.#tooFew() : null;
      case "count":
        if (this.#succeeded.length >= this.need) return { failed: false, text: this.#winners() };
        return this.items.length - this.#failed.length < this.need ? this.#tooFew() : null;
    }
    return this.complete ? { failed: false, text: this.#joined() } : null;
  }

  /** JSON text of the joined outputs, in the order of the items. */
  #joined(): string {
    return `[${this.outcomes.map((text) => text ?? "null").join(",")}]`;
  }

  #winner(index: number): string {
    return `{"index":${index},"value":${this.outcomes[index] ?? "null"}}`;
  }

  /** The first that succeeded, as many as were needed, in the order of the items. */
  #winners(): string {
    const indexes = this.#succeeded.slice(0, this.need).sort((a, b) => a - b);
    return `[${indexes.map((index) => this.#winner(index)).join(",")}]`;
  }

  #tooFew(): MapVerdict {
    const causes = Object.fromEntries(
      this.#failed.map((index) => [String(index), JSON.parse(this.outcomes[index] ?? "{}") as FailureRecord]),
    );
    const counts = { needed: this.need, of: this.items.length };
    return { failed: true, text: JSON.stringify(tooFewSucceeded(this.operation.path, "items", counts, causes)) };
  }
}

function settledText(failed: boolean, text: string | null): string {
  if (!failed) return `{"status":"completed","output":${text ?? "null"}}`;
  const { code, message } = JSON.parse(text ?? "{}") as { code?: string; message?: string };
  return JSON.stringify({ status: "failed", code: code ?? "agent/failed", message: message ?? "" });
}
