/** The commands that look at runs and bring word to them, on a real store file. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Agent, human, open, type StartOptions, tool, workflow } from "concertato";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { commandLine, endPrograms, runProgram, type Said, startProgram } from "./command-line.ts";

const decision = z.object({ approved: z.boolean(), by: z.string().optional(), note: z.string().optional() });
const boss = human({ name: "boss", output: decision });
const clerk = human({ name: "clerk", output: decision, within: "1h" });
const pay = tool({
  name: "pay",
  description: "Pays money out",
  input: z.object({ usd: z.number(), to: z.string() }),
  output: z.string(),
  effect: "write",
  approve: () => boss,
  approvers: [boss],
  execute: ({ usd, to }) => `paid ${usd} to ${to}`,
});
const refund = workflow({ name: "refund", input: z.object({ to: z.string() }), uses: [pay] }, ({ to }, ctx) =>
  ctx.run(pay, { usd: 84, to }),
);
const hire = workflow({ name: "hire", input: z.object({}), uses: [clerk] }, (_input, ctx) =>
  ctx.run(clerk, { question: "Shall we?" }),
);
const post = workflow({ name: "post", input: z.object({}) }, async (_input, ctx) => {
  const parcel = await ctx.waitFor("parcel", z.object({ kg: z.number() }));
  const letter = await ctx.receive("letters", z.string());
  return `${parcel.kg} kg, ${letter}`;
});
const quick = workflow({ name: "quick", input: z.object({}) }, () => "done");
const all: readonly Agent[] = [refund, hire, post, quick];

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cli-look-"));
});
afterEach(endPrograms);
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function cli(...args: readonly string[]): Promise<Said> {
  return commandLine(folder, ["--store", "app.db", ...args]);
}

async function left<Input>(agent: Agent<Input>, input: NoInfer<Input>, options: StartOptions = {}): Promise<string> {
  await using app = await open(join(folder, "app.db"), { agents: all });
  const { runId } = await app.start(agent, input, options);
  await app.settle();
  return runId;
}

async function goOn(): Promise<void> {
  await using app = await open(join(folder, "app.db"), { agents: all });
  await app.settle();
}

function lines(said: Said): readonly Record<string, unknown>[] {
  return said.out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("ls filters by agent, tenant, age, status and who is asked, and pages", async () => {
  const asked = await left(refund, { to: "ann" }, { tenant: "acme", key: "A-1" });
  const hired = await left(hire, {});
  const done = await left(quick, {});
  const ids = async (...args: readonly string[]) => lines(await cli("ls", "--json", ...args)).map(({ runId }) => runId);
  expect(await ids()).toEqual([done, hired, asked]);
  expect(await ids("--agent", "hire")).toEqual([hired]);
  expect(await ids("--tenant", "acme")).toEqual([asked]);
  expect(await ids("--status", "waiting,failed")).toEqual([hired, asked]);
  expect(await ids("--waiting")).toEqual([hired, asked]);
  expect(await ids("--waiting", "boss")).toEqual([asked]);
  expect(await ids("--since", "1h")).toHaveLength(3);
  expect(await ids("--since", "0s")).toEqual([]);
  const first = await cli("ls", "--limit", "2");
  expect(first.error).toContain("--before");
  const next = /--before (\S+)/.exec(first.error)?.[1] ?? "";
  expect(await ids("--before", next)).toEqual([asked]);
  expect((await cli("ls", "--before", asked)).out).toContain("No older runs.");
  expect(await cli("ls", "--since", "yesterday")).toMatchObject({
    code: 2,
    error: expect.stringContaining("duration"),
  });
  expect((await cli("ls", "--waiting", "nobody")).out).toContain("No run waits");
});

test("a run is named by either end of its id, or by its key; what fits several is asked back", async () => {
  const runId = await left(refund, { to: "ann" }, { key: "A-1" });
  for (const name of [runId, runId.slice(0, 20), runId.slice(-8), "A-1"])
    expect(JSON.parse((await cli("show", name, "--json")).out)).toMatchObject({ run: { runId } });
  await left(quick, {}, { key: "A-2" });
  expect(await cli("show", "run_")).toMatchObject({ code: 2, error: expect.stringContaining(runId) });
  expect(await cli("show", "A-3")).toMatchObject({ code: 3 });
});

test("ls fits the width of the terminal", async () => {
  await left(refund, { to: "ann" }, { key: "a-key-that-is-very-long-and-would-break-every-line" });
  for (const columns of [40, 60, 80, 120]) {
    const { out } = await commandLine(folder, ["--store", "app.db", "ls"], { columns });
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(out).toContain("waiting");
  }
});

test("inbox shows who is asked, until when and the exact arguments, the most urgent first", async () => {
  const paying = await left(refund, { to: "ann" });
  const hiring = await left(hire, {});
  await left(post, {});
  const { out, error } = await cli("inbox");
  expect(out.indexOf("clerk")).toBeLessThan(out.indexOf("boss"));
  expect(out).toMatch(/clerk is asked.*until in 59 min/);
  expect(out).toContain("pay  Pays money out");
  expect(out).toMatch(/usd +84\n +to +ann/);
  expect(out).toContain(`approve ${paying.slice(-8)}`);
  expect(out).not.toContain("parcel");
  expect(error).toContain("2 questions.");
  expect(lines(await cli("inbox", "--json", "--mine", "boss"))).toMatchObject([
    {
      ...{ runId: paying, kind: "answer", name: "boss", agent: "refund@1" },
      request: { action: "pay", arguments: { usd: 84, to: "ann" } },
    },
  ]);
  expect(lines(await cli("inbox", "--json", "--agent", "hire"))).toMatchObject([{ runId: hiring }]);
  expect((await cli("inbox", "--signals")).out).toContain("parcel");
  expect((await cli("inbox", "--limit", "1")).error).toContain("There are more");
  expect((await cli("inbox", "--mine", "nobody")).out).toContain("Nothing waits for nobody.");
  await cli("approve", paying, "--by", "ada");
  expect((await cli("inbox", "--mine", "boss")).out).toContain("answered by ada");
});

test("what a customer wrote cannot draw on the terminal of the person who decides", async () => {
  const drawing = "ann\u001b[2K\u001b[1A usd 1\u202e\u009b31m";
  const runId = await left(refund, { to: drawing }, { key: drawing, tenant: "x\u001b[1A" });
  const views = [["inbox"], ["show", runId], ["show", runId, "--full"], ["ls"], ["events", runId]];
  for (const view of views) {
    const { out } = await cli(...view);
    expect([...out].filter((character) => /[\p{Cc}\p{Bidi_Control}]/u.test(character) && character !== "\n")).toEqual(
      [],
    );
    expect(out).toContain("1b");
  }
});

test("signal, send and prioritise reach a run; what they sent is used", async () => {
  const runId = await left(post, {});
  expect(await cli("signal", runId, "parcel", "heavy")).toMatchObject({ code: 2 });
  expect(lines(await cli("--json", "signal", runId, "parcel", '{"kg":3}', "--once", "p1"))).toEqual([
    { runId, signal: "parcel", value: { kg: 3 } },
  ]);
  expect(await cli("signal", runId, "parcel", '{"kg":4}', "--once", "p1")).toMatchObject({ code: 0 });
  for (const code of [0, 0])
    expect(await cli("send", runId, "letters", '"hello"', "--once", "l1")).toMatchObject({ code });
  expect(await cli("send", runId, "letters", '"other"', "--once", "l1")).not.toMatchObject({ code: 0 });
  expect(await cli("prioritise", runId, "8")).toMatchObject({ code: 0 });
  expect(await cli("prioritise", runId, "10")).toMatchObject({ code: 2 });
  expect((await cli("show", runId)).out).toContain("priority 8");
  await goOn();
  expect(JSON.parse((await cli("show", runId, "--json")).out)).toMatchObject({ tree: { output: "3 kg, hello" } });
  expect(await cli("signal", runId, "parcel", "1")).toMatchObject({ code: 3 });
});

test("events prints the journal from a number on, of the kinds that are asked for", async () => {
  const runId = await left(refund, { to: "ann" });
  const entries = lines(await cli("events", runId, "--json"));
  expect(entries.map(({ kind }) => kind)).toContain("wait-opened");
  expect(entries[0]).toMatchObject({ runId, path: "0", seq: 1, kind: "run-started" });
  expect(lines(await cli("events", runId, "--json", "--after", "1"))).toEqual(entries.slice(1));
  expect(lines(await cli("events", runId, "--json", "--kind", "run-started"))).toHaveLength(1);
  expect(await cli("events", runId, "--kind", "nonsense")).toMatchObject({ code: 2 });
  expect((await cli("events", runId)).out).toMatch(/1 +\+0 ms +0 +run-started +refund@1 +\{"to":"ann"\}/);
});

test("events --follow tails a run of another process, and ends when it ends", async () => {
  const runId = await left(refund, { to: "ann" });
  const follower = startProgram(folder, ["--store", "app.db", "--json", "events", runId, "--follow"]);
  await follower.says("wait-opened");
  expect(await cli("approve", runId)).toMatchObject({ code: 0 });
  await goOn();
  const { code, out } = await follower.ended;
  expect(code).toBe(0);
  expect(out.trimEnd().split("\n").at(-1)).toContain('"kind":"run-ended"');
});

test("of two answers at the same moment one counts, and the other is told so", async () => {
  for (let round = 0; round < 4; round++) {
    const runId = await left(refund, { to: "ann" });
    const [yes, no] = await Promise.all([cli("approve", runId, "--by", "ada"), cli("reject", runId, "--by", "bob")]);
    expect([yes.code, no.code].toSorted((a, b) => a - b)).toEqual([0, 3]);
    await goOn();
    const { status } = (JSON.parse((await cli("show", runId, "--json")).out) as { run: { status: string } }).run;
    expect(status).toBe(yes.code === 0 ? "completed" : "failed");
  }
});

test("an answer that does not fit is told so where a process is at work", async () => {
  const runId = await left(hire, {});
  await using worker = await open(join(folder, "app.db"), { agents: all });
  expect(await cli("answer", runId, "clerk", '"sure"')).toMatchObject({
    code: 1,
    error: expect.stringContaining("does not fit"),
  });
  expect((await cli("--json", "approve", runId)).out).toContain('"status":"counts"');
  expect(await worker.job(runId).outcome()).toMatchObject({ status: "completed" });
});

test("a run is exported to a file or a pipe, and imported into another store", async () => {
  const runId = await left(refund, { to: "ann" });
  expect(await cli("export", runId, "run.jsonl")).toMatchObject({ code: 0 });
  expect(await cli("export", runId, "run.jsonl")).toMatchObject({
    code: 1,
    error: expect.stringContaining("never replaces"),
  });
  const piped = await cli("export", runId);
  expect(piped.out).toBe(readFileSync(join(folder, "run.jsonl"), "utf8"));
  await (await open(join(folder, "other.db"))).close();
  const other = ["--store", "other.db"];
  expect(await commandLine(folder, [...other, "import"], { stdin: piped.out })).toMatchObject({ code: 0 });
  expect((await commandLine(folder, [...other, "show", runId])).out).toContain("boss");
  expect(await commandLine(folder, [...other, "import", "run.jsonl"])).toMatchObject({ code: 1 });
  expect(await commandLine(folder, [...other, "import", "none.jsonl"])).toMatchObject({ code: 2 });
  expect(existsSync(join(folder, "none.jsonl"))).toBe(false);
});

test("errors teach: the nearest command, JSON on request, nothing on standard output", async () => {
  expect((await cli("aprove", "x")).error).toContain("Did you mean approve?");
  expect((await cli("ls", "--stauts", "failed")).error).toContain("--status");
  await left(quick, {});
  const said = await cli("--json", "show", "none");
  expect(said).toMatchObject({ code: 3, out: "" });
  expect(JSON.parse(said.error)).toMatchObject({ error: { exitCode: 3, message: expect.stringContaining("none") } });
  expect(JSON.parse((await cli("--json", "show")).error)).toMatchObject({ error: { exitCode: 2 } });
});

test("colours: none in a pipe and with --no-color, forced with FORCE_COLOR", async () => {
  await left(quick, {});
  const of = (args: readonly string[], environment: NodeJS.ProcessEnv) =>
    runProgram(folder, ["--store", "app.db", ...args], { environment }).stdout.includes("\u001b[");
  expect(of(["ls"], { FORCE_COLOR: undefined })).toBe(false);
  expect(of(["ls"], { FORCE_COLOR: "1" })).toBe(true);
  expect(of(["ls", "--no-color"], { FORCE_COLOR: "1" })).toBe(false);
});

test("whoever stops reading (a pipe into head) ends the command without an error", async () => {
  await left(quick, {});
  const reader = startProgram(folder, ["--store", "app.db", "ls"]);
  reader.stopReading();
  expect(await reader.ended).toMatchObject({ code: 0, error: "" });
});

test("ls --watch needs a terminal; with --json it tells every run that changes, until it is interrupted", async () => {
  const runId = await left(refund, { to: "ann" });
  expect(await cli("ls", "--watch")).toMatchObject({ code: 2, error: expect.stringContaining("--watch --json") });
  const watcher = startProgram(folder, ["--store", "app.db", "--json", "ls", "--watch"]);
  await watcher.says('"status":"waiting"');
  await cli("approve", runId);
  await goOn();
  await watcher.says('"status":"completed"');
  watcher.interrupt();
  const said = await watcher.ended;
  expect(said).toMatchObject({ code: 0, error: "" });
  expect(new Set(lines(said).map((line) => line["runId"]))).toEqual(new Set([runId]));
});
