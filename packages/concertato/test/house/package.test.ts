/** The core as npm publishes it works in an empty project: its bundle, its types' places, the threads that it starts. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { read, root } from "./project.ts";

const core = join(root, "packages", "concertato");
let project = "";

interface Manifest {
  readonly bin: { readonly concertato: string };
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

const manifest = JSON.parse(read("packages/concertato/package.json")) as Manifest;

beforeAll(() => {
  mkdirSync(join(core, "dist"), { recursive: true });
  execFileSync(process.execPath, [join(root, "scripts", "bundle.mjs")]);
  project = mkdtempSync(join(tmpdir(), "concertato-package-"));
  const modules = join(project, "node_modules");
  const target = join(modules, "concertato");
  mkdirSync(target, { recursive: true });
  cpSync(join(core, "package.json"), join(target, "package.json"));
  // The sources are published for debuggers; leaving them out shows that nothing of them is run.
  cpSync(join(core, "dist"), join(target, "dist"), { recursive: true });
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name), "junction");
  }
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

function runs(program: string): unknown {
  const file = join(project, "program.mjs");
  writeFileSync(file, program);
  const { NODE_OPTIONS: _, ...env } = process.env;
  return JSON.parse(execFileSync(process.execPath, [file], { cwd: project, env, encoding: "utf8" }));
}

test("a durable run, a check of its file in a thread, and a run of a fresh process on the same file", () => {
  const program = (number: number) => `
    import { open, tool, workflow } from "concertato";
    const double = tool({ name: "double", description: "Doubles", effect: "pure", execute: async (n) => n * 2 });
    const twice = workflow({ name: "twice" }, async (n, ctx) => ctx.run(double, await ctx.run(double, n)));
    const app = await open("desk.db", { agents: [twice] });
    const job = await app.start(twice, ${number}, { key: "once" });
    const result = await job.result();
    const { runs, damaged, file } = await app.check();
    await app.close();
    console.log(JSON.stringify({ result, runs, damaged, file }));
  `;
  const sound = { result: 20, runs: 1, damaged: [], file: [] };
  expect(runs(program(5))).toEqual(sound);
  expect(runs(program(5))).toEqual(sound);
});

test("the testing entry shares its classes with the main one", () => {
  const program = `
    import { agent, AgentFailure, ConcertatoError } from "concertato";
    import { reply, script, testApp } from "concertato/testing";
    const speaker = agent({ name: "speaker", description: "Speaks", instructions: "Speak.", retry: { attempts: 1 } });
    await using app = await testApp({ models: { speaker: script(reply("hello")) } });
    const said = await (await app.start(speaker, "Say hello")).result();
    const error = await (await app.start(speaker, "Again")).result().catch((thrown) => thrown);
    console.log(JSON.stringify({ said, typed: ConcertatoError.is(error), failed: error instanceof AgentFailure }));
  `;
  expect(runs(program)).toEqual({ said: "hello", typed: true, failed: true });
});

test("its command starts the command line where that is installed, and says how to get it where it is not", () => {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const bin = join(project, "node_modules", "concertato", manifest.bin.concertato);
  expect(readFileSync(bin, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  const start = () => spawnSync(process.execPath, [bin, "--version"], { cwd: project, env, encoding: "utf8" });
  expect(start()).toMatchObject({
    status: 1,
    stdout: "",
    stderr: expect.stringContaining("npm install @concertato/cli"),
  });
  const cli = join(project, "node_modules", "@concertato", "cli");
  cpSync(join(root, "packages", "cli", "package.json"), join(cli, "package.json"));
  const { exports } = JSON.parse(read("packages/cli/package.json")) as { exports: { "./bin": { default: string } } };
  mkdirSync(dirname(join(cli, exports["./bin"].default)), { recursive: true });
  writeFileSync(join(cli, exports["./bin"].default), 'console.log("the command line", process.argv[2]);');
  expect(start()).toMatchObject({ status: 0, stdout: "the command line --version\n" });
});

test("the command line, as it is published, runs an agent of a file, and the core's command starts it", () => {
  const { NODE_OPTIONS: _, ...env } = process.env;
  execFileSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b", "packages/cli"], {
    cwd: root,
  });
  const cli = join(project, "node_modules", "@concertato", "cli");
  rmSync(cli, { recursive: true, force: true });
  mkdirSync(cli, { recursive: true });
  for (const part of ["package.json", "dist"])
    cpSync(join(root, "packages", "cli", part), join(cli, part), { recursive: true });
  // Where npm puts them is its choice; here they lie where it put them for us.
  const { dependencies } = JSON.parse(read("packages/cli/package.json")) as Pick<Manifest, "dependencies">;
  for (const name of Object.keys(dependencies).filter((each) => each !== "concertato")) {
    const own = join(root, "packages", "cli", "node_modules", name);
    symlinkSync(
      existsSync(own) ? own : join(root, "node_modules", name),
      join(project, "node_modules", name),
      "junction",
    );
  }
  writeFileSync(
    join(project, "greet.mjs"),
    `import { workflow } from "concertato"; export default workflow({ name: "greet" }, async (who) => "hello " + who);`,
  );
  const bin = join(project, "node_modules", "concertato", manifest.bin.concertato);
  const start = (...args: readonly string[]) =>
    spawnSync(process.execPath, [bin, ...args], { cwd: project, env, encoding: "utf8" });
  expect(start("run", "greet.mjs", "ada", "--quiet")).toMatchObject({ status: 0, stdout: "hello ada\n", stderr: "" });
  expect(start("nonsense")).toMatchObject({ status: 2, stdout: "" });
});

test("every place that the package names exists, and its scripts are few", () => {
  for (const place of Object.values(manifest.exports)) {
    if (typeof place !== "string") expect(existsSync(join(core, place.default))).toBe(true);
  }
  const scripts = readdirSync(join(core, "dist"), { recursive: true, encoding: "utf8" });
  expect(scripts.filter((name) => name.endsWith(".js")).length).toBeLessThan(20);
});
