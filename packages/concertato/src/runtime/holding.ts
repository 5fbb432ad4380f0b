/**
 * `ctx.claim`: a key of the tenant that one run at a time holds, over all processes. Asking is an entry; the store queues,
 * grants by an inbox row in the transaction that frees the key, and frees what an ended run held. Releasing is asking the
 * store with the commit of the entry it follows from; doing it twice does no harm, so a replay may.
 */
import type { FailureRecord } from "../kernel/errors.ts";
import type { HoldCycle, InboxRow } from "../journal/store.ts";
import type { LiveRun } from "./live-run.ts";
import type { Operation } from "./operation.ts";
import { finishText } from "./results.ts";
import type { Scope } from "./scope.ts";

/** The key is this operation's. */
export function noteHeld(operation: Operation): void {
  const { scope } = operation;
  scope.held ??= new Map();
  scope.held.set(operation.key, operation.path);
}

/** The key was granted to the run that this one was forked from. */
export function noteGrantedElsewhere({ scope: { run }, path, name }: Operation): void {
  run.grantedElsewhere = new Map([...run.grantedElsewhere, [path, name]]);
}

/**
 * A claim whose key this operation would act under without holding it: of its own branch, turn or body, or of one around
 * it. Undefined when there is none.
 */
export function claimNotHeld(operation: Operation): { readonly path: string; readonly key: string } | undefined {
  const { grantedElsewhere } = operation.scope.run;
  if (grantedElsewhere.size === 0) return undefined;
  for (let at: Operation | null = operation; at !== null; at = at.scope.operation)
    for (const [claim, path] of at.scope.held ?? []) {
      const key = grantedElsewhere.get(path);
      if (key !== undefined && at.key.startsWith(claim.slice(0, claim.lastIndexOf("/") + 1))) return { path, key };
    }
  return undefined;
}

/** Frees what was claimed under a prefix of the scope: a branch or turn is over. All of it for the empty prefix. */
export function releaseUnder(scope: Scope, prefix: string): void {
  if (scope.held === null || scope.run.dead || scope.run.finished) return;
  for (const key of scope.held.keys()) if (key.startsWith(prefix)) releaseKey(scope, key);
}

/** Frees one claim of the scope, by the key of its operation. */
function releaseKey(scope: Scope, key: string): void {
  const path = scope.held?.get(key);
  if (path === undefined) return;
  scope.held?.delete(key);
  letGo(scope.run, path);
}

/** With the next commit the store frees the key, or forgets that it was asked for. */
export function letGo(run: LiveRun, path: string): void {
  run.releases.push(path);
  run.engine.markDirty(run);
}

/** The body's own `release()`. */
export function launchRelease(operation: Operation): void {
  if (operation.state !== "issued") return;
  const key = String(operation.input);
  releaseKey(operation.scope, key);
  finishText(operation, null, 0, `,"claim":${JSON.stringify(key)}`);
}

/** What a claim's inbox row says: the token, or the circle of runs that would wait for each other. */
export function readGrant(row: InboxRow, operation: Operation): { readonly failed: boolean; readonly text: string } {
  if (typeof row.body !== "string") return { failed: false, text: JSON.stringify({ token: row.n }) };
  const cycle = JSON.parse(row.body) as HoldCycle;
  return { failed: true, text: JSON.stringify(deadlock(operation, cycle)) };
}

function deadlock({ name, path }: Operation, cycle: HoldCycle): FailureRecord {
  const told = cycle.map(({ run, key, holder }) => `${run} waits for "${key}" behind ${holder}`).join("; ");
  return {
    code: "claim/deadlock",
    message: `Claiming "${name}" at ${path} would never end: ${told}. Claim keys in the same order everywhere, or release one first.`,
    path,
    retryable: true,
    details: { key: name, cycle: cycle.map((wait) => ({ ...wait })) },
  };
}
