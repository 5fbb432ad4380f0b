/**
 * What a run is asked to do: a tree that the workflow `play` performs and the model foretells. Made at random from a
 * seed, so that every verb meets every other. Labels are unique in all of the torture: the ledger knows effects by them.
 */
import type { Random } from "./random.ts";

export type Plan =
  /** A read tool: value + 1. */
  | { readonly kind: "look"; readonly value: number }
  /** A read step in place: value * 3. */
  | { readonly kind: "step"; readonly value: number }
  /** Derived randomness and ids, held against what was recorded: true. */
  | { readonly kind: "dice" }
  /** `mail` writes, `pay` is irreversible with a probe, `wire` irreversible without: the label. */
  | { readonly kind: "mail" | "pay" | "wire"; readonly label: string }
  /** An irreversible tool with approval: what was decided. */
  | { readonly kind: "charge"; readonly label: string }
  /** A question to a person; an impatient one has a deadline and a default. */
  | { readonly kind: "ask"; readonly label: string; readonly patient: boolean }
  | { readonly kind: "sleep"; readonly ms: number }
  /** Waits for so many signals: their values in the order they were sent. */
  | { readonly kind: "hear"; readonly name: string; readonly count: number }
  /** Waits for a signal that never comes, until its deadline. */
  | { readonly kind: "impatient"; readonly ms: number }
  | { readonly kind: "sequence" | "all" | "race" | "rescue" | "children" | "spread"; readonly of: readonly Plan[] }
  /** A map of a tool over labels or values. */
  | { readonly kind: "mailings" | "payments"; readonly labels: readonly string[] }
  /** A settling map of a tool that fails for odd numbers. */
  | { readonly kind: "survey"; readonly values: readonly number[] }
  /** Legs that are mailed, each with a mail that takes it back, and then in vain: the failure's code. */
  | { readonly kind: "vain" | "legs"; readonly labels: readonly string[] }
  /** Holds a key while it mails: the token it held it with. */
  | { readonly kind: "own"; readonly key: string; readonly label: string }
  /** Counts up what all runs share: the numbers it got. */
  | { readonly kind: "tally"; readonly name: string; readonly times: number }
  /** Letters to a run of its own, whose mailbox is small: what that one received. */
  | { readonly kind: "letters"; readonly count: number; readonly limit: number }
  | { readonly kind: "mailbox"; readonly count: number }
  | { readonly kind: "nested"; readonly of: Plan }
  | { readonly kind: "loop"; readonly turns: number; readonly of: Plan };

export type PlanOf<Kind extends Plan["kind"], Of = Plan> = Of extends { readonly kind: infer Kinds }
  ? Kind extends Kinds
    ? Of
    : never
  : never;

/** Input of `play`. The suffix tells the turns of a loop apart: it is added to every label and name. */
export interface Assignment {
  readonly plan: Plan;
  readonly suffix: string;
}

/** A person's answer to a plain question. */
export type Word = { readonly word: string };

/** What a question with a deadline answers itself. */
export const nobody: Word = { word: "nobody" };

/** A signal that is part of a plan but is never sent: its run must be found waiting. */
export const withheldName = "withheld";

/** What may stand at a place of the tree. */
interface Place {
  readonly random: Random;
  readonly id: string;
  readonly depth: number;
  /** Signals are sent by name to a run the client knows: not to children, and not to branches that may lose. */
  readonly mayHear: boolean;
}

/** A random tree. `id` begins every label in it. */
export function randomPlan(random: Random, id: string, mayHear: boolean): Plan {
  return node({ random, id, depth: 0, mayHear });
}

const leaves: readonly ((place: Place) => Plan)[] = [
  ({ random }) => ({ kind: "look", value: random.between(0, 99) }),
  ({ random }) => ({ kind: "step", value: random.between(0, 99) }),
  () => ({ kind: "dice" }),
  ({ id }) => ({ kind: "mail", label: id }),
  ({ id }) => ({ kind: "mail", label: id }),
  ({ id }) => ({ kind: "pay", label: id }),
  ({ id }) => ({ kind: "pay", label: id }),
  ({ id }) => ({ kind: "wire", label: id }),
  ({ id }) => ({ kind: "charge", label: id }),
  ({ id, random }) => ({ kind: "ask", label: id, patient: random.chance(0.7) }),
  ({ random }) => ({ kind: "sleep", ms: random.pick([1, 20, 60, 150, 400, 800]) }),
  ({ random }) => ({ kind: "impatient", ms: random.pick([5, 50, 120, 500]) }),
  (place) => hearing(place),
  ({ id, random }) => ({ kind: "mailings", labels: labels(id, random.between(1, 6)) }),
  ({ id, random }) => ({ kind: "payments", labels: labels(id, random.between(1, 4)) }),
  ({ id, random }) => ({ kind: "vain", labels: labels(id, random.between(1, 3)) }),
  ({ id, random }) => ({ kind: "own", key: `key-${random.between(0, 2)}`, label: id }),
  ({ random }) => ({ kind: "tally", name: `tally-${random.between(0, 1)}`, times: random.between(1, 3) }),
  (place) => lettering(place),
  ({ random }) => ({
    kind: "survey",
    values: Array.from({ length: random.between(1, 5) }, () => random.between(0, 9)),
  }),
];

const branches: readonly ((place: Place) => Plan)[] = [
  (place) => ({ kind: "sequence", of: several(place, 2, 4) }),
  (place) => ({ kind: "sequence", of: several(place, 2, 4) }),
  (place) => ({ kind: "all", of: several(place, 2, 4) }),
  (place) => ({ kind: "race", of: several({ ...place, mayHear: false }, 2, 3) }),
  (place) => ({ kind: "rescue", of: several({ ...place, mayHear: false }, 1, 3) }),
  (place) => ({ kind: "children", of: several({ ...place, mayHear: false }, 1, 2) }),
  (place) => ({ kind: "spread", of: several(place, 1, 4) }),
  (place) => ({ kind: "nested", of: inner(place, "n") }),
  (place) => ({ kind: "loop", turns: place.random.between(1, 4), of: inner(place, "l") }),
];

function node(place: Place): Plan {
  const { random, depth } = place;
  const branching = depth === 0 ? 0.95 : depth === 1 ? 0.5 : depth === 2 ? 0.2 : 0;
  return random.pick(random.chance(branching) ? branches : leaves)(place);
}

function several(place: Place, from: number, to: number): Plan[] {
  return Array.from({ length: place.random.between(from, to) }, (_, index) => inner(place, String(index)));
}

function inner(place: Place, name: string): Plan {
  return node({ ...place, id: `${place.id}.${name}`, depth: place.depth + 1 });
}

function hearing({ id, random, mayHear }: Place): Plan {
  return mayHear ? { kind: "hear", name: `word-${id}`, count: random.between(1, 4) } : { kind: "sleep", ms: 3 };
}

/** Not in branches that may lose: nobody would write to that mailbox any more. */
function lettering({ random, mayHear }: Place): Plan {
  return mayHear
    ? { kind: "letters", count: random.between(1, 5), limit: random.between(1, 2) }
    : { kind: "tally", name: "tally-2", times: 1 };
}

function labels(id: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${id}.${index}`);
}

/** The signals a plan waits for in its own run, with their number. */
export function hearings(plan: Plan, suffix = ""): { readonly name: string; readonly count: number }[] {
  switch (plan.kind) {
    case "hear":
      return [{ name: plan.name + suffix, count: plan.count }];
    case "sequence":
    case "all":
    case "spread":
      return plan.of.flatMap((part) => hearings(part, suffix));
    case "nested":
      return hearings(plan.of, suffix);
    case "loop":
      return turnSuffixes(plan.turns, suffix).flatMap((turn) => hearings(plan.of, turn));
    default:
      return [];
  }
}

/** Suffixes of a loop's turns. */
export function turnSuffixes(turns: number, suffix: string): string[] {
  return Array.from({ length: turns }, (_, turn) => `${suffix}~${turn}`);
}

/** Label of the mail that takes another back. */
export function backOf(label: string): string {
  return `${label}.back`;
}
