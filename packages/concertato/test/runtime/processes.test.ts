/** Several processes on one store: who is gone is replaced, messages find the owner, nothing runs twice. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Agent, type App, ConcertatoError, human, open, type RunStatus, tool, workflow } from "../../src/index.ts";
import type { Store } from "../../src/journal/store.ts";
import { type VirtualWorld, virtualWorld } from "../../src/testing/virtual-world.ts";
import { altered, Counts, failure, gate, Lab } from "./lab.ts";

const asked = human({ name: "asked", output: z.string() });
const desk = workflow({ name: "desk", uses: [asked] }, async (input, ctx) => {
  const noted = await ctx.step("note", () => `noted ${String(input)}`, { effect: "write" });
  return `${noted}: ${await ctx.run(asked, input)}`;
});

describe("two processes on one store", () => {
  test("one takes over what the other leaves behind", async () => {
    const lab = new Lab();
    const first = await lab.open([desk], { pollMs: 50 });
    const second = await lab.open([desk], { pollMs: 50 });
    const job = await first.app.start(desk, 1);
    await lab.world.settle();
    first.crash();
    await lab.world.advance(600);
    expect(lab.row(job.runId)).toMatchObject({ owner: second.engine.ownership.owner, status: "waiting" });
    await lab.answer(job.runId, "yes");
    expect(await second.app.job(job.runId).result()).toBe("noted 1: yes");
  });

  test("an answer given to one reaches a run that the other owns", async () => {
    const lab = new Lab();
    const first = await lab.open([desk], { pollMs: 50 });
    const second = await lab.open([desk], { pollMs: 50 });
    const job = await first.app.start(desk, 1);
    await lab.world.settle();
    await second.app.answer(job.runId, await lab.question(job.runId), "from the other");
    const seen = second.app.job(job.runId).result();
    await lab.world.advance(200);
    expect(await job.result()).toBe("noted 1: from the other");
    expect(await seen).toBe("noted 1: from the other");
  });

  test("a process that was put out while it lived can record nothing any more", async () => {
    const lab = new Lab();
    const hold = gate<string>();
    let attempts = 0;
    const work = tool({
      name: "work",
      description: "",
      effect: "write",
      output: z.string(),
      execute: () => (++attempts === 1 ? hold.promise : "by the second"),
    });
    const body = workflow({ name: "body", uses: [work] }, (_input, ctx) => ctx.run(work, undefined));
    const first = await lab.open([body], { pollMs: 50 });
    const job = await first.app.start(body, 0);
    await lab.world.settle();
    lab.store.leave(first.engine.ownership.owner);
    const second = await lab.open([body], { pollMs: 50 });
    await lab.world.settle();
    hold.open("by the first");
    await lab.world.advance(100);
    expect(await second.app.job(job.runId).result()).toBe("by the second");
    expect(lab.kinds(job.runId)).toEqual(["run-started", "intent", "intent", "result", "run-ended"]);
    expect(lab.world.reports).toEqual([]);
  });

  test("a process that was put out records nothing even when nothing has happened to the run since", async () => {
    const lab = new Lab();
    const holds = [gate<string>(), gate<string>()];
    let attempts = 0;
    const look = tool({
      name: "look",
      description: "",
      effect: "read",
      output: z.string(),
      execute: () => holds[attempts++]?.promise ?? "",
    });
    const body = workflow({ name: "body", uses: [look] }, (_input, ctx) => ctx.run(look, undefined));
    const first = await lab.open([body], { pollMs: 50 });
    const job = await first.app.start(body, 0);
    await lab.world.settle();
    lab.store.leave(first.engine.ownership.owner);
    const second = await lab.open([body], { pollMs: 50 });
    await lab.world.settle();
    holds[0]?.open("by the first");
    await lab.world.settle();
    expect(lab.kinds(job.runId)).toEqual(["run-started"]);
    holds[1]?.open("by the second");
    await lab.world.settle();
    expect(await second.app.job(job.runId).result()).toBe("by the second");
  });

  test("a process that was put out and lives takes and loses a run once a look, not again and again without a pause", async () => {
    const lab = new Lab();
    const turns = async (count: number) => {
      for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => lab.world.yield(resolve));
    };
    let reaped = 0;
    // A look is over before what it took has written anything: the next one that reaps would take it away again.
    const slow: Partial<Store> = {
      commit: async (...asked) => {
        await turns(50);
        return lab.store.commit(...asked);
      },
      nextWake: async (...asked) => {
        await turns(30);
        return lab.store.nextWake(...asked);
      },
      reap: (self) => {
        if (++reaped > 100) throw new Error("It reaps without a pause.");
        return lab.store.reap(self);
      },
    };
    const store = new Proxy<Store>(lab.store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(key in slow ? slow : target, key);
        return typeof value === "function" && !(key in slow) ? value.bind(target) : value;
      },
    });
    const body = workflow({ name: "body" }, (_input, ctx) => ctx.step("note", () => "noted", { effect: "write" }));
    const put = await lab.open([body], { store });
    lab.store.leave(put.engine.ownership.owner);
    const client = await lab.open([]);
    const job = await client.app.start(body, 0);
    reaped = 0;
    const looked = put.engine.ownership.sweep(true);
    put.engine.ownership.sweepSoon();
    await lab.world.settle();
    await looked;
    expect(reaped).toBe(1);
    expect(lab.row(job.runId).status).toBe("completed");
    expect(lab.world.reports).toEqual([]);
  });

  test("a cancel through one is binding for the other before it has heard of it", async () => {
    const lab = new Lab();
    const hold = gate<string>();
    const look = tool({
      name: "look",
      description: "",
      effect: "read",
      output: z.string(),
      execute: () => hold.promise,
    });
    const body = workflow({ name: "body", uses: [look] }, (_input, ctx) => ctx.run(look, undefined));
    const { job } = await lab.begin(body, 0, { pollMs: 50 });
    const client = await lab.open([]);
    await client.app.cancel(job.runId);
    hold.open("too late");
    await lab.world.advance(1_000);
    expect(await job.outcome()).toMatchObject({ status: "cancelled" });
    expect(lab.kinds(job.runId)).toEqual(["run-started", "run-ended"]);
  });

  test("one that ends a cancelled run and is overtaken while it reads finds nothing damaged", async () => {
    const lab = new Lab();
    const reading = gate();
    let readings = 0;
    const store = new Proxy<Store>(lab.store, {
      get: (target, key) => {
        if (key === "replay")
          return async (run: number) => {
            readings++;
            await reading.promise;
            return lab.store.replay(run);
          };
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const slow = await lab.open([desk], { store });
    const job = await slow.app.start(desk, 1);
    await lab.world.settle();
    await slow.app.cancel(job.runId);
    await lab.world.settle();
    // It has the row, and reads the journal when another process has written the last entry.
    expect(readings).toBe(1);
    lab.store.commit([{ kind: "take-over", to: job.runId }], "normal");
    await lab.open([desk]);
    await lab.world.settle();
    expect(lab.row(job.runId).status).toBe("cancelled");
    reading.open();
    await lab.world.settle();
    expect(lab.world.reports).toEqual([]);
    expect(lab.kinds(job.runId)).toEqual(["run-started", "intent", "result", "wait-opened", "run-ended"]);
    expect(lab.row(job.runId).status).toBe("cancelled");
  });

  test("many runs are shared out and each is carried out once", async () => {
    const lab = new Lab();
    const done = new Counts();
    const body = workflow({ name: "body" }, async (input, ctx) => {
      await ctx.sleep(10);
      return ctx.step("do", () => done.add(String(input)), { effect: "irreversible" });
    });
    const client = await lab.open([]);
    const jobs = await Promise.all(Array.from({ length: 200 }, (_, index) => client.app.start(body, index)));
    for (const job of jobs) lab.store.leave(lab.row(job.runId).owner ?? 0);
    client.crash();
    await lab.open([body], { pollMs: 50, warmBytes: 0 });
    await lab.open([body], { pollMs: 50, warmBytes: 0 });
    await lab.world.advance(2_000);
    expect(jobs.filter(({ runId }) => lab.row(runId).status !== "completed")).toEqual([]);
    expect(done.names.filter((name) => done.of(name) !== 1)).toEqual([]);
    expect(done.names).toHaveLength(200);
  });
});

describe("on a SQLite file", () => {
  let folder = "";
  let world: VirtualWorld = virtualWorld();
  const apps = new Set<App>();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "concertato-runtime-"));
    world = virtualWorld();
  });

  afterEach(async () => {
    for (const app of apps) await app.close();
    apps.clear();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  async function opened(
    agents: readonly Agent[],
    options: { role?: "client"; key?: Uint8Array; warmBytes?: number } = {},
  ) {
    const app = await open(join(folder, "desk.db"), { agents, world, ...options });
    apps.add(app);
    return app;
  }

  async function closed(app: App): Promise<void> {
    apps.delete(app);
    await app.close();
  }

  /** The disk answers in its own time; what follows from it takes none. */
  async function reaches(app: App, runId: string, status: RunStatus): Promise<void> {
    // Bounded by real time: a sync of a busy disk takes as long as it takes.
    const deadline = performance.now() + 20_000;
    while (performance.now() < deadline) {
      await world.advance(1);
      const { run } = await app.describe(runId);
      if (run.status === status) return;
    }
    throw new Error(`Run ${runId} did not become ${status}.`);
  }

  test("a run goes on in the next process, by its question", async () => {
    const first = await opened([desk]);
    const job = await first.start(desk, 1);
    await reaches(first, job.runId, "waiting");
    await closed(first);
    const second = await opened([desk]);
    const [question] = await second.waiting();
    expect(question).toMatchObject({ runId: job.runId, name: "asked", request: 1 });
    await second.answer(job.runId, question?.waitId ?? "", "yes");
    await reaches(second, job.runId, "completed");
    expect(await second.job(job.runId).result()).toBe("noted 1: yes");
  });

  test("a client starts, watches, answers and cancels, and executes nothing", async () => {
    const client = await opened([], { role: "client" });
    const [done, given] = [await client.start(desk, 1), await client.start(desk, 2)];
    expect(await client.runs({ status: "queued" })).toHaveLength(2);
    const worker = await opened([desk]);
    await reaches(client, done.runId, "waiting");
    await reaches(client, given.runId, "waiting");
    const outcomes = Promise.all([done.outcome(), given.outcome()]);
    await client.answer(done.runId, "0.1", "by a client", { by: "ada" });
    await client.cancel(given.runId, { reason: "second thoughts" });
    await reaches(client, done.runId, "completed");
    await reaches(client, given.runId, "cancelled");
    await world.advance(200);
    expect(await outcomes).toMatchObject([
      { status: "completed", output: "noted 1: by a client" },
      { status: "cancelled", failure: { message: expect.stringContaining("second thoughts") } },
    ]);
    expect(await worker.runs({ status: ["completed", "cancelled"] })).toHaveLength(2);
  });

  test("two workers share the file; a message to one reaches the run of the other", async () => {
    const [first, second] = [await opened([desk]), await opened([desk])];
    const job = await first.start(desk, 1);
    await reaches(first, job.runId, "waiting");
    await second.answer(job.runId, "0.1", "across");
    await reaches(second, job.runId, "completed");
    expect(await job.result()).toBe("noted 1: across");
  });

  test("payloads are sealed under the key, and useless without it", async () => {
    const key = new Uint8Array(32).fill(7);
    const first = await opened([desk], { key });
    const job = await first.start(desk, "top secret");
    await reaches(first, job.runId, "waiting");
    await closed(first);
    const blind = await open(join(folder, "desk.db"), { world, role: "client" });
    apps.add(blind);
    expect((await failure(blind.describe(job.runId))).code).toBe("codec/key-missing");
    await closed(blind);
    const second = await opened([desk], { key });
    expect(await second.waiting()).toMatchObject([{ request: "top secret" }]);
  });

  test("maps, children, timers, loops and signals work as they do in memory, also evicted", async () => {
    const child = workflow({ name: "child", uses: [asked] }, (input, ctx) => ctx.run(asked, input));
    const all = workflow({ name: "all", uses: [child, asked] }, async (_input, ctx) => {
      const handle = await ctx.start(child, "child");
      const mapped = await ctx.map([1, 2, 3], child);
      await ctx.sleep(20);
      const signal = await ctx.waitFor("go");
      return [mapped, signal, await handle.outcome()];
    });
    const app = await opened([all], { warmBytes: 0 });
    const job = await app.start(all, 0);
    for (let round = 0; round < 300 && (await app.describe(job.runId)).run.status !== "completed"; round++) {
      await world.advance(5);
      for (const { runId, waitId, kind, request } of await app.waiting()) {
        if (kind === "signal") await app.signal(runId, "go", "gone", { key: "once" });
        else await app.answer(runId, waitId, `about ${String(request)}`).catch(() => undefined);
      }
    }
    expect(await job.result()).toEqual([["about 1", "about 2", "about 3"], "gone", "about child"]);
  });
});

test("what is still asked of the store when an app closes is told to nobody", async () => {
  const lab = new Lab();
  const looking = gate();
  let [opened, closed] = [false, false];
  const store = altered(lab.store, {
    // A look that is under way while the app closes finds the store closed, as on a file.
    claim: (...asked) => {
      if (!opened) return lab.store.claim(...asked);
      return looking.promise.then(() => {
        if (closed) throw new ConcertatoError({ code: "runtime/closed", message: "The store is closed." });
        return lab.store.claim(...asked);
      });
    },
    close: () => {
      closed = true;
    },
  });
  const { app, engine } = await lab.open([desk], { store });
  opened = true;
  engine.ownership.sweepSoon();
  await lab.world.advance(1);
  await app.close();
  expect(closed).toBe(true);
  looking.open();
  await lab.world.advance(1_000);
  expect(lab.world.reports).toEqual([]);
}, 5_000);
