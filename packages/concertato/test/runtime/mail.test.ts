/** `ctx.send` and `ctx.receive`: letters between runs, each once, in order, and never more than a mailbox holds. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, type AgentFailure, done, next, workflow } from "../../src/index.ts";
import type { Awaitable, Change, Store } from "../../src/journal/store.ts";
import { onBothStores, type Process } from "./both-stores.ts";
import { failure, Lab } from "./lab.ts";

/** Receives letters until it has as many as it was asked for. */
const collector = workflow({ name: "collector", input: z.number() }, (count, ctx) =>
  ctx.loop<unknown[], unknown[]>([], async (seen, turn) => {
    if (seen.length === count) return done(seen);
    return next([...seen, await turn.receive("in")]);
  }),
);

const plan = z.object({ to: z.string(), name: z.string(), count: z.number(), limit: z.number() });

/** Sends numbered letters one after the other. */
const sender = workflow({ name: "sender", input: plan }, ({ to, name, count, limit }, ctx) =>
  ctx.loop<number, string>(0, async (n, turn) => {
    if (n === count) return done("sent");
    await turn.send(to, "in", `${name}${n}`, { limit });
    return next(n + 1);
  }),
);
const cast = [collector, sender] as Agent[];
const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${name}${n}`);
const finished = new Set(["completed", "failed", "cancelled"]);

onBothStores("letters", (place) => {
  test("arrive once and in order, whether they were sent before or after their receive", async () => {
    const { app } = await place().open(cast, { warmBytes: 0 });
    const { world } = place();
    const job = await app.start(collector, 6);
    for (const n of [0, 1, 2]) await app.send(job.runId, "in", n);
    await world.advance(200);
    for (const n of [3, 4, 5]) {
      await app.send(job.runId, "in", n);
      await world.advance(100);
    }
    expect(await job.result()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(world.reports).toEqual([]);
  });

  test("under a key are one letter, whichever process sends them and whoever dies in between", async () => {
    const first = await place().open(cast);
    const job = await first.app.start(collector, 2);
    const client = await place().client();
    const letter = () => ({ id: 1 });
    await Promise.all([
      first.app.send(job.runId, "in", letter(), { key: "a" }),
      client.send(job.runId, "in", letter(), { key: "a" }),
    ]);
    // It was committed, and its sender died before it heard so.
    await first.crash();
    await client.send(job.runId, "in", letter(), { key: "a" });
    expect((await failure(client.send(job.runId, "in", { id: 2 }, { key: "a" }))).code).toBe("mailbox/key-conflict");
    expect((await failure(client.send(job.runId, "other", letter(), { key: "a" }))).code).toBe("mailbox/key-conflict");
    await place().open(cast);
    await place().world.advance(1_000);
    await client.send(job.runId, "in", letter(), { key: "a" });
    expect((await place().row(job.runId)).status).not.toBe("completed");
    await client.send(job.runId, "in", "second", { key: "b" });
    await place().until("both came", async () => (await place().row(job.runId)).status === "completed");
    expect(await client.job(job.runId).result()).toEqual([{ id: 1 }, "second"]);
    // Known for as long as the run is.
    await client.send(job.runId, "in", letter(), { key: "a" });
    expect((await failure(client.send(job.runId, "in", 3, { key: "c" }))).code).toBe("run/already-finished");
    // A signal's key is another thing.
    const other = await client.start(collector, 1);
    await client.signal(other.runId, "in", 0, { key: "a" });
    await client.send(other.runId, "in", "mine", { key: "a" });
    await place().until("it came", async () => (await place().row(other.runId)).status === "completed");
    expect(await client.job(other.runId).result()).toEqual(["mine"]);
  });

  test("more than the mailbox holds make their sender wait until there is room", async () => {
    const late = workflow({ name: "late", uses: [collector] }, async (_input, ctx) => {
      await ctx.waitFor("go");
      return ctx.run(collector, 5);
    });
    const { app } = await place().open([...cast, late]);
    const to = await app.start(late, undefined);
    const from = await app.start(sender, { to: to.runId, name: "a", count: 5, limit: 2 });
    await place().world.advance(300);
    expect((await app.describe(from.runId)).run).toMatchObject({
      status: "waiting",
      waiting: [{ kind: "mailbox", name: "in" }],
    });
    expect((await failure(app.send(to.runId, "in", "outside", { limit: 2 }))).code).toBe("mailbox/full");
    await app.signal(to.runId, "go");
    await place().until("all were sent", async () => (await place().row(from.runId)).status === "completed");
    await place().world.advance(300);
    expect(await to.result()).toEqual(numbered("a", 5));
  });

  test("wait for room while their sender rests in the store", async () => {
    const late = workflow({ name: "late", uses: [collector] }, async (_input, ctx) => {
      await ctx.waitFor("go");
      return ctx.run(collector, 4);
    });
    const { app } = await place().open([...cast, late], { warmBytes: 0 });
    const to = await app.start(late, undefined);
    const from = await app.start(sender, { to: to.runId, name: "a", count: 4, limit: 1 });
    await place().world.advance(300);
    expect(await place().row(from.runId)).toMatchObject({ owner: null, status: "waiting" });
    await app.signal(to.runId, "go");
    await place().until("all came", async () => (await place().row(to.runId)).status === "completed");
    expect(await to.result()).toEqual(numbered("a", 4));
  });

  test("to a run that is not there, or has ended, fail", async () => {
    const { app } = await place().open(cast);
    const ended = await app.start(collector, 0);
    await ended.result();
    const gone = await app.start(sender, { to: ended.runId, name: "a", count: 1, limit: 1 });
    const none = await app.start(sender, { to: "run_none", name: "a", count: 1, limit: 1 });
    await place().world.advance(300);
    const thrown = (await failure(gone.result())) as AgentFailure;
    expect(thrown.code).toBe("run/already-finished");
    expect(thrown.record.path).toBe("0.0/0/0");
    expect((await failure(none.result())).code).toBe("run/not-found");
    expect((await failure(app.send(ended.runId, "in"))).code).toBe("run/already-finished");
    expect((await failure(app.send("run_none", "in"))).code).toBe("run/not-found");
  });

  test("that wait for room fail when the run that they are for ends", async () => {
    const deaf = workflow({ name: "deaf" }, (_input, ctx) => ctx.waitFor("end"));
    const { app } = await place().open([...cast, deaf], { warmBytes: 0 });
    const to = await app.start(deaf, undefined);
    const from = await app.start(sender, { to: to.runId, name: "a", count: 3, limit: 1 });
    await place().world.advance(300);
    await app.signal(to.runId, "end");
    await place().until("it failed", async () => (await place().row(from.runId)).status === "failed");
    expect((await failure(from.result())).code).toBe("run/already-finished");
  });

  test("come once and in order from several senders, whoever dies when", async () => {
    for (let round = 0; round < 6; round++) {
      const open = (): Promise<Process> => place().open(cast, { warmBytes: round % 2 === 0 ? 0 : 1_000_000 });
      const processes = [await open(), await open()];
      const { app } = processes[0] as Process;
      const to = await app.start(collector, 20);
      const runs = [to.runId];
      for (const name of ["a", "b"])
        runs.push((await app.start(sender, { to: to.runId, name, count: 10, limit: 3 })).runId);
      // Kills fall at moments that differ from round to round, of one process and then the other.
      let turn = 0;
      await place().until("all have ended", async () => {
        if (++turn % (7 + round) === 0 && turn < 80) {
          const victim = turn % 2;
          await processes[victim]?.crash();
          processes[victim] = await open();
        }
        for (const runId of runs) if (!finished.has((await place().row(runId)).status)) return false;
        return true;
      });
      const seen = (await (processes[0] as Process).app.job<string[]>(to.runId).result()) as string[];
      expect(seen.filter((text) => text.startsWith("a"))).toEqual(numbered("a", 10));
      expect(seen.filter((text) => text.startsWith("b"))).toEqual(numbered("b", 10));
      for (const process of processes) await process.close();
    }
  });
});

describe("a receive", () => {
  const picky = workflow({ name: "picky" }, async (_input, ctx) => [
    await ctx.receive("in", z.number()),
    await ctx.receive("in", z.number()),
  ]);

  test("sets aside what does not fit its schema and goes on waiting", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(picky, 0);
    await lab.app.send(job.runId, "in", "no");
    await lab.app.send(job.runId, "in", 1);
    await lab.world.settle();
    life.crash();
    await lab.open([picky]);
    await lab.app.send(job.runId, "in", "neither");
    await lab.app.send(job.runId, "in", 2);
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toEqual([1, 2]);
    expect(lab.kinds(job.runId).filter((kind) => kind === "signal-refused")).toHaveLength(2);
  });

  test("that nobody answered in time fails, and the letter that comes later is for the next", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const first = await ctx.receive("in", undefined, { within: 10 }).catch((error: Error) => error.name);
      await ctx.sleep(100);
      return [first, await ctx.receive("in")];
    });
    for (const warmBytes of [0, 1_000_000]) {
      const lab = new Lab();
      const { job } = await lab.begin(body, 0, { warmBytes });
      await lab.world.advance(50);
      await lab.app.send(job.runId, "in", "late");
      await lab.world.advance(60);
      expect(await lab.app.job(job.runId).result()).toEqual(["AgentFailure", "late"]);
    }
  });

  test("that lost its race leaves the letter to the next", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch } = await ctx.race({ letter: (b) => b.receive("in"), late: (b) => b.sleep(10) });
      await ctx.waitFor("go");
      return [branch, await ctx.receive("in")];
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    await lab.world.advance(10);
    await lab.app.send(job.runId, "in", "kept");
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await job.result()).toEqual(["late", "kept"]);
  });

  test("takes letters of its own channel only, and several receives take one each", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      Promise.all([ctx.receive("a"), ctx.receive("a"), ctx.receive("b")]),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    for (const [channel, value] of [
      ["b", 1],
      ["a", 2],
      ["c", 3],
      ["a", 4],
    ] as const)
      await lab.app.send(job.runId, channel, value);
    await lab.world.settle();
    expect(await job.result()).toEqual([2, 4, 1]);
  });

  test("shows what it waits for, and asks nobody for an answer", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(picky, 0);
    expect(await lab.waits(job.runId)).toMatchObject([{ kind: "mail", name: "in" }]);
    expect(await lab.app.waiting()).toEqual([]);
    const { tree } = await lab.app.describe(job.runId);
    expect(tree.children).toMatchObject([{ verb: "receive", name: "in", status: "waiting" }]);
  });
});

describe("sends of one run", () => {
  test("go in the order of the calls, though nobody waits for each", async () => {
    const eager = workflow({ name: "eager", input: z.string() }, async (to, ctx) => {
      const sent = [0, 1, 2, 3].map((n) => ctx.send(to, "in", n, { limit: 2 }));
      return (await Promise.all(sent)).length;
    });
    const lab = new Lab();
    const receiver = await lab.begin(collector, 4);
    const job = await lab.app.start(eager, receiver.job.runId);
    await lab.world.settle();
    expect(await job.result()).toBe(4);
    expect(await receiver.job.result()).toEqual([0, 1, 2, 3]);
  });

  test("wait for each other where there is room for one only", async () => {
    const eager = workflow({ name: "eager", input: z.string() }, async (to, ctx) => {
      const sent = [0, 1, 2, 3].map((n) => ctx.send(to, "in", n, { limit: 1 }));
      return (await Promise.all(sent)).length;
    });
    const late = workflow({ name: "late", uses: [collector] }, async (_input, ctx) => {
      await ctx.waitFor("go");
      return ctx.run(collector, 4);
    });
    const lab = new Lab();
    const receiver = await lab.begin(late, undefined);
    receiver.life.engine.register(eager as Agent);
    const job = await lab.app.start(eager, receiver.job.runId);
    await lab.world.settle();
    expect(await lab.waits(job.runId)).toHaveLength(1);
    await lab.app.signal(receiver.job.runId, "go");
    await lab.world.settle();
    expect(await job.result()).toBe(4);
    expect(await receiver.job.result()).toEqual([0, 1, 2, 3]);
  });

  test("a letter that was taken before its sender died is not delivered again", async () => {
    const twice = workflow({ name: "twice", input: z.string() }, async (to, ctx) => {
      await ctx.send(to, "in", "first");
      await ctx.send(to, "in", "second");
    });
    const lab = new Lab();
    const receiver = await lab.begin(collector, 2);
    receiver.life.crash();
    let dieWith = (): void => undefined;
    // The process ends when the letter is in the store, before it is told so.
    const store = new Proxy<Store>(lab.store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key !== "commit") return typeof value === "function" ? value.bind(target) : value;
        return (changes: readonly Change[], durability: "normal" | "full") => {
          const results = target.commit(changes, durability);
          if (changes.some(({ kind }) => kind === "mail")) dieWith();
          return results;
        };
      },
    });
    const first = await lab.open([twice, collector] as Agent[], { store });
    const job = await first.app.start(twice, receiver.job.runId);
    dieWith = () => first.crash();
    await lab.world.settle();
    expect(first.dead).toBe(true);
    await lab.open([twice, collector] as Agent[]);
    await lab.world.settle();
    await lab.app.job(job.runId).result();
    expect(await lab.app.job(receiver.job.runId).result()).toEqual(["first", "second"]);
  });

  describe("where there was room while the sender was away, and its next commit takes long", () => {
    const late = workflow({ name: "late", uses: [collector] }, async (_input, ctx) => {
      await ctx.waitFor("go");
      const first = await ctx.receive("in");
      await ctx.waitFor("more");
      return [first, await ctx.receive("in"), await ctx.receive("in")];
    });
    const order = z.object({ to: z.string(), payAfter: z.enum(["signal", "letter"]) });
    const payer = workflow({ name: "payer", input: order }, async ({ to, payAfter }, ctx) => {
      const sends = numbered("a", 3).map((text) => ctx.send(to, "in", text, { limit: 1 }));
      const pay = async (): Promise<void> => {
        await (payAfter === "signal" ? ctx.waitFor("pay") : sends[1]);
        await ctx.step("pay", () => 0, { effect: "irreversible" });
      };
      await Promise.all([...sends, pay()]);
    });

    /** Commits that wait for the disk, and what is read of one inbox, come when the test says so. */
    function slow(lab: Lab) {
      const kept = { inbox: [] as (() => void)[], commit: [] as (() => void)[] };
      const state = { holding: true, reader: "", early: [] as number[] };
      const later = <T>(what: keyof typeof kept, act: () => Awaitable<T>): Promise<T> =>
        new Promise((resolve) => {
          kept[what].push(() => resolve(act()));
        });
      const commit: Store["commit"] = (changes, durability) => {
        for (const change of changes)
          if (change.kind === "mail" && change.letter.n > lab.row(change.letter.sender.split(">")[0] ?? "").seq)
            state.early.push(change.letter.n);
        const act = () => lab.store.commit(changes, durability);
        return state.holding && durability === "full" ? later("commit", act) : act();
      };
      const inbox: Store["inbox"] = (run, limit) => {
        const act = () => lab.store.inbox(run, limit);
        return state.holding && run === lab.store.run(state.reader)?.key ? later("inbox", act) : act();
      };
      const store = new Proxy<Store>(lab.store, {
        get: (target, key) => {
          if (key === "commit") return commit;
          if (key === "inbox") return inbox;
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
      return { store, kept, state };
    }

    test.each(["signal", "letter"] as const)(
      "none has two results, and none goes out before its entry (%s)",
      async (payAfter) => {
        const lab = new Lab();
        const agents = [late, payer] as Agent[];
        const one = await lab.open(agents, { store: slow(lab).store });
        const to = await one.app.start(late, undefined);
        const from = await one.app.start(payer, { to: to.runId, payAfter });
        await lab.world.settle();
        if (payAfter === "signal") await lab.app.signal(from.runId, "pay");
        await lab.world.settle();
        one.crash();
        // The receiver takes the first letter; the sender's inbox says that there is room.
        const other = await lab.open([late]);
        await lab.app.signal(to.runId, "go");
        await lab.world.settle();
        other.crash();
        const { store, kept, state } = slow(lab);
        state.reader = from.runId;
        await lab.open(agents, { store });
        await lab.world.settle();
        expect([kept.inbox.length, kept.commit.length]).toEqual([1, 1]);
        kept.inbox[0]?.();
        await lab.world.settle();
        state.holding = false;
        kept.commit[0]?.();
        await lab.world.settle();
        await lab.app.signal(to.runId, "more");
        await lab.world.settle();
        const ends = lab.journal(from.runId).filter(({ kind, name }) => kind === "result" && name === "in");
        expect(ends.map(({ op }) => op)).toEqual(["0", "1", "2"]);
        expect(state.early).toEqual([]);
        expect(await lab.app.job(to.runId).result()).toEqual(numbered("a", 3));
      },
    );
  });

  test("a letter that cannot be stored, and a limit that is none, throw where they are written", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const thrown: string[] = [];
      for (const [value, limit] of [
        [5n, 1],
        [5, 0],
        [5, 1.5],
      ] as const) {
        try {
          await ctx.send("run_x", "in", value, { limit });
        } catch (error) {
          thrown.push((error as { code: string }).code);
        }
      }
      return thrown;
    });
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    expect(await job.result()).toEqual(["codec/unstorable", "agent/input-invalid", "agent/input-invalid"]);
  });
});

test("an actor that received 10,000 letters is loaded from a handful of entries and has not grown", async () => {
  const actor = workflow({ name: "actor" }, (_input, ctx) =>
    ctx.loop<number, number>(0, async (sum, turn) => {
      const value = await turn.receive("in", z.number());
      return value < 0 ? done(sum) : next(sum + value);
    }),
  );
  const feeder = workflow({ name: "feeder", input: plan }, ({ to, count, limit }, ctx) =>
    ctx.loop<number, string>(0, async (n, turn) => {
      if (n === count) return done("fed");
      await turn.send(to, "in", 1, { limit });
      return next(n + 1);
    }),
  );
  const lab = new Lab();
  const life = await lab.open([actor, feeder] as Agent[]);
  const job = await life.app.start(actor, undefined);
  const weigh = async (count: number): Promise<number> => {
    const feeding = await life.app.start(feeder, { to: job.runId, name: "", count, limit: 8 });
    await feeding.result();
    await lab.world.settle();
    const run = life.engine.runs.get(lab.row(job.runId).key);
    return (
      (run?.admitted.size ?? -1) + (run?.scopes.size ?? 0) + (run?.root.operations.size ?? 0) + (run?.buffer.size ?? 0)
    );
  };
  const small = await weigh(100);
  expect(await weigh(9_900)).toBe(small);
  expect(lab.row(job.runId).seq).toBeGreaterThan(30_000);
  expect(lab.store.replay(lab.row(job.runId).key).length).toBeLessThan(6);
  life.crash();
  await lab.open([actor] as Agent[]);
  await lab.app.send(job.runId, "in", -1);
  await lab.world.settle();
  expect(await lab.app.job(job.runId).result()).toBe(10_000);
});
