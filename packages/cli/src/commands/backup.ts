/** `concertato backup`: a copy of the database while it is used. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandContext, Shell } from "../shell.ts";
import { sizeWords } from "../views/words.ts";

export function addBackup(program: Command, shell: Shell): void {
  program
    .command("backup")
    .argument("<file>", "a file that does not exist yet")
    .description("copy the store into a new file, while it is used")
    .addHelpText("after", "\nExample:\n  concertato backup /backups/desk-$(date +%F).db")
    .action((file: string) => shell.inApp((context) => backUp(context, shell.world.directory, file)));
}

async function backUp({ app, display, json }: CommandContext, directory: string, file: string): Promise<void> {
  const { path, bytes } = await app.backup(resolve(directory, file));
  if (json) return display.out(JSON.stringify({ path, bytes }));
  display.out(`${display.paint("good", display.marks.done)} ${path}, ${sizeWords(bytes)}, is on the disk.`);
}
