/**
 * Crash after every entry: each workflow here is run once without a crash, then killed right after its first committed
 * entry, its second, its third … (and right after its first, second … act on the outside world, before the result is
 * known) and taken up by a new process. Its output must be the same, every irreversible effect must have happened at
 * most once, and no operation may have two results.
 */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type Agent,
  type AgentFailure,
  type AttemptContext,
  done,
  type Entry,
  human,
  next,
  tool,
  workflow,
} from "../../src/index.ts";
import { Counts, Lab, type Life } from "./lab.ts";

/** The outside world of one scenario: what was done to it, by idempotency key. */
class Outside {
  readonly lab: Lab;
  /** Irreversible effects that took place, by key. */
  readonly deeds = new Counts();
  readonly outputs = new Map<string, string>();
  readonly flakes = new Counts();
  /** Told of every act, right after it took place. */
  onAct: () => void = () => undefined;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** Takes effect at once and answers a little later, so that a crash can come in between. */
  act(kind: string, id: string, { idempotencyKey, path }: AttemptContext): Promise<string> {
    this.deeds.add(`${kind} ${idempotencyKey}`);
    this.outputs.set(path, `${kind} ${id}`);
    return this.later(`${kind} ${id}`);
  }

  later(text: string): Promise<string> {
    this.onAct();
    return new Promise((resolve) => this.lab.world.timer(3, () => resolve(text)));
  }
}

type Body = (cast: Cast) => Agent<unknown, unknown>;

/** The agents of one process: the same code in every life. */
function castOf(outside: Outside) {
  const text = { input: z.string(), output: z.string(), description: "" };
  const { lab, flakes } = outside;
  return {
    read: tool({ ...text, name: "read", effect: "read", execute: (id) => outside.later(`read ${id}`) }),
    pure: tool({ ...text, name: "pure", effect: "pure", execute: (id) => `pure ${id}` }),
    write: tool({ ...text, name: "write", effect: "write", execute: (id, at) => outside.act("write", id, at) }),
    blind: tool({ ...text, name: "blind", effect: "irreversible", execute: (id, at) => outside.act("blind", id, at) }),
    pay: tool({
      ...text,
      name: "pay",
      effect: "irreversible",
      execute: (id, at) => outside.act("pay", id, at),
      probe: async (id, { idempotencyKey }) =>
        outside.deeds.of(`pay ${idempotencyKey}`) > 0
          ? { kind: "happened", output: `pay ${id}` }
          : { kind: "did-not-happen" },
    }),
    flaky: tool({
      ...text,
      name: "flaky",
      effect: "read",
      retry: { attempts: 50, backoff: 5, maxBackoff: 20 },
      execute: (id, { path }) => {
        if (flakes.add(path) < 3) throw new Error("busy");
        return `flaky ${id}`;
      },
    }),
    slow: tool({
      ...text,
      name: "slow",
      effect: "write",
      timeout: 10,
      retry: { attempts: 50, backoff: 5 },
      execute: (id, { path, idempotencyKey }) => {
        outside.deeds.add(`slow ${idempotencyKey}`);
        return flakes.add(path) < 2 ? new Promise<string>(() => undefined) : `slow ${id}`;
      },
    }),
    person: human({ name: "person", output: z.string() }),
    approver: human({ name: "approver", output: z.object({ approved: z.boolean() }) }),
    now: () => lab.world.clock.now(),
  };
}
type Cast = ReturnType<typeof castOf>;

const flow = (name: string, uses: readonly Agent[], body: Parameters<typeof workflow>[1]): Agent<unknown, unknown> =>
  workflow({ name, uses }, body);

const scenarios: Readonly<Record<string, Body>> = {
  "a sequence of every effect": ({ read, pure, write, pay, blind }) =>
    flow("sequence", [read, pure, write, pay, blind], async (_input, ctx) => [
      await ctx.run(read, "a"),
      await ctx.run(write, "b"),
      await ctx.run(pay, "c"),
      await ctx.run(pure, "d"),
      await ctx.run(blind, "e"),
      await ctx.step("step", () => "f", { effect: "read" }),
      ctx.random(),
      ctx.id(),
    ]),
  "nested scopes side by side": ({ read, pay }) => {
    const leaf = flow("leaf", [read, pay], async (id, ctx) => [
      await ctx.run(read, String(id)),
      await ctx.run(pay, `${String(id)} ${ctx.id()}`),
    ]);
    const branch = flow("branch", [leaf], async (id, ctx) => [
      await ctx.run(leaf, `${String(id)}1`),
      await ctx.run(leaf, `${String(id)}2`),
    ]);
    return flow("nested", [branch], (_input, ctx) => Promise.all([ctx.run(branch, "a"), ctx.run(branch, "b")]));
  },
  "maps of tools, workflows and people": ({ read, pay, person }) => {
    const item = flow("item", [pay], async (id, ctx) => {
      await ctx.sleep(2 + Number(id));
      return ctx.run(pay, String(id));
    });
    return flow("maps", [read, item, person], async (_input, ctx) => [
      await ctx.map(["a", "b", "c"], read, { concurrency: 2 }),
      await ctx.map([1, 2, 3], item, { concurrency: 2 }),
      await ctx.map(["x", "y"], person),
    ]);
  },
  "all and race": ({ read, blind, person }) =>
    flow("branches", [read, blind, person], async (_input, ctx) => {
      const both = await ctx.all({
        left: async (branch) => [await branch.run(read, "l"), await branch.run(blind, "l")],
        right: async (branch) => {
          await branch.sleep(4);
          return branch.run(person, "r");
        },
      });
      const first = await ctx.race({
        never: (branch) => branch.waitFor("never"),
        deep: (branch) => branch.all({ only: (inner) => inner.waitFor("never either") }),
        soon: (branch) => branch.sleep(7),
      });
      return [both, first.branch, await ctx.run(read, "after")];
    }),
  "any, settle and until": ({ read, blind, person, flaky }) => {
    const refusing = flow("refusing", [read], async (id, ctx) => {
      await ctx.run(read, String(id));
      throw new Error(`refused ${String(id)}`);
    });
    return flow("ends", [read, blind, person, flaky, refusing], async (_input, ctx) => {
      const won = await ctx.any({
        bad: (branch) => Promise.all([branch.waitFor("never"), branch.run(refusing, "a")]),
        good: async (branch) => {
          await branch.sleep(9);
          return branch.run(blind, "g");
        },
        late: (branch) => branch.sleep("1h"),
      });
      const ends = await ctx.settle({
        bad: (branch) => branch.run(refusing, "b"),
        asked: (branch) => branch.run(person, "s"),
        moment: (branch) => branch.until(40),
      });
      const none = await ctx
        .any({ one: (branch) => branch.run(refusing, "c"), two: (branch) => branch.run(refusing, "d") })
        .catch((error: Error) => error.message);
      return [won, ends, none];
    });
  },
  "maps with every join": ({ blind, read }) => {
    const item = flow("item", [blind, read], async (id, ctx) => {
      const n = Number(id);
      await ctx.sleep(Math.abs(n));
      if (n < 0) throw new Error(`refused ${n}`);
      return ctx.run(blind, String(id));
    });
    return flow("joins", [item], async (_input, ctx) => [
      await ctx.map([-1, 30, 4, 8], item, { join: "any" }),
      await ctx.map([9, -1], item, { join: "first" }).catch((error: Error) => error.message),
      await ctx.map([3, -1, 40, 7], item, { join: { count: 2 } }),
      await ctx.map([-3, -1, 40, 7], item, { join: { count: 3 } }).catch((error: Error) => error.message),
    ]);
  },
  "what is told, and changed in place": ({ read, write }) => {
    const inner = flow("inner", [read], async (id, ctx) => {
      ctx.emit("inner", id);
      const text = await ctx.run(read, String(id));
      ctx.log("read", { text, isNew: ctx.patched("inner") });
      return text;
    });
    return flow("telling", [read, write, inner], async (_input, ctx) => {
      ctx.emit("begun");
      const isNew = ctx.patched("a");
      const both = await ctx.all({
        left: async (branch) => {
          branch.emit("left");
          return [await branch.run(inner, "l"), branch.patched("b")];
        },
        right: async (branch) => {
          await branch.sleep(4);
          branch.emit("right", await branch.run(write, "r"));
          return branch.patched("b");
        },
      });
      const turns = await ctx.loop<boolean[], boolean[]>([], async (seen, turn) => {
        turn.emit("turn", seen.length);
        if (seen.length === 3) return done(seen);
        await turn.run(inner, `t${seen.length}`);
        return next([...seen, turn.patched("c")]);
      });
      ctx.emit("end");
      return [isNew, both, turns, ctx.patched("a"), ctx.patched("d")];
    });
  },
  "claims of several runs": ({ read, blind }) => {
    const user = flow("user", [read, blind], async (id, ctx) => {
      const seen: unknown[] = [];
      await ctx.loop(0, async (count, turn) => {
        const claim = await turn.claim("shared");
        seen.push(await turn.run(blind, `${String(id)}${count}`));
        if (count === 0) await claim.release();
        return count === 1 ? done(0) : next(count + 1);
      });
      await ctx.claim(`own ${String(id)}`);
      return [seen.length > 0, await ctx.run(read, String(id))];
    });
    return flow("claiming", [user], async (_input, ctx) => {
      const held = await ctx.claim("shared");
      const users = [await ctx.start(user, "a"), await ctx.start(user, "b")];
      const late = await ctx.race({
        never: (branch) => branch.start(user, "x").then(() => branch.claim("shared")),
        soon: (branch) => branch.sleep(9),
      });
      await held.release();
      return [late.branch, await ctx.run(user, "inner"), await Promise.all(users.map((one) => one.outcome()))];
    });
  },
  "values of runs and of all": ({ blind }) => {
    const adding = flow("adding", [blind], async (id, ctx) => {
      const shared = ctx.state("sum", { initial: 0, shared: true });
      const own = ctx.state("own", { initial: [] as string[] });
      await ctx.loop(0, async (count, turn) => {
        const sum = turn.state("sum", { initial: 0, shared: true });
        await sum.update((value) => value + 1);
        const list = turn.state("own", { initial: [] as string[] });
        await list.update((items) => [...items, `${String(id)}${count}`]);
        await turn.run(blind, `${String(id)}${count}`);
        return count === 2 ? done(0) : next(count + 1);
      });
      await shared.update((value) => value + 10);
      return own.get();
    });
    return flow("values", [adding], async (_input, ctx) => {
      const children = [await ctx.start(adding, "a"), await ctx.start(adding, "b")];
      const own = ctx.state("own", { initial: "nothing" });
      const before = await own.get();
      await own.set("something");
      const inner = await ctx.run(adding, "i").catch((error: Error) => error.name);
      const ends = await Promise.all(children.map((child) => child.outcome()));
      return [before, inner, ends, await ctx.state("sum", { initial: 0, shared: true }).get()];
    });
  },
  "a run that begins anew": ({ read, blind, person }) => {
    const child = flow("child", [blind], async (id, ctx) => {
      if (Number(id) < 3) {
        await ctx.sleep(2);
        await ctx.run(blind, `child ${String(id)}`);
        return ctx.continueAs(Number(id) + 1);
      }
      return `child ended at ${String(id)}`;
    });
    const last = flow("last", [read], async (input, ctx) => {
      const claim = await ctx.claim("own");
      const seen = [ctx.id(), await ctx.waitFor("go", z.string()), ctx.random(), claim.token];
      return [input, seen.length, await ctx.run(read, "end"), await ctx.state("n", { initial: 0 }).get()];
    });
    const first = flow("first", [read, person, last, child], async (input, ctx) => {
      const n = Number(input);
      const started = await ctx.start(child, 0, { detached: true });
      await ctx.claim("own");
      await ctx.state("n", { initial: 0 }).update((count) => count + 1);
      const said = await ctx.run(person, `generation ${n}`);
      const ended = n === 1 ? await started.outcome() : "";
      void ctx.sleep("1h");
      if (n < 2) return ctx.continueAs(n + 1);
      return ctx.continueAs([n, said, ended], last);
    });
    return first;
  },
  "letters between runs": ({ read }) => {
    const echo = flow("echo", [read], async (to, ctx) =>
      ctx.loop<string[], string[]>([], async (seen, turn) => {
        if (seen.length === 3) return done(seen);
        const text = await turn.receive("ask", z.string());
        await turn.send(String(to), "answer", await turn.run(read, text));
        return next([...seen, text]);
      }),
    );
    return flow("asking", [echo], async (_input, ctx) => {
      const child = await ctx.start(echo, ctx.runId);
      const sent = ["a", "b", "c"].map((text) => ctx.send(child.runId, "ask", text, { limit: 1 }));
      const late = await ctx.receive("nothing", undefined, { within: 3 }).catch((error: Error) => error.name);
      const heard = [await ctx.receive("answer"), await ctx.receive("answer"), await ctx.receive("answer")];
      await Promise.all(sent);
      const gone = ctx.send(child.runId, "ask", "late");
      const end = await child.outcome();
      return [late, heard, end, await gone.catch((error: Error) => error.name).then(() => "over")];
    });
  },
  "a loop": ({ write, person }) =>
    flow("loop", [write, person], (_input, ctx) =>
      ctx.loop<string[], string[]>([], async (seen, turn) => {
        if (seen.length >= 6) return done(seen);
        const text = await turn.run(write, String(seen.length));
        if (seen.length === 2) await turn.sleep(5);
        const said = seen.length === 4 ? await turn.run(person, "?") : turn.id();
        return next([...seen, text, said]);
      }),
    ),
  "people and signals": ({ person, read }) =>
    flow("people", [person, read], async (_input, ctx) => {
      const one = await ctx.run(person, "first");
      const two = await ctx.waitFor("go", z.string());
      const late = await ctx.waitFor("nobody", undefined, { within: 5 }).catch((error: Error) => error.name);
      return [one, two, late, await ctx.run(read, "end")];
    }),
  children: ({ pay, person }) => {
    const child = flow("child", [pay, person], async (id, ctx) => [
      await ctx.run(pay, String(id)),
      id === "a" ? await ctx.run(person, id) : await ctx.sleep(5),
    ]);
    const failing = flow("failing", [], () => {
      throw new Error("child broke");
    });
    return flow("parent", [child, failing], async (_input, ctx) => {
      const [a, b, c] = [await ctx.start(child, "a"), await ctx.start(child, "b"), await ctx.start(failing, 0)];
      return [await b.outcome(), await c.outcome().catch((error: Error) => error.message), await a.outcome()];
    });
  },
  "what is undone": ({ read, pay, write, blind, flaky, person }) => {
    const leg = flow("leg", [read, pay, write, blind], async (id, ctx) => {
      const text = String(id);
      await ctx.run(read, text);
      await ctx.compensate(pay, `un-${text}`);
      await ctx.compensate(blind, `un-${text}`);
      return text;
    });
    const doomed = flow("doomed", [leg, pay, write, flaky, person], async (_input, ctx) => {
      await ctx.run(leg, "a");
      await ctx.map(["b", "c"], leg, { concurrency: 1 });
      await ctx.loop<number, null>(0, async (turn, inner) => {
        if (turn === 3) return done(null);
        await inner.compensate(turn === 1 ? person : write, `turn ${turn}`);
        return next(turn + 1);
      });
      await ctx.compensate(flaky, "z");
      throw new Error("in vain");
    });
    return flow("undone", [doomed, read], async (_input, ctx) => {
      const end = await ctx.run(doomed, 0).catch((error: AgentFailure) => error.details["compensation"]);
      return [end, await ctx.run(read, "after")];
    });
  },
  "approval, retries and timeouts": ({ flaky, slow, approver }) => {
    const guarded = tool({
      name: "guarded",
      description: "",
      effect: "pure",
      input: z.string(),
      output: z.string(),
      approve: () => approver,
      approvers: [approver],
      execute: (id) => `guarded ${id}`,
    });
    return flow("careful", [flaky, slow, guarded], async (_input, ctx) => [
      await ctx.run(flaky, "a"),
      await ctx.run(slow, "b"),
      await ctx.run(guarded, "c"),
      await ctx.step("again", ({ attempt }) => (attempt < 2 ? Promise.reject(new Error("no")) : "d"), {
        effect: "read",
        retry: { attempts: 9, backoff: 5 },
      }),
    ]);
  },
};

interface Plan {
  /** Each life ends after so many entries; the last one does not. */
  readonly entries?: readonly number[];
  /** The first life ends right after so many acts. */
  readonly acts?: number;
  readonly warmBytes: number;
}

interface Trial {
  readonly output: unknown;
  /** How often its process died. */
  readonly crashes: number;
}

/** Runs one scenario over its crashes to its end. */
async function live(body: Body, { entries = [], acts, warmBytes }: Plan): Promise<Trial> {
  const lab = new Lab(0);
  const outside = new Outside(lab);
  const open = (crashAfter?: number): Promise<Life> =>
    lab.open([body(castOf(outside)) as Agent], { warmBytes, ...(crashAfter === undefined ? {} : { crashAfter }) });
  const agent = body(castOf(outside));
  const left = [...entries];
  let life = await open(left.shift());
  let deaths = 0;
  outside.onAct = dieAfter(life, acts);
  const job = await life.app.start(agent, 0, { key: "one" });
  for (let round = 0; lab.row(job.runId).status !== "completed"; round++) {
    if (round > 400) throw new Error(`Stuck: ${JSON.stringify(lab.row(job.runId))}`);
    await lab.world.settle();
    if (life.dead) {
      deaths++;
      life = await open(left.shift());
    } else if (!(await serve(lab, outside))) await lab.world.advance(2);
  }
  if (life.dead) deaths++;
  check(lab, outside);
  const output = await (await lab.open([])).app.job(job.runId).result();
  return { output, crashes: deaths };
}

function dieAfter(life: Life, acts: number | undefined): () => void {
  let left = acts ?? Number.POSITIVE_INFINITY;
  return () => {
    if (--left === 0) life.crash();
  };
}

/** Answers what is asked, truly; false when there was nothing. */
async function serve(lab: Lab, outside: Outside): Promise<boolean> {
  const questions = await lab.app.waiting();
  for (const { runId, waitId, kind, name } of questions) {
    if (kind === "signal") {
      if (name !== "go") continue;
      await lab.app.signal(runId, name, "gone", { key: "go" });
      return true;
    }
    const answer =
      kind === "in-doubt"
        ? wordOn(outside, waitId.split("@")[0] ?? "")
        : name === "approver"
          ? { approved: true }
          : "said";
    await lab.app.answer(runId, waitId, answer).catch(() => undefined);
    await lab.world.settle();
    return true;
  }
  return false;
}

function wordOn({ outputs }: Outside, path: string): { happened: boolean; output?: string | undefined } {
  return outputs.has(path) ? { happened: true, output: outputs.get(path) } : { happened: false };
}

const ends = new Set(["result", "scope-ended", "child-started"]);

function check(lab: Lab, { deeds }: Outside): void {
  for (const { id } of lab.store.runs({ limit: 100 })) {
    const journal = lab.journal(id);
    expect(journal.map(({ seq }) => seq)).toEqual(journal.map((_entry, index) => index + 1));
    const ended = journal.filter(({ kind }) => ends.has(kind)).map(({ scope, op }: Entry) => `${scope} ${op}`);
    expect(new Set(ended).size).toBe(ended.length);
    const told = journal.filter(({ kind }) => kind === "emitted").map(({ scope, op }) => `${scope} ${op}`);
    expect(new Set(told).size).toBe(told.length);
  }
  const repeated = deeds.names.filter((name) => /^(pay|blind) /.test(name) && deeds.of(name) > 1);
  expect(repeated).toEqual([]);
  expect(lab.world.reports).toEqual([]);
}

const sizes = [
  ["warm", 1_000_000],
  ["evicted whenever it rests", 0],
] as const;

describe.each(Object.entries(scenarios))("%s", (_name, body) => {
  /** Crashes at the first moment, the second … until there is none so late; answers how many there were. */
  async function sweep(warmBytes: number, plan: (moment: number) => Plan): Promise<number> {
    const whole = await live(body, { warmBytes });
    for (let moment = 1; ; moment++) {
      const trial = await live(body, plan(moment));
      expect(trial.output, `crashed at moment ${moment}`).toEqual(whole.output);
      if (trial.crashes === 0) return moment - 1;
    }
  }

  test.each(sizes)("ends the same whichever entry it crashes after, %s", async (_how, warmBytes) => {
    expect(await sweep(warmBytes, (moment) => ({ entries: [moment], warmBytes }))).toBeGreaterThanOrEqual(8);
  });

  test.each(sizes)("ends the same whichever act it crashes after, %s", async (_how, warmBytes) => {
    await sweep(warmBytes, (moment) => ({ acts: moment, warmBytes }));
  });

  test.each([1, 2, 3, 4])("ends the same when the next process dies too, after its entry %i", async (second) => {
    await sweep(second % 2 === 0 ? 0 : 1_000_000, (moment) => ({
      entries: [moment, second],
      warmBytes: second % 2 === 0 ? 0 : 1_000_000,
    }));
  });

  test("ends the same when it crashes again and again", async () => {
    const whole = await live(body, { warmBytes: 1_000_000 });
    for (const every of [3, 4, 5, 7]) {
      const entries = new Array<number>(60).fill(every);
      const trial = await live(body, { entries, warmBytes: every % 2 === 0 ? 0 : 1_000_000 });
      expect(trial.output, `crashed after every ${every} entries`).toEqual(whole.output);
      expect(trial.crashes).toBeGreaterThan(0);
    }
  });
});
