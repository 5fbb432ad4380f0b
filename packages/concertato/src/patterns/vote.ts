/** `vote()`: what most members say, if enough do; where votes decide nothing, a judge may. */
import type { Json } from "../kernel/json.ts";
import type { Agent } from "../runtime/agent.ts";
import { choiceKey } from "./choice-key.ts";
import type { DecisionRule, Undecided, Verdict } from "./consensus.ts";
import { invalidPattern } from "./invalid-pattern.ts";

export interface VoteOptions<Output> {
  /** So many must say the same. Default: more than half of the members. */
  readonly quorum?: number;
  /** Decides where votes do not: two choices have the most, or none has a quorum. Default: nobody does. */
  readonly tie?: Agent<Undecided<Output>, Output>;
  /** Also who can change nothing any more is heard. Default false: the others are given up once the outcome is certain. */
  readonly hearAll?: boolean;
}

/**
 * One member, one vote. The choice with the most votes wins, if it has a quorum and no other has as many.
 * @example
 * consensus({ name: "fraud", agents: [a, b, c], decide: vote({ quorum: 2, tie: judge }) })
 */
export function vote<Output = never>(options: VoteOptions<Output> = {}): DecisionRule<Output> {
  const { quorum, tie, hearAll = false } = options;
  const needed = (members: number): number => quorum ?? Math.floor(members / 2) + 1;
  return {
    judge: tie,
    hearAll,
    verdict: (choices, open) => standing(choices, open, needed(choices.length + open)),
    fits: (pattern, members) => {
      const least = needed(members);
      if (Number.isSafeInteger(least) && least >= 1 && least <= members) return;
      throw invalidPattern(pattern, `its quorum is ${String(quorum)} and it has ${members} agents`);
    },
  };
}

/** Pure. */
export function standing(choices: readonly Json[], open: number, quorum: number): Verdict {
  const counts = new Map<string, { readonly choice: Json; votes: number }>();
  for (const choice of choices) {
    if (choice === null) continue;
    const key = choiceKey(choice);
    const count = counts.get(key) ?? { choice, votes: 0 };
    count.votes++;
    counts.set(key, count);
  }
  const [first, second] = [...counts.values()].sort((a, b) => b.votes - a.votes);
  const most = first?.votes ?? 0;
  const next = second?.votes ?? 0;
  // Nobody can catch up, not even those who have no vote yet.
  if (first !== undefined && most >= quorum && next + open < most) return { kind: "decided", choice: first.choice };
  // Nobody can get there, or all were heard and two are even.
  return open === 0 || most + open < quorum ? { kind: "undecided" } : { kind: "open" };
}
