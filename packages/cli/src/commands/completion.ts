/** `concertato completion`: the script that makes a shell complete our command lines, and what that script asks at Tab. */
import type { Command } from "commander";
import { candidates } from "../completion/candidates.ts";
import { type ShellName, scripts, shells } from "../completion/scripts.ts";
import { oneOf, type Shell } from "../shell.ts";

export function addCompletion(program: Command, shell: Shell): void {
  program
    .command("completion")
    .argument("<shell>", shells.join(", "))
    .description("print what completes command lines at Tab")
    .addHelpText(
      "after",
      `
In ~/.bashrc:                  eval "$(concertato completion bash)"
In ~/.zshrc, after compinit:   eval "$(concertato completion zsh)"
In fish's config.fish:         concertato completion fish | source`,
    )
    .action((name: string) => shell.display.out(scripts[oneOf<ShellName>("The shell", shells, name)]));
  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .action((words: readonly string[]) => complete(program, shell, words));
}

async function complete(program: Command, shell: Shell, words: readonly string[]): Promise<void> {
  try {
    // What was typed so far may name the store.
    program.parseOptions(words.slice(0, -1));
    for (const { value, description } of await candidates(program, shell, words))
      shell.display.out(`${value}\t${description}`);
  } catch {
    // At Tab nobody wants to read an error.
  }
}
