/** The command line on real databases: what it says, what it changes, and how it ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Agent, filePart, human, open, type StartOptions, tool, workflow } from "concertato";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { commandLine, runProgram, type Said } from "./command-line.ts";

const decision = z.object({ approved: z.boolean(), by: z.string().optional(), note: z.string().optional() });
const boss = human({ name: "boss", output: decision });
const clerk = human({ name: "clerk", output: decision });
const add = tool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.number(),
  effect: "pure",
  execute: ({ a, b }) => a + b,
});

const order = workflow(
  { name: "order", version: 1, input: z.object({ item: z.string() }), output: decision, uses: [add, boss] },
  async ({ item }, ctx) => {
    const price = await ctx.run(add, { a: 40, b: 2 });
    return ctx.run(boss, { buy: item, price });
  },
);
const twoSigns = workflow(
  { name: "two-signs", version: 1, input: z.object({}), output: z.number(), uses: [boss, clerk] },
  async (_input, ctx) => {
    await ctx.all({
      first: (branch) => branch.run(boss, { sign: "here" }),
      second: (branch) => branch.run(clerk, { sign: "there" }),
    });
    return 2;
  },
);
const booked = workflow({ name: "booked", input: z.object({}), uses: [add, boss, clerk] }, async (_input, ctx) => {
  await ctx.compensate(clerk, { cancel: "the hotel" });
  await ctx.compensate(add, { a: 1, b: 1 });
  await ctx.run(boss, {});
});
const delivery = workflow({ name: "delivery", version: 1, input: z.object({}), output: z.string() }, (_input, ctx) =>
  ctx.waitFor("parcel", z.string()),
);
const release = Promise.withResolvers<number>();
const slow = tool({
  name: "slow",
  description: "Takes its time",
  output: z.number(),
  effect: "read",
  execute: () => release.promise,
});
const busy = workflow(
  { name: "busy", version: 1, input: z.object({}), output: z.number(), uses: [boss, slow] },
  async (_input, ctx) => {
    await ctx.all({ asked: (branch) => branch.run(boss, {}), working: (branch) => branch.run(slow, undefined) });
    return 1;
  },
);
/** An effect that breaks off, and whose probe cannot tell what became of it. */
const pay = tool({
  name: "pay",
  description: "Pays",
  output: z.number(),
  effect: "irreversible",
  probe: async () => ({ kind: "unknown" }),
  execute: () => {
    throw new Error("The line went dead.");
  },
});
const doubtful = workflow(
  { name: "doubtful", version: 1, input: z.object({}), output: z.number(), uses: [pay] },
  (_input, ctx) => ctx.run(pay, undefined),
);
const broken = workflow({ name: "broken", version: 1, input: z.object({}), output: z.number() }, () => {
  throw new Error("The printer is on fire.");
});

/** Tells what it used: of the first step all, of the second not what it cost. */
const costly = workflow({ name: "costly", version: 1, input: z.object({}) }, async (_input, ctx) => {
  const told = { inputTokens: 250, outputTokens: 50, cost: { amount: 0.0125, currency: "USD" } } as const;
  await ctx.step("dear", (attempt) => attempt.usage(told), { effect: "read" });
  await ctx.step("unpriced", (attempt) => attempt.usage({ inputTokens: 20 }), { effect: "read" });
});

/** Costs three cents and asks for the third. */
const capped = workflow({ name: "capped", version: 1, input: z.object({}) }, async (_input, ctx) => {
  for (let n = 0; n < 3; n++)
    await ctx.step("cent", (attempt) => attempt.usage({ cost: { amount: 0.01, currency: "USD" } }), {
      effect: "read",
      reserve: { usd: 0.01 },
    });
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cli-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One command line in the folder. */
function cli(...args: readonly string[]): Promise<Said> {
  return commandLine(folder, args);
}

/** Starts a run and leaves it where it waits or ends; answers its id. */
async function left<Input>(
  agent: Agent<Input>,
  input: NoInfer<Input>,
  path = join(".concertato", "app", "app.db"),
  options: StartOptions = {},
): Promise<string> {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  await using app = await open(join(folder, path), { agents: [agent as Agent] });
  const job = await app.start(agent, input, options);
  await app.settle();
  return job.runId;
}

/** Lets the workers go on until nothing is left to do; answers the run's status. */
async function goOn(agent: Agent, runId: string): Promise<string | undefined> {
  await using app = await open(join(folder, ".concertato", "app", "app.db"), { agents: [agent] });
  await app.settle();
  return (await app.runs()).find((run) => run.runId === runId)?.status;
}

test("ls names run, agent, status and who is asked", async () => {
  const runId = await left(order, { item: "lamp" });
  const { code, out } = await cli("ls");
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`${runId} +order@1 +\\? waiting +\\S+.* boss`));
});

test("prune deletes finished runs that are old enough, and no others", async () => {
  const waiting = await left(order, { item: "lamp" });
  const failed = await left(broken, {});
  expect((await cli("prune", "--older-than", "1h")).out).toContain("0 runs were deleted.");
  expect((await cli("prune", "--older-than", "0s", "--status", "completed")).out).toContain("0 runs were deleted.");
  expect((await cli("prune", "--older-than", "0s", "--keep-last", "1")).out).toContain("0 runs were deleted.");
  const { out } = await cli("--json", "prune", "--older-than", "0s", "--status", "failed,stopped", "--agent", "broken");
  expect(JSON.parse(out)).toEqual({ runs: 1, more: false });
  const { out: list } = await cli("ls");
  expect([list.includes(waiting), list.includes(failed)]).toEqual([true, false]);
});

test("check reads every run, and names a damaged one", async () => {
  const path = join(".concertato", "app", "app.db");
  const sound = await left(order, { item: "lamp" });
  expect((await cli("check")).out).toMatch(/1 runs with \d+ entries are sound/);
  const harmed = await left(order, { item: "table" });
  const db = new DatabaseSync(join(folder, path));
  db.exec("update entry set body = '{' where ref = (select max(ref) from entry)");
  db.close();
  const { code, out, error } = await cli("check");
  expect([code, out.includes(harmed), out.includes(sound)]).toEqual([1, true, false]);
  expect(error).toContain("1 of 2 runs are damaged.");
  expect(JSON.parse((await cli("--json", "check")).out)).toMatchObject({
    runs: 2,
    damaged: [{ runId: harmed }],
    file: [],
  });
});

test("backup copies the database, once", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("backup", "copy.db")).toMatchObject({ code: 0, out: expect.stringMatching(/copy\.db, \d+ kB/) });
  expect((await cli("--store", "copy.db", "ls")).out).toContain(runId);
  expect(await cli("backup", "copy.db")).toMatchObject({ code: 1, error: expect.stringContaining("never replaces") });
});

test("prune says what it cannot take", async () => {
  await left(broken, {});
  expect(await cli("prune")).toMatchObject({ code: 2, error: expect.stringContaining("--older-than") });
  expect(await cli("prune", "--older-than", "old")).toMatchObject({ code: 2, error: expect.stringContaining("30s") });
  expect(await cli("prune", "--older-than", "1d", "--status", "open")).toMatchObject({ code: 2 });
  expect(await cli("prune", "--older-than", "1d", "--keep-last", "few")).toMatchObject({ code: 2 });
});

test("ls filters by status and says when there is nothing", async () => {
  await left(order, { item: "lamp" });
  expect((await cli("ls", "--status", "failed")).out).toContain("No run is failed.");
  expect(await cli("ls", "--status", "done")).toMatchObject({
    code: 2,
    error: expect.stringContaining("waiting, diverged, completed"),
  });
  expect(await cli("ls", "--limit", "none")).toMatchObject({ code: 2 });
});

test("approve answers the only open question, and the run goes on where its agents are", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("approve", runId.slice(-8), "--note", "fine", "--by", "ada")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/buy +lamp\n +price +42/),
  });
  expect(await goOn(order, runId)).toBe("completed");
  const { out } = await cli("show", runId);
  expect(out).toContain('{"approved":true,"by":"ada","note":"fine"}');
});

test("reject says no with its reason", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("reject", runId, "--note", "too dear")).toMatchObject({
    code: 0,
    out: expect.stringContaining("Rejected"),
  });
  await goOn(order, runId);
  expect((await cli("show", runId)).out).toContain('"approved":false');
});

test("with several open questions approve lists them, and takes one by name or address", async () => {
  const runId = await left(twoSigns, {});
  const { code, error } = await cli("approve", runId);
  expect(code).toBe(2);
  expect(error).toContain("boss");
  expect(error).toContain("clerk");
  expect(await cli("approve", runId, "clerk")).toMatchObject({ code: 0 });
  expect(await cli("approve", runId, "boss")).toMatchObject({ code: 0 });
  expect(await goOn(twoSigns, runId)).toBe("completed");
});

test("answer takes any JSON; what is no JSON is refused before anything is sent", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("answer", runId, "boss", "yes")).toMatchObject({
    code: 2,
    error: expect.stringContaining("not JSON"),
  });
  expect(await cli("answer", runId, "boss", '{"approved":false,"note":"later"}')).toMatchObject({ code: 0 });
  expect(await goOn(order, runId)).toBe("completed");
});

test("answer sends a signal where a run waits for one", async () => {
  const runId = await left(delivery, {});
  expect((await cli("show", runId)).out).toContain(`concertato signal ${runId} parcel JSON`);
  expect(await cli("answer", runId, "parcel", '"at the door"')).toMatchObject({ code: 0 });
  expect(await goOn(delivery, runId)).toBe("completed");
});

test("a question can be answered while other parts of the run are at work", async () => {
  const file = join(folder, "busy.db");
  await using app = await open(file, { agents: [busy] });
  const job = await app.start(busy, {});
  for await (const entry of job.events()) if (entry.kind === "wait-opened") break;
  expect(await cli("--store", file, "approve", job.runId)).toMatchObject({ code: 0 });
  for await (const entry of job.events()) if (entry.kind === "result" && entry.name === "boss") break;
  release.resolve(1);
  expect(await job.outcome()).toMatchObject({ status: "completed" });
});

test("approve refuses an effect in doubt and says how to answer it", async () => {
  const runId = await left(doubtful, {});
  const refused = await cli("approve", runId);
  expect(refused).toMatchObject({ code: 2, error: expect.stringContaining('{"happened":false}') });
  expect(await cli("answer", runId, "pay", '{"happened":true,"output":7}')).toMatchObject({ code: 0 });
  expect(await goOn(doubtful, runId)).toBe("completed");
});

test("cancel ends a waiting run, and a second cancel says that it ended", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("cancel", runId, "--reason", "not needed")).toMatchObject({ code: 0 });
  expect(await goOn(order, runId)).toBe("cancelled");
  expect(await cli("cancel", runId)).toMatchObject({ code: 3 });
  expect(await cli("approve", runId)).toMatchObject({ code: 3, error: expect.stringContaining("waits for no answer") });
});

test("a cancelled run that undoes says how far it is; cancel --now ends it where it is", async () => {
  const runId = await left(booked, {});
  expect(await cli("cancel", runId)).toMatchObject({ code: 0 });
  expect(await goOn(booked, runId)).toBe("waiting");
  expect((await cli("ls")).out).toContain("cancelling: undoing 1 of 2 (clerk)");
  expect(await cli("cancel", runId, "--now")).toMatchObject({ code: 0, out: expect.stringContaining("at once") });
  expect(await goOn(booked, runId)).toBe("cancelled");
  expect((await cli("ls")).out).toContain("run/cancelled, undone 1 of 2");
});

test("show draws the tree with effect, address and values, whole with --full", async () => {
  const runId = await left(order, { item: "lamp" });
  const { out } = await cli("show", runId);
  expect(out).toContain('|- + add  0.0  pure  {"a":40,"b":2} -> 42');
  expect(out).toContain("`- ? boss  0.1");
  expect(out).toContain(`concertato approve ${runId}`);
  expect((await cli("show", runId, "--full")).out).toContain('"price": 42');
});

test("show tells what was used, of each step and in all, and what nobody knows", async () => {
  const runId = await left(costly, {});
  const { out } = await cli("show", runId);
  expect(out).toContain("320 tokens, $0.0125, + unknown cost of 1");
  expect(out).toContain("300 tokens, $0.0125");
  expect(out).toContain("20 tokens, unknown cost of 1");
});

test("show tells what a run may use, and a budget that is used up is raised with approve", async () => {
  const runId = await left(capped, {}, undefined, { budget: { usd: 0.02 }, onExhausted: "ask" });
  const { out } = await cli("show", runId);
  expect(out).toContain("of at most $0.02  used up: a person is asked");
  expect(out).toContain(`concertato approve ${runId}`);
  expect((await cli("ls")).out).toContain("budget");
  expect(await cli("approve", runId, "--by", "ada")).toMatchObject({ code: 0 });
  expect(await goOn(capped, runId)).toBe("completed");
  expect((await cli("show", runId)).out).toContain("of at most $0.04");
});

test("show has a line for a file, and never its bytes", async () => {
  const scan = filePart(new Uint8Array(50_000), { mediaType: "image/png", name: "scan.png" });
  const keep = workflow({ name: "keep", input: z.any() }, (given: unknown) => given);
  const runId = await left(keep as Agent<unknown>, { claim: "A-1", scan });
  for (const full of [[], ["--full"]]) {
    const { out } = await cli("show", runId, ...full);
    expect(out).toContain("[image/png, 50.0 kB, scan.png]");
    expect(out).not.toContain("AAAAAAAA");
  }
});

test("explain tells whether an agent may use a tool, and which edge took it away", async () => {
  const inner = workflow({ name: "inner", input: z.object({}), uses: [add] }, (_x, ctx) =>
    ctx.run(add, { a: 1, b: 2 }),
  );
  const outer = workflow({ name: "outer", input: z.object({}), uses: [inner] }, (_x, ctx) =>
    ctx.run(inner, {}, { tools: [] }),
  );
  const runId = await left(outer, {}, undefined, { tools: [add], principal: "ann" });
  const { code, out } = await cli("explain", runId, "0.0", "add");
  expect(code).toBe(0);
  expect(out).toBe(
    [
      `x inner@1 may not use add: outer@1, calling inner@1 at 0.0 of run ${runId}, granted no tools.`,
      "",
      `run ${runId}`,
      "  + 0    ann -> outer@1      only add",
      "  x 0.0  outer@1 -> inner@1  no tools",
      "",
    ].join("\n"),
  );
  expect((await cli("explain", runId, "0", "add")).out).toContain("+ outer@1 may use add: ann, starting outer@1");
  expect(JSON.parse((await cli("--json", "explain", runId, "0.0", "add")).out)).toMatchObject({ allowed: false });
  expect((await cli("show", runId)).out).toContain("may use no tools");
  expect((await cli("explain", runId, "0.7", "add")).code).toBe(3);
});

test("show tells where and why a run failed", async () => {
  const runId = await left(broken, {});
  expect((await cli("ls")).out).toContain("agent/failed");
  expect((await cli("show", runId)).out).toContain("agent/failed: The printer is on fire.");
});

test("--json prints one JSON value, before or after the command", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(JSON.parse((await cli("--json", "ls")).out)).toMatchObject({ runId, status: "waiting" });
  expect(JSON.parse((await cli("show", runId, "--json")).out)).toMatchObject({
    run: { runId },
    tree: { children: [{ name: "add" }, { name: "boss" }] },
  });
  expect(JSON.parse((await cli("approve", runId, "--json")).out)).toMatchObject({ runId, value: { approved: true } });
});

test("a paused run stays where it is until it is resumed, and says who paused it", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("pause", runId, "--by", "ada")).toMatchObject({
    code: 0,
    out: expect.stringContaining(`concertato resume ${runId}`),
  });
  expect((await cli("ls")).out).toContain("paused by ada");
  expect((await cli("show", runId)).out).toContain("paused by ada");
  expect(await cli("approve", runId)).toMatchObject({ code: 0 });
  expect(await goOn(order, runId)).toBe("waiting");
  expect(await cli("resume", runId)).toMatchObject({ code: 0 });
  expect(await goOn(order, runId)).toBe("completed");
  expect(await cli("pause", runId)).toMatchObject({ code: 3 });
});

test("caps are listed with what is spent of them", async () => {
  await left(order, { item: "lamp" });
  expect((await cli("caps")).out).toContain("No caps.");
  const app = await open(join(folder, ".concertato", "app", "app.db"));
  await app.setCap({ agent: "order", tenant: "acme", usd: 2.5, per: "ever", onExhausted: "wait" });
  await app.close();
  expect((await cli("caps")).out).toContain("agent order of tenant acme: 0 of 2.5 USD spent (ever, then wait)");
  expect(JSON.parse((await cli("caps", "--json")).out)).toMatchObject({ agent: "order", usd: 2.5, spent: 0 });
});

test("an agent is paused by its name, everywhere", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("pause", "--agent", "order")).toMatchObject({
    code: 0,
    out: expect.stringContaining("resume --agent order"),
  });
  expect(JSON.parse((await cli("ls", "--json")).out)).toMatchObject({ runId, paused: { agent: "order" } });
  expect(JSON.parse((await cli("resume", "--agent", "order", "--json")).out)).toEqual({
    agent: "order",
    paused: false,
  });
  expect((await cli("ls")).out).not.toContain("paused");
  expect(await cli("pause")).toMatchObject({ code: 2 });
  expect(await cli("pause", runId, "--agent", "order")).toMatchObject({ code: 2 });
});

test("a run that is not there, and an unclear one, are named", async () => {
  await left(order, { item: "lamp" });
  await left(order, { item: "desk" });
  expect(await cli("show", "run_none")).toMatchObject({ code: 3, error: expect.stringContaining("concertato ls") });
  expect(await cli("show", "run_")).toMatchObject({
    code: 2,
    error: expect.stringContaining("2 runs begin or end with run_"),
  });
});

test("without a database it says how to get one; a named one that is missing is not made", async () => {
  expect(await cli("ls")).toMatchObject({ code: 1, error: expect.stringContaining("--store <file>") });
  expect(await cli("ls", "--store", "none.db")).toMatchObject({ code: 1, error: expect.stringContaining("none.db") });
  expect(await cli("ls", "--store", "none.db")).toMatchObject({ code: 1 });
});

test("databases of other programs are passed over; with two of ours it asks which", async () => {
  await left(order, { item: "lamp" });
  new DatabaseSync(join(folder, ".concertato", "app", "bank.db")).exec("CREATE TABLE t (x)");
  expect(await cli("ls")).toMatchObject({ code: 0 });
  await left(order, { item: "desk" }, join(".concertato", "other", "other.db"));
  expect(await cli("ls")).toMatchObject({ code: 2, error: expect.stringContaining(join("other", "other.db")) });
  expect(await cli("ls", "--store", join(".concertato", "other", "other.db"))).toMatchObject({ code: 0 });
});

test("payloads under a key are read with the key beside the database, and refused without it", async () => {
  const key = Buffer.alloc(32, 7);
  const file = join(folder, "sealed.db");
  {
    await using app = await open(file, { agents: [order], key });
    await app.start(order, { item: "lamp" });
    await app.settle();
  }
  writeFileSync(join(folder, "other.key"), key);
  expect(await cli("--store", file, "show", "run_")).toMatchObject({ code: 1 });
  expect((await cli("--store", file, "--key-file", "other.key", "show", "run_")).out).toContain("lamp");
  writeFileSync(join(folder, "payload.key"), key);
  expect((await cli("--store", file, "show", "run_")).out).toContain("lamp");
});

test("the program itself: help, exit codes, nothing on standard output when it fails", () => {
  const start = (...args: readonly string[]) => runProgram(folder, args);
  expect(start("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("approve") });
  expect(start("frobnicate")).toMatchObject({ status: 2, stdout: "" });
  expect(start("ls")).toMatchObject({ status: 1, stdout: "" });
});

test("fork begins a run anew, does not pay twice, and compare says what it did differently", async () => {
  const runId = await left(order, { item: "lamp" });
  await cli("approve", runId, "--by", "ada");
  await goOn(order, runId);
  const { code, out } = await cli("fork", runId, "--input", '{"item":"desk"}', "--stub", 'boss={"approved":false}');
  expect(code).toBe(0);
  const fork = /Run (run_\S+) is a fork/.exec(out)?.[1] ?? "";
  expect(out).toContain(`concertato compare ${runId} ${fork}`);
  expect(await goOn(order, fork)).toBe("completed");
  const compared = await cli("compare", runId, fork);
  expect(compared.out).toContain("They part at 0 (input).");
  expect(compared.out).toMatch(/- +input +\{"item":"lamp"\}\n\+ +input +\{"item":"desk"\}/);
  expect(compared.out).toContain("1 operation is the same.");
  const { first, tree } = JSON.parse((await cli("--json", "compare", runId, fork)).out) as {
    first: unknown;
    tree: { children: { path: string; differences: unknown[] }[] };
  };
  expect(first).toEqual({ path: "0", what: "input" });
  expect(tree.children.map(({ path, differences }) => [path, differences.length])).toEqual([
    ["0.0", 0],
    ["0.1", 2],
  ]);
  const whole = JSON.parse((await cli("--json", "fork", runId, "--at", "2")).out) as { runId: string };
  expect(await goOn(order, whole.runId)).toBe("completed");
  expect((await cli("compare", runId, whole.runId)).out).toContain("They did the same.");
});

test("fork says what it cannot take", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("fork", runId, "--at", "0")).toMatchObject({ code: 2 });
  expect(await cli("fork", runId, "--at", "99")).toMatchObject({ code: 1, error: expect.stringContaining("entry 99") });
  expect(await cli("fork", runId, "--input", "lamp")).toMatchObject({ code: 2 });
  expect(await cli("fork", runId, "--live", "everything")).toMatchObject({ code: 2 });
  expect(await cli("fork", runId, "--elsewhere", "maybe")).toMatchObject({ code: 2 });
  expect(await cli("fork", runId, "--stub", "boss")).toMatchObject({ code: 2 });
});

/** A module that holds an agent like `order`, with these calls. */
function moduleWith(calls: string): string {
  const file = join(folder, `code-${calls.length}.ts`);
  const root = new URL("../../concertato/src/index.ts", import.meta.url).href;
  writeFileSync(
    file,
    `import { human, tool, workflow } from ${JSON.stringify(root)};
const any = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as never;
const boss = human({ name: "boss", output: any });
const add = tool({ name: "add", description: "", effect: "pure", input: any, execute: ({ a, b }: never) => a + b });
export const order = workflow({ name: "order", uses: [add, boss] }, async ({ item }: never, ctx) => { ${calls} });
`,
  );
  return file;
}

test("replay tries code on runs under way: the same passes, other code is shown where it parts", async () => {
  const runId = await left(order, { item: "lamp" });
  const same = moduleWith(
    "const price = await ctx.run(add, { a: 40, b: 2 }); return ctx.run(boss, { buy: item, price });",
  );
  const passed = await cli("replay", "--code", same);
  expect(passed).toMatchObject({ code: 0, out: expect.stringContaining("same") });
  const other = moduleWith("return ctx.run(boss, { buy: item });");
  const parted = await cli("replay", runId, "--code", other);
  expect(parted).toMatchObject({ code: 1, error: expect.stringContaining("1 of 1") });
  expect(parted.out).toMatch(/- +2 +0\.0 +run add@1 +recorded\n +\+ +0\.0 +run boss@1 +the code now/);
  expect(parted.out).toContain("code-36.ts");
  expect((await cli("ls")).out).toContain("waiting");
  const report = JSON.parse((await cli("--json", "replay", runId, "--code", other)).out) as { status: string };
  expect(report.status).toBe("diverged");
  expect(await cli("replay", "--code", "nothing.ts")).toMatchObject({ code: 2 });
  expect(await cli("replay", runId)).toMatchObject({ code: 2 });
});

test("a failed run is found with its cause and put back; what it had done stays done", async () => {
  const served: string[] = [];
  const serve = (down: boolean) => {
    const step = (name: string) =>
      tool({
        name,
        description: "",
        effect: "irreversible",
        execute: () => {
          served.push(name);
          if (down && name === "mail") throw new Error("The mail server is down.");
        },
      });
    const [charge, mail] = [step("charge"), step("mail")];
    return workflow({ name: "serve", input: z.object({}), uses: [charge, mail] }, async (_input, ctx) => {
      await ctx.run(charge, undefined);
      await ctx.run(mail, undefined);
    });
  };
  const failed = await left(serve(true), {});
  const { out } = await cli("ls", "--status", "failed");
  expect(out).toContain(failed.slice(-6));
  expect((await cli("show", failed)).out).toContain("The mail server is down.");
  const said = await cli("--json", "retry", failed);
  const { runId, of } = JSON.parse(said.out) as { readonly runId: string; readonly of: string };
  expect(of).toBe(failed);
  expect((await cli("retry", failed)).out).toContain(`Run ${runId} goes on in place of ${failed}`);
  expect(await goOn(serve(false), runId)).toBe("completed");
  expect(served).toEqual(["charge", "mail", "mail"]);
  expect(await cli("retry", runId)).toMatchObject({ code: 3 });
});

test("show prints a divergence like a diff, and retry takes the run up again once the code fits", async () => {
  const runId = await left(order, { item: "lamp" });
  expect(await cli("retry", runId)).toMatchObject({ code: 3 });
  const wrong = workflow({ name: "order", uses: [boss] }, (_input, ctx) => ctx.run(boss, "?"));
  await cli("approve", runId);
  expect(await goOn(wrong as Agent, runId)).toBe("diverged");
  const { out } = await cli("show", runId);
  expect(out).toMatch(/- +2 +0\.0 +run add@1 +recorded\n +\+ +0\.0 +run boss@1 +the code now\n +3 +0\.1 +run boss@1/);
  expect(out).toContain(`concertato retry ${runId}`);
  expect(await cli("retry", runId)).toMatchObject({ code: 0 });
  expect(await goOn(order, runId)).toBe("completed");
});
