/**
 * Agents out of the user's own files. Node runs TypeScript and JavaScript modules as they are. Where the project of a file
 * has its own copy of concertato, that copy runs its agents, so that one version is at work and not two.
 */
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Agent } from "concertato";
import * as ownCore from "concertato";
import { CliError, exitCodes } from "./cli-error.ts";

/** The library, in the version of the user's project. */
export type Core = typeof ownCore;

/** What a module exports of ours. */
export interface LoadedAgents {
  readonly file: string;
  readonly core: Core;
  /** By the name they are exported under: "default" first, else as in the module. */
  readonly exported: readonly (readonly [exportName: string, agent: Agent])[];
}

/** @throws CliError for a file that is not there, cannot be loaded or exports no agent */
export async function loadAgents(directory: string, typed: string): Promise<LoadedAgents> {
  const file = resolve(directory, typed);
  if (!existsSync(file)) throw new CliError(exitCodes.usage, `There is no file ${file}.`);
  const core = await coreOf(file);
  const exported = Object.entries(await load(file)).filter((entry): entry is [string, Agent] => isAgent(entry[1]));
  // A default export that has a name of its own too is listed once.
  const [first] = exported.filter(([name]) => name === "default");
  const rest = exported.filter(([name, agent]) => name !== "default" && agent !== first?.[1]);
  const all = first === undefined ? rest : [first, ...rest];
  if (all.length > 0) return { file, core, exported: all };
  throw new CliError(
    exitCodes.usage,
    `${file} exports no agents. Export what agent(), workflow() or tool() gives you: export default workflow({ … }).`,
  );
}

/**
 * The agent to run: the one that is named (by its own name or its export's), else the default export, else the only one.
 * @throws CliError when that leaves none or several
 */
export function chooseAgent({ file, exported }: LoadedAgents, named: string | undefined): Agent {
  if (named !== undefined) {
    const found = exported.find(([exportName, { name }]) => name === named || exportName === named);
    if (found !== undefined) return found[1];
    throw new CliError(exitCodes.usage, `${file} exports no agent ${named}. It exports: ${namesOf(exported)}.`);
  }
  const [first, ...others] = exported;
  if (first !== undefined && (first[0] === "default" || others.length === 0)) return first[1];
  throw new CliError(
    exitCodes.usage,
    `${file} exports several agents: ${namesOf(exported)}. Say which with --agent NAME, or export one as default.`,
  );
}

function namesOf(exported: LoadedAgents["exported"]): string {
  return exported.map(([, { name }]) => name).join(", ");
}

async function load(file: string): Promise<object> {
  try {
    return (await import(pathToFileURL(file).href)) as object;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const missing = (error as { readonly code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    const remedy = missing ? " Install what it imports (npm install), in its own folder." : "";
    throw new CliError(exitCodes.usage, `${file} cannot be loaded: ${why}${remedy}`);
  }
}

async function coreOf(file: string): Promise<Core> {
  let found: string;
  try {
    found = createRequire(file).resolve("concertato");
  } catch {
    // Its project has none: ours it is.
    return ownCore;
  }
  const own = createRequire(import.meta.url).resolve("concertato");
  if (realpathSync(found) === realpathSync(own)) return ownCore;
  return (await import(pathToFileURL(found).href)) as Core;
}

function isAgent(value: unknown): value is Agent {
  if (typeof value !== "object" || value === null) return false;
  const { name, version, body } = value as Partial<Agent>;
  return typeof name === "string" && typeof version === "number" && typeof body === "object";
}
