/** A history in a loop's state: each turn stores what it appended, and a replay has all of it again. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { done, type History, history, next, open, tool, workflow } from "../../src/index.ts";
import { failure, Lab } from "./lab.ts";

interface Message {
  readonly from: string;
  readonly text: string;
}

const speak = tool({
  name: "speak",
  description: "",
  effect: "read",
  input: z.number(),
  output: z.string(),
  execute: (n) => `line ${n} `.padEnd(40, "."),
});

/** Talks for so many turns, one message each, then waits to be let go. */
const talk = workflow({ name: "talk", uses: [speak], input: z.number() }, async (turns, ctx) => {
  const said = await ctx.loop(
    { messages: history<Message>([{ from: "user", text: "begin" }]), topic: "weather" },
    async ({ messages, topic }, turn) => {
      if (messages.length > turns) return done(messages);
      const text = await turn.run(speak, messages.length);
      return next({ messages: messages.append({ from: "agent", text }), topic });
    },
  );
  await ctx.waitFor("go");
  return [...said].map(({ text }) => text.trim().split(".")[0]);
});

const lines = (count: number) => ["begin", ...Array.from({ length: count }, (_, n) => `line ${n + 1} `.trim())];
const spoken = (output: readonly (string | undefined)[]) => output.map((text) => text?.trim());

const loopOf = async (lab: Lab, runId: string) =>
  (await lab.app.describe(runId)).tree.children.find(({ verb }) => verb === "loop");

describe("a history in a loop's state", () => {
  test("is stored as what each turn appended", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(talk, 3);
    const turns = lab.journal(job.runId).filter(({ kind }) => kind === "loop-advanced");
    expect(turns.map(({ body }) => body)).toEqual(
      [1, 2, 3].map((n) => ({
        messages: [{ from: "agent", text: `line ${n} `.padEnd(40, ".") }],
        topic: "weather",
      })),
    );
    expect(turns.map(({ meta }) => meta.appends)).toEqual([{ messages: 1 }, { messages: 2 }, { messages: 3 }]);
  });

  test("costs the thousandth turn what it cost the first", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(talk, 1_100);
    const { key } = lab.row(job.runId);
    const sizes = lab.store
      .entries(key, 0, 10_000)
      .filter(({ kind }) => kind === 15)
      .map(({ body, meta }) => (body?.length ?? 0) + (meta?.length ?? 0));
    expect(sizes).toHaveLength(1_100);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(8);
    // One entry for each turn, and nothing of its inside.
    expect(lab.store.replay(key)).toHaveLength(1_100 + 2);
  });

  test("is whole again after a crash at any entry", async () => {
    for (let entries = 1; entries <= 14; entries++) {
      const lab = new Lab();
      const { life, job } = await lab.begin(talk, 5, { crashAfter: entries });
      life.crash();
      await lab.open([talk]);
      await lab.world.settle();
      await lab.app.signal(job.runId, "go");
      await lab.world.settle();
      expect(spoken(await lab.app.job<string[]>(job.runId).result())).toEqual(lines(5));
    }
  });

  test("survives encryption and a process that reads the file anew", async () => {
    const folder = mkdtempSync(join(tmpdir(), "concertato-history-"));
    const key = randomBytes(32);
    try {
      const first = await open(join(folder, "a.db"), { agents: [talk], key });
      const job = await first.start(talk, 40);
      await first.settle();
      await first.close();
      const second = await open(join(folder, "a.db"), { agents: [talk], key });
      await second.signal(job.runId, "go");
      expect(spoken(await second.job<string[]>(job.runId).result())).toEqual(lines(40));
      await second.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("may be the state itself", async () => {
    const body = workflow({ name: "body", uses: [speak] }, async (_input, ctx) => {
      const all = await ctx.loop(history<string>(), async (said, turn) =>
        said.length === 3 ? done(said) : next(said.append((await turn.run(speak, said.length)).slice(0, 6))),
      );
      await ctx.waitFor("go");
      return [...all];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    const turns = lab.journal(job.runId).filter(({ kind }) => kind === "loop-advanced");
    expect(turns.map(({ body: stored }) => stored)).toEqual([["line 0"], ["line 1"], ["line 2"]]);
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toEqual(["line 0", "line 1", "line 2"]);
  });

  test("replaced by another one is stored whole once, and a replay begins there", async () => {
    const body = workflow({ name: "body", uses: [speak] }, async (_input, ctx) => {
      const kept = await ctx.loop({ said: history<string>(), turn: 0 }, async ({ said, turn }, inner) => {
        if (turn === 30) return done(said);
        const more = said.append((await inner.run(speak, turn)).slice(0, 7).trim());
        return next({ said: more.length > 8 ? history(["(summary)", ...[...more].slice(-2)]) : more, turn: turn + 1 });
      });
      await ctx.waitFor("go");
      return [...kept];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    expect(lab.store.replay(lab.row(job.runId).key).length).toBeLessThan(12);
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.settle();
    const said = await lab.app.job<string[]>(job.runId).result();
    expect(said[0]).toBe("(summary)");
    expect(said.at(-1)).toBe("line 29");
  });

  test("may go back before it goes on", async () => {
    const kept: History<string>[] = [];
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const all = await ctx.loop({ path: history<string>(["root"]), turn: 0 }, async ({ path, turn }, inner) => {
        await inner.sleep(1);
        if (turn === 6) return done(path);
        kept[turn] = path;
        // Every third turn takes up a list of earlier on, as a search does.
        const base = turn % 3 === 2 ? history([...path].slice(0, 2)) : path;
        return next({ path: base.append(`t${turn}`), turn: turn + 1 });
      });
      await ctx.waitFor("go");
      return [...all];
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.advance(100);
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.advance(100);
    expect(await lab.app.job(job.runId).result()).toEqual(["root", "t0", "t5"]);
    expect((await loopOf(lab, job.runId))?.state).toEqual({ path: ["t0", "t5"], turn: 6 });
  });

  test("is handed to a loop inside a turn without being stored again", async () => {
    const body = workflow({ name: "body", uses: [speak] }, async (_input, ctx) => {
      const all = await ctx.loop({ said: history<string>(), turn: 0 }, async ({ said, turn }, outer) => {
        if (turn === 4) return done(said);
        const more = await outer.loop({ said, left: 3 }, async (state, inner) => {
          if (state.left === 0) return done(state.said);
          const line = await inner.run(speak, turn * 10 + state.left);
          return next({ said: state.said.append(line.slice(0, 7).trim()), left: state.left - 1 });
        });
        return next({ said: more, turn: turn + 1 });
      });
      await ctx.waitFor("go");
      return [...all];
    });
    for (let entries = 2; entries <= 36; entries++) {
      const lab = new Lab();
      const { life, job } = await lab.begin(body, 0, { crashAfter: entries });
      life.crash();
      await lab.open([body]);
      await lab.world.settle();
      await lab.app.signal(job.runId, "go");
      await lab.world.settle();
      expect(await lab.app.job(job.runId).result()).toEqual(
        [3, 2, 1, 13, 12, 11, 23, 22, 21, 33, 32, 31].map((n) => `line ${n}`),
      );
      const inner = lab.journal(job.runId).filter(({ kind, op }) => kind === "loop-advanced" && op.includes("/"));
      expect(inner.map(({ body: stored }) => (stored as { said: unknown[] }).said.length)).toEqual(
        Array.from({ length: 12 }, () => 1),
      );
    }
  });

  test("of a loop that lost its race is not taken up again", async () => {
    const body = workflow({ name: "body" }, async (_input, ctx) => {
      const { branch } = await ctx.race({
        talking: (inner) =>
          inner.loop<{ said: History<number> }, never>({ said: history() }, async ({ said }, turn) => {
            await turn.sleep(10);
            return next({ said: said.append(said.length) });
          }),
        late: (inner) => inner.sleep(35),
      });
      await ctx.waitFor("go");
      return branch;
    });
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0);
    await lab.world.advance(100);
    life.crash();
    await lab.open([body]);
    await lab.app.signal(job.runId, "go");
    await lab.world.advance(100);
    expect(await lab.app.job(job.runId).result()).toBe("late");
  });

  test("deeper in the state is refused, because it would come back as a plain list", async () => {
    const body = workflow({ name: "body" }, (_input, ctx) =>
      ctx.loop<unknown, never>(0, () => next({ deep: { said: history([1]) } })),
    );
    const lab = new Lab();
    const { job } = await lab.begin(body, 0);
    const refused = await failure(job.result());
    expect(refused.code).toBe("codec/unstorable");
    expect(refused.message).toContain("deep.said");
  });

  test("that the code now begins shorter parks the run as diverged", async () => {
    const beginning = (first: readonly string[]) =>
      workflow({ name: "body" }, (_input, ctx) =>
        ctx.loop<{ said: History<string> }, number>({ said: history(first) }, async ({ said }, turn) => {
          await turn.sleep(10);
          return said.length === 4 ? done(said.length) : next({ said: said.append("more") });
        }),
      );
    const lab = new Lab();
    const { life, job } = await lab.begin(beginning(["a", "b"]), 0);
    await lab.world.advance(15);
    life.crash();
    await lab.open([beginning([])]);
    await lab.world.advance(50);
    expect(lab.row(job.runId).status).toBe("diverged");
    expect(lab.row(job.runId).note).toContain("journal/divergence");
  });

  test("shows in the tree as what the loop appended", async () => {
    const lab = new Lab();
    const { job } = await lab.begin(talk, 3);
    const loop = await loopOf(lab, job.runId);
    expect(loop?.attempts).toBe(3);
    expect(loop?.state).toEqual({
      topic: "weather",
      messages: [1, 2, 3].map((n) => ({ from: "agent", text: `line ${n} `.padEnd(40, ".") })),
    });
  });
});
