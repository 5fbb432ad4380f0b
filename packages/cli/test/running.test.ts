/** run, start and work: agents of a user's own files, in real processes, with a model over real HTTP. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { modelServer, says } from "../../concertato/test/agents/model-server.ts";
import { commandLine, endPrograms, person, runProgram, type Said, startProgram } from "./command-line.ts";
import { openProject, type Project } from "./project.ts";

let project: Project;
let folder = "";
beforeEach(() => {
  project = openProject();
  folder = project.folder;
});
afterEach(endPrograms);
afterEach(() => project[Symbol.dispose]());

function cli(...args: readonly string[]): Promise<Said> {
  return commandLine(folder, args);
}

function lines({ out }: Said): readonly Record<string, unknown>[] {
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("run takes its input as JSON, as text, from a file and from standard input, and prints the output alone", async () => {
  expect(await cli("run", "one.ts", '{"name":"ada"}')).toMatchObject({ code: 0, out: "hello ada\n" });
  expect((await cli("run", "one.ts", "--agent", "echo", "how are you?", "-q")).out).toBe('{"text":"how are you?"}\n');
  expect((await cli("run", "one.ts", "--agent", "echo", "42")).out).toBe('{"text":"42"}\n');
  project.write("input.json", '{"name":"bob"}\n');
  expect((await cli("run", "one.ts", "--input", "input.json")).out).toBe("hello bob\n");
  expect((await commandLine(folder, ["run", "one.ts", "-"], { stdin: '{"name":"eve"}' })).out).toBe("hello eve\n");
  expect(await cli("run", "one.ts", '{"name":')).toMatchObject({
    code: 2,
    error: expect.stringContaining("begins as JSON"),
  });
  expect(await cli("run", "one.ts", '{"nam":1}')).toMatchObject({ code: 2, error: expect.stringContaining("name") });
});

test("run names what a file exports, and what is wrong with a file", async () => {
  expect(await cli("run", "agents.ts")).toMatchObject({ code: 2, error: expect.stringContaining("thinker, pay") });
  expect(await cli("run", "agents.ts", "--agent", "nobody")).toMatchObject({
    code: 2,
    error: expect.stringContaining("refund"),
  });
  expect(await cli("run", "none.ts")).toMatchObject({ code: 2 });
  project.write("empty.ts", "export const x = 1;");
  expect((await cli("run", "empty.ts")).error).toContain("exports no agents");
  project.write("bad.ts", 'import "not-installed";');
  expect((await cli("run", "bad.ts")).error).toContain("npm install");
});

test("run ends as the run ended: failed 1, stopped by a limit 4, waiting for people 5", async () => {
  expect(await cli("run", "agents.ts", "--agent", "broken")).toMatchObject({
    code: 1,
    out: "",
    error: expect.stringContaining("agent/failed: The printer is on fire."),
  });
  expect(await cli("run", "agents.ts", "--agent", "capped")).toMatchObject({ code: 4, out: "" });
  const waits = await cli("run", "agents.ts", "--agent", "refund", '{"usd":84}');
  expect(waits).toMatchObject({ code: 5, out: "" });
  expect(waits.error).toMatch(/usd +84/);
  expect(waits.error).toContain("waits for boss");
});

test("run streams what a model says over HTTP, calls its tools, and knows the price it is told", async () => {
  await using server = await modelServer(
    says({ tool: ["find-order", { id: "A-1" }] }),
    says({ content: "It was 42 dollars" }),
  );
  project.write("prices.json", '{"tiny":{"input":1000000,"output":0}}');
  const model = ["--model", `${server.url}#tiny`, "--prices", "prices.json"];
  const running = startProgram(folder, ["--json", "run", "agents.ts", "--agent", "thinker", "How much?", ...model]);
  await running.says('"text":"It "');
  const said = await running.ended;
  expect(said).toMatchObject({ code: 0, error: "" });
  const told = lines(said);
  expect(told.map(({ event }) => event)).toEqual(["started", "text", "text", "text", "text", "ended"]);
  expect(told[1]).toMatchObject({ agent: "thinker@1", text: "It " });
  expect(told.at(-1)).toMatchObject({
    status: "completed",
    output: "It was 42 dollars",
    usage: { inputTokens: 24, cost: { amount: 24, currency: "USD" } },
  });
  expect(server.asked[0]).toMatchObject({ model: "tiny", stream: true });
});

test("run says what happens on standard error, and only the output on standard output", async () => {
  await using server = await modelServer(
    says({ tool: ["find-order", { id: "A-1" }] }),
    says({ content: "It was 42 dollars" }),
  );
  const said = await startProgram(folder, [
    "run",
    "agents.ts",
    "--agent",
    "thinker",
    "How much?",
    "--model",
    `${server.url}#tiny`,
  ]).ended;
  expect(said).toMatchObject({ code: 0, out: "It was 42 dollars\n" });
  expect(said.error).toContain("find-order");
  expect(said.error).toContain("It was 42 dollars");
  expect(said.error).toContain("unknown cost");
});

test("without a model it says what is missing", async () => {
  const said = runProgram(folder, ["run", "agents.ts", "--agent", "thinker", "x", "--model", "openai/gpt-5"], {
    environment: { OPENAI_API_KEY: "" },
  });
  expect(said).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("OPENAI_API_KEY is not set") });
});

test("run --store waits for an answer from another terminal, and goes on", async () => {
  const running = startProgram(folder, [
    "run",
    "agents.ts",
    "--agent",
    "refund",
    '{"usd":84}',
    "--store",
    "a.db",
    "--key",
    "R-1",
  ]);
  await running.says(/approve run_\S+ --store a\.db/);
  expect(await cli("--store", "a.db", "approve", "run_")).toMatchObject({ code: 0 });
  expect(await running.ended).toMatchObject({ code: 0, out: "paid 84\n" });
  // The same key finds the run, and its output.
  expect(
    await cli("run", "agents.ts", "--agent", "refund", '{"usd":84}', "--store", "a.db", "--key", "R-1"),
  ).toMatchObject({
    code: 0,
    out: "paid 84\n",
  });
  expect((await cli("run", "one.ts", '{"name":"x"}', "--key", "k")).code).toBe(2);
});

test("run asks who sits there: an answer that does not fit is asked again, no is no with its reason", async () => {
  const args = ["run", "agents.ts", "--agent", "refund", '{"usd":84}'];
  const said = await commandLine(folder, args, { person: person("maybe", "y") });
  expect(said).toMatchObject({ code: 0, out: "paid 84\n" });
  expect(said.error).toContain("boss does not take");
  expect(await commandLine(folder, args, { person: person("no too much") })).toMatchObject({
    code: 1,
    error: expect.stringContaining("declined pay: too much"),
  });
  expect(await commandLine(folder, args, { person: person('{"approved":true,"by":"eve"}') })).toMatchObject({
    code: 0,
  });
  // Whoever leaves (Ctrl-D) has not answered.
  expect(await commandLine(folder, args, { person: person(null) })).toMatchObject({ code: 5, out: "" });
});

test("a question that is answered elsewhere meanwhile is taken back at the terminal", async () => {
  const at = person("");
  // Nothing is typed: somebody else answers.
  at.prompt.removeAllListeners("data").resume();
  const args = ["--store", "a.db", "run", "agents.ts", "--agent", "refund", '{"usd":84}'];
  const asked = new Promise<void>((resolve) => at.prompt.on("data", () => resolve()));
  const running = commandLine(folder, args, { person: at });
  await asked;
  expect(await cli("--store", "a.db", "approve", "run_", "--by", "ada")).toMatchObject({ code: 0 });
  expect(await running).toMatchObject({ code: 0, out: "paid 84\n" });
});

test("interrupted, a durable run is kept and says how it goes on; one in memory is gone", async () => {
  const kept = startProgram(folder, ["run", "agents.ts", "--agent", "refund", '{"usd":84}', "--store", "a.db"]);
  await kept.says("is asked");
  kept.interrupt();
  expect(await kept.ended).toMatchObject({ code: 130, error: expect.stringContaining("work agents.ts --store a.db") });
  expect((await cli("--store", "a.db", "ls")).out).toContain("waiting");
  const gone = startProgram(folder, ["--json", "run", "agents.ts", "--agent", "patient"]);
  await gone.says("started");
  gone.interrupt();
  expect(await gone.ended).toMatchObject({ code: 130 });
});

test("start gives the id at once; a process at work runs it; the same key finds the same run", async () => {
  const started = await cli("start", "one.ts", '{"name":"ada"}', "--key", "G-1");
  expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/^run_\w+\n$/) });
  expect(started.error).toContain("concertato work one.ts");
  const again = await cli("--json", "start", "one.ts", '{"name":"ada"}', "--key", "G-1");
  const runId = started.out.trim();
  expect(JSON.parse(again.out)).toEqual({ runId, agent: "greet@1", key: "G-1", status: "queued", host: null });
  expect(await cli("start", "one.ts", '{"name":"bob"}', "--key", "G-1")).toMatchObject({ code: 1 });
  expect(await cli("start", "one.ts", "{}", "--priority", "11")).toMatchObject({ code: 2 });
  const worked = await cli("work", "one.ts", "agents.ts", "--until-idle");
  expect(worked).toMatchObject({ code: 0, out: expect.stringContaining("completed") });
  expect(JSON.parse((await cli("--json", "show", runId)).out)).toMatchObject({ tree: { output: "hello ada" } });
});

test("work goes on until it is told to stop, says what becomes of runs, and drains", async () => {
  const worker = startProgram(folder, ["--json", "work", "agents.ts"]);
  await worker.says('"event":"ready"');
  const started = await cli("--json", "start", "agents.ts", "--agent", "refund", '{"usd":7}');
  const { runId, host } = JSON.parse(started.out) as { runId: string; host: number };
  expect(host).toBeGreaterThan(0);
  await worker.says('"name":"boss"');
  expect(await cli("--json", "approve", runId)).toMatchObject({
    code: 0,
    out: expect.stringContaining('"status":"counts"'),
  });
  await worker.says('"status":"completed"');
  worker.interrupt("SIGTERM");
  expect(await worker.ended).toMatchObject({
    code: 0,
    out: expect.stringContaining('{"event":"drained","unfinished":[]}'),
  });
});

test("told to stop, work lets what is under way end in time, and names what it broke off", async () => {
  const worker = startProgram(folder, ["--json", "work", "agents.ts", "--within", "100ms"]);
  await worker.says('"event":"ready"');
  const started = await cli("--json", "start", "agents.ts", "--agent", "patient");
  const { runId } = JSON.parse(started.out) as { runId: string };
  await worker.says('"status":"running"');
  worker.interrupt("SIGTERM");
  expect(await worker.ended).toMatchObject({
    code: 1,
    out: expect.stringContaining(`{"event":"drained","unfinished":["${runId}"]}`),
  });
  // Nothing is lost: it stands there for the next.
  expect((await cli("--json", "ls", "--agent", "patient")).out).toContain('"status":"running"');
});
