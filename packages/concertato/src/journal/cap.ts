/**
 * Caps on what the runs of a tenant, of an agent, or of one for the other may spend in a period, over all processes. Amounts are
 * billionths of a US dollar. Pure: what a store answers to whoever asks for a slice is decided here, for every store alike.
 */
import { ConcertatoError } from "../kernel/errors.ts";
import { decodeJson } from "../kernel/json.ts";
import { amountOf, billionthsOf } from "../kernel/money.ts";

/** How long a cap counts before it begins anew: days and months are those of UTC, by the wall clock. */
export type CapPeriod = "day" | "month" | "ever";

/** A cap as it is set. */
export interface Cap {
  /** Whose runs it counts: see `capScope`. */
  readonly scope: string;
  readonly per: CapPeriod;
  readonly limit: number;
  /** What becomes of a run whose next attempt does not fit any more. */
  readonly onExhausted: "wait" | "stop";
}

/** A cap with what is used of it in its present window. */
export interface CapRow extends Cap {
  /** Where the window began, in ms since 1970; 0 for `ever`. */
  readonly since: number;
  readonly spent: number;
  /** Held by processes for attempts under way and to come. */
  readonly leased: number;
}

/** What an attempt used of a cap: leaves the slice of its process and is spent. */
export interface CapSpend {
  readonly scope: string;
  /** The window in which it was leased. */
  readonly since: number;
  /** The process whose slice it was. */
  readonly owner: number;
  readonly used: number;
}

/** A process asks for a slice. */
export interface CapAsk {
  /** What it holds already. */
  readonly held: number;
  /** What it needs beside that. */
  readonly least: number;
  /** What its attempt may use in all. */
  readonly need: number;
}

export function capScope(tenant: string | null, agent: string | null): string {
  return JSON.stringify([tenant, agent]);
}

export function capScopeParts(scope: string): { readonly tenant: string | null; readonly agent: string | null } {
  const [tenant, agent] = decodeJson(scope) as readonly [string | null, string | null];
  return { tenant, agent };
}

/** The window that a moment lies in; `until` is where the next begins, null for none. */
export function capWindow(per: CapPeriod, now: number): { readonly since: number; readonly until: number | null } {
  if (per === "ever") return { since: 0, until: null };
  const day = Math.floor(now / dayMs);
  if (per === "day") return { since: day * dayMs, until: (day + 1) * dayMs };
  const first = firstOfMonth(day);
  // The longest month has 31 days, the shortest two have 59.
  return { since: first * dayMs, until: firstOfMonth(first + 31) * dayMs };
}

const dayMs = 86_400_000;

/**
 * The first day of a day's month, in days since 1970: the algorithm `civil_from_days` of Howard Hinnant, for years from March on,
 * in which every month but February has its place whatever the year.
 */
function firstOfMonth(day: number): number {
  const sinceEra = (((day + 719_468) % 146_097) + 146_097) % 146_097;
  const year = Math.floor(
    (sinceEra - Math.floor(sinceEra / 1_460) + Math.floor(sinceEra / 36_524) - Math.floor(sinceEra / 146_096)) / 365,
  );
  const dayOfYear = sinceEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  return day - (dayOfYear - Math.floor((153 * month + 2) / 5));
}

/** A slice is a twentieth of what is left, so that the last of it is not all in one process that does not need it. */
const slices = 20;

/**
 * How much more a process gets. `exhausted`: what is spent leaves no room for its attempt; `busy`: there is room only when
 * others give back or settle.
 * @param others leased to other processes
 */
export function capSlice(
  limit: number,
  spent: number,
  others: number,
  { held, least, need }: CapAsk,
): number | "exhausted" | "busy" {
  if (limit - spent < need) return "exhausted";
  const left = limit - spent - others - held;
  if (left < least) return "busy";
  return Math.min(left, Math.max(least, Math.ceil(left / slices)));
}

/** A cap as users set it. */
export interface CapOptions {
  /** Counts the runs of this tenant. Default: of every tenant. */
  readonly tenant?: string;
  /** Counts the runs of this agent, all versions. Default: of every agent. */
  readonly agent?: string;
  /** What they may spend together, in US dollars; null removes the cap. */
  readonly usd: number | null;
  /** `day` and `month` begin anew with those of UTC. Default `month`. */
  readonly per?: CapPeriod;
  /**
   * `stop` (default): a run whose next attempt does not fit ends as stopped. `wait`: it waits until the window turns or the
   * cap is raised.
   */
  readonly onExhausted?: "wait" | "stop";
}

/** A cap, and what is used of it. */
export interface CapSummary {
  readonly tenant?: string;
  readonly agent?: string;
  readonly usd: number;
  readonly per: CapPeriod;
  readonly onExhausted: "wait" | "stop";
  /** What attempts told to have cost in the present window, in US dollars. */
  readonly spent: number;
  /** Held by processes for attempts under way and to come, in US dollars. */
  readonly reserved: number;
  /** Where the present window began and ends, in ms since 1970; null: it never does. */
  readonly window: { readonly since: number; readonly until: number | null };
}

export function capSummaryOf({ scope, per, limit, onExhausted, spent, leased }: CapRow, now: number): CapSummary {
  const { tenant, agent } = capScopeParts(scope);
  const whose = { ...(tenant === null ? {} : { tenant }), ...(agent === null ? {} : { agent }) };
  const window = capWindow(per, now);
  return {
    ...whose,
    usd: amountOf(limit),
    per,
    onExhausted,
    spent: amountOf(spent),
    reserved: amountOf(leased),
    window,
  };
}

/** Checks what a user set. @throws ConcertatoError `policy/cap-invalid` */
export function checkedCap(options: CapOptions): { readonly scope: string; readonly cap: Cap | null } {
  const { tenant = null, agent = null, usd, per = "month", onExhausted = "stop" } = options;
  if (tenant === null && agent === null) throw invalid("it names neither a tenant nor an agent");
  if (agent?.includes("@") === true) throw invalid(`it names a version, "${agent}"; caps count all versions`);
  if (!["day", "month", "ever"].includes(per)) throw invalid(`its period is "${String(per)}"`);
  if (!["wait", "stop"].includes(onExhausted)) throw invalid(`its onExhausted is "${String(onExhausted)}"`);
  const scope = capScope(tenant, agent);
  if (usd === null) return { scope, cap: null };
  return { scope, cap: { scope, per, limit: billionthsOf(usd, "cap"), onExhausted } };
}

function invalid(fact: string): ConcertatoError {
  return new ConcertatoError({
    code: "policy/cap-invalid",
    message: `The cap cannot be set: ${fact}. Name a tenant or an agent, and a period of day, month or ever.`,
    details: { fact },
  });
}
