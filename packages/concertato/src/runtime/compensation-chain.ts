/**
 * What a scope has registered to be undone, as a chain of journal entries. A scope knows the last entries of its chain
 * alone: it costs a loop the same at every turn, and a replay that passes over finished stretches still finds all.
 * Nothing here decides when something is undone.
 */
import { openPayload, readBlobs } from "../journal/large-payload.ts";
import { type CompensationChain, type EntryMeta, entryKindName, type FinalStatus } from "../journal/entry.ts";
import { ConcertatoError } from "../kernel/errors.ts";
import { decodeJson } from "../kernel/json.ts";
import type { Json } from "../kernel/json.ts";
import type { LiveRun } from "./live-run.ts";
import type { Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

/** Key of the operation under which a scope's compensations run: no body ever numbers one so. */
export const compensationKey = "undo";

/** Nothing registered. */
export const emptyChain: CompensationChain = { count: 0, heads: [] };

/** One registered compensation, as the journal has it. */
export interface Registered {
  /** Seq of its entry. */
  readonly seq: number;
  /** `name@version` of what undoes it. */
  readonly agent: string;
  readonly input?: Json;
  /** The tools that whoever registered it could use, where they were limited. */
  readonly tools?: readonly string[];
}

/** A stretch of a chain, and the heads of what is left. */
export interface RegisteredPage {
  readonly registered: readonly Registered[];
  readonly heads: readonly number[];
}

/** Payload read at once, in characters: beyond it, what comes next waits for the next stretch. */
const pageLength = 256 * 1024;

/** What is registered in a scope and in the open scopes inside it, without those that are undone already. */
export function chainOf(scope: Scope): CompensationChain {
  return joined(chainsIn(scope, []));
}

/** What is registered under one operation that is still open. */
export function chainUnder(operation: Operation): CompensationChain {
  const chains: CompensationChain[] = [];
  addChainsUnder(operation, chains);
  if (operation.map !== null)
    for (const item of operation.scope.operations.values())
      if (item.itemOf === operation.map && item.live) addChainsUnder(item, chains);
  return joined(chains);
}

function chainsIn(scope: Scope, chains: CompensationChain[]): CompensationChain[] {
  // One that is being undone answers for all inside it.
  if (scope.compensating !== null) return chains;
  if (scope.undo !== null) chains.push(scope.undo);
  for (const operation of scope.operations.values()) if (operation.live) addChainsUnder(operation, chains);
  return chains;
}

function addChainsUnder(operation: Operation, chains: CompensationChain[]): void {
  if (operation.child !== null) chainsIn(operation.child, chains);
}

function joined(chains: readonly CompensationChain[]): CompensationChain {
  const [only] = chains;
  if (only === undefined) return emptyChain;
  if (chains.length === 1) return only;
  return {
    count: chains.reduce((sum, { count }) => sum + count, 0),
    heads: chains.flatMap(({ heads }) => heads),
  };
}

/** Gives a scope what something inside it had registered, by an entry it is about to write. Answers what that entry says. */
export function handUp(scope: Scope, chain: CompensationChain, seq: number): CompensationChain {
  const whole = scope.undo === null ? chain : joined([scope.undo, chain]);
  scope.undo = afterEntry(whole, seq);
  return whole;
}

/** The chain that holds once an entry with this `undo` counts: several heads are reached through the entry itself. */
export function afterEntry(chain: CompensationChain, seq: number): CompensationChain {
  return chain.heads.length <= 1 ? chain : { count: chain.count, heads: [seq] };
}

/** True when something in the scope, or the scope itself, is being undone: that goes on whatever becomes of its caller. */
export function undoesWithin(scope: Scope): boolean {
  return scope.run.undoings.has(scope) || undoesInside(scope);
}

/** True when something inside the scope is being undone. */
export function undoesInside(scope: Scope): boolean {
  for (const undoing of scope.run.undoings)
    for (let at = undoing.operation?.scope; at !== undefined; at = at.operation?.scope) if (at === scope) return true;
  return false;
}

/** The same for what lies under one operation. */
export function undoesUnder(operation: Operation): boolean {
  for (const undoing of operation.scope.run.undoings)
    for (let at = undoing.operation; at !== null; at = at.scope.operation)
      if (at === operation || (at.itemOf !== null && at.itemOf === operation.map)) return true;
  return false;
}

/** The scope whose compensations run in this one, or null for any other scope. */
export function undoneBy(scope: Scope): Scope | null {
  const { operation } = scope;
  if (operation === null || operation.key !== compensationKey) return null;
  return operation.scope.compensating === null ? null : operation.scope;
}

/** How far undoing has come, for the run's row. */
export function undoingNote(run: LiveRun): {
  readonly status: FinalStatus;
  readonly done: number;
  readonly of: number;
} {
  let done = 0;
  let of = 0;
  for (const { compensating } of run.undoings) {
    done += compensating?.done ?? 0;
    of += compensating?.chain.count ?? 0;
  }
  return { status: run.root.compensating?.status ?? "failed", done, of };
}

/** A chain as the last part of an entry's meta; nothing where nothing is registered. */
export function undoMeta(chain: CompensationChain | null): string {
  return chain === null ? "" : `,"undo":${JSON.stringify(chain)}`;
}

/**
 * Reads a stretch of a chain, last registered first. The journal does not change any more where it lies, so reading it
 * again after a crash finds the same.
 * @param most so many at once
 */
export async function readRegistered(run: LiveRun, heads: readonly number[], most: number): Promise<RegisteredPage> {
  const left = new Set(heads);
  const registered: Registered[] = [];
  let length = 0;
  while (left.size > 0 && registered.length < most && length < pageLength) {
    const seq = Math.max(...left);
    left.delete(seq);
    const [entry] = await run.engine.store.entries(run.key, seq - 1, 1);
    if (entry === undefined) throw missing(run, seq);
    const meta = (entry.meta === null ? {} : JSON.parse(entry.meta)) as EntryMeta;
    for (const head of meta.undo?.heads ?? []) left.add(head);
    if (entryKindName(entry.kind) !== "compensation-registered") continue;
    const { store, codec } = run.engine;
    const text = openPayload(codec, run, entry, await readBlobs(store, codec, run, [entry]));
    const found = {
      seq,
      agent: meta.agent ?? entry.name,
      ...(meta.tools === undefined ? {} : { tools: meta.tools }),
    };
    registered.push(text === null ? found : { ...found, input: decodeJson(text) as Json });
    length += text?.length ?? 0;
  }
  return { registered, heads: [...left].sort((a, b) => b - a) };
}

function missing(run: LiveRun, seq: number): ConcertatoError {
  return new ConcertatoError({
    code: "journal/damaged",
    message: `Entry ${seq} of run ${run.id}, which leads to what must be undone, is not there. Restore the run from a backup.`,
    details: { runId: run.id, seq },
  });
}
