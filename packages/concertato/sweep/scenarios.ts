/** What is swept: small workflows that together use every part of the kernel. Each ends by itself, whatever goes wrong. */
import { type Agent, type AgentFailure, done, next, workflow } from "../src/index.ts";
import { type Cast, toolsOf } from "./outside.ts";

/** One workflow to be swept. */
export interface Scenario {
  readonly name: string;
  /** The agent that is started with input 0, as one process has it. */
  readonly agent: (cast: Cast) => Agent<unknown, unknown>;
  /** Bytes of waiting runs kept in memory. Default: all. */
  readonly warmBytes?: number;
  /** Payloads from this length on are kept as blobs. Default: as ever. */
  readonly largeFrom?: number;
}

const flow = (cast: Cast, name: string, body: Parameters<typeof workflow>[1], uses: readonly Agent[] = []) =>
  workflow({ name, uses: [...toolsOf(cast), ...uses] }, body) as Agent<unknown, unknown>;

function heard({ code, details }: AgentFailure): readonly unknown[] {
  return [code, details["compensation"] ?? null];
}

function inVain(): never {
  throw new Error("in vain");
}

/** Does three things that can be undone, then waits for somebody. */
function booking(cast: Cast, name: string, last: Agent<string, string>): Agent<unknown, unknown> {
  const leg = flow(cast, `${name}Leg`, async (id, ctx) => {
    await ctx.run(cast.write, String(id));
    await ctx.compensate(cast.pay, `back ${String(id)}`);
  });
  return flow(
    cast,
    name,
    async (_input, ctx) => {
      await ctx.compensate(cast.blind, "back first");
      await ctx.map(["a", "b"], leg, { concurrency: 1 });
      return ctx.run(last, "?");
    },
    [leg],
  );
}

export const scenarios: readonly Scenario[] = [
  {
    name: "sequence",
    agent: (cast) =>
      flow(cast, "sequence", async (_input, ctx) => [
        await ctx.run(cast.read, "a"),
        await ctx.run(cast.write, "b"),
        await ctx.run(cast.pay, "c"),
        await ctx.run(cast.pure, "d"),
        await ctx.run(cast.blind, "e"),
        await ctx.step("step", () => "f", { effect: "read" }),
      ]),
  },
  {
    name: "scopes side by side",
    agent: (cast) => {
      const leaf = flow(cast, "leaf", async (id, ctx) => [
        await ctx.run(cast.read, String(id)),
        await ctx.run(cast.pay, String(id)),
      ]);
      return flow(cast, "nested", (_input, ctx) => Promise.all([ctx.run(leaf, "a"), ctx.run(leaf, "b")]), [leaf]);
    },
  },
  {
    name: "map",
    agent: (cast) => {
      const item = flow(cast, "item", async (id, ctx) => {
        await ctx.sleep(2);
        return ctx.run(cast.pay, String(id));
      });
      return flow(
        cast,
        "map",
        async (_input, ctx) => [
          await ctx.map(["a", "b", "c"], cast.read, { concurrency: 2 }),
          await ctx.map([1, 2, 3], item, { concurrency: 2 }),
        ],
        [item],
      );
    },
  },
  {
    name: "race",
    agent: (cast) =>
      flow(cast, "race", async (_input, ctx) => {
        const both = await ctx.all({
          left: (branch) => branch.run(cast.blind, "l"),
          right: (branch) => branch.run(cast.read, "r"),
        });
        const first = await ctx.race({ never: (branch) => branch.waitFor("never"), soon: (branch) => branch.sleep(7) });
        return [both, first.branch, await ctx.run(cast.write, "after")];
      }),
  },
  {
    name: "loop",
    agent: (cast) =>
      flow(cast, "loop", (_input, ctx) =>
        ctx.loop<string[], string[]>([], async (seen, turn) => {
          if (seen.length === 3) return done(seen);
          return next([...seen, await turn.run(cast.write, String(seen.length))]);
        }),
      ),
  },
  {
    name: "people and signals",
    agent: (cast) =>
      flow(cast, "people", async (_input, ctx) => [
        await ctx.run(cast.person, "first"),
        await ctx.waitFor("go"),
        await ctx.waitFor("nobody", undefined, { within: 30 }).catch((error: AgentFailure) => error.code),
        await ctx.run(cast.read, "end"),
      ]),
  },
  {
    name: "people, evicted",
    warmBytes: 0,
    agent: (cast) =>
      flow(cast, "away", async (_input, ctx) => [
        await ctx.run(cast.person, "first"),
        await ctx.sleep(100),
        await ctx.map(["x", "y"], cast.person),
      ]),
  },
  {
    name: "retry",
    agent: (cast) =>
      flow(cast, "retry", async (_input, ctx) => [
        await ctx.run(cast.flaky, "a"),
        await ctx.run(cast.broken, "b").catch((error: AgentFailure) => error.message),
      ]),
  },
  {
    name: "large payloads",
    largeFrom: 64,
    agent: (cast) =>
      flow(cast, "large", async (_input, ctx) => {
        const text = "x".repeat(200);
        return [await ctx.run(cast.write, text), await ctx.run(cast.read, text)];
      }),
  },
  {
    name: "child runs",
    agent: (cast) => {
      const child = flow(cast, "child", async (id, ctx) => [await ctx.run(cast.pay, String(id)), await ctx.sleep(5)]);
      const failing = flow(cast, "failing", inVain);
      return flow(
        cast,
        "parent",
        async (_input, ctx) => {
          const [a, b] = [await ctx.start(child, "a"), await ctx.start(failing, 0)];
          return [await b.outcome().catch((error: AgentFailure) => error.message), await a.outcome()];
        },
        [child, failing],
      );
    },
  },
  {
    name: "letters",
    agent: (cast) => {
      const clerk = flow(cast, "clerk", async (boss, ctx) => {
        for (let letter = 0; letter < 3; letter++) {
          const said = await ctx.receive("desk");
          await ctx.send(String(boss), "answers", { read: said }, { limit: 1 });
        }
      });
      return flow(
        cast,
        "boss",
        async (_input, ctx) => {
          const hired = await ctx.start(clerk, ctx.runId);
          for (const letter of ["a", "b", "c"]) await ctx.send(hired.runId, "desk", letter, { limit: 2 });
          const answers = [await ctx.receive("answers"), await ctx.receive("answers"), await ctx.receive("answers")];
          await hired.outcome();
          return answers;
        },
        [clerk],
      );
    },
  },
  {
    name: "values and keys",
    agent: (cast) => {
      const adder = flow(cast, "adder", async (_input, ctx) => {
        const claim = await ctx.claim("till");
        const till = ctx.state<number>("till", { initial: 0, shared: true });
        await till.set((await till.get()) + 1);
        await ctx.run(cast.pay, "in");
        await claim.release();
      });
      return flow(
        cast,
        "shop",
        async (_input, ctx) => {
          const own = ctx.state<number>("own", { initial: 1 });
          const hands = [await ctx.start(adder, 0), await ctx.start(adder, 1)];
          for (const hand of hands) await hand.outcome();
          await own.set((await own.get()) + 1);
          return [await own.get(), await ctx.state<number>("till", { initial: 0, shared: true }).get()];
        },
        [adder],
      );
    },
  },
  {
    name: "begun anew",
    agent: (cast) =>
      flow(cast, "endless", async (day, ctx) => {
        const paid = await ctx.run(cast.pay, `day ${String(day)}`);
        if (Number(day) < 2) return ctx.continueAs(Number(day) + 1);
        return [paid, await ctx.waitFor("go")];
      }),
  },
  {
    name: "a budget that is used up",
    agent: (cast) => {
      const greedy = flow(cast, "greedy", async (_input, ctx) => {
        for (let turn = 0; turn < 5; turn++) {
          await ctx.run(cast.write, String(turn));
          await ctx.compensate(cast.pay, `back ${turn}`);
        }
      });
      return flow(
        cast,
        "thrifty",
        async (_input, ctx) => {
          let stop: AgentFailure | null = null;
          await ctx.run(greedy, 0, { budget: { steps: 2 } }).catch((error: AgentFailure) => (stop = error));
          return stop === null ? "all" : heard(stop);
        },
        [greedy],
      );
    },
  },
  {
    name: "a failed parent's children",
    agent: (cast) => {
      const child = flow(cast, "orphan", (_input, ctx) => ctx.waitFor("never"));
      return flow(
        cast,
        "mother",
        async (_input, ctx) => {
          await ctx.start(child, 0);
          await ctx.run(cast.person, "?");
          inVain();
        },
        [child],
      );
    },
  },
  {
    name: "compensation",
    agent: (cast) => {
      const doomed = booking(cast, "doomed", cast.person);
      return flow(
        cast,
        "undone",
        async (_input, ctx) => {
          const trip = flow(cast, "trip", async (_nothing, inner) => {
            await inner.run(doomed, 0);
            await inner.compensate(cast.broken, "undo");
            inVain();
          });
          return ctx.run(trip, 0).catch((error: AgentFailure) => error.details["compensation"] ?? error.message);
        },
        [doomed],
      );
    },
  },
  { name: "cancel", agent: (cast) => flow(cast, "plain", (_input, ctx) => ctx.run(cast.canceller, "?")) },
  { name: "cancel that undoes", agent: (cast) => booking(cast, "cancelled", cast.canceller) },
  {
    name: "cancel that undoes, evicted",
    warmBytes: 0,
    agent: (cast) => booking(cast, "cancelledAway", cast.canceller),
  },
  { name: "terminate", agent: (cast) => booking(cast, "terminated", cast.terminator) },
];
