/** A damaged record harms one run, which is named; all others go on. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { tool } from "../../src/agents/tool.ts";
import { workflow } from "../../src/agents/workflow.ts";
import type { CheckReport } from "../../src/check.ts";
import { open } from "../../src/open.ts";

const look = tool({
  name: "look",
  description: "Looks something up",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (input) => `${input} found`,
});
const keep = tool({
  name: "keep",
  description: "Keeps much",
  effect: "read",
  input: z.string(),
  output: z.string(),
  execute: (input) => input.repeat(50_000),
});
const desk = workflow({ name: "desk", input: z.string(), uses: [look, keep] }, async (input, ctx) => {
  const first = await ctx.run(look, input);
  const inner = await ctx.run(look, `${first} again`);
  const large = await ctx.run(keep, input.slice(-1));
  const word = await ctx.waitFor("go", z.string());
  return [first, inner, large.length, word].join(" ");
});

let folder: string;
let file: string;
let ids: string[];

/** Three runs that wait: the second is the one that is harmed. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "concertato-damage-"));
  file = join(folder, "desk.db");
  ids = [];
  await using app = await open(file, { agents: [desk] });
  for (const name of ["a", "b", "c"]) ids.push((await app.start(desk, `ticket ${name}`)).runId);
  await app.settle();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function harm(sql: string): void {
  const db = new DatabaseSync(file);
  expect(db.prepare(sql.replaceAll("$RUN", `(select key from run where id = '${ids[1]}')`)).run().changes).toBe(1);
  db.close();
}

interface Aftermath {
  readonly report: CheckReport;
  readonly statuses: readonly string[];
  /** What the runs that did not complete were set aside for. */
  readonly codes: readonly (string | null)[];
}

/** Checks, then lets every run go on, and tells what became of them. */
async function aftermath(): Promise<Aftermath> {
  const report = await (async () => {
    await using client = await open(file, { role: "client" });
    return await client.check();
  })();
  await using app = await open(file, { agents: [desk], onReport: () => undefined });
  for (const id of ids) await app.signal(id, "go", "on").catch(() => undefined);
  await app.settle();
  const runs = await app.runs();
  const left = ids.map((id) => runs.find(({ runId }) => runId === id));
  return { report, statuses: left.map((run) => run?.status ?? "gone"), codes: left.map((run) => run?.failure ?? null) };
}

const nth = (seq: number): string => `ref = (select ref from entry where run = $RUN and seq = ${seq})`;

describe("damage", () => {
  test("is not seen where there is none", async () => {
    const { report, statuses } = await aftermath();
    expect(report).toEqual({ runs: 3, entries: 15, damaged: [], file: [] });
    expect(statuses).toEqual(["completed", "completed", "completed"]);
  });

  test("is not seen in runs that ended, went on anew, were forked, cancelled, or set aside for their code", async () => {
    const failing = workflow({ name: "failing", input: z.number() }, () => {
      throw new Error("Out of ink.");
    });
    const child = workflow({ name: "child", input: z.string() }, (input) => input);
    const parent = workflow({ name: "parent", input: z.string(), uses: [child, failing] }, async (input, ctx) => {
      const started = await ctx.start(child, input);
      const settled = await ctx.map([1, 2], failing, { join: "settle" });
      return [await started.outcome(), settled.length, await ctx.run(child, "x".repeat(40_000))];
    });
    const anew = workflow({ name: "anew", input: z.number() }, async (input, ctx): Promise<string> => {
      await ctx.step("count", () => input, { effect: "read" });
      if (input < 3) return ctx.continueAs(input + 1);
      return "done";
    });
    let changed = false;
    const fickle = workflow({ name: "fickle" }, async (_input, ctx) => {
      if (changed) await ctx.sleep(1);
      return ctx.waitFor("go");
    });
    const agents = [desk, failing, child, parent, anew, fickle];
    {
      await using app = await open(file, { agents });
      for (const job of [await app.start(failing, 1), await app.start(parent, "p"), await app.start(anew, 1)]) {
        await job.outcome();
      }
      await app.cancel(ids[0] ?? "", { reason: "not wanted" });
      await app.fork(ids[1] ?? "", { at: 2 });
      await app.start(fickle, undefined);
      await app.settle();
    }
    changed = true;
    await using app = await open(file, { agents, onReport: () => undefined });
    for (const { runId, agent } of await app.runs()) if (agent === "fickle@1") await app.signal(runId, "go");
    await app.settle();
    expect(new Set((await app.runs()).map(({ status }) => status))).toEqual(
      new Set(["completed", "failed", "cancelled", "waiting", "diverged"]),
    );
    expect(await app.check()).toMatchObject({ damaged: [], file: [] });
  });

  test.each([
    ["a payload", `update entry set body = substr(body, 2) where ${nth(2)}`],
    ["the input", `update entry set body = '"' || body where ${nth(1)}`],
    ["what stands beside a payload", `update entry set meta = replace(meta, '{', '(') where ${nth(2)}`],
    ["a kind", `update entry set kind = 93 where ${nth(2)}`],
    ["the number of an entry", `update entry set seq = 7 where ${nth(3)}`],
    ["whose an entry is", `update entry set run = run + 1 where ${nth(3)}`],
    ["a reference to the entry before", `update entry set prev = prev + 1 where ${nth(4)}`],
    ["a reference into another run", `update entry set prev = (select min(ref) from entry) where ${nth(3)}`],
    [
      "a reference to a later entry",
      `update entry set prev = (select max(ref) from entry where run = $RUN) where ${nth(3)}`,
    ],
    [
      "a reference past an entry",
      `update entry set prev = (select ref from entry where run = $RUN and seq = 1) where ${nth(3)}`,
    ],
    ["a reference to nothing", `update entry set prev = 1000000 where ${nth(3)}`],
    ["an entry that is gone", `delete from entry where ${nth(2)}`],
    ["the reference to the last entry", `update run set head = head - 1 where key = $RUN`],
    [
      "the reference to the last entry, which is another run's",
      `update run set head = (select max(ref) from entry) where key = $RUN`,
    ],
    ["the length of the journal", `update run set seq = seq + 1 where key = $RUN`],
    ["the status", `update run set status = 77 where key = $RUN`],
    ["a large payload", `update blob set body = replace(body, 'bbbbb', 'bbxbb') where body like '"b%'`],
    ["a large payload that is gone", `delete from blob where body like '"b%'`],
  ])("of %s harms one run, named, and no other", async (_what, sql) => {
    harm(sql);
    const { report, statuses, codes } = await aftermath();
    expect(report.damaged).toEqual([{ runId: ids[1], code: "journal/damaged", message: expect.stringContaining("") }]);
    expect(report.file).toEqual([]);
    expect(statuses).toEqual(["completed", "diverged", "completed"]);
    expect(codes).toEqual([null, "journal/damaged", null]);
  });

  test.each([
    ["the tenant", `update run set tenant = 'other' where key = $RUN`],
    ["the agent", `update run set agent = 4711 where key = $RUN`],
    ["the hash of the input", `update run set input_hash = 'x' where key = $RUN`],
    ["the parent", `update run set parent = 'run_x' where key = $RUN`],
  ])("of %s in the row is named by a check, and others go on", async (_what, sql) => {
    harm(sql);
    const { report, statuses } = await aftermath();
    expect(report.damaged).toMatchObject([{ runId: ids[1], code: "journal/damaged" }]);
    expect([statuses[0], statuses[2]]).toEqual(["completed", "completed"]);
  });

  test("of a single byte in the file itself is named, and harms no other run", async () => {
    const whole = readFileSync(file);
    const at = whole.indexOf('ticket b found"');
    const changed = Buffer.from(whole);
    // The quote that ends a text.
    changed[at + "ticket b found".length] = 0x41;
    writeFileSync(file, changed);
    const { report, statuses } = await aftermath();
    expect(report.damaged).toMatchObject([{ runId: ids[1], code: "journal/damaged" }]);
    expect(statuses).toEqual(["completed", "diverged", "completed"]);
  });

  test("of the file's structure is said of the file, and a check does not fail on it", async () => {
    const changed = readFileSync(file);
    // The kind of the page that holds the entry: a leaf of a table.
    const page = Math.floor(changed.indexOf("ticket b found") / 4096) * 4096;
    expect(changed[page]).toBe(13);
    changed[page] = 0xff;
    writeFileSync(file, changed);
    await using client = await open(file, { role: "client" });
    const { file: faults, damaged } = await client.check();
    expect(faults.length).toBeGreaterThan(0);
    expect(damaged.map(({ runId }) => runId)).toContain(ids[1]);
    expect(new Set(damaged.map(({ code }) => code))).toEqual(new Set(["journal/damaged"]));
  });
});
