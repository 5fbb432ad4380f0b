/** `concertato backup`: a copy of the database while it is used. */
import { resolve } from "node:path";
import type { CommandContext } from "../cli.ts";

export async function backUp(context: CommandContext, directory: string, file: string): Promise<void> {
  const { app, display, json } = context;
  const { path, bytes } = await app.backup(resolve(directory, file));
  if (json) return display.out(JSON.stringify({ path, bytes }));
  const size = bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
  display.out(`${display.paint("good", display.marks.done)} ${path}, ${size}, is on the disk.`);
}
