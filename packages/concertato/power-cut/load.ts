/** What runs are asked to do, and how fast: drawn from the seed. */
import type { Random } from "../torture/random.ts";

/** `go` waits for a signal; the others are tools: a read, a write, irreversible with and without a probe. */
export type Deed = "look" | "mail" | "pay" | "wire" | "go";

/** The input of a run. */
export type Assignment = {
  readonly key: string;
  readonly deeds: readonly Deed[];
  /** Size of what each `look` brings. */
  readonly bytes: number;
};

/** How a writer works. */
export interface Pace {
  /** Runs under way at once. */
  readonly lanes: number;
  /** A tool takes at most so long, in ms; at least 2 keeps a writer from living in its checkpoints. */
  readonly toolMs: number;
  readonly bytes: readonly [from: number, to: number];
  /** How many deeds reach outside. */
  readonly effects: number;
}

export const paces = {
  /** Single steps, with gaps. */
  calm: { lanes: 3, toolMs: 6, bytes: [10, 200], effects: 0.3 },
  /** As many small steps as it can. */
  busy: { lanes: 32, toolMs: 0, bytes: [10, 400], effects: 0.3 },
  /** Few effects, so that much is written between two syncs of a `normal` store. */
  reading: { lanes: 6, toolMs: 4, bytes: [10, 2_000], effects: 0.02 },
  /** So much that the log reaches its checkpoint within a second or two. */
  bulky: { lanes: 24, toolMs: 4, bytes: [10_000, 60_000], effects: 0.15 },
} as const satisfies Record<string, Pace>;

export type PaceName = keyof typeof paces;

/** Names of what reaches outside, each as often as the next. */
const outside: readonly Deed[] = ["mail", "pay", "wire"];

export function randomAssignment(random: Random, key: string, pace: Pace): Assignment {
  const [from, to] = pace.bytes;
  const deeds: Deed[] = [];
  for (let left = random.between(2, 8); left > 0; left--) {
    deeds.push(random.chance(pace.effects) ? random.pick(outside) : "look");
  }
  // A run waits for its signal at most once, somewhere.
  if (random.chance(0.3)) deeds.splice(random.between(0, deeds.length), 0, "go");
  return { key, deeds, bytes: random.between(from, to) };
}
