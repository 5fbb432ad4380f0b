/**
 * The command line: what the commands are called, what they take, and how they end. Each command works on an app opened
 * as a client, so it can be used while the workers run, and when none does.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such run or nothing waits for that answer.
 */
import { userInfo } from "node:os";
import type { App } from "concertato";
import { Command, CommanderError } from "commander";
import { exitCodeOf, exitCodes } from "./cli-error.ts";
import { answerWait, decide } from "./commands/answer.ts";
import { backUp } from "./commands/backup.ts";
import { cancelRun } from "./commands/cancel.ts";
import { compareRuns } from "./commands/compare.ts";
import { type ForkCommand, forkRun } from "./commands/fork.ts";
import { checkRuns } from "./commands/check.ts";
import { listRuns } from "./commands/ls.ts";
import { type PruneChoice, pruneRuns } from "./commands/prune.ts";
import { type ReplayCommand, replayRuns } from "./commands/replay.ts";
import { retryRun } from "./commands/retry.ts";
import { pauseThing, resumeThing } from "./commands/pause.ts";
import { listCaps } from "./commands/caps.ts";
import { showRun } from "./commands/show.ts";
import { openChosen } from "./find-store.ts";
import type { Display } from "./views/display.ts";

/** What the CLI needs from its process. */
export interface CliWorld {
  readonly display: Display;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly now: () => number;
  /** How the user calls the CLI: "concertato", or through npm from a clone. */
  readonly invokedAs: string;
}

/** What a command works with. */
export interface CommandContext {
  readonly app: App;
  readonly display: Display;
  readonly now: number;
  /** One JSON value instead of words. */
  readonly json: boolean;
  /** A command line of this CLI as the user has to type it here. */
  readonly command: (rest: string) => string;
}

interface SharedOptions {
  readonly db?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** Runs one command line; answers the exit code. Never throws. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  try {
    await buildProgram(world).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
    world.display.error(
      `${world.display.paint("bad", world.display.marks.bad)} ${error instanceof Error ? error.message : String(error)}`,
    );
    return exitCodeOf(error);
  }
}

function buildProgram(world: CliWorld): Command {
  const program = new Command("concertato")
    .description("See and steer the runs of a Concertato database.")
    .option("--db <file>", "the database (default: CONCERTATO_DB, else the one under .concertato)")
    .option("--key <file>", "the key to its payloads (default: CONCERTATO_KEY_FILE, else payload.key beside it)")
    .option("--json", "print JSON, for programs")
    .exitOverride()
    .showHelpAfterError(`See: ${world.invokedAs} --help`)
    .configureOutput({
      writeOut: (text) => world.display.out(text.trimEnd()),
      writeErr: (text) => world.display.error(text.trimEnd()),
    })
    .addHelpText(
      "after",
      "\nA run may be named by the beginning or the end of its id.\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 no such run or nothing waits for that.",
    );
  const inApp = (work: (context: CommandContext) => Promise<void>): Promise<void> => withApp(program, world, work);
  addReading(program, inApp);
  addSteering(program, inApp);
  addCaps(program, inApp);
  addPausing(program, inApp);
  addTimeTravel(program, inApp, world.directory);
  addUpkeep(program, inApp, world.directory);
  return program;
}

type InApp = (work: (context: CommandContext) => Promise<void>) => Promise<void>;

function addReading(program: Command, inApp: InApp): void {
  program
    .command("ls")
    .description("list the runs, newest first")
    .option("--status <status>", "only runs of this status")
    .option("--limit <n>", "at most so many", "20")
    .action((options: { status?: string; limit: string }) => inApp((context) => listRuns(context, options)));
  program
    .command("show")
    .argument("<run>", "the run's id, or its beginning")
    .description("show what a run did, step by step")
    .option("--full", "whole inputs and outputs")
    .action((run: string, options: { full?: boolean }) =>
      inApp((context) => showRun(context, run, options.full === true)),
    );
}

function addCaps(program: Command, inApp: InApp): void {
  program
    .command("caps")
    .description("list what tenants and agents may spend, and what they did")
    .action(() => inApp(listCaps));
}

function addSteering(program: Command, inApp: InApp): void {
  const me = userName();
  for (const verb of ["approve", "reject"] as const) {
    program
      .command(verb)
      .argument("<run>", "the run's id, or its beginning")
      .argument("[wait]", "which question, when there are several")
      .description(verb === "approve" ? "say yes to what a run waits for" : "say no to what a run waits for")
      .option("--note <text>", "a reason, kept with the answer")
      .option("--by <name>", "who decides", me)
      .action((run: string, wait: string | undefined, options: { note?: string; by: string }) =>
        inApp((context) => decide(context, { run, wait, approved: verb === "approve", ...options })),
      );
  }
  program
    .command("answer")
    .argument("<run>", "the run's id, or its beginning")
    .argument("<wait>", "which question")
    .argument("<json>", "the answer, as JSON")
    .description("answer a question with any value")
    .option("--by <name>", "who answers", me)
    .action((run: string, wait: string, json: string, options: { by: string }) =>
      inApp((context) => answerWait(context, { run, wait, by: options.by }, json)),
    );
  program
    .command("cancel")
    .argument("<run>", "the run's id, or its beginning")
    .description("cancel a run")
    .option("--reason <text>", "why, kept with the run")
    .option("--now", "end it at once: what it has done is not undone")
    .action((run: string, options: { reason?: string; now?: true }) =>
      inApp((context) => cancelRun(context, run, options)),
    );
}

function addUpkeep(program: Command, inApp: InApp, directory: string): void {
  program
    .command("check")
    .description("read every run and name those that are damaged")
    .action(() => inApp(checkRuns));
  program
    .command("backup")
    .argument("<file>", "a file that does not exist yet")
    .description("copy the database into a new file, while it is used")
    .action((file: string) => inApp((context) => backUp(context, directory, file)));
  program
    .command("prune")
    .description("delete finished runs that are old enough, and give their space back")
    .requiredOption("--older-than <age>", "only runs that ended so long ago: 12h, 30d")
    .option(
      "--status <statuses>",
      "only runs that ended so: completed, failed, cancelled, stopped; several with commas",
    )
    .option("--agent <name>", "only runs of this agent")
    .option("--keep-last <n>", "the newest so many stay, however old they are")
    .option("--limit <n>", "at most so many")
    .action((choice: PruneChoice) => inApp((context) => pruneRuns(context, choice)));
}

function addTimeTravel(program: Command, inApp: InApp, directory: string): void {
  program
    .command("compare")
    .argument("<a>", "a run's id, or its beginning")
    .argument("<b>", "another's, its fork for example")
    .description("show what two runs did differently")
    .action((a: string, b: string) => inApp((context) => compareRuns(context, a, b)));
  program
    .command("fork")
    .argument("<run>", "the run's id, or its beginning")
    .description("start a new run that begins as another did; what is recorded is not done again")
    .option("--at <n>", "the last entry to take over (default: only the start)")
    .option("--input <json>", "another input, from the start")
    .option("--state <json>", "another state, at the beginning of a loop's turn")
    .option("--live <what>", "do anew: read, write, irreversible, people, time; several with commas")
    .option("--elsewhere <how>", "where nothing is recorded: live or stop (default: reads live, all else stop)")
    .option("--stub <name=json...>", "answer for a tool, a step or a person")
    .action((run: string, options: ForkCommand) => inApp((context) => forkRun(context, run, options)));
  program
    .command("replay")
    .argument("[run]", "the run's id, or its beginning; all that are under way when left out")
    .requiredOption("--code <module>", "the module that exports the agents to try")
    .option("--agent <name>", "only runs of this agent")
    .description("try code on what is recorded; does nothing, and fails where the two part")
    .action((run: string | undefined, options: ReplayCommand) =>
      inApp((context) => replayRuns(context, run, options, directory)),
    );
  program
    .command("retry")
    .argument("<run>", "the run's id, or its beginning")
    .description("take a diverged run up again")
    .action((run: string) => inApp((context) => retryRun(context, run)));
}

function addPausing(program: Command, inApp: InApp): void {
  const agentOption = ["--agent <name>", "an agent in all runs: its name, or name@version"] as const;
  program
    .command("pause")
    .argument("[run]", "the run's id, or its beginning")
    .description("let a run, or an agent everywhere, begin nothing new")
    .option(...agentOption)
    .option("--by <name>", "who pauses it", userName())
    .action((run: string | undefined, options: { agent?: string; by: string }) =>
      inApp((context) => pauseThing(context, { run, agent: options.agent }, options.by)),
    );
  program
    .command("resume")
    .argument("[run]", "the run's id, or its beginning")
    .description("let what was paused go on")
    .option(...agentOption)
    .action((run: string | undefined, options: { agent?: string }) =>
      inApp((context) => resumeThing(context, { run, agent: options.agent })),
    );
}

/** Who sits here, as far as the system knows; containers often do not. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "somebody";
  }
}

async function withApp(
  program: Command,
  world: CliWorld,
  work: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const { db, key, json } = program.opts<SharedOptions>();
  await using app = await openChosen({ db, key, directory: world.directory, environment: world.environment });
  const command = (rest: string): string => `${world.invokedAs} ${rest}`;
  await work({ app, display: world.display, now: world.now(), json: json === true, command });
}
