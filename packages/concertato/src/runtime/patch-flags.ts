/**
 * `ctx.patched(flag)`: which code a body takes where it was changed in place. A flag is true where live code comes by for
 * the first time (and recorded, so that a replay says the same), false where a replay passes a place that has no record.
 * Decisions hold for the scope, or for the loop's turn that asked; a loop carries what its turns found true.
 */
import type { Container } from "./container.ts";
import type { LoopState } from "./loop-operation.ts";
import { ensureStarted } from "./results.ts";
import type { Scope } from "./scope.ts";

/** @param loop the innermost loop in whose turn the question is asked */
export function isPatched(scope: Scope, loop: LoopState | null, container: Container | null, flag: string): boolean {
  const known = decided(scope, loop, flag);
  if (known !== undefined) return known;
  const owner = turnOf(loop);
  const fresh = scope.run.direction?.flag(scope, owner, flag) ?? !replaying(scope);
  decide(scope, owner, flag, fresh);
  if (fresh) {
    ensureStarted(scope);
    scope.run.write("patched", scope, { op: owner, name: flag, container });
  }
  return fresh;
}

/** Notes a decision; also what a journal says. */
export function decide(scope: Scope, owner: string, flag: string, value: boolean): void {
  scope.flags ??= new Map();
  scope.flags.set(`${owner}\n${flag}`, value);
}

function decided(scope: Scope, loop: LoopState | null, flag: string): boolean | undefined {
  for (let at = loop; ; at = at.parent) {
    const known = scope.flags?.get(`${turnOf(at)}\n${flag}`);
    if (known !== undefined) return known;
    if (at === null) return undefined;
    if (at.flags.has(flag)) return true;
  }
}

/** Flags of turns that are over are carried by their loop; what such a turn found false the next one asks again. */
export function carryFlags(scope: Scope, loop: LoopState): void {
  if (scope.flags === null) return;
  const turn = `${turnOf(loop)}\n`;
  for (const [key, value] of scope.flags) if (value && key.startsWith(turn)) loop.flags.add(key.slice(turn.length));
  forgetFlags(scope, loop.operation.key);
}

/** Forgets what the turns of a loop decided. */
export function forgetFlags(scope: Scope, loopKey: string): void {
  if (scope.flags === null) return;
  for (const key of scope.flags.keys()) if (key.startsWith(`${loopKey}/`)) scope.flags.delete(key);
}

/** "0/3": turn 3 of the loop at 0; "" for the body itself. */
function turnOf(loop: LoopState | null): string {
  return loop === null ? "" : `${loop.operation.key}/${loop.turns}`;
}

/** The journal has something that this body has not come to yet. */
function replaying(scope: Scope): boolean {
  if (!scope.caughtUp) return true;
  for (const operation of scope.operations.values()) {
    if (!operation.attached && operation.itemOf === null) return true;
  }
  return false;
}
