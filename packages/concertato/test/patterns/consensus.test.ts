/** A panel of agents: the rule decides, whatever order its members answer in, and everybody's word is kept. */
import fc from "fast-check";
import { reply, script, testApp } from "concertato/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { type Agent, agent, consensus, type Consensus, type Json, tool, vote, workflow } from "../../src/index.ts";
import { standing } from "../../src/patterns/vote.ts";
import { failure } from "../runtime/lab.ts";

type InputOf<A> = A extends Agent<infer Input, unknown> ? Input : never;
type OutputOf<A> = A extends Agent<never, infer Output> ? Output : never;

interface Says {
  readonly area: string | null;
  readonly why: string;
}

/** A member that answers after so many ms. */
function member(name: string, area: string | null, after = 0): Agent<string, Says> {
  return workflow(
    { name, input: z.string(), output: z.object({ area: z.string().nullable(), why: z.string() }) },
    async (_x, ctx) => {
      if (after > 0) await ctx.sleep(after);
      return { area, why: `${name} thinks so` };
    },
  );
}

function broken(name: string): Agent<string, Says> {
  return tool({
    name,
    description: "",
    effect: "read",
    input: z.string(),
    output: z.object({ area: z.string().nullable(), why: z.string() }),
    execute: () => Promise.reject(new Error("the line is dead")),
  });
}

const byArea = { choice: ({ area }: Says) => area };

const judge: Agent<unknown, Says> = workflow(
  { name: "judge", output: z.object({ area: z.string(), why: z.string() }) },
  (question: unknown) => ({ area: "fees", why: JSON.stringify(question) }),
);

async function decide(panel: Agent<string, Consensus<Says>>): Promise<Consensus<Says>> {
  await using t = testApp({ crashAfterEveryEntry: true });
  return await t.run(panel, "what is it?");
}

test("the choice of the quorum is decided, and who is outvoted is kept", async () => {
  const panel = consensus({
    name: "panel",
    agents: [member("a", "fees"), member("b", "cards"), member("c", "fees")],
    ...byArea,
    decide: vote({ quorum: 2, hearAll: true }),
  });
  expect(await decide(panel)).toEqual({
    decidedBy: "votes",
    decision: { area: "fees", why: "a thinks so" },
    choice: "fees",
    votes: 2,
    ballots: [
      { agent: "a", output: { area: "fees", why: "a thinks so" }, choice: "fees" },
      { agent: "b", output: { area: "cards", why: "b thinks so" }, choice: "cards" },
      { agent: "c", output: { area: "fees", why: "c thinks so" }, choice: "fees" },
    ],
    dissent: [{ agent: "b", output: { area: "cards", why: "b thinks so" }, choice: "cards" }],
    unheard: [],
  });
});

test("who can change nothing any more is given up", async () => {
  const panel = consensus({
    name: "panel",
    agents: [member("slow", "cards", 60_000), member("b", "fees"), member("c", "fees")],
    ...byArea,
    decide: vote({ quorum: 2 }),
  });
  await using t = testApp({ crashAfterEveryEntry: true });
  const job = await t.start(panel, "x");
  await t.settle();
  // No time has passed.
  const app = await t.app();
  expect(await app.job(job.runId).result()).toMatchObject({ decidedBy: "votes", choice: "fees", unheard: ["slow"] });
  const { tree } = await app.describe(job.runId);
  expect(tree.children.find(({ name }) => name === "slow")?.status).toBe("cancelled");
});

test("members that fail or take too long abstain, with the reason", async () => {
  const panel = consensus({
    name: "panel",
    agents: [broken("dead"), member("late", "cards", 60_000), member("c", "fees")],
    ...byArea,
    decide: vote({ quorum: 1, hearAll: true }),
    within: "10s",
  });
  const { ballots, choice, votes } = await decide(panel);
  expect({ choice, votes }).toEqual({ choice: "fees", votes: 1 });
  expect(ballots).toMatchObject([
    { agent: "dead", choice: null, reason: { code: "agent/failed", message: "the line is dead" } },
    { agent: "late", choice: null, reason: { code: "policy/deadline-exceeded" } },
    { agent: "c" },
  ]);
});

test("where votes decide nothing the judge does, and sees the question and all ballots", async () => {
  const panel = consensus({
    name: "panel",
    agents: [member("a", "fees"), member("b", "cards"), broken("dead")],
    ...byArea,
    decide: vote({ quorum: 2, tie: judge }),
  });
  const { decidedBy, decision, dissent, choice, votes } = await decide(panel);
  expect({ decidedBy, choice, votes }).toEqual({ decidedBy: "judge", choice: "fees", votes: 1 });
  expect(dissent.map(({ agent: name }) => name)).toEqual(["b"]);
  expect(JSON.parse(decision?.why ?? "")).toMatchObject({
    question: "what is it?",
    ballots: [{ agent: "a" }, { agent: "b" }, { agent: "dead", reason: { code: "agent/failed" } }],
  });
});

test("without a judge nobody decides, and that is an answer", async () => {
  const panel = consensus({
    name: "panel",
    agents: [member("a", "fees"), member("b", "cards"), member("c", null)],
    ...byArea,
    decide: vote(),
  });
  expect(await decide(panel)).toMatchObject({ decidedBy: "nobody", decision: null, choice: null, votes: 0 });
});

test("without a function the output itself is the choice, whatever order its fields have", async () => {
  const one = tool({
    name: "one",
    description: "",
    effect: "pure",
    output: z.any(),
    execute: () => ({ a: 1, b: [2] }),
  });
  const two = tool({
    name: "two",
    description: "",
    effect: "pure",
    output: z.any(),
    execute: () => ({ b: [2], a: 1 }),
  });
  await using t = testApp();
  const panel = consensus({ name: "panel", agents: [one, two] as readonly Agent<unknown, unknown>[], decide: vote() });
  expect(await t.run(panel, undefined)).toMatchObject({ decidedBy: "votes", votes: 2, dissent: [] });
});

test("the same agent may vote several times, and models are members like others", async () => {
  const thinker = agent({ name: "thinker", description: "Thinks", instructions: "" });
  const panel = consensus({
    name: "panel",
    agents: [thinker, thinker, thinker],
    decide: vote({ quorum: 2, hearAll: true }),
  });
  await using t = testApp({ models: { thinker: script(reply("yes"), reply("no"), reply("yes")) } });
  expect(await t.run(panel, "Is it?")).toMatchObject({ decision: "yes", votes: 2, dissent: [{ choice: "no" }] });
  t.assertDone();
});

test("a model calls a panel like a tool: it is told what the members take", async () => {
  const thinker = agent({ name: "thinker", description: "Thinks", instructions: "" });
  const panel = consensus({ name: "panel", description: "Votes", agents: [thinker], decide: vote() });
  const lead = agent({ name: "lead", description: "", instructions: "", tools: [panel] });
  const model = script(
    {
      kind: "answer",
      content: [{ type: "tool-call", toolCallId: "1", toolName: "panel", input: '{"value":"Is it?"}' }],
      usage: { input: 1, output: 1 },
    },
    reply("done"),
  );
  await using t = testApp({ models: { lead: model, thinker: script(reply("yes")) } });
  expect(await t.run(lead, "x")).toBe("done");
  expect(JSON.stringify(model.asked[1]?.prompt.at(-1))).toContain('"decidedBy":"votes"');
});

test("a schema that transforms sees each value once", async () => {
  const counts = tool({
    name: "counts",
    description: "",
    effect: "pure",
    input: z.string().transform((text) => text.length),
    output: z.number(),
    execute: (length) => length,
  });
  await using t = testApp();
  expect(await t.run(consensus({ name: "panel", agents: [counts, counts], decide: vote() }), "four")).toMatchObject({
    decision: 4,
  });
});

test("a panel that cannot decide is refused where it is made", async () => {
  const agents = [member("a", "x"), member("b", "x")];
  const made =
    (quorum: number, of = agents) =>
    () =>
      consensus({ name: "panel", agents: of, decide: vote({ quorum }) });
  for (const quorum of [0, 3, 1.5, Number.NaN])
    expect(made(quorum)).toThrow(expect.objectContaining({ code: "pattern/invalid" }) as Error);
  expect(made(1, [])).toThrow("it has no agents");
  expect(() => consensus({ name: "no name", agents, decide: vote() })).toThrow(
    expect.objectContaining({ code: "agent/name" }) as Error,
  );
});

test("a fault of the rule is no abstention", async () => {
  const panel = consensus({
    name: "panel",
    agents: [member("a", "x")],
    decide: vote(),
    choice: () => {
      throw new Error("a bug");
    },
  });
  await using t = testApp();
  expect((await failure(t.run(panel, "x"))).message).toContain("a bug");
});

describe("the count", () => {
  const choices = fc.array(fc.constantFrom<Json>("a", "b", "c", null), { minLength: 1, maxLength: 7 });

  test("is certain only when nothing that is still open could change it", () => {
    fc.assert(
      fc.property(choices, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 7 }), (all, quorum, heard) => {
        const known = all.slice(0, heard);
        const early = standing(known, all.length - known.length, quorum);
        if (early.kind !== "open") expect(standing(all, 0, quorum)).toEqual(early);
      }),
    );
  });

  test("does not depend on the order, and a decision has a quorum and more votes than any other", () => {
    fc.assert(
      fc.property(choices, fc.integer({ min: 1, max: 7 }), (all, quorum) => {
        const end = standing(all, 0, quorum);
        expect(standing([...all].reverse(), 0, quorum)).toEqual(end);
        const votes = (choice: Json) => all.filter((one) => one === choice).length;
        const best = (["a", "b", "c"] as const).filter((choice) =>
          (["a", "b", "c"] as const).every((other) => other === choice || votes(other) < votes(choice)),
        );
        const winner = best.find((choice) => votes(choice) >= quorum);
        expect(end).toEqual(winner === undefined ? { kind: "undecided" } : { kind: "decided", choice: winner });
      }),
    );
  });
});

test("types: what goes in is what members take, what comes out is what they give", () => {
  const agents = [member("a", "x"), member("b", "y")];
  const panel = consensus({ name: "panel", agents, decide: vote({ quorum: 2 }), choice: ({ area }) => area });
  consensus({ name: "panel", agents, decide: vote({ tie: judge }), choice: ({ area }) => area });
  expectTypeOf<InputOf<typeof panel>>().toEqualTypeOf<string>();
  expectTypeOf<OutputOf<typeof panel>>().toEqualTypeOf<Consensus<Says>>();
  const counter = workflow({ name: "counter", output: z.number() }, () => 1);
  const wrong = vote({ tie: counter });
  // @ts-expect-error -- a judge must answer as members do
  consensus({ name: "panel", agents, decide: wrong });
});
