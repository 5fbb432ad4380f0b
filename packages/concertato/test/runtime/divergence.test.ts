/** Code that no longer fits a journal parks that one run, says where and how they differ, and harms nothing else. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Context, human, tool, workflow } from "../../src/index.ts";
import type { Store } from "../../src/journal/store.ts";
import type { MemoryStore } from "../../src/store/memory-store.ts";
import { App } from "../../src/app.ts";
import { Engine } from "../../src/runtime/engine.ts";
import { clearCodec } from "../../src/store/clear-codec.ts";
import { gate, Lab } from "./lab.ts";

const echo = tool({
  name: "echo",
  description: "",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (text) => text,
});
const other = tool({ ...describeEcho(), name: "other" });
const asked = human({ name: "asked", output: z.string() });

function describeEcho() {
  return {
    description: "",
    effect: "read" as const,
    input: z.string(),
    output: z.string(),
    execute: (text: string) => text,
  };
}

type Body = (ctx: Context) => Promise<unknown>;

const original: Body = async (ctx) => {
  const text = await ctx.run(echo, "a");
  return `${text} ${await ctx.run(asked, "?")}`;
};

const desk = (body: Body) => workflow({ name: "desk", uses: [echo, asked] }, (_input, ctx) => body(ctx));

/** Starts a run on one body, goes on with another, and answers its question, which wakes it. */
async function changed(from: Body, to: Body) {
  const lab = new Lab();
  const { life, job } = await lab.begin(desk(from), 0);
  const waitId = await lab.question(job.runId);
  life.crash();
  const second = await lab.open([desk(to)]);
  await second.app.answer(job.runId, waitId, "yes");
  await lab.world.settle();
  return { lab, runId: job.runId, second };
}

interface Change {
  readonly what: string;
  readonly to: Body;
  readonly path: string;
  readonly recorded: string;
  readonly found: string;
}

const changes: readonly Change[] = [
  {
    what: "another agent's name",
    to: async (ctx) => `${await ctx.run(other, "a")} ${await ctx.run(asked, "?")}`,
    path: "0.0",
    recorded: "run echo@1",
    found: "run other@1",
  },
  {
    what: "another version of the agent",
    to: async (ctx) => [await ctx.run({ ...echo, version: 2 }, "a"), await ctx.run(asked, "?")],
    path: "0.0",
    recorded: "run echo@1",
    found: "run echo@2",
  },
  {
    what: "another kind of operation",
    to: async (ctx) => [await ctx.step("echo", () => "a", { effect: "read" }), await ctx.run(asked, "?")],
    path: "0.0",
    recorded: "run echo@1",
    found: "step echo",
  },
  {
    what: "another operation before",
    to: async (ctx) => [await ctx.sleep(5), await original(ctx)],
    path: "0.0",
    recorded: "run echo@1",
    found: "sleep",
  },
  {
    what: "another operation in between",
    to: async (ctx) => [await ctx.run(echo, "a"), await ctx.run(echo, "b"), await ctx.run(asked, "?")],
    path: "0.1",
    recorded: "run asked@1",
    found: "run echo@1",
  },
  {
    what: "an operation missing",
    to: async (ctx) => ctx.run(asked, "?"),
    path: "0.0",
    recorded: "run echo@1",
    found: "run asked@1",
  },
  {
    what: "an early end",
    to: async (ctx) => ctx.run(echo, "a"),
    path: "0.1",
    recorded: "run asked@1",
    found: "the end of the body",
  },
  {
    what: "nothing at all",
    to: async () => "nothing",
    path: "0.0",
    recorded: "run echo@1",
    found: "the end of the body",
  },
];

describe("code with", () => {
  test.each(changes)("$what parks the run, saying what differs and where", async ({ to, path, recorded, found }) => {
    const { lab, runId } = await changed(original, to);
    expect(lab.row(runId).status).toBe("diverged");
    const end = await lab.app.job(runId).outcome();
    expect(end).toMatchObject({
      status: "diverged",
      failure: { code: "journal/divergence", path, details: { runId, path, recorded, found } },
    });
    const { message } = (end as { failure: { message: string } }).failure;
    expect(message).toContain(`"${recorded}" at ${path}`);
    expect(message).toContain(`"${found}"`);
    expect(message).toContain("desk@1");
    expect(lab.kinds(runId).at(-1)).toBe("diverged");
  });

  test.each(changes)("$what does no harm that restoring the code would not undo", async ({ to }) => {
    const { lab, runId, second } = await changed(original, to);
    second.crash();
    await lab.open([desk(original)]);
    await lab.world.settle();
    expect(await lab.app.job(runId).result()).toBe("a yes");
  });
});

describe("a parked run", () => {
  test("shows its reason in lists and is not taken up again by the process that parked it", async () => {
    const { lab, runId } = await changed(original, async () => "nothing");
    const before = lab.row(runId).seq;
    await lab.world.advance(60_000);
    expect(lab.row(runId).seq).toBe(before);
    expect(await lab.app.runs({ status: "diverged" })).toMatchObject([{ runId, failure: "journal/divergence" }]);
  });

  test("touches no other run", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(desk(original), 0);
    const fine = workflow({ name: "fine" }, (_input, ctx) => ctx.waitFor("go"));
    const neighbour = await life.app.start(fine, 0);
    await lab.world.settle();
    life.crash();
    await lab.open([desk(async () => "nothing"), fine]);
    await lab.answer(job.runId, "yes");
    await lab.app.signal(neighbour.runId, "go", "unharmed");
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("diverged");
    expect(await lab.app.job(neighbour.runId).result()).toBe("unharmed");
    expect(lab.world.reports).toEqual([]);
  });

  test("can be cancelled", async () => {
    const { lab, runId } = await changed(original, async () => "nothing");
    await lab.app.cancel(runId);
    await lab.world.settle();
    expect(lab.row(runId).status).toBe("cancelled");
  });

  test("that is parked again by the next wrong code says so again", async () => {
    const { lab, runId, second } = await changed(original, async () => "nothing");
    second.crash();
    await lab.open([desk((ctx) => ctx.sleep(1))]);
    await lab.world.settle();
    expect(await lab.app.job(runId).outcome()).toMatchObject({
      status: "diverged",
      failure: { details: { found: "sleep" } },
    });
  });
});

describe("in a nested scope", () => {
  const inner = (wrong: boolean) =>
    workflow({ name: "inner" }, async (_input, ctx) => {
      if (wrong) await ctx.step("new", () => 1, { effect: "read" });
      return ctx.run(asked, "?");
    });
  const outer = (wrong: boolean) =>
    workflow({ name: "outer", uses: [inner(wrong)] }, async (_input, ctx) => [await ctx.run(inner(wrong), 0)]);

  // Finding F1.
  test("a divergence is the last entry, and restoring the code completes the run", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(outer(false), 0);
    life.crash();
    const second = await lab.open([outer(true)]);
    await lab.answer(job.runId, "yes");
    expect(lab.kinds(job.runId).at(-1)).toBe("diverged");
    expect(await lab.app.job(job.runId).outcome()).toMatchObject({ failure: { path: "0.0.0" } });
    second.crash();
    await lab.open([outer(false)]);
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toEqual(["yes"]);
  });

  // Finding F2.
  test("a divergence found while a commit is under way leaves a journal without gaps or doubles", async () => {
    const item = (wrong: boolean) =>
      workflow({ name: "item" }, async (index, ctx) => {
        if (wrong && index === 0) return ctx.sleep(5);
        await ctx.waitFor(`go ${String(index)}`);
        return ctx.step("pay", () => `paid ${String(index)}`);
      });
    const both = (wrong: boolean) => {
      const one = item(wrong);
      return workflow({ name: "both", uses: [one] }, (_input, ctx) => ctx.map([0, 1], one));
    };
    const lab = new Lab();
    const { life, job } = await lab.begin(both(false), 0);
    life.crash();
    const disk = gate();
    const second = await lab.open([both(true)], { store: slowDisk(lab.store, disk.promise) });
    await second.app.signal(job.runId, "go 1");
    await lab.world.settle();
    await second.app.signal(job.runId, "go 0");
    await lab.world.settle();
    disk.open();
    await lab.world.settle();
    const seqs = lab.journal(job.runId).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_seq, index) => index + 1));
    expect(lab.kinds(job.runId).at(-1)).toBe("diverged");
    second.crash();
    await lab.open([both(false)]);
    await lab.world.settle();
    await lab.answer(job.runId, { happened: false });
    expect(await lab.app.job(job.runId).result()).toEqual(["paid 0", "paid 1"]);
  });
});

/** A store whose commits with full durability are acknowledged only when the disk allows it. */
function slowDisk(store: MemoryStore, disk: Promise<void>): Store {
  return new Proxy<Store>(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "commit") return value.bind(target) as unknown;
      return (...args: Parameters<Store["commit"]>) => {
        const results = target.commit(...args);
        return args[1] === "full" ? disk.then(() => results) : results;
      };
    },
  });
}

describe("a journal that cannot be read", () => {
  // Finding F16.
  test("harms one run: it is set aside with a reason that shows no payload", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(desk(original), { secret: "input" });
    const other = await life.app.start(
      workflow({ name: "fine" }, (_input, ctx) => ctx.waitFor("go")),
      0,
    );
    await lab.world.settle();
    life.crash();
    const torn = new Proxy<Store>(lab.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "replay") return value.bind(target) as unknown;
        return async (key: number) => {
          const entries = await target.replay(key);
          return key === lab.row(job.runId).key ? entries.slice(0, 1) : entries;
        };
      },
    });
    const fine = workflow({ name: "fine" }, (_input, ctx) => ctx.waitFor("go"));
    const second = await lab.open([desk(original), fine], { store: torn });
    await lab.world.settle();
    expect(lab.world.reports).toMatchObject([{ code: "journal/damaged", details: { runId: job.runId } }]);
    for (const app of [second.app, (await lab.open([])).app]) {
      const end = await app.job(job.runId).outcome();
      expect(end).toMatchObject({ status: "diverged", failure: { code: "journal/damaged" } });
      expect(JSON.stringify(end)).not.toContain("secret");
    }
    await second.app.signal(other.runId, "go", "unharmed");
    await lab.world.settle();
    expect(await second.app.job(other.runId).result()).toBe("unharmed");
  });
});

describe("agents that a process does not have", () => {
  test("leave a run to a process that has them", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(desk(original), 0);
    life.crash();
    const stranger = await lab.open([workflow({ name: "else" }, () => 0)]);
    await lab.answer(job.runId, "yes");
    await lab.world.advance(10_000);
    expect(lab.row(job.runId).status).toBe("waiting");
    stranger.crash();
    await lab.open([desk(original)]);
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toBe("a yes");
  });

  test("are known by the body that calls them, when nobody registered them", async () => {
    const hidden = workflow({ name: "hidden" }, (_input, ctx) => ctx.run(asked, "?"));
    const body = workflow({ name: "body" }, async (_input, ctx) => [
      await ctx.run(hidden, 0),
      ...(await ctx.map([1, 2], hidden)),
    ]);
    const lab = new Lab();
    const { life, job } = await lab.begin(body, 0, { warmBytes: 0 });
    await lab.answer(job.runId, "first");
    life.crash();
    await lab.open([body], { warmBytes: 0 });
    await lab.world.settle();
    for (const { waitId } of await lab.waits(job.runId)) {
      await lab.app.answer(job.runId, waitId, waitId);
      await lab.world.settle();
    }
    expect(await lab.app.job(job.runId).result()).toEqual(["first", "0.1/0.0", "0.1/1.0"]);
  });

  test("and that nobody knows any more park the run with the agent's name", async () => {
    const gone = workflow({ name: "gone" }, (_input, ctx) => ctx.run(asked, "?"));
    const with_ = workflow({ name: "body", uses: [asked] }, (_input, ctx) => ctx.run(gone, 0));
    const without = workflow({ name: "body", uses: [asked] }, (_input, ctx) => ctx.run(echo, "x"));
    const lab = new Lab();
    const { life, job } = await lab.begin(with_, 0);
    life.crash();
    await lab.open([without]);
    await lab.answer(job.runId, "yes");
    expect(await lab.app.job(job.runId).outcome()).toMatchObject({
      status: "diverged",
      failure: { details: { recorded: "run gone@1", found: "run echo@1" } },
    });
  });
});

describe("a parked run's failure", () => {
  test("holds the recorded operations around the place, marked like a diff, without payloads", async () => {
    const secret = "a secret text";
    const long: Body = async (ctx) => {
      for (let index = 0; index < 5; index++) await ctx.run(echo, secret);
      return ctx.run(asked, secret);
    };
    const changedAt: Body = async (ctx) => {
      for (let index = 0; index < 4; index++) await ctx.run(echo, secret);
      await ctx.sleep(1);
      return ctx.run(asked, secret);
    };
    const { lab, runId } = await changed(long, changedAt);
    const end = await lab.app.job(runId).outcome();
    expect(end).toMatchObject({
      failure: {
        path: "0.4",
        details: {
          excerpt: [
            { mark: " ", seq: 3, path: "0.1", operation: "run echo@1" },
            { mark: " ", seq: 4, path: "0.2", operation: "run echo@1" },
            { mark: " ", seq: 5, path: "0.3", operation: "run echo@1" },
            { mark: "-", seq: 6, path: "0.4", operation: "run echo@1" },
            { mark: "+", path: "0.4", operation: "sleep" },
            { mark: " ", seq: 7, path: "0.5", operation: "run asked@1" },
          ],
        },
      },
    });
    expect(JSON.stringify(end)).not.toContain(secret);
  });

  test("is written once, however often the same wrong code tries again", async () => {
    const { lab, runId, second } = await changed(original, async () => "nothing");
    const entries = lab.row(runId).seq;
    for (let tries = 0; tries < 3; tries++) {
      await second.app.retry(runId);
      await lab.world.settle();
      expect(lab.row(runId)).toMatchObject({ status: "diverged", seq: entries });
    }
  });
});

describe("app.retry", () => {
  test("takes a parked run up again in the process that runs, once its code is mended", async () => {
    const { lab, runId, second } = await changed(original, async () => "nothing");
    second.engine.register(desk(original));
    const job = await second.app.retry(runId);
    expect(await settled(lab, job.result())).toBe("a yes");
    expect(lab.kinds(runId)).toContain("diverged");
    await expect(second.app.retry(runId)).rejects.toMatchObject({ code: "run/already-finished" });
    expect(await second.app.replay(runId)).toMatchObject({ status: "same" });
  });

  test("of a client hands it to whoever has the code", async () => {
    const { lab, runId, second } = await changed(original, async () => "nothing");
    second.engine.register(desk(original));
    const client = new App(new Engine({ store: lab.store, world: lab.world, codec: clearCodec, pollMs: 0 }), {
      tenant: "acme",
      principal: "tester",
      worker: false,
    });
    await client.retry(runId);
    await second.app.settle();
    expect(lab.row(runId).status).toBe("completed");
  });

  test("of a run whose journal was damaged goes on when it can be read again", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(desk(original), 0);
    life.crash();
    let broken = true;
    const torn = new Proxy<Store>(lab.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "replay") return value.bind(target) as unknown;
        return async (key: number) => (await target.replay(key)).slice(0, broken ? 1 : undefined);
      },
    });
    const second = await lab.open([desk(original)], { store: torn });
    await lab.world.settle();
    await second.app.answer(job.runId, await lab.question(job.runId).catch(() => "0.1"), "yes").catch(() => undefined);
    await lab.world.settle();
    expect(lab.row(job.runId)).toMatchObject({ status: "diverged" });
    broken = false;
    await second.app.retry(job.runId);
    await lab.world.settle();
    if (lab.row(job.runId).status !== "completed") await lab.answer(job.runId, "yes");
    expect(await lab.app.job(job.runId).result()).toBe("a yes");
  });

  test("of a run that is not parked changes nothing", async () => {
    const lab = new Lab();
    const { life, job } = await lab.begin(desk(original), 0);
    const before = lab.row(job.runId);
    await life.app.retry(job.runId);
    await lab.world.settle();
    expect(lab.row(job.runId)).toEqual(before);
    await expect(life.app.retry("run_none")).rejects.toMatchObject({ code: "run/not-found" });
  });
});

/** Lets everything follow, then gives the value. */
async function settled<T>(lab: Lab, value: Promise<T>): Promise<T> {
  await lab.world.settle();
  return value;
}

describe("another input than the recorded one", () => {
  const pay = tool({ ...describeEcho(), name: "pay", effect: "write" });
  const child = workflow({ name: "child" }, (input: unknown) => input);
  const held = workflow({ name: "held", uses: [asked] }, async (input: unknown, ctx) => [
    input,
    await ctx.run(asked, "?"),
  ]);
  const body =
    (text: string): Body =>
    async (ctx) => {
      const read = await ctx.run(echo, text);
      const written = await ctx.run(pay, text);
      const stepped = await ctx.step("step", () => text, { effect: "read" });
      const mapped = await ctx.map([text], echo);
      const started = await (await ctx.start(child, text)).outcome();
      const [all, one] = await Promise.all([ctx.map([text], held), ctx.run(held, text)]);
      return [read, written, stepped, mapped, started, all, one];
    };

  test("is no divergence, for run, step, map and start: the recorded results count", async () => {
    const lab = new Lab();
    const agents = (text: string) =>
      workflow({ name: "desk", uses: [pay, child, held] }, (_input, ctx) => body(text)(ctx));
    const { life, job } = await lab.begin(agents("old"), 0);
    life.crash();
    await lab.open([agents("new")]);
    await lab.world.settle();
    for (const { waitId } of await lab.waits(job.runId)) await lab.app.answer(job.runId, waitId, "yes");
    await lab.world.settle();
    expect(await lab.app.job(job.runId).result()).toEqual([
      "old",
      "old",
      "old",
      ["old"],
      "old",
      [["old", "yes"]],
      ["old", "yes"],
    ]);
    const report = await lab.app.replay(job.runId);
    expect(report.status).toBe("same");
    expect(report.warnings.map(({ path, what }) => `${what} ${path}`)).toContain("input 0.1");
  });
});
