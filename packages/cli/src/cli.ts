/**
 * The command line: one line in, one exit code out. What the commands are is in program.ts, what each does in commands/,
 * what the exit codes mean in cli-error.ts and docs/guides/command-line.md.
 */
import { CommanderError } from "commander";
import { errorJson, exitCodeOf, exitCodes, SilentEnd } from "./cli-error.ts";
import { buildProgram } from "./program.ts";
import type { CliWorld } from "./shell.ts";
import { plainText } from "./views/plain-text.ts";

/** Runs one command line; answers the exit code. Never throws. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const { paint, marks, error: say } = world.display;
  const program = buildProgram(world, args.includes("--json"));
  // Without a command: what there is. Not an error, so it goes to standard output.
  if (args.every((arg) => arg === "--json" || arg === "--no-color")) {
    program.outputHelp();
    return 0;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
    if (error instanceof SilentEnd) return error.exitCode;
    const message = error instanceof Error ? error.message : String(error);
    say(args.includes("--json") ? errorJson(error) : `${paint("bad", marks.bad)} ${plainText(message)}`);
    return exitCodeOf(error);
  }
}
