/**
 * `consensus()`: several agents answer the same question, and a rule decides among their answers. Who cannot answer
 * abstains, with the reason; who is outvoted is kept in the output.
 *
 *   members, side by side ──▶ ballots ──rule──▶ decided (the rest are given up) ──▶ by votes
 *                                        └──▶ not decided by them ──▶ by the judge, or by nobody
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { AgentFailure } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import { assertName } from "../agents/name.ts";
import { patternGrant } from "../agents/pattern-grant.ts";
import { unparsed } from "../agents/unparsed-schema.ts";
import type { Agent } from "../runtime/agent.ts";
import type { Context, Duration } from "../runtime/context.ts";
import type { Budget } from "../runtime/edge.ts";
import { isSame } from "./choice-key.ts";
import { invalidPattern } from "./invalid-pattern.ts";

/** What one member said. */
export interface Ballot<Output> {
  /** The member's name. */
  readonly agent: string;
  /** What it said; absent where it abstained because it failed. */
  readonly output?: Output;
  /** What that counts as; null: it abstained. */
  readonly choice: Json;
  /** Why it abstained, where it failed: code and message. */
  readonly reason?: { readonly code: string; readonly message: string };
}

/** What members decided. */
export interface Consensus<Output> {
  /** Who decided: their votes, the judge where votes did not, or nobody. */
  readonly decidedBy: "votes" | "judge" | "nobody";
  /** What was decided: the first of the outputs that say so, or the judge's. Null when nobody decided. */
  readonly decision: Output | null;
  /** What it counts as. */
  readonly choice: Json;
  /** How many said so. */
  readonly votes: number;
  /** All that was heard, in the order of the members. */
  readonly ballots: readonly Ballot<Output>[];
  /** Those that said something else. */
  readonly dissent: readonly Ballot<Output>[];
  /** Members that were not waited for: the outcome was certain without them. */
  readonly unheard: readonly string[];
}

/** What a judge is asked. */
export interface Undecided<Output> {
  /** What the members were asked. */
  readonly question: Json;
  readonly ballots: readonly Ballot<Output>[];
}

/** A rule that decides among ballots. It is pure: the same ballots give the same verdict, whatever order they came in. */
export interface DecisionRule<Output> {
  /**
   * @param choices those of the ballots so far; null abstained
   * @param open members that are still to be heard
   * @returns `open` while those could change it; else the choice, or that there is none
   */
  readonly verdict: (choices: readonly Json[], open: number) => Verdict;
  /** Asked (with an `Undecided`) where the votes decide nothing. */
  readonly judge?: Agent<never, Output> | undefined;
  /** All are heard, also when the outcome is certain. */
  readonly hearAll: boolean;
  /** @throws ConcertatoError `pattern/invalid` when it cannot work with so many members */
  readonly fits: (pattern: string, members: number) => void;
}

/** Where a vote stands. */
export type Verdict =
  | { readonly kind: "open" }
  | { readonly kind: "decided"; readonly choice: Json }
  | { readonly kind: "undecided" };

export interface ConsensusOptions<Input, Output> {
  readonly name: string;
  readonly description?: string;
  /** Raise it when its meaning changes. Default 1. */
  readonly version?: number;
  /** The person who answers for it. */
  readonly owner?: string;
  /** The members; the same agent may be one several times. */
  readonly agents: readonly Agent<Input, Output>[];
  readonly decide: DecisionRule<NoInfer<Output>>;
  /** What an output counts as: equal values are one choice, null abstains. Pure. Default: the output itself. */
  readonly choice?: (output: NoInfer<Output>) => Json | undefined;
  /** What it is asked, for models that call it. Default: the input of the first member. */
  readonly input?: StandardSchemaV1;
  /** What one call of it may use, with all its members. */
  readonly budget?: Budget;
  /** A member that takes longer abstains. Default: as long as it takes. */
  readonly within?: Duration;
  readonly capabilities?: readonly string[];
  readonly examples?: readonly string[];
}

/**
 * A panel.
 * @throws ConcertatoError `agent/name`, `pattern/invalid` without members, or with a quorum that they cannot reach
 * @example
 * const panel = consensus({ name: "fraud", agents: [a, b, c], decide: vote({ quorum: 2, tie: judge }) });
 */
export function consensus<Input, Output>(options: ConsensusOptions<Input, Output>): Agent<Input, Consensus<Output>> {
  const { name, agents, decide, within } = options;
  // Outputs are JSON.
  const choice = options.choice ?? ((output: Output) => output as Json | undefined);
  assertName("consensus", name);
  if (agents.length === 0) throw invalidPattern(name, "it has no agents");
  decide.fits(name, agents.length);
  const members = agents as readonly Agent<unknown, Output>[];
  const uses = [...new Set([...members, ...(decide.judge === undefined ? [] : [decide.judge])])] as readonly Agent[];
  const made: Agent<unknown> = {
    kind: "pattern",
    name,
    version: options.version ?? 1,
    description: options.description ?? "",
    owner: options.owner,
    input: unparsed(options.input ?? members[0]?.input),
    output: undefined,
    capabilities: options.capabilities ?? [],
    examples: options.examples ?? [],
    budget: options.budget,
    revision: 1,
    grantedAs: patternGrant(name, uses),
    uses,
    body: { type: "code", run: (question, ctx) => decided(question as Json, members, { decide, choice, within }, ctx) },
  };
  // The members' own schemas stand behind both ends.
  return made as Agent<Input, Consensus<Output>>;
}

interface Rules<Output> {
  readonly decide: DecisionRule<Output>;
  readonly choice: (output: Output) => Json | undefined;
  readonly within: Duration | undefined;
}

async function decided<Output>(
  question: Json,
  members: readonly Agent<unknown, Output>[],
  rules: Rules<Output>,
  ctx: Context,
): Promise<Consensus<Output>> {
  const { decide, choice, within } = rules;
  const heard: (Ballot<Output> | undefined)[] = members.map(() => undefined);
  const certain = Promise.withResolvers<void>();
  const edge = within === undefined ? {} : { within };
  const ask = async (member: Agent<unknown, Output>, place: number, branch: Context): Promise<void> => {
    heard[place] = await ballotOf(member, choice, () => branch.run(member, question, edge));
    if (!decide.hearAll && verdictOf(heard, decide).kind !== "open") certain.resolve();
  };
  // Resolved by a ballot, so in the same order on replay; who is not heard by then is given up.
  await ctx.race({
    all: (branch) =>
      branch.all(Object.fromEntries(members.map((member, place) => [String(place), (b) => ask(member, place, b)]))),
    certain: () => certain.promise,
  });
  return outcome(question, members, heard, rules, ctx);
}

/** Asks one member. One that fails abstains; what ends the panel itself ends it. */
async function ballotOf<Output>(
  { name }: Agent<unknown, Output>,
  choice: (output: Output) => Json | undefined,
  ask: () => Promise<Output>,
): Promise<Ballot<Output>> {
  let output: Output;
  try {
    output = await ask();
  } catch (error) {
    if (!(error instanceof AgentFailure)) throw error;
    const { code, message } = error.record;
    return { agent: name, choice: null, reason: { code, message } };
  }
  return { agent: name, output, choice: choice(output) ?? null };
}

function verdictOf<Output>(heard: readonly (Ballot<Output> | undefined)[], { verdict }: DecisionRule<Output>): Verdict {
  const ballots = heard.filter((ballot) => ballot !== undefined);
  return verdict(
    ballots.map((ballot) => ballot.choice),
    heard.length - ballots.length,
  );
}

async function outcome<Output>(
  question: Json,
  members: readonly Agent<unknown, Output>[],
  heard: readonly (Ballot<Output> | undefined)[],
  { decide, choice }: Rules<Output>,
  ctx: Context,
): Promise<Consensus<Output>> {
  const ballots = heard.filter((ballot) => ballot !== undefined);
  const unheard = members.flatMap(({ name }, place) => (heard[place] === undefined ? [name] : []));
  const said = { ballots, unheard };
  const verdict = verdictOf(heard, decide);
  if (verdict.kind === "decided") {
    const first = ballots.find((ballot) => isSame(ballot.choice, verdict.choice));
    return { decidedBy: "votes", decision: first?.output ?? null, ...counted(ballots, verdict.choice), ...said };
  }
  if (decide.judge === undefined) {
    return { decidedBy: "nobody", decision: null, choice: null, votes: 0, dissent: [], ...said };
  }
  // The rule that named it says that it takes this.
  const judge = decide.judge as Agent<Undecided<Output>, Output>;
  const decision = await ctx.run(judge, { question, ballots });
  return { decidedBy: "judge", decision, ...counted(ballots, choice(decision) ?? null), ...said };
}

function counted<Output>(
  ballots: readonly Ballot<Output>[],
  choice: Json,
): Pick<Consensus<Output>, "choice" | "votes" | "dissent"> {
  const voters = ballots.filter((ballot) => ballot.choice !== null);
  const dissent = voters.filter((ballot) => !isSame(ballot.choice, choice));
  return { choice, votes: voters.length - dissent.length, dissent };
}
