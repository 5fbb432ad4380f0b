/**
 * `ctx.map`: owned by the engine, so its items run, wait and finish without the body that asked for them; the body is
 * needed again only when the join is decided. The join is one entry with all outputs; it may jump over the items.
 */
import type { Agent } from "./agent.ts";
import type { MapJoin } from "./context.ts";
import { Container } from "./container.ts";
import type { Operation } from "./operation.ts";

export class MapState {
  readonly operation: Operation;
  /** Replaced by the body's own when a loaded run's agent was never registered by name. */
  agent: Agent;
  /** Text of each item, as stored. */
  items: readonly unknown[];
  readonly limit: number;
  readonly join: MapJoin;
  readonly container: Container;
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
  /** An item that failed before the crash, where one failure fails the map. */
  failedItem: number | null = null;
  /** Outcome texts by item. */
  readonly outcomes: (string | null | undefined)[];

  constructor(operation: Operation, agent: Agent, items: readonly unknown[], limit: number, join: MapJoin) {
    this.operation = operation;
    this.agent = agent;
    this.items = items;
    this.limit = limit;
    this.join = join;
    this.container = new Container(operation.container);
    this.outcomes = new Array<string | null | undefined>(items.length);
  }

  get complete(): boolean {
    return this.ended === this.items.length;
  }

  /** Notes an item's end; the caller decides the join. */
  settle(index: number, failed: boolean, text: string | null): void {
    if (this.outcomes[index] !== undefined) return;
    this.outcomes[index] = this.join === "all" ? text : settledText(failed, text);
    this.ended++;
  }

  /** JSON text of the joined outputs, in the order of the items. */
  joined(): string {
    return `[${this.outcomes.map((text) => text ?? "null").join(",")}]`;
  }
}

function settledText(failed: boolean, text: string | null): string {
  if (!failed) return `{"status":"completed","output":${text ?? "null"}}`;
  const { code, message } = JSON.parse(text ?? "{}") as { code?: string; message?: string };
  return JSON.stringify({ status: "failed", code: code ?? "agent/failed", message: message ?? "" });
}
