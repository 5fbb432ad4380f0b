/** `concertato export | import`: a run as lines of JSON, out of one store and into another. */
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { CliError, exitCodes } from "../cli-error.ts";
import { findRun } from "../find-run.ts";
import type { CommandContext, Shell } from "../shell.ts";

export function addTransfer(program: Command, shell: Shell): void {
  program
    .command("export")
    .argument("<run>", "the run's id, or its beginning or end")
    .argument("[file]", "a file that does not exist yet (default: standard output)")
    .description("write a run as lines of JSON")
    .addHelpText("after", "\nExample:\n  concertato export 9x2k4ab1 run.jsonl")
    .action((run: string, file: string | undefined) =>
      shell.inApp((context) => exportRun(context, run, file, shell.world.directory)),
    );
  program
    .command("import")
    .argument("[file]", "what export wrote; - or nothing: standard input", "-")
    .description("take over a run that export wrote")
    .option("--tenant <name>", "whose it is here (default: as exported)")
    .addHelpText("after", "\nExample:\n  concertato export 9x2k4ab1 | concertato import --store other.db")
    .action((file: string, options: { tenant?: string }) =>
      shell.inApp((context) => importRun(context, file, options, shell)),
    );
}

async function exportRun(
  { display, ...context }: CommandContext,
  typed: string,
  file: string | undefined,
  directory: string,
): Promise<void> {
  const { runId } = await findRun({ display, ...context }, typed);
  const lines = context.app.export(runId);
  if (file === undefined || file === "-") {
    for await (const line of lines) display.out(line);
    return;
  }
  const path = resolve(directory, file);
  const count = await writeLines(path, lines);
  if (context.json) return display.out(JSON.stringify({ runId, path, lines: count }));
  display.out(`${display.paint("good", display.marks.done)} ${path}, ${count} lines.`);
}

async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  if (existsSync(path)) throw new CliError(exitCodes.failure, `${path} exists; export never replaces a file.`);
  let count = 0;
  await pipeline(
    async function* () {
      for await (const line of lines) {
        count++;
        yield `${line}\n`;
      }
    },
    createWriteStream(path, { flags: "wx" }),
  );
  return count;
}

async function importRun(
  { app, display, json, command }: CommandContext,
  file: string,
  options: { readonly tenant?: string },
  { world }: Shell,
): Promise<void> {
  const path = resolve(world.directory, file);
  if (file !== "-" && !existsSync(path)) throw new CliError(exitCodes.usage, `There is no file ${path}.`);
  const input = file === "-" ? world.stdin : createReadStream(path);
  const { runId } = await app.import(createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }), options);
  if (json) return display.out(JSON.stringify({ runId }));
  display.out(`${display.paint("good", display.marks.done)} Run ${runId} is here.`);
  display.out(`  ${command(`show ${runId}`)}`);
}
