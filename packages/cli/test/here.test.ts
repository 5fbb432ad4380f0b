/** doctor, models and completion: what the command line says of this machine and to the shell. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { type Agent, human, open, workflow } from "concertato";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { modelServer } from "../../concertato/test/agents/model-server.ts";
import { clockFinding, nodeFinding, sqliteFinding } from "../src/doctor/machine.ts";
import { fileSystemFinding, spaceFinding } from "../src/doctor/store.ts";
import { commandLine, endPrograms, startProgram } from "./command-line.ts";
import { openProject } from "./project.ts";

const boss = human({ name: "boss", output: z.object({ approved: z.boolean() }) });
const ask = workflow({ name: "ask", input: z.object({}), uses: [boss] }, (_input, ctx) => ctx.run(boss, {}));
const post = workflow({ name: "post", input: z.object({}) }, (_input, ctx) => ctx.waitFor("parcel"));
const quick = workflow({ name: "quick", input: z.object({}) }, () => "done");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cli-here-"));
});
afterEach(endPrograms);
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function left(agent: Agent<Record<string, never>>): Promise<string> {
  mkdirSync(join(folder, ".concertato"), { recursive: true });
  await using app = await open(join(folder, ".concertato", "app.db"), { agents: [agent as Agent] });
  const { runId } = await app.start(agent, {});
  await app.settle();
  return runId;
}

interface Doctor {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly state: string;
    readonly message: string;
    readonly remedy?: string;
  }[];
}

async function doctor(...args: readonly string[]): Promise<Doctor & { readonly code: number }> {
  const { out, code } = await commandLine(folder, ["--json", "doctor", ...args]);
  return { ...(JSON.parse(out) as Doctor), code };
}

function finding({ checks }: Doctor, name: string): Doctor["checks"][number] | undefined {
  return checks.find((check) => check.name === name);
}

test("doctor looks at the machine, the store, its runs and the terminal; all well is exit code 0", async () => {
  await left(ask);
  await left(quick);
  const found = await doctor();
  expect(found).toMatchObject({ ok: true, code: 0 });
  expect(found.checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      "node",
      "sqlite",
      "clock",
      "store",
      "space",
      "runs",
      "processes",
      "content",
      "models",
      "terminal",
    ]),
  );
  expect(finding(found, "runs")?.message).toBe("1 open: 1 waiting, 0 running, 0 queued");
  expect(finding(found, "content")?.message).toMatch(/2 runs with \d+ entries are sound/);
  expect((await commandLine(folder, ["doctor"])).out).toContain("+ node         Node 24");
});

test("doctor names a damaged run, a missing key and a file that is none, with what to do, and fails", async () => {
  await left(quick);
  const db = new DatabaseSync(join(folder, ".concertato", "app.db"));
  db.exec("update entry set body = '{' where ref = (select max(ref) from entry)");
  db.close();
  expect(await doctor()).toMatchObject({ ok: false, code: 1 });
  expect(finding(await doctor(), "content")).toMatchObject({ state: "bad", remedy: expect.stringContaining("check") });
  const sealed = join(folder, "sealed.db");
  {
    await using app = await open(sealed, { agents: [quick as Agent], key: Buffer.alloc(32, 7) });
    await app.start(quick, {});
    await app.settle();
  }
  expect(finding(await doctor("--store", sealed), "content")).toMatchObject({
    state: "bad",
    remedy: expect.stringContaining("--key-file"),
  });
  writeFileSync(join(folder, "letter.db"), "Dear Sir or Madam, ".repeat(100));
  expect(finding(await doctor("--store", "letter.db"), "store")).toMatchObject({
    state: "bad",
    message: expect.stringContaining("store/not-a-database"),
  });
});

test("doctor without a store says so and is content; runs that nobody can take are a warning", async () => {
  expect(finding(await doctor(), "store")).toMatchObject({ state: "note" });
  mkdirSync(join(folder, ".concertato"));
  {
    await using app = await open(join(folder, ".concertato", "app.db"), { role: "client" });
    await app.start(quick, {});
  }
  const found = await doctor();
  expect(finding(found, "no worker")).toMatchObject({ state: "warn", message: expect.stringContaining("quick@1") });
  expect(found.code).toBe(0);
});

test("doctor knows what is too old, too full, too far away and too early", () => {
  expect(nodeFinding("22.4.0").state).toBe("bad");
  expect(nodeFinding("25.1.0").state).toBe("warn");
  expect(nodeFinding("26.0.1").state).toBe("good");
  expect(sqliteFinding(undefined).state).toBe("bad");
  expect(sqliteFinding("3.36.0").state).toBe("bad");
  expect(sqliteFinding("3.53.4").state).toBe("good");
  expect(clockFinding(0).state).toBe("bad");
  expect(fileSystemFinding("FUSE").state).toBe("warn");
  expect(fileSystemFinding("tmpfs").state).toBe("warn");
  expect(fileSystemFinding("ext4").state).toBe("good");
  expect([50e6, 500e6, 5e9].map((free) => spaceFinding(free).state)).toEqual(["bad", "warn", "good"]);
});

test("models tells what a server of this machine offers, and what auto means", async () => {
  await using server = await modelServer();
  const environment = { OLLAMA_HOST: new URL(server.url).host, OPENAI_API_KEY: "sk-secret", ANTHROPIC_API_KEY: "" };
  const said = await startProgram(folder, ["--json", "models"], environment).ended;
  expect(said.code).toBe(0);
  const report = JSON.parse(said.out) as { providers: readonly { name: string }[] };
  expect(report).toMatchObject({
    auto: {
      choice: "auto",
      price: null,
      model: expect.stringContaining("/tiny"),
      why: expect.stringContaining(server.url),
    },
    servers: [{ url: server.url, models: ["tiny"] }],
  });
  expect(report.providers.find(({ name }) => name === "openai")).toMatchObject({ key: "OPENAI_API_KEY", keySet: true });
  expect(said.out).not.toContain("sk-secret");
  const plain = await startProgram(folder, ["models"], environment).ended;
  expect(plain.out).toContain(`${server.url}#tiny`);
  expect(plain.out).toContain("OPENAI_API_KEY is set");
  expect(plain.out).not.toContain("sk-secret");
  // Only its list of models was asked for.
  expect(server.asked).toEqual([]);
});

test("models tells the price of what is named, and fails where nothing would think", async () => {
  writeFileSync(join(folder, "prices.json"), '{"tiny":{"input":1.5,"output":3}}');
  const args = ["models", "--model", "http://127.0.0.1:9/v1#tiny", "--prices", "prices.json"];
  expect((await commandLine(folder, args)).out).toContain("$1.5 for a million tokens in, $3 out");
  expect(await commandLine(folder, ["models", "--model", "nobody/none"])).toMatchObject({
    code: 1,
    out: expect.stringContaining("names no provider"),
  });
  writeFileSync(join(folder, "prices.json"), '{"tiny":{"input":"cheap"}}');
  expect(await commandLine(folder, args)).toMatchObject({ code: 2, error: expect.stringContaining("holds no prices") });
});

test("models FILE tells of each agent what it would think with, in order, and fails where one has nothing", async () => {
  using project = openProject();
  project.write(
    "chain.ts",
    `import { agent, workflow } from "concertato";
    const inner = agent({ name: "inner", description: "", instructions: "", model: ["nobody/none", "http://127.0.0.1:9/v1#tiny"] });
    export default workflow({ name: "outer", uses: [inner] }, (_input, ctx) => ctx.run(inner, "x"));`,
  );
  const said = await commandLine(project.folder, ["--json", "models", "chain.ts"]);
  expect(said.code).toBe(0);
  expect((JSON.parse(said.out) as { agents: unknown }).agents).toMatchObject([
    { agent: "inner", choice: "nobody/none", why: expect.stringContaining("names no provider") },
    { agent: "inner", model: "127.0.0.1:9.chat/tiny", why: "its definition names it" },
  ]);
  const named = await commandLine(project.folder, ["models", "agents.ts", "--model", "nobody/none"]);
  expect(named).toMatchObject({ code: 1, out: expect.stringContaining("x thinker  auto") });
});

/** A folder with a `concertato` to put on the path: the real program. */
function programFolder(): string {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  const program = fileURLToPath(new URL("../src/bin.ts", import.meta.url));
  writeFileSync(
    join(bin, "concertato"),
    `#!/bin/sh\nexec "${process.execPath}" --conditions=concertato-source --disable-warning=ExperimentalWarning "${program}" "$@"\n`,
  );
  chmodSync(join(bin, "concertato"), 0o755);
  return bin;
}

/** What bash would offer: its own completion machinery runs the script, which runs the real program. */
function bashOffers(...words: readonly string[]): readonly string[] {
  const bin = programFolder();
  const script = `
    eval "$(concertato completion bash)"
    complete -p concertato >&2
    COMP_WORDS=(concertato "$@"); COMP_CWORD=$#
    _concertato
    compgen -W "\${COMPREPLY[*]}" -- "\${COMP_WORDS[COMP_CWORD]}" || true`;
  const out = execFileSync("bash", ["-c", script, "bash", ...words], {
    cwd: folder,
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
      CONCERTATO_STORE: "",
      CONCERTATO_DB: "",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return out.split("\n").filter((line) => line !== "");
}

test.skipIf(process.platform === "win32")("bash completes commands, options, values and runs", async () => {
  const asked = await left(ask);
  const done = await left(quick);
  expect(bashOffers("re")).toEqual(["reject", "retry", "resume", "replay"]);
  expect(bashOffers("ls", "--sta")).toEqual(["--status"]);
  expect(bashOffers("approve", "")).toEqual([asked.slice(-8)]);
  expect(bashOffers("show", done.slice(0, 14))).toContain(done);
});

const hasFish = spawnSync("fish", ["--version"]).status === 0;

test.skipIf(!hasFish)(
  "fish completes commands with their descriptions, and files where there is nothing else",
  async () => {
    const asked = await left(ask);
    writeFileSync(join(folder, "agents.ts"), "");
    const offers = (line: string) =>
      execFileSync("fish", ["--no-config", "-c", `concertato completion fish | source; complete -C "${line}"`], {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, PATH: `${programFolder()}${delimiter}${process.env["PATH"] ?? ""}`, HOME: folder },
      });
    expect(offers("concertato ret")).toMatch(/^retry\t\S/);
    expect(offers("concertato show ")).toContain(asked.slice(-8));
    expect(offers("concertato show ")).not.toContain("agents.ts");
    expect(offers("concertato run ag")).toContain("agents.ts");
  },
);

test("what is offered fits the place: runs by what the command can do, questions, names, kinds, shells", async () => {
  const asked = await left(ask);
  const posted = await left(post);
  const done = await left(quick);
  const offers = async (...words: readonly string[]) =>
    (await commandLine(folder, ["complete", "--", ...words])).out
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t")[0]);
  const short = (runId: string) => runId.slice(-8);
  expect(await offers("show", "")).toEqual([done, posted, asked].map(short));
  expect(await offers("cancel", "")).toEqual([posted, asked].map(short));
  expect(await offers("answer", asked, "")).toEqual(["0.0"]);
  expect(await offers("signal", short(posted), "")).toEqual(["parcel"]);
  expect(await offers("ls", "--agent", "q")).toEqual(["quick"]);
  expect(await offers("inbox", "--mine", "")).toEqual(expect.arrayContaining(["boss"]));
  expect(await offers("events", asked, "--kind", "run-")).toEqual(["run-started", "run-ended"]);
  expect(await offers("completion", "")).toEqual(["bash", "zsh", "fish"]);
  expect(await offers("run", "")).toEqual([]);
  expect(await offers("--store", "none.db", "show", "")).toEqual([]);
  for (const shell of ["bash", "zsh", "fish"])
    expect((await commandLine(folder, ["completion", shell])).out).toContain("complete --");
  expect((await commandLine(folder, ["completion", "tcsh"])).code).toBe(2);
  // It is a shell's business, not a person's.
  expect((await commandLine(folder, ["--help"])).out).not.toMatch(/^ +complete /m);
});
