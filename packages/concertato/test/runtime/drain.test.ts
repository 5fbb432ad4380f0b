/** Going in good order: nothing is lost, nothing is done twice, and what could end in time is not in doubt. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type App, type DrainReport, open, tool, workflow } from "../../src/index.ts";
import { onBothStores } from "./both-stores.ts";
import { failure, type Gate, gate } from "./lab.ts";

onBothStores("a drained process", (place) => {
  /** A tool whose attempts the test lets go on. */
  function paying() {
    const begun: string[] = [];
    const holds = new Map<string, Gate<void>>();
    const pay = tool({
      name: "pay",
      description: "Pays",
      effect: "irreversible",
      input: z.string(),
      execute: (what) => {
        begun.push(what);
        const hold = gate();
        holds.set(what, hold);
        return hold.promise;
      },
    });
    const order = workflow({ name: "order", input: z.string(), uses: [pay] }, async (name, ctx) => {
      await ctx.run(pay, `${name} one`);
      await ctx.run(pay, `${name} two`);
    });
    return { begun, order, release: (what: string) => holds.get(what)?.open() };
  }

  /** Drains while time passes. */
  async function drained(app: App, within: string, meanwhile: () => void = () => undefined): Promise<DrainReport> {
    let report: DrainReport | undefined;
    void app.drain({ within }).then((done) => (report = done));
    await place().world.advance(100);
    meanwhile();
    await place().until("drained", () => report !== undefined);
    return report ?? { unfinished: ["never"] };
  }

  test("lets what is under way end, begins nothing, and gives all back; the next goes on", async () => {
    const { begun, order, release } = paying();
    const one = await place().open([order]);
    const job = await one.app.start(order, "a");
    const waiting = workflow({ name: "waiting" }, (_input, ctx) => ctx.sleep("1h"));
    const sleeper = await one.app.start(waiting, 0);
    await place().until("begun", () => begun.length === 1);
    await place().until("asleep", async () => (await place().row(sleeper.runId)).status === "waiting");
    const report = await drained(one.app, "10s", () => release("a one"));
    expect(report).toEqual({ unfinished: [] });
    expect(begun).toEqual(["a one"]);
    expect(await place().row(job.runId)).toMatchObject({ owner: null, status: "queued", wake: 0 });
    const asleep = await place().row(sleeper.runId);
    expect(asleep).toMatchObject({ owner: null, status: "waiting", parked: true });
    expect(asleep.wake).toBeGreaterThan(place().world.clock.now());
    expect((await failure(one.app.start(order, "b"))).code).toBe("runtime/closed");

    const two = await place().open([order, waiting]);
    await place().until("goes on", () => begun.length === 2);
    release("a two");
    await place().until("done", async () => (await place().row(job.runId)).status === "completed");
    expect(begun).toEqual(["a one", "a two"]);
    expect(await two.app.waiting()).toEqual([]);
  });

  test("takes nothing new, neither started here nor elsewhere", async () => {
    const { begun, order, release } = paying();
    const one = await place().open([order]);
    await one.app.start(order, "a");
    await place().until("begun", () => begun.length === 1);
    const client = await place().client();
    let report: DrainReport | undefined;
    void one.app.drain({ within: "10s" }).then((done) => (report = done));
    const jobs = [await client.start(order, "b"), await one.app.start(order, "c")];
    await place().world.advance(1_000);
    expect(begun).toEqual(["a one"]);
    release("a one");
    await place().until("drained", () => report !== undefined);
    for (const { runId } of jobs) expect(await place().row(runId)).toMatchObject({ owner: null, status: "queued" });
  });

  test("breaks off what does not end in time, and names it; its effect is in doubt for the next", async () => {
    const { begun, order } = paying();
    const one = await place().open([order]);
    const job = await one.app.start(order, "a");
    await place().until("begun", () => begun.length === 1);
    expect(await drained(one.app, "2s")).toEqual({ unfinished: [job.runId] });
    const two = await place().open([order]);
    await place().until("asked", async () => (await two.app.waiting()).length === 1);
    expect(await two.app.waiting()).toMatchObject([{ kind: "in-doubt", runId: job.runId }]);
    expect(begun).toEqual(["a one"]);
  });
});

describe("a real process that is told to go", () => {
  const program = fileURLToPath(new URL("drain-process.ts", import.meta.url));
  let folder: string;
  let children: ChildProcess[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "concertato-drain-"));
    children = [];
  });
  afterEach(() => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Starts a worker and waits until it is ready; `heard` reads on until it prints a line. */
  async function worker(tookMs: number, within = "30s") {
    const child = spawn(
      process.execPath,
      [
        ...["--conditions=concertato-source", "--disable-warning=ExperimentalWarning", program],
        ...[join(folder, "desk.db"), join(folder, "ledger"), String(tookMs), within],
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    children.push(child);
    const ended = once(child, "exit");
    if (child.stdout === null) throw new Error("No output.");
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const heard = async (line: string): Promise<void> => {
      for (let next = await lines.next(); next.done !== true; next = await lines.next())
        if (next.value === line) return;
      throw new Error(`The worker ended before it said "${line}".`);
    };
    await heard("ready");
    return { child, heard, exit: async () => (await ended)[0] as number | null };
  }

  const order = workflow({ name: "order", input: z.string() }, () => undefined);
  const ledger = (): string[] => readFileSync(join(folder, "ledger"), "utf8").trim().split("\n");

  test("by SIGTERM ends its payment, records it and goes; the next process pays the rest, nothing twice", async () => {
    await using client = await open(join(folder, "desk.db"), { role: "client" });
    const job = await client.start(order, "a");
    const one = await worker(300);
    await one.heard("begin a two");
    one.child.kill("SIGTERM");
    expect(await one.exit()).toBe(0);
    expect(ledger()).toEqual(["begin a one", "end a one", "begin a two", "end a two"]);
    expect(await client.find(job.runId)).toMatchObject({ status: "queued", waiting: [{ kind: "no-worker" }] });

    const two = await worker(0);
    expect(await job.result()).toBe("a");
    two.child.kill("SIGTERM");
    expect(await two.exit()).toBe(0);
    expect(ledger()).toEqual([..."one two three".split(" ").flatMap((part) => [`begin a ${part}`, `end a ${part}`])]);
    expect(await client.waiting()).toEqual([]);
  });

  test("by a second signal ends at once", async () => {
    await using client = await open(join(folder, "desk.db"), { role: "client" });
    await client.start(order, "a");
    const one = await worker(600_000, "10m");
    await one.heard("begin a one");
    one.child.kill("SIGTERM");
    one.child.kill("SIGINT");
    expect([130, 143]).toContain(await one.exit());
  });

  test("beyond its time breaks off, and says so with its exit code", async () => {
    await using client = await open(join(folder, "desk.db"), { role: "client" });
    await client.start(order, "a");
    const one = await worker(600_000, "200ms");
    await one.heard("begin a one");
    one.child.kill("SIGTERM");
    expect(await one.exit()).toBe(1);
  });
});
