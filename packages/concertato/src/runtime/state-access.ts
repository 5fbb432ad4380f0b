/**
 * `ctx.state`: named values of a run, or shared by the runs of a tenant. They lie in the store; what was read or written is
 * an entry of the run that did it, and a write is in the transaction of its entry.
 *
 *   get     read ──▶ result
 *   set     its turn ──▶ result + write
 *   update  its turn ──▶ read ──▶ changed ──▶ result + write, if nobody wrote since the read
 *
 * Writes of one process to one value go one after the other, so that only another process can come between a read and its
 * write. Then the store refuses the whole append: the run is read again, and the update is made anew on the new value.
 */
import { toFailureRecord } from "../kernel/errors.ts";
import { decodeJson, encodeJson } from "../kernel/json.ts";
import type { StateRow } from "../journal/store.ts";
import type { Engine } from "./engine.ts";
import type { Operation } from "./operation.ts";
import { finish, finishText } from "./results.ts";

/** What an operation does to a value: the `input` of a state operation. */
export interface StateAccess {
  readonly kind: "get" | "set" | "update";
  readonly owner: string;
  readonly name: string;
  /** What the value is where nobody wrote it. */
  readonly initialText: string | null;
  /** `set`: what it is to be. */
  readonly text: string | null;
  readonly change: ((value: unknown) => unknown) | null;
  /** The run counts as at work for it. */
  counted: boolean;
}

/** Values are sealed alike, whichever run reads them. */
export const stateSeal = "state";

/** Pause before a store that did not answer is asked again, in ms. */
const retryMs = 100;

/** Whose value it is. */
export function stateOwner(run: { readonly id: string; readonly tenant: string }, shared: boolean): string {
  return shared ? `tenant/${run.tenant}` : `run/${run.id}`;
}

export function launchState(engine: Engine, operation: Operation): void {
  if (operation.state !== "issued") return;
  operation.state = "pending";
  const access = accessOf(operation);
  access.counted = true;
  operation.scope.run.attempts++;
  if (access.kind === "get") return begin(engine, operation, access);
  const lane = engine.stateLanes.get(laneOf(access)) ?? [];
  engine.stateLanes.set(laneOf(access), lane);
  lane.push(operation);
  if (lane[0] === operation) begin(engine, operation, access);
}

/** A write is committed or given up: the next to this value may go. */
export function stateEnded(engine: Engine, operation: Operation): void {
  const access = accessOf(operation);
  uncount(operation, access);
  const lane = engine.stateLanes.get(laneOf(access));
  const index = lane?.indexOf(operation) ?? -1;
  if (lane === undefined || index < 0) return;
  lane.splice(index, 1);
  const [next] = lane;
  if (next === undefined) engine.stateLanes.delete(laneOf(access));
  else if (index === 0) begin(engine, next, accessOf(next));
}

function begin(engine: Engine, operation: Operation, access: StateAccess): void {
  if (access.kind === "set") return written(engine, operation, access, undefined);
  let row: ReturnType<Engine["store"]["readState"]>;
  try {
    row = engine.store.readState(access.owner, access.name);
  } catch (error) {
    return later(engine, operation, access, error);
  }
  if (!(row instanceof Promise)) return written(engine, operation, access, row);
  row.then(
    (read) => written(engine, operation, access, read),
    (error: unknown) => later(engine, operation, access, error),
  );
}

function written(engine: Engine, operation: Operation, access: StateAccess, row: StateRow | undefined): void {
  const { run } = operation.scope;
  if (!operation.live || run.dead || engine.stopped) return;
  uncount(operation, access);
  try {
    finishText(operation, textAfter(engine, operation, access, row));
  } catch (error) {
    finish(operation, toFailureRecord(error, operation.path));
  }
  engine.settled(run);
}

/** The value that the operation ends with; a write is put beside its entry. */
function textAfter(
  engine: Engine,
  operation: Operation,
  access: StateAccess,
  row: StateRow | undefined,
): string | null {
  const { run } = operation.scope;
  const { codec } = engine;
  const { kind, owner, name, initialText, change } = access;
  const stored = row === undefined || row.body === null ? null : codec.open(run.tenant, stateSeal, row.body);
  const current = row === undefined ? initialText : stored;
  if (kind === "get") return current;
  const text = kind === "set" ? access.text : encodeJson(change?.(decodeJson(current)), `state ${name}`);
  const body = text === null ? null : codec.seal(run.tenant, stateSeal, text);
  run.states.push({ owner, name, body, expected: kind === "set" ? null : (row?.version ?? 0) });
  return text;
}

function later(engine: Engine, operation: Operation, access: StateAccess, error: unknown): void {
  engine.report(error);
  engine.at(engine.world.clock.monotonic() + retryMs, () => {
    if (operation.live && !operation.scope.run.dead && !engine.stopped) begin(engine, operation, access);
  });
}

function uncount(operation: Operation, access: StateAccess): void {
  if (!access.counted) return;
  access.counted = false;
  operation.scope.run.attempts--;
}

function accessOf(operation: Operation): StateAccess {
  // Set where the operation is issued, and nowhere else: see BodyContext.state.
  return operation.input as StateAccess;
}

function laneOf({ owner, name }: StateAccess): string {
  return `${owner}\n${name}`;
}
