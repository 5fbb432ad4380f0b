/** The program: its name, the options that all commands share, and the commands in their groups. */
import { readFileSync } from "node:fs";
import { type Argument, Command } from "commander";
import { exitCodes } from "./cli-error.ts";
import { addAnswering } from "./commands/answer.ts";
import { addBackup } from "./commands/backup.ts";
import { addCancel } from "./commands/cancel.ts";
import { addCaps } from "./commands/caps.ts";
import { addCheck } from "./commands/check.ts";
import { addCompare } from "./commands/compare.ts";
import { addCompletion } from "./commands/completion.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEvents } from "./commands/events.ts";
import { addExplain } from "./commands/explain.ts";
import { addFork } from "./commands/fork.ts";
import { addInbox } from "./commands/inbox.ts";
import { addList } from "./commands/ls.ts";
import { addModels } from "./commands/models.ts";
import { addPausing } from "./commands/pause.ts";
import { addPrune } from "./commands/prune.ts";
import { addReplay } from "./commands/replay.ts";
import { addRetry } from "./commands/retry.ts";
import { addRun } from "./commands/run.ts";
import { addShow } from "./commands/show.ts";
import { addStart } from "./commands/start.ts";
import { addSteering } from "./commands/steer.ts";
import { addTransfer } from "./commands/transfer.ts";
import { addWork } from "./commands/work.ts";
import { type CliWorld, Shell } from "./shell.ts";

type Add = (program: Command, shell: Shell) => void;

/** In the order in which the help lists them. */
const groups: readonly (readonly [heading: string, commands: readonly Add[]])[] = [
  ["Run:", [addRun, addStart, addWork]],
  ["Look:", [addList, addShow, addEvents, addCompare, addExplain, addCaps]],
  ["Answer:", [addInbox, addAnswering]],
  ["Steer:", [addSteering, addCancel, addRetry, addFork, addPausing]],
  ["Keep:", [addCheck, addBackup, addPrune, addTransfer, addReplay]],
  ["Here:", [addDoctor, addModels, addCompletion]],
];

/** @param json errors of usage are told as JSON */
export function buildProgram(world: CliWorld, json: boolean): Command {
  const { paint, out, error } = world.display;
  const program = new Command("concertato");
  const shell = new Shell(program, world);
  program
    .description("Run teams of agents, and see and steer their runs.")
    .version(version(), "-V, --version", "print the version")
    .option("--db, --store <file>", "the store (default: CONCERTATO_STORE, else the one under .concertato)")
    .option("--key-file <file>", "the key to its payloads (default: CONCERTATO_KEY_FILE, else payload.key beside it)")
    .option("--json", "print JSON lines, for programs")
    .option("--no-color", "no colours (also: NO_COLOR=1; FORCE_COLOR=1 forces them)")
    .exitOverride()
    .showHelpAfterError(json ? false : `See: ${world.invokedAs} --help`)
    .configureOutput({
      writeOut: (text) => out(text.trimEnd()),
      writeErr: (text) => error(text.trimEnd()),
      outputError: (text, write) =>
        write(json ? usageJson(text) : `${paint("bad", world.display.marks.bad)} ${text.replace(/^error: /, "")}`),
      getOutHelpWidth: () => Math.min(world.display.width, 110),
      getErrHelpWidth: () => Math.min(world.display.width, 110),
    })
    .configureHelp({
      showGlobalOptions: true,
      // Options are told by the help on a command.
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentWords)].join(" "),
      styleTitle: (text) => paint("strong", text),
      styleCommandText: (text) => paint("accent", text),
      styleSubcommandText: (text) => paint("accent", text),
      styleOptionText: (text) => paint("accent", text),
      styleArgumentText: (text) => paint("accent", text),
    })
    .addHelpText(
      "after",
      `
A run may be named by the beginning or the end of its id, or by its key.
Help on a command: ${world.invokedAs} help COMMAND
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such run or question,
            4 stopped by a limit, 5 waits for a person, 130 interrupted.`,
    );
  for (const [heading, commands] of groups) {
    program.commandsGroup(heading);
    for (const add of commands) add(program, shell);
  }
  return program;
}

/** `<run>`, `[input]`, `<file...>`. */
function argumentWords(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** What commander says of a wrong command line, as `--json` tells errors. */
function usageJson(text: string): string {
  return JSON.stringify({ error: { message: text.replace(/^error: /, "").trim(), exitCode: exitCodes.usage } });
}

function version(): string {
  const { version: own } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  return own;
}
