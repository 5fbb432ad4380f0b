/** Limits as values: what a raise makes of them, and which tools they leave. */
import { amountOf, billionthsOf } from "../kernel/money.ts";
import type { Limits } from "./entry.ts";

/** Limits that count things, in the order in which reports name them. */
export const countedLimits: readonly ("usd" | "tokens" | "turns" | "steps")[] = ["usd", "tokens", "turns", "steps"];

/** Limits after a raise: only what is limited grows; `time` puts the deadline off. */
export function raisedBy(limits: Limits, more: Limits): Limits {
  const raised: { -readonly [Name in keyof Limits]: Limits[Name] } = { ...limits };
  for (const name of countedLimits) {
    const limit = limits[name];
    const added = more[name];
    if (limit === undefined || added === undefined) continue;
    raised[name] = name === "usd" ? amountOf(billionthsOf(limit, name) + billionthsOf(added, name)) : limit + added;
  }
  if (limits.deadline !== undefined && more.time !== undefined) raised.deadline = limits.deadline + more.time;
  return raised;
}

/** Whether limits leave a tool; those that name no tools leave all. */
export function permits({ tools }: Limits, tool: string): boolean {
  return tools === undefined || tools.includes(tool);
}

/** The tools that both leave; undefined where neither names any. */
export function commonTools(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.filter((tool) => other.includes(tool));
}
