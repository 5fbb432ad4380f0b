/**
 * The agents under torture: a workflow that performs any plan, and the tools and people it calls. They use the public
 * API only, and reach the outside world through `Outside` only.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type Agent, type Context, done, human, type Json, next, tool, workflow } from "concertato";
import { type Assignment, backOf, nobody, type Plan, type PlanOf, turnSuffixes, type Word } from "./plan.ts";
import type { EffectTool, Outside, Receipt } from "./outside.ts";

/** What a tool with an effect is told. */
type Labelled = { readonly label: string };

/** The agents of one process. */
export interface Cast {
  readonly play: Agent<Assignment, Json>;
  readonly agents: readonly Agent[];
}

/** What tools do outside; plants replace parts of it. */
export interface Reach {
  readonly effect: Outside["effect"];
  readonly probe: Outside["probe"];
  /** What `look` finds. */
  readonly look: (value: number, attempt: Parameters<Outside["probe"]>[0]) => Promise<number>;
}

const effects = { retry: { attempts: 6, backoff: "10ms" } } as const;

export function castOf(reach: Reach): Cast {
  const tools = toolsOf(reach);
  const people = peopleOf();
  const charge = chargeOf(reach, people.manager);
  const { look, mail, pay, wire, frail } = tools;
  const uses: readonly Agent[] = [look, frail, mail, pay, wire, charge, people.clerk, people.hasty];
  const play: Agent<Assignment, Json> = workflow(
    { name: "play", input: plain<Assignment>(), output: plain<Json>(), uses },
    ({ plan, suffix }, ctx) => perform({ ...tools, ...people, charge, play }, plan, suffix, ctx),
  );
  return { play, agents: [play] };
}

/** A schema that takes everything: what is checked here is the kernel, not schemas. */
function plain<T>(): StandardSchemaV1<T, T> {
  return { "~standard": { version: 1, vendor: "torture", validate: (value) => ({ value: value as T }) } };
}

/** A schema that asks for one field of one type. */
function having<T>(field: string, type: string): StandardSchemaV1<T, T> {
  const fits = (value: unknown): boolean =>
    typeof value === "object" &&
    value !== null &&
    typeof Object.entries(value).find(([key]) => key === field)?.[1] === type;
  return {
    "~standard": {
      version: 1,
      vendor: "torture",
      validate: (value) => (fits(value) ? { value: value as T } : { issues: [{ message: `${field} is missing` }] }),
    },
  };
}

function toolsOf({ effect, probe, look }: Reach) {
  const outside = (name: EffectTool) => ({
    name,
    description: name,
    input: plain<Labelled>(),
    output: plain<Receipt>(),
    execute: ({ label }: Labelled, attempt: Parameters<typeof probe>[0]) => effect(name, label, attempt),
  });
  return {
    look: tool({
      name: "look",
      description: "look",
      effect: "read",
      input: plain<number>(),
      output: plain<number>(),
      execute: look,
    }),
    frail: tool({
      name: "frail",
      description: "frail",
      effect: "read",
      input: plain<number>(),
      output: plain<number>(),
      execute: refuseOdd,
    }),
    mail: tool({ ...outside("mail"), ...effects, effect: "write" }),
    pay: tool({ ...outside("pay"), ...effects, probe: (_input, attempt) => probe(attempt) }),
    wire: tool(outside("wire")),
  };
}

function refuseOdd(value: number): number {
  if (value % 2 === 1) throw new Error(`${value} is odd`);
  return value;
}

function peopleOf() {
  return {
    manager: human({ name: "manager", output: having<{ approved: boolean; note?: string }>("approved", "boolean") }),
    clerk: human({ name: "clerk", output: having<Word>("word", "string") }),
    hasty: human({ name: "hasty", output: having<Word>("word", "string"), within: 200, onTimeout: () => nobody }),
  };
}

function chargeOf({ effect, probe }: Reach, manager: ReturnType<typeof peopleOf>["manager"]) {
  return tool({
    name: "charge",
    description: "A payment that a person approves",
    input: plain<Labelled>(),
    output: plain<Receipt>(),
    ...effects,
    approve: () => manager,
    approvers: [manager],
    probe: (_input, attempt) => probe(attempt),
    execute: ({ label }, attempt) => effect("charge", label, attempt),
  });
}

// --- performing a plan --------------------------------------------------------------------------------------------

type Company = ReturnType<typeof toolsOf> &
  ReturnType<typeof peopleOf> & { readonly charge: Agent<Labelled, Receipt>; readonly play: Agent<Assignment, Json> };

type Performers = {
  readonly [Kind in Plan["kind"]]: (
    company: Company,
    plan: PlanOf<Kind>,
    suffix: string,
    ctx: Context,
  ) => Promise<Json>;
};

function perform(company: Company, plan: Plan, suffix: string, ctx: Context): Promise<Json> {
  // The table has, for every kind, the performer of that kind of plan.
  const act = performers[plan.kind] as (company: Company, plan: Plan, suffix: string, ctx: Context) => Promise<Json>;
  return act(company, plan, suffix, ctx);
}

const performers: Performers = {
  look: ({ look }, { value }, _suffix, ctx) => ctx.run(look, value),
  step: (_company, { value }, _suffix, ctx) => ctx.step("triple", () => value * 3, { effect: "read" }),
  dice: rollDice,
  mail: async ({ mail }, { label }, suffix, ctx) => (await ctx.run(mail, { label: label + suffix })).label,
  pay: async ({ pay }, { label }, suffix, ctx) => (await ctx.run(pay, { label: label + suffix })).label,
  wire: async ({ wire }, { label }, suffix, ctx) => (await ctx.run(wire, { label: label + suffix })).label,
  charge: askToCharge,
  ask: async ({ clerk, hasty }, { label, patient }, suffix, ctx) =>
    (await ctx.run(patient ? clerk : hasty, { label: label + suffix })).word,
  sleep: async (_company, { ms }, _suffix, ctx) => {
    await ctx.sleep(ms);
    return null;
  },
  hear: hearAll,
  impatient: waitInVain,
  sequence: inSequence,
  all: async (company, { of }, suffix, ctx) => {
    const ended = await ctx.all(thunks(company, of, suffix));
    return of.map((_part, index) => ended[`b${index}`] ?? null);
  },
  race: async (company, { of }, suffix, ctx) => ctx.race(thunks(company, of, suffix)),
  rescue: rescueFrom,
  children: raiseChildren,
  spread: ({ play }, { of }, suffix, ctx) =>
    ctx.map(
      of.map((plan) => ({ plan, suffix })),
      play,
      { concurrency: 2 },
    ),
  mailings: async ({ mail }, { labels }, suffix, ctx) => receiptLabels(await ctx.map(labelled(labels, suffix), mail)),
  payments: async ({ pay }, { labels }, suffix, ctx) =>
    receiptLabels(await ctx.map(labelled(labels, suffix), pay, { concurrency: 2 })),
  survey: async ({ frail }, { values }, _suffix, ctx) => {
    const ended = await ctx.map(values, frail, { join: "settle" });
    return ended.map((one) => (one.status === "completed" ? one.output : one.code));
  },
  vain: goInVain,
  legs: goLegs,
  own: holdAndMail,
  tally: async (_company, { name, times }, _suffix, ctx) => {
    const tally = ctx.state(name, { initial: 0, shared: true });
    const got: number[] = [];
    while (got.length < times) got.push(await tally.update((value) => value + 1));
    return { tally: name, got };
  },
  letters: async ({ play }, { count, limit }, suffix, ctx) => {
    const box = await ctx.start(play, { plan: { kind: "mailbox", count }, suffix });
    for (let letter = 0; letter < count; letter++) await ctx.send(box.runId, "letters", letter, { limit });
    return box.outcome();
  },
  mailbox: async (_company, { count }, _suffix, ctx) => {
    const got: Json[] = [];
    while (got.length < count) got.push(await ctx.receive("letters"));
    return got;
  },
  nested: ({ play }, { of }, suffix, ctx) => ctx.run(play, { plan: of, suffix }),
  loop: turnRound,
};

/** What is derived must be the same on replay: the recorded answer belongs to the number drawn before the crash. */
async function rollDice({ look }: Company, _plan: PlanOf<"dice">, _suffix: string, ctx: Context): Promise<Json> {
  const drawn = Math.floor(ctx.random() * 1_000_000);
  const id = ctx.id();
  const found = await ctx.run(look, drawn);
  const same = await ctx.step("keep", () => `${id} ${ctx.runId}`, { effect: "read" });
  return found === drawn + 1 && same === `${id} ${ctx.runId}`;
}

async function askToCharge({ charge }: Company, plan: PlanOf<"charge">, suffix: string, ctx: Context): Promise<Json> {
  const label = plan.label + suffix;
  try {
    return { charged: (await ctx.run(charge, { label })).label };
  } catch (error) {
    if (codeOf(error) !== "agent/refused") throw error;
    return { refused: label };
  }
}

async function hearAll(_company: Company, plan: PlanOf<"hear">, suffix: string, ctx: Context): Promise<Json> {
  const heard: Json[] = [];
  for (let left = plan.count; left > 0; left--) heard.push(await ctx.waitFor(plan.name + suffix));
  return heard;
}

async function waitInVain(_company: Company, plan: PlanOf<"impatient">, _suffix: string, ctx: Context): Promise<Json> {
  try {
    return await ctx.waitFor("nothing", undefined, { within: plan.ms });
  } catch (error) {
    return codeOf(error);
  }
}

async function inSequence(company: Company, plan: PlanOf<"sequence">, suffix: string, ctx: Context): Promise<Json> {
  const ended: Json[] = [];
  for (const part of plan.of) ended.push(await perform(company, part, suffix, ctx));
  return ended;
}

/** A body of its own that fails: what it had done is undone, last first, before its caller hears of it. */
async function goInVain({ play }: Company, plan: PlanOf<"vain">, suffix: string, ctx: Context): Promise<Json> {
  try {
    return await ctx.run(play, { plan: { kind: "legs", labels: plan.labels }, suffix });
  } catch (error) {
    return codeOf(error);
  }
}

async function goLegs({ mail }: Company, plan: PlanOf<"legs">, suffix: string, ctx: Context): Promise<Json> {
  for (const label of plan.labels) {
    await ctx.run(mail, { label: label + suffix });
    await ctx.compensate(mail, { label: backOf(label + suffix) });
  }
  throw new Error("in vain");
}

/** Branches of one run may claim the same key: where that would close a circle it is refused, and that is an outcome. */
async function holdAndMail({ mail }: Company, plan: PlanOf<"own">, suffix: string, ctx: Context): Promise<Json> {
  const { key } = plan;
  const label = plan.label + suffix;
  try {
    const claim = await ctx.claim(key);
    await ctx.run(mail, { label });
    await claim.release();
    return { key, token: claim.token, label };
  } catch (error) {
    if (codeOf(error) !== "claim/deadlock") throw error;
    return { circle: key };
  }
}

/** One branch always fails: what the others had begun is given up. */
async function rescueFrom(company: Company, plan: PlanOf<"rescue">, suffix: string, ctx: Context): Promise<Json> {
  const broken = (branch: Context) => branch.step("break", refuse, { effect: "read" });
  try {
    return await ctx.all({ ...thunks(company, plan.of, suffix), broken });
  } catch (error) {
    return codeOf(error);
  }
}

function refuse(): never {
  throw new Error("broken on purpose");
}

async function raiseChildren(company: Company, plan: PlanOf<"children">, suffix: string, ctx: Context): Promise<Json> {
  const handles = [];
  for (const part of plan.of) handles.push(await ctx.start(company.play, { plan: part, suffix }));
  const ended: Json[] = [];
  for (const handle of handles) ended.push(await handle.outcome());
  return ended;
}

function turnRound(company: Company, plan: PlanOf<"loop">, suffix: string, ctx: Context): Promise<Json> {
  const suffixes = turnSuffixes(plan.turns, suffix);
  const first: { turn: number; ended: Json[] } = { turn: 0, ended: [] };
  return ctx.loop<typeof first, Json>(first, async ({ turn, ended }, inner) => {
    const here = [...ended, await perform(company, plan.of, suffixes[turn] ?? "", inner)];
    return turn + 1 < plan.turns ? next({ turn: turn + 1, ended: here }) : done(here);
  });
}

function thunks(
  company: Company,
  of: readonly Plan[],
  suffix: string,
): Record<string, (branch: Context) => Promise<Json>> {
  return Object.fromEntries(
    of.map((plan, index) => [`b${index}`, (branch: Context) => perform(company, plan, suffix, branch)]),
  );
}

function labelled(labels: readonly string[], suffix: string): Labelled[] {
  return labels.map((label) => ({ label: label + suffix }));
}

function receiptLabels(receipts: readonly Receipt[]): string[] {
  return receipts.map(({ label }) => label);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
