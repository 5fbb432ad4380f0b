/**
 * What a call hands over beside its input: tools, a budget, a deadline, a depth. It can only make smaller what the caller
 * has itself. This file is the one place where limits are read, put together and held against those around them.
 */
import type { Limits } from "../journal/entry.ts";
import { commonTools, countedLimits, permits } from "../journal/limits.ts";
import { durationMs } from "../kernel/duration.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import { amountOf, billionthsOf } from "../kernel/money.ts";
import type { Agent } from "./agent.ts";
import type { Duration } from "./context.ts";

/** Limits on what a run, or an agent's call with all inside it, may use. What is left out is not limited here. */
export interface Budget {
  /** US dollars. */
  readonly usd?: number;
  /** Input and output tokens together. */
  readonly tokens?: number;
  /** Turns of loops. */
  readonly turns?: number;
  /** Attempts at outside work: calls of tools and models, steps; each retry counts. */
  readonly steps?: number;
  /** From its start to its end. */
  readonly time?: Duration;
}

/** What a call hands over: only ever less than the caller has. */
export interface Edge {
  /**
   * The tools that the callee and everything below it may use: agents made by `tool()` and `remote()`, and workflows where
   * a model chooses them. Naming one that the caller may not use itself is refused. Default: those of the caller.
   */
  readonly tools?: readonly (Agent | string)[];
  readonly budget?: Budget;
  /** It ends before: a moment, or a time from its start. A moment later than the caller's own deadline is refused. */
  readonly deadline?: Duration | Date;
  /** It ends within this time from its start. With `deadline`, the earlier counts. */
  readonly within?: Duration;
  /** So many levels of calls may lie below it. Default: what the caller has left, 32 below a run's own body. */
  readonly depth?: number;
  /**
   * What happens when the budget is used up. `stop` (default): it ends as stopped, with a report. `ask`: it waits until a
   * person raises the budget, or refuses.
   */
  readonly onExhausted?: "stop" | "ask";
  /** Share of the time after which it is told to be at risk of missing its deadline. Default 0.8. */
  readonly atRisk?: number;
}

/** Levels of calls below a run's own body, where nothing says otherwise. */
export const defaultDepth = 32;

/**
 * An edge as the journal has it; null when it limits nothing.
 * @param subject whose edge it is, for messages: "the call of tool search"
 * @throws ConcertatoError `policy/edge-invalid`, `runtime/duration`
 */
export function limitsOf(edge: Edge | undefined, subject: string): Limits | null {
  if (edge === undefined || !limitsAnything(edge)) return null;
  const { tools, budget = {}, deadline, within, depth, onExhausted, atRisk } = edge;
  const times = [budget.time, within, isMoment(deadline) ? undefined : deadline];
  const given = times.filter((time) => time !== undefined).map((time) => durationMs(time));
  const limits: Limits = {
    ...(budget.usd === undefined ? {} : { usd: amountOf(money(budget.usd, subject)) }),
    ...count("tokens", budget.tokens, subject),
    ...count("turns", budget.turns, subject),
    ...count("steps", budget.steps, subject),
    ...(given.length === 0 ? {} : { time: Math.min(...given) }),
    ...(isMoment(deadline) ? { deadline: moment(deadline, subject) } : {}),
    ...count("depth", depth, subject),
    ...(onExhausted === "ask" ? { ask: true } : {}),
    ...(atRisk === undefined ? {} : { atRisk: share(atRisk, subject) }),
    ...(tools === undefined ? {} : { tools: namesOf(tools, subject) }),
  };
  return Object.keys(limits).length === 0 ? null : limits;
}

function limitsAnything({ tools, budget, deadline, within, depth, onExhausted, atRisk }: Edge): boolean {
  return [tools, budget, deadline, within, depth, onExhausted, atRisk].some((given) => given !== undefined);
}

/** Each once, in one order: equal grants are equal texts. */
function namesOf(tools: NonNullable<Edge["tools"]>, subject: string): readonly string[] {
  const isTool = (tool: unknown): boolean => typeof tool === "string" || (typeof tool === "object" && tool !== null);
  if (!Array.isArray(tools) || !tools.every(isTool)) throw invalid("tools", "a list of tools or their names", subject);
  return [...new Set(tools.map((tool) => (typeof tool === "string" ? tool : grantName(tool))))].sort();
}

/** The name under which a tool is granted. */
export function grantName({ name, grantedAs }: Agent): string {
  return grantedAs ?? name;
}

function money(usd: number, subject: string): number {
  if (typeof usd === "number" && usd >= 0 && usd <= 2_000_000) return billionthsOf(usd, subject);
  throw invalid(`usd ${String(usd)}`, "a number of dollars from 0 to 2,000,000", subject);
}

function count<Name extends string>(
  name: Name,
  value: number | undefined,
  subject: string,
): { [name in Name]?: number } {
  if (value === undefined) return {};
  if (Number.isSafeInteger(value) && value >= 0) return { [name]: value } as { [name in Name]: number };
  throw invalid(`${name} ${String(value)}`, "a whole number from 0", subject);
}

/** A Date, of any realm; a number or text is a length of time. */
function isMoment(deadline: Edge["deadline"]): deadline is Date {
  return typeof deadline === "object";
}

function moment(deadline: Date, subject: string): number {
  const ms = deadline.getTime();
  if (Number.isFinite(ms)) return ms;
  throw invalid(`deadline ${String(deadline)}`, "a valid date", subject);
}

function share(atRisk: number, subject: string): number {
  if (typeof atRisk === "number" && atRisk > 0 && atRisk <= 1) return atRisk;
  throw invalid(`atRisk ${String(atRisk)}`, "a share above 0 and up to 1", subject);
}

function invalid(given: string, wanted: string, subject: string): ConcertatoError {
  return new ConcertatoError({
    code: "policy/edge-invalid",
    message: `The limit ${given} of ${subject} is not ${wanted}.`,
    details: { given, wanted, subject },
  });
}

/** What holds where both hold: of every limit the smaller. */
export function narrowed(one: Limits | null, other: Limits | null): Limits | null {
  if (one === null || other === null) return one ?? other;
  const limits: { -readonly [Name in keyof Limits]: Limits[Name] } = { ...other, ...one };
  for (const name of [...countedLimits, "time", "deadline", "depth"] as const) {
    const least = Math.min(one[name] ?? Number.POSITIVE_INFINITY, other[name] ?? Number.POSITIVE_INFINITY);
    if (least !== Number.POSITIVE_INFINITY) limits[name] = least;
  }
  const tools = commonTools(one.tools, other.tools);
  if (tools !== undefined) limits.tools = tools;
  return limits;
}

/** The time of a limit as the moment it comes to, from the start of what is limited. */
export function timed(limits: Limits, startedAt: number): Limits {
  const { time, ...rest } = limits;
  if (time === undefined) return limits;
  return { ...rest, deadline: Math.min(rest.deadline ?? Number.POSITIVE_INFINITY, startedAt + time) };
}

/** The limit by which an edge would give more than the one around it has; undefined when it only narrows. */
export function widening(
  edge: Limits,
  around: Limits,
): "usd" | "tokens" | "turns" | "steps" | "deadline" | "depth" | "tools" | undefined {
  if (edge.tools?.some((tool) => !permits(around, tool)) === true) return "tools";
  return ([...countedLimits, "deadline", "depth"] as const).find(
    (name) => (edge[name] ?? 0) > (around[name] ?? Number.POSITIVE_INFINITY),
  );
}
