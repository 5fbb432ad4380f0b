/**
 * Which words random programs are made of, by generation: a kept seed tells the story it was kept for only with the words
 * of its day. A new word means a new generation as soon as a seed of the present one is kept.
 */
import { derived } from "./words/derived.ts";
import { call, deeds, reads, step } from "./words/effects.ts";
import { any, failing, join, settle } from "./words/joins.ts";
import { all, attempts, contest, hops, loop, map, race, scope, sequence, start } from "./words/structure.ts";
import { mailbox, post } from "./words/mail.ts";
import { journey, legs, trip } from "./words/saga.ts";
import { count, hold } from "./words/shared.ts";
import { patched, tell } from "./words/told.ts";
import { ask, sleep, until, wait, within } from "./words/waits.ts";
import type { Program, Word } from "./words/word.ts";

/** Every word there is. */
export const words: Readonly<Record<string, Word<Program>>> = {
  ...Object.fromEntries(Object.keys(deeds).map((name) => [name, call(name)])),
  ...{ step, reads, sleep, until, wait, within, ask, derived },
  ...{ sequence, scope, start, map, attempts, hops, loop, all, race, contest },
  ...{ any, failing, settle, join },
  ...{ tell, patched, legs, trip, journey, mailbox, post },
  ...{ hold, count },
};

/** Names are drawn evenly; one that stands twice is drawn twice as often. */
export interface Vocabulary {
  readonly leaves: readonly string[];
  readonly trees: readonly string[];
}

const first: Vocabulary = {
  leaves: ["read", "read", "write", "pay", "blind", "flaky", "sleep", "wait", "ask"],
  trees: ["sequence", "sequence", "scope", "start", "map", "reads", "all", "race", "loop", "hops", "contest"],
};

const second: Vocabulary = {
  leaves: [...first.leaves, "insist"],
  trees: [...first.trees, "attempts"],
};

const third: Vocabulary = {
  leaves: [...second.leaves, "step", "step", "hang", "until", "within", "derived"],
  trees: [...second.trees, "any", "settle", "join"],
};

const fourth: Vocabulary = {
  leaves: third.leaves,
  trees: [...third.trees, "tell", "patched"],
};

const fifth: Vocabulary = {
  leaves: fourth.leaves,
  trees: [...fourth.trees, "trip", "trip", "journey", "post", "post"],
};

const sixth: Vocabulary = {
  leaves: [...fifth.leaves, "count", "count"],
  trees: [...fifth.trees, "hold", "hold"],
};

/** The words of the sixth; what is new is how often processes look at the store, and that most reads answer at once. */
const seventh = sixth;

/** The same words again; what is new is that a payment may take place a while after it was begun. */
const eighth = seventh;

const generations: readonly Vocabulary[] = [first, second, third, fourth, fifth, sixth, seventh, eighth];

/** The generation of programs and plans that new seeds are made with. */
export const presentGeneration: number = generations.length;

export function vocabularyOf(generation: number): Vocabulary {
  const vocabulary = generations[generation - 1];
  if (vocabulary === undefined) throw new Error(`There is no generation ${generation} of programs.`);
  return vocabulary;
}
