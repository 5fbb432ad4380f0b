/** `concertato start`: a durable run that a process at work on the store takes up. Answers its id at once. */
import type { Command } from "commander";
import { workStore } from "../find-store.ts";
import { chooseAgent, loadAgents } from "../load-agents.ts";
import { type ModelFlags, modelOptions, modelWords, withModelOptions } from "../model-options.ts";
import { readInput } from "../read-input.ts";
import { type Shell, userName, wholeNumber } from "../shell.ts";
import { shortId } from "../views/words.ts";

interface StartOptions extends ModelFlags {
  readonly agent?: string;
  readonly input?: string;
  readonly key?: string;
  readonly tenant?: string;
  readonly priority?: string;
}

export function addStart(program: Command, shell: Shell): void {
  const command = program
    .command("start")
    .argument("<file>", "a TypeScript or JavaScript file that exports an agent")
    .argument("[input]", "its input: JSON, text, or - for standard input")
    .description("start a durable run and print its id")
    .option("--agent <name>", "which, where the file exports several (default: its default export)")
    .option("--input <file>", "the input from a file; - for standard input")
    .option("--key <key>", "the same key with the same input finds the same run")
    .option("--tenant <name>", "whose run it is")
    .option("--priority <n>", "0 (whenever there is time) to 9 (before everything else)");
  withModelOptions(command)
    .addHelpText(
      "after",
      `
Without --store and CONCERTATO_STORE the run goes into the store under .concertato, which is made when there is none.
The model is the choice of the process at work: give --model to concertato work.

Examples:
  concertato start desk.ts '{"id":"T-17"}' --key T-17
  RUN=$(concertato start desk.ts - --key T-18 < ticket.json)`,
    )
    .action((file: string, input: string | undefined, options: StartOptions) => startRun(shell, file, input, options));
}

async function startRun(shell: Shell, file: string, typed: string | undefined, options: StartOptions): Promise<void> {
  const { world, display, json, storeChoice } = shell;
  const { agent: named, input: inputFile, key, tenant, priority } = options;
  const loaded = await loadAgents(world.directory, file);
  const agent = chooseAgent(loaded, named);
  const input = await readInput(world, agent, { typed, file: inputFile });
  const models = modelOptions(options, world.directory);
  const store = await workStore(storeChoice);
  await using app = await loaded.core.open(store.file, {
    ...models,
    role: "client",
    principal: userName(),
    ...(store.key === undefined ? {} : { key: store.key }),
  });
  const { runId } = await app.start(agent, input as never, {
    ...(key === undefined ? {} : { key }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(priority === undefined ? {} : { priority: wholeNumber("--priority", priority, 0) }),
  });
  const id = `${agent.name}@${agent.version}`;
  const host = (await app.processes()).find(({ alive, agents }) => alive && agents.includes(id));
  const status = (await app.find(runId))?.status ?? "queued";
  if (json) return display.out(JSON.stringify({ runId, agent: id, key: key ?? null, status, host: host?.pid ?? null }));
  display.out(runId);
  const { paint } = display;
  if (host !== undefined || status !== "queued")
    return display.error(paint("quiet", `Watch it: ${shell.command(`events ${shortId(runId)} --follow`)}`));
  display.error(paint("quiet", `No process is at work on ${id} yet. Start one:`));
  display.error(`  ${shell.command(`work ${file}`)}${modelWords(options)}`);
}
