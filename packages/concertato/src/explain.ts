/** The way to a place in a run, through the runs that led to it, as their journals tell it. */
import { ConcertatoError } from "./kernel/errors.ts";
import type { Entry } from "./journal/entry.ts";
import { explainGrant, type GrantExplanation, type Place } from "./policy/explain-grant.ts";
import { runTree, type TreeNode } from "./telemetry/run-tree.ts";

/** Where a tool would be used. */
export interface ExplainQuery {
  /** Address of an agent's body, or of its call of the tool, as `describe` shows it. Default: the run's own body. */
  readonly path?: string;
  /** The tool's name. */
  readonly tool: string;
}

/** The journal of a run, with the id of the run that started it; undefined when it is not there any more. */
export type ReadJournal = (
  runId: string,
) => Promise<{ readonly entries: readonly Entry[]; readonly parent: string | null } | undefined>;

/** @throws ConcertatoError `run/not-found` when there is no such run, or nothing at that address */
export async function explain(
  read: ReadJournal,
  runId: string,
  { path = "0", tool }: ExplainQuery,
): Promise<GrantExplanation> {
  let places: readonly Place[] = [];
  let at: string | undefined = path;
  let from: string | null = runId;
  let called: string | undefined = tool;
  while (from !== null && at !== undefined) {
    const journal = await read(from);
    // Deleted since: what it handed over stands in the start of the run that it started.
    if (journal === undefined) break;
    const tree = runTree(journal.entries);
    const by = journal.entries[0]?.meta.principal;
    const outer = placesTo({ runId: from, tree, by }, at, called);
    places = [...outer, ...startedBy(places, outer.at(-1)?.agent)];
    const parent: string | null = journal.parent;
    at = parent === null ? undefined : await addressOfStart(read, parent, from);
    from = parent;
    called = undefined;
  }
  const last = places.at(-1);
  if (last === undefined) throw nothingAt(runId, path);
  return explainGrant(places, last, tool);
}

/** Places of a run that another started: its first edge is that other's. */
function startedBy([first, ...rest]: readonly Place[], starter: string | undefined): readonly Place[] {
  return first === undefined ? [] : [{ ...first, by: starter }, ...rest];
}

async function addressOfStart(read: ReadJournal, parent: string, child: string): Promise<string | undefined> {
  const journal = await read(parent);
  return journal === undefined ? undefined : startOf(runTree(journal.entries), child);
}

function startOf({ verb, output, path, children }: TreeNode, child: string): string | undefined {
  if (verb === "start" && (output as { readonly runId?: unknown } | undefined)?.runId === child) return path;
  for (const node of children) {
    const found = startOf(node, child);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface Run {
  readonly runId: string;
  readonly tree: TreeNode;
  /** Who started it, where it was no other run. */
  readonly by: string | undefined;
}

/**
 * From a run's own body to an address in it.
 * @param called a call of this name at the address stands for its caller
 */
function placesTo({ runId, tree, by }: Run, path: string, called: string | undefined): readonly Place[] {
  const line = lineTo(tree, path);
  if (line.length === 0) throw nothingAt(runId, path);
  if (line.length > 1 && line.at(-1)?.name === called) line.pop();
  const places: Place[] = [];
  for (const { path: at, agent, budget, verb } of line) {
    // A map, a step or a start is its caller's own.
    if (verb === "run" && agent !== undefined)
      places.push({ runId, path: at, agent, by: places.at(-1)?.agent ?? by, limits: budget?.limits });
  }
  return places;
}

function lineTo(node: TreeNode, path: string): TreeNode[] {
  if (node.path === path) return [node];
  for (const child of node.children) {
    const line = lineTo(child, path);
    if (line.length > 0) return [node, ...line];
  }
  return [];
}

function nothingAt(runId: string, path: string): ConcertatoError {
  return new ConcertatoError({
    code: "run/not-found",
    message: `Run ${runId} has nothing at ${path}. Show the run for its addresses.`,
    details: { runId, path },
  });
}
