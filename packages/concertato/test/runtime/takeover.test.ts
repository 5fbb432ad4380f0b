/** Another process takes over: from one that was killed, by itself; from one that hangs, when it is told to. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type App, open, tool, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { failure, type Gate, gate } from "./lab.ts";

onBothStores("a process that is put out", (place) => {
  function looking() {
    const holds: Gate<string>[] = [];
    const look = tool({
      name: "look",
      description: "Looks",
      effect: "read",
      output: z.string(),
      execute: () => {
        const hold = gate<string>();
        holds.push(hold);
        return hold.promise;
      },
    });
    return { holds, desk: workflow({ name: "desk", uses: [look] }, (_input, ctx) => ctx.run(look, undefined)) };
  }

  test.each(["run", "process"] as const)("of a %s records nothing any more; another goes on", async (what) => {
    const { holds, desk } = looking();
    const one = await place().open([desk]);
    const job = await one.app.start(desk, 0);
    await place().until("begun", () => holds.length === 1);
    const client = await place().client();
    const [holder] = await client.processes();
    expect(holder).toMatchObject({
      owner: one.engine.ownership.owner,
      alive: true,
      agents: ["desk@1", "look@1"],
      runs: 1,
    });
    // It must not be the one that takes it again.
    await client.pause({ agent: "desk" });
    await client.takeOver(what === "run" ? { runId: job.runId } : { owner: holder?.owner ?? 0 });
    expect((await place().row(job.runId)).owner).toBeNull();
    holds[0]?.open("too late");
    await place().until("dropped", () => one.engine.runs.size === 0);
    expect((await place().row(job.runId)).status).not.toBe("completed");
    await client.resume({ agent: "desk" });
    await place().until("begun again", () => holds.length === 2);
    holds[1]?.open("in time");
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(await job.result()).toBe("in time");
  });

  test("a run that ended or is not there is not taken over", async () => {
    const quick = workflow({ name: "quick" }, () => 1);
    const { app } = await place().open([quick]);
    const job = await app.start(quick, 0);
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect((await failure(app.takeOver({ runId: job.runId }))).code).toBe("run/already-finished");
    expect((await failure(app.takeOver({ runId: "nobody" }))).code).toBe("run/not-found");
  });
});

describe("three real processes on one file", () => {
  const program = fileURLToPath(new URL("takeover-process.ts", import.meta.url));
  const desk = workflow({ name: "desk", input: z.string(), output: z.number() }, () => 0);
  let folder: string;
  let children: ChildProcess[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "concertato-takeover-"));
    children = [];
  });
  afterEach(() => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** A worker and what it has said so far. */
  class Worker {
    readonly child: ChildProcess;
    readonly said: string[] = [];
    #news: Gate<void> = gate();

    constructor() {
      this.child = spawn(
        process.execPath,
        [
          "--conditions=concertato-source",
          "--disable-warning=ExperimentalWarning",
          program,
          join(folder, "desk.db"),
          folder,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      children.push(this.child);
      if (this.child.stdout === null) throw new Error("No output.");
      createInterface({ input: this.child.stdout }).on("line", (line) => {
        this.said.push(line);
        const news = this.#news;
        this.#news = gate();
        news.open();
      });
    }

    get news(): Promise<void> {
      return this.#news.promise;
    }

    get looks(): number {
      return this.said.filter((line) => line.startsWith("look ")).length;
    }

    release(run: string): void {
      writeFileSync(join(folder, `${run}.${this.child.pid}`), "");
    }
  }

  /** The first of these that has said something. */
  async function whoSaid(workers: readonly Worker[], line: string): Promise<Worker> {
    for (;;) {
      const one = workers.find(({ said }) => said.includes(line));
      if (one !== undefined) return one;
      await Promise.race(workers.map(({ news }) => news));
    }
  }

  async function opened(): Promise<{ client: App; workers: Worker[] }> {
    const client = await open(join(folder, "desk.db"), { role: "client" });
    const workers = [new Worker(), new Worker(), new Worker()];
    for (const worker of workers) await whoSaid([worker], "ready");
    return { client, workers };
  }

  test("kill -9 of one: another has its run after its next look, twice a second", async () => {
    const { client, workers } = await opened();
    await using _closing = client;
    const job = await client.start(desk, "a");
    const first = await whoSaid(workers, "begin a");
    const others = workers.filter((worker) => worker !== first);
    const looksBefore = new Map(others.map((worker) => [worker, worker.looks]));
    const killed = performance.now();
    first.child.kill("SIGKILL");
    const next = await whoSaid(others, "begin a");
    const took = performance.now() - killed;
    const released = others.find(({ said }) => said.includes("released 1"));
    // What bounds the time is how many looks it takes: the one under way at the kill may be too early, the next is not.
    const looks = (released?.looks ?? 99) - (looksBefore.get(released ?? next) ?? 0);
    expect(looks).toBeLessThanOrEqual(2);
    console.info(`Taken over ${took.toFixed(0)} ms after kill -9, at look ${looks}.`);
    next.release("a");
    expect(await job.result()).toBe(next.child.pid);
  });

  test("one that hangs with its lock is put out; when it wakes it records nothing and lets go", async () => {
    const { client, workers } = await opened();
    await using _closing = client;
    const job = await client.start(desk, "a");
    const wedged = await whoSaid(workers, "begin a");
    const others = workers.filter((worker) => worker !== wedged);
    wedged.child.kill("SIGSTOP");
    const holder = (await client.processes()).find(({ pid }) => pid === wedged.child.pid);
    expect(holder).toMatchObject({ alive: true, runs: 1 });
    await client.takeOver({ owner: holder?.owner ?? 0 });
    const next = await whoSaid(others, "begin a");
    // Asleep it holds the run no more, and awake it finds that out by itself, without having anything to write.
    await Promise.all(
      others.map(async (worker) => {
        const looks = worker.looks + 5;
        while (worker.looks < looks) await worker.news;
      }),
    );
    wedged.child.kill("SIGCONT");
    await whoSaid([wedged], "left");
    wedged.release("a");
    next.release("a");
    expect(await job.result()).toBe(next.child.pid);
    const ends = [];
    for await (const { kind, body } of job.events({ live: false })) if (kind === "result") ends.push(body);
    expect(ends).toEqual([next.child.pid]);
  });
});
