/**
 * What a plan must come to: a pure walk over plan and actual output together, which knows nothing of kernels. It says
 * what is wrong with the output, and which effects must, or must not, have happened for it.
 */
import type { Json } from "concertato";
import { backOf, nobody, type Plan, type PlanOf, turnSuffixes } from "./plan.ts";

/** What people and signals said, as far as they tried. */
export interface Told {
  /** Words and decisions given to questions, by label. */
  readonly answers: ReadonlyMap<string, readonly Json[]>;
  /** Values of signals in the order in which they were first sent, by name. */
  readonly signals: ReadonlyMap<string, readonly Json[]>;
}

/** Findings of one walk. */
export interface Foretold {
  readonly wrong: string[];
  /** Labels of effects that this output needs. */
  readonly required: Set<string>;
  /** Labels of effects that may have happened: also of losers. */
  readonly possible: Set<string>;
  /** Labels of effects in the order in which they must have happened first. */
  readonly orders: string[][];
  /** Keys that were held, with which token, and the effect that happened meanwhile. */
  readonly holds: { readonly key: string; readonly token: number; readonly label: string }[];
  /** Numbers that nobody else may have got. */
  readonly tallies: string[];
}

interface Walk extends Foretold {
  readonly told: Told;
}

/** Compares a completed run's output with its plan. */
export function foretell(plan: Plan, suffix: string, actual: Json, told: Told): Foretold {
  const walk = newWalk(told);
  compare(walk, plan, suffix, actual);
  return walk;
}

/** Labels of all effects a plan may cause in its own run. */
export function possibleEffects(plan: Plan, suffix: string): Set<string> {
  const walk = newWalk({ answers: new Map(), signals: new Map() });
  lose(walk, plan, suffix);
  return walk.possible;
}

function newWalk(told: Told): Walk {
  return { told, wrong: [], required: new Set(), possible: new Set(), orders: [], holds: [], tallies: [] };
}

type Comparers = {
  readonly [Kind in Plan["kind"]]: (walk: Walk, plan: PlanOf<Kind>, suffix: string, actual: Json) => void;
};

function compare(walk: Walk, plan: Plan, suffix: string, actual: Json): void {
  // The table has, for every kind, the comparer of that kind of plan.
  const act = comparers[plan.kind] as (walk: Walk, plan: Plan, suffix: string, actual: Json) => void;
  act(walk, plan, suffix, actual);
}

const comparers: Comparers = {
  look: (walk, { value }, _suffix, actual) => expect(walk, "look", value + 1, actual),
  step: (walk, { value }, _suffix, actual) => expect(walk, "step", value * 3, actual),
  dice: (walk, _plan, _suffix, actual) => expect(walk, "dice", true, actual),
  mail: effect,
  pay: effect,
  wire: effect,
  charge: (walk, { label }, suffix, actual) => compareCharge(walk, label + suffix, actual),
  ask: (walk, { label, patient }, suffix, actual) => compareWord(walk, label + suffix, patient, actual),
  sleep: (walk, _plan, _suffix, actual) => expect(walk, "sleep", null, actual),
  hear: (walk, { name, count }, suffix, actual) =>
    expect(walk, name + suffix, (walk.told.signals.get(name + suffix) ?? []).slice(0, count), actual),
  impatient: (walk, _plan, _suffix, actual) => expect(walk, "impatient", "agent/timeout", actual),
  sequence: (walk, { of }, suffix, actual) => compareList(walk, of, suffix, actual),
  all: (walk, { of }, suffix, actual) => compareList(walk, of, suffix, actual),
  spread: (walk, { of }, suffix, actual) => compareList(walk, of, suffix, actual),
  race: compareWinner,
  rescue: (walk, { of }, suffix, actual) => {
    expect(walk, "rescue", "agent/failed", actual);
    for (const part of of) lose(walk, part, suffix);
  },
  // What children do is in their own journals; their outputs are told here.
  children: (walk, { of }, suffix, actual) => {
    const apart: Walk = { ...newWalk(walk.told), wrong: walk.wrong };
    compareList(apart, of, suffix, actual);
  },
  mailings: (walk, { labels }, suffix, actual) => effects(walk, labels, suffix, actual),
  payments: (walk, { labels }, suffix, actual) => effects(walk, labels, suffix, actual),
  survey: (walk, { values }, _suffix, actual) =>
    expect(
      walk,
      "survey",
      values.map((value) => (value % 2 === 1 ? "agent/failed" : value)),
      actual,
    ),
  vain: (walk, { labels }, suffix, actual) => {
    expect(walk, "vain", "agent/failed", actual);
    const there = labels.map((label) => label + suffix);
    const back = there.map(backOf).toReversed();
    for (const label of [...there, ...back]) need(walk, label);
    walk.orders.push([...there, ...back]);
  },
  legs: (walk) => void walk.wrong.push("legs never arrive"),
  own: compareOwn,
  tally: compareTally,
  letters: (walk, { count }, _suffix, actual) => expect(walk, "letters", [...new Array(count).keys()], actual),
  mailbox: (walk, { count }, _suffix, actual) => expect(walk, "mailbox", [...new Array(count).keys()], actual),
  nested: (walk, { of }, suffix, actual) => compare(walk, of, suffix, actual),
  loop: (walk, { turns, of }, suffix, actual) => {
    const ended = listOf(walk, "loop", turns, actual);
    turnSuffixes(turns, suffix).forEach((turn, index) => compare(walk, of, turn, ended[index] ?? null));
  },
};

function compareOwn(walk: Walk, { key, label }: PlanOf<"own">, suffix: string, actual: Json): void {
  if (fieldOf(actual, "circle") === key) return;
  const token = fieldOf(actual, "token");
  need(walk, label + suffix);
  expect(walk, "own", { key, token: typeof token === "number" ? token : 0, label: label + suffix }, actual);
  if (typeof token === "number") walk.holds.push({ key, token, label: label + suffix });
}

function compareTally(walk: Walk, { name, times }: PlanOf<"tally">, _suffix: string, actual: Json): void {
  const got = listOf(walk, "tally", times, fieldOf(actual, "got") ?? null);
  for (const number of got) walk.tallies.push(`${name} ${JSON.stringify(number)}`);
}

function expect(walk: Walk, what: string, wanted: Json, actual: Json): void {
  const [want, have] = [JSON.stringify(wanted), JSON.stringify(actual)];
  if (want !== have) walk.wrong.push(`${what}: expected ${want}, found ${have}`);
}

function effect(walk: Walk, plan: { readonly label: string }, suffix: string, actual: Json): void {
  need(walk, plan.label + suffix);
  expect(walk, "effect", plan.label + suffix, actual);
}

function effects(walk: Walk, labels: readonly string[], suffix: string, actual: Json): void {
  const all = labels.map((label) => label + suffix);
  for (const label of all) need(walk, label);
  expect(walk, "effects", all, actual);
}

function need(walk: Walk, label: string): void {
  walk.required.add(label);
  walk.possible.add(label);
}

/** Charged only if somebody said yes, refused only if somebody said no. */
function compareCharge(walk: Walk, label: string, actual: Json): void {
  const decisions = (walk.told.answers.get(label) ?? []).map((answer) => fieldOf(answer, "approved"));
  const charged = JSON.stringify(actual) === JSON.stringify({ charged: label });
  const refused = JSON.stringify(actual) === JSON.stringify({ refused: label });
  if (charged) need(walk, label);
  if (!(charged && decisions.includes(true)) && !(refused && decisions.includes(false))) {
    walk.wrong.push(`charge ${label}: found ${JSON.stringify(actual)}, decided was ${JSON.stringify(decisions)}`);
  }
}

function compareWord(walk: Walk, label: string, patient: boolean, actual: Json): void {
  const words = (walk.told.answers.get(label) ?? []).map((answer) => fieldOf(answer, "word"));
  if (!patient) words.push(nobody.word);
  if (!words.includes(actual))
    walk.wrong.push(`ask ${label}: found ${JSON.stringify(actual)}, said was ${JSON.stringify(words)}`);
}

function fieldOf(value: Json, field: string): Json | undefined {
  const found = Object.entries(value ?? {}).find(([key]) => key === field)?.[1] as Json | undefined;
  return found;
}

function compareList(walk: Walk, of: readonly Plan[], suffix: string, actual: Json): void {
  const ended = listOf(walk, "list", of.length, actual);
  of.forEach((part, index) => compare(walk, part, suffix, ended[index] ?? null));
}

function listOf(walk: Walk, what: string, length: number, actual: Json): readonly Json[] {
  if (Array.isArray(actual) && actual.length === length) return actual as readonly Json[];
  walk.wrong.push(`${what}: expected ${length} values, found ${JSON.stringify(actual)}`);
  return [];
}

/** One winner; the others may have done what they do, and count for nothing. */
function compareWinner(walk: Walk, { of }: PlanOf<"race">, suffix: string, actual: Json): void {
  const branch = fieldOf(actual, "branch");
  const winner = of.findIndex((_part, index) => branch === `b${index}`);
  of.forEach((part, index) => {
    if (index === winner) compare(walk, part, suffix, fieldOf(actual, "value") ?? null);
    else lose(walk, part, suffix);
  });
  if (winner < 0) walk.wrong.push(`race: nobody won in ${JSON.stringify(actual)}`);
}

/** Notes what a plan that need not finish may have done. */
function lose(walk: Walk, plan: Plan, suffix: string): void {
  switch (plan.kind) {
    case "mail":
    case "pay":
    case "wire":
    case "charge":
      walk.possible.add(plan.label + suffix);
      return;
    case "own":
      walk.possible.add(plan.label + suffix);
      return;
    case "vain":
    case "legs":
      for (const label of plan.labels) walk.possible.add(label + suffix).add(backOf(label + suffix));
      return;
    case "mailings":
    case "payments":
      for (const label of plan.labels) walk.possible.add(label + suffix);
      return;
    case "sequence":
    case "all":
    case "race":
    case "rescue":
    case "spread":
      for (const part of plan.of) lose(walk, part, suffix);
      return;
    case "nested":
      return lose(walk, plan.of, suffix);
    case "loop":
      for (const turn of turnSuffixes(plan.turns, suffix)) lose(walk, plan.of, turn);
      return;
    default:
      return;
  }
}
