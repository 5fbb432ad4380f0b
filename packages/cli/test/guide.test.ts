/** The guide to the command line has every command with every option, and its first example does what it says. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { exitCodes } from "../src/cli-error.ts";
import { buildProgram } from "../src/program.ts";
import { openDisplay } from "../src/views/display.ts";
import { commandLine } from "./command-line.ts";
import { openProject } from "./project.ts";

const guide = readFileSync(fileURLToPath(new URL("../../../docs/guides/command-line.md", import.meta.url)), "utf8");

const program = buildProgram(
  {
    display: openDisplay(process.stdout, process.stderr, {}, false),
    directory: "",
    environment: {},
    now: () => 0,
    invokedAs: "concertato",
    stdin: process.stdin,
    prompt: process.stderr,
    interrupted: () => new AbortController().signal,
  },
  false,
);
const commands = program.createHelp().visibleCommands(program);

/** The row of a table that is about a command. */
function rowOf(name: string): string {
  return guide.split("\n").find((line) => line.startsWith("| ") && line.includes(`\`concertato ${name}`)) ?? "";
}

test.each(commands.map((command) => command.name()))("the guide has a row for %s", (name) => {
  expect(rowOf(name)).not.toBe("");
});

test("the guide names every option, and no command that is not there", () => {
  const flags = [program, ...commands].flatMap(({ options }) => options.map(({ long }) => long ?? ""));
  expect(flags.filter((flag) => flag !== "--version" && !guide.includes(flag))).toEqual([]);
  const named = [...guide.matchAll(/`concertato ([a-z]+)/g)].map((match) => match[1] ?? "");
  const known = commands.map((command) => command.name());
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

test("the guide, the help and the code agree on the exit codes", () => {
  const said = [...guide.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
  const codes = [0, ...Object.values(exitCodes)];
  expect(said).toEqual(codes);
});

test("every command has help of its own, with what each argument is and an example", async () => {
  for (const command of commands) {
    expect(command.description()).not.toBe("");
    for (const argument of command.registeredArguments) {
      if (command.name() !== "help") expect(argument.description).not.toBe("");
    }
  }
  for (const name of commands.map((command) => command.name()).filter((each) => each !== "help")) {
    const { code, out } = await commandLine("", ["help", name]);
    expect(code).toBe(0);
    // Once in the usage, and in an example.
    expect(out.split(`concertato ${name}`).length, name).toBeGreaterThan(2);
  }
});

test("the first example of the guide does what it says", async () => {
  using project = openProject();
  const { folder } = project;
  project.write("agents.ts", /```typescript\n([\s\S]*?)```/.exec(guide)?.[1] ?? "");
  expect((await commandLine(folder, ["run", "agents.ts", '{"usd":20}'])).out).toBe("paid 20\n");
  const { out: runId } = await commandLine(folder, ["start", "agents.ts", '{"usd":84}', "--key", "R-1"]);
  await commandLine(folder, ["work", "agents.ts", "--until-idle"]);
  expect((await commandLine(folder, ["inbox"])).out).toContain("84");
  await commandLine(folder, ["approve", runId.trim(), "--note", "receipt seen"]);
  await commandLine(folder, ["work", "agents.ts", "--until-idle"]);
  const shown = await commandLine(folder, ["show", runId.trim(), "--json"]);
  expect(JSON.parse(shown.out)).toMatchObject({ tree: { output: "paid 84" } });
});
