/**
 * What could stand at the cursor: commands and options as the program declares them, and from the store the runs, agents,
 * tenants and questions that fit. Never fails: where something cannot be read, there are no candidates.
 */
import type { Argument, Command, Option } from "commander";
import { type App, entryKindNames, type RunSummary } from "concertato";
import { statuses } from "../commands/ls.ts";
import { openWaits } from "../find-run.ts";
import { openChosen } from "../find-store.ts";
import type { Shell } from "../shell.ts";
import { ageWords, shortId } from "../views/words.ts";
import { plainLine } from "../views/plain-text.ts";
import { shells } from "./scripts.ts";

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** @param words what was typed after `concertato`; the last is what the cursor is in */
export async function candidates(
  program: Command,
  shell: Shell,
  words: readonly string[],
): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? "";
  const place = placeOf(program, words.slice(0, -1));
  const all = await offered(program, shell, place, typed);
  return all.filter(({ value }) => value.startsWith(typed));
}

/** Where the cursor is. */
interface Place {
  readonly command: Command | undefined;
  /** The option whose value is typed. */
  readonly option: Option | undefined;
  /** Arguments of the command before the cursor. */
  readonly before: readonly string[];
}

function placeOf(program: Command, words: readonly string[]): Place {
  let command: Command | undefined;
  let option: Option | undefined;
  const before: string[] = [];
  for (const word of words) {
    if (option !== undefined) {
      option = undefined;
      continue;
    }
    if (word.startsWith("-")) {
      const found = [...program.options, ...(command?.options ?? [])].find(
        ({ short, long }) => word === short || word === long,
      );
      option = found?.required === true ? found : undefined;
    } else if (command === undefined)
      command = program.commands.find((each) => each.name() === word || each.aliases().includes(word));
    else before.push(word);
  }
  return { command, option, before };
}

async function offered(
  program: Command,
  shell: Shell,
  { command, option, before }: Place,
  typed: string,
): Promise<readonly Candidate[]> {
  if (option !== undefined) return ofOption(shell, option);
  if (typed.startsWith("-")) return optionsOf(program, command);
  if (command === undefined) return commandsOf(program);
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[before.length] ?? (last?.variadic === true ? last : undefined);
  return argument === undefined ? [] : ofArgument(program, shell, command, argument, before, typed);
}

function commandsOf(program: Command): readonly Candidate[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({ value: command.name(), description: command.description() }));
}

function optionsOf(program: Command, command: Command | undefined): readonly Candidate[] {
  return [...(command?.options ?? []), ...program.options].flatMap(({ long, description }) =>
    long === undefined || long === null ? [] : [{ value: long, description }],
  );
}

async function ofOption(shell: Shell, option: Option): Promise<readonly Candidate[]> {
  switch (option.attributeName()) {
    case "status":
      return plain(statuses);
    case "kind":
      return plain(entryKindNames);
    case "agent":
      return inStore(shell, async (app) => distinct(await newest(app), ({ agent }) => agent.split("@")[0] ?? ""));
    case "tenant":
      return inStore(shell, async (app) => distinct(await newest(app), ({ tenant }) => tenant));
    case "mine":
    case "waiting":
      return inStore(shell, async (app) => distinct(await app.waiting(), ({ name }) => name));
    case "before":
      return inStore(shell, async (app) => (await newest(app)).map((run) => runCandidate(run, "")));
    case "live":
      return plain(["read", "write", "irreversible", "people", "time"]);
    case "elsewhere":
      return plain(["live", "stop"]);
    default:
      // A file, a number or words of the user's own.
      return [];
  }
}

async function ofArgument(
  program: Command,
  shell: Shell,
  command: Command,
  argument: Argument,
  before: readonly string[],
  typed: string,
): Promise<readonly Candidate[]> {
  switch (argument.name()) {
    case "run":
    case "a":
    case "b":
      return inStore(shell, async (app) =>
        (await newest(app)).filter((run) => isFor(command.name(), run)).map((run) => runCandidate(run, typed)),
      );
    case "wait":
    case "name":
      return inStore(shell, (app) => waitsOf(app, before[0] ?? "", command.name() === "signal"));
    case "shell":
      return plain(shells);
    case "command":
      return commandsOf(program);
    default:
      return [];
  }
}

/** How many of the newest runs are offered. */
const offeredRuns = 100;

function newest(app: App): Promise<readonly RunSummary[]> {
  return app.runs({ limit: offeredRuns });
}

/** Runs with which a command can do something. */
function isFor(command: string, { status, waiting, paused }: RunSummary): boolean {
  const isOpen = status === "queued" || status === "running" || status === "waiting" || status === "diverged";
  switch (command) {
    case "approve":
    case "reject":
    case "answer":
      return waiting.some(
        ({ kind }) => kind === "answer" || kind === "signal" || kind === "in-doubt" || kind === "budget",
      );
    case "retry":
      return status === "diverged" || status === "failed";
    case "resume":
      return paused !== undefined;
    case "cancel":
    case "pause":
    case "prioritise":
    case "signal":
    case "send":
      return isOpen;
    default:
      return true;
  }
}

/** A run by the end of its id, by which every command finds it; by its whole id where that is being typed. */
function runCandidate({ runId, agent, status, waiting, updatedAt }: RunSummary, typed: string): Candidate {
  const waits = waiting.map(({ name }) => plainLine(name)).join(", ");
  const words = [agent, status, ...(waits === "" ? [] : [`for ${waits}`]), ageWords(Date.now() - updatedAt)].join(" ");
  return { value: typed.startsWith("run") ? runId : shortId(runId), description: words };
}

async function waitsOf(app: App, typed: string, signals: boolean): Promise<readonly Candidate[]> {
  const run = (await newest(app)).find(({ runId }) => runId.startsWith(typed) || runId.endsWith(typed));
  if (run === undefined) return [];
  const waits = openWaits(run.runId, (await app.describe(run.runId)).tree);
  if (signals)
    return distinct(
      waits.filter(({ kind }) => kind === "signal"),
      ({ name }) => name,
    );
  return waits.map(({ waitId, name }) => ({ value: waitId, description: plainLine(name) }));
}

async function inStore(shell: Shell, read: (app: App) => Promise<readonly Candidate[]>): Promise<readonly Candidate[]> {
  await using app = await openChosen(shell.storeChoice);
  return await read(app);
}

function plain(values: readonly string[]): readonly Candidate[] {
  return values.map((value) => ({ value, description: "" }));
}

function distinct<Item>(items: readonly Item[], nameOf: (item: Item) => string): readonly Candidate[] {
  return plain([...new Set(items.map(nameOf))]);
}
