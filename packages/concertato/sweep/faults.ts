/**
 * A store of which one call goes wrong, in one of the ways in which calls of real stores do. Everything else is the store
 * itself: memory or a real SQLite file.
 */
import type { Change, ChangeResult, Store } from "../src/journal/store.ts";
import { ConcertatoError } from "../src/kernel/errors.ts";

/**
 * How a call goes wrong:
 *  - `lost` it throws, and did nothing
 *  - `late` it throws, and did what it was asked
 *  - `busy` it is refused for now
 *  - `full` the disk has no room for it
 *  - `crash-before`, `crash-after` the process dies, before or after the call took effect
 */
export const faultKinds = ["lost", "late", "busy", "full", "crash-before", "crash-after"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** The one call that goes wrong. */
export interface Fault {
  /** From 1, over all calls of a trial. */
  readonly call: number;
  readonly kind: FaultKind;
}

/** Counts the calls of a trial, whichever process makes them. */
export class CallCounter {
  readonly fault: Fault | null;
  calls = 0;
  /** Name of the call that went wrong. */
  failed: string | null = null;

  constructor(fault: Fault | null) {
    this.fault = fault;
  }

  /** The fault, if it is this call's turn. */
  next(name: string): FaultKind | null {
    this.calls++;
    if (this.fault === null || this.calls !== this.fault.call) return null;
    this.failed = name;
    return this.fault.kind;
  }
}

/** What is no call of an engine. */
const spared = new Set<string>(["leave", "constructor"]);

/** @param die ends the process that makes the call */
export function faultyStore(store: Store, counter: CallCounter, die: () => void): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      // The trial looks at the store after its last process has closed it.
      if (name === "close") return () => undefined;
      const perform = (args: readonly unknown[]): unknown => Reflect.apply(value, target, args);
      if (typeof name !== "string" || spared.has(name)) return (...args: readonly unknown[]) => perform(args);
      return (...args: readonly unknown[]) => {
        const kind = counter.next(name);
        return kind === null ? answered(name, args, perform(args)) : goWrong(kind, name, args, perform, die);
      };
    },
  });
}

/** A commit that asks for the loss of power to be survived answers later, as on a disk. */
function answered(name: string, args: readonly unknown[], answer: unknown): unknown {
  return name === "commit" && args[1] === "full" ? Promise.resolve(answer) : answer;
}

function goWrong(
  kind: FaultKind,
  name: string,
  args: readonly unknown[],
  perform: (args: readonly unknown[]) => unknown,
  die: () => void,
): unknown {
  switch (kind) {
    case "lost":
      throw unavailable();
    case "late": {
      const answer = perform(args);
      if (answer instanceof Promise) return answer.then(() => Promise.reject(unavailable()));
      throw unavailable();
    }
    case "busy":
      return refused(name, args);
    case "full":
      throw new ConcertatoError({ code: "store/full", message: "Injected: no room on the disk." });
    case "crash-before":
      die();
      return never(name);
    case "crash-after": {
      const answer = perform(args);
      if (answer instanceof Promise) answer.catch(() => undefined);
      die();
      return never(name);
    }
  }
}

/** The contract lets a store refuse to take a run back; any other call says that somebody else holds the file. */
function refused(name: string, args: readonly unknown[]): readonly ChangeResult[] {
  const changes = name === "commit" ? (args[0] as readonly Change[]) : [];
  if (changes.length > 0 && changes.every(({ kind }) => kind === "evict"))
    return changes.map(() => ({ ok: false, reason: "busy" }));
  throw new ConcertatoError({ code: "store/locked", message: "Injected: another program holds the file." });
}

/** Nobody is there any more to hear an answer. */
function never(name: string): unknown {
  if (name === "changeToken") throw unavailable();
  return new Promise(() => undefined);
}

function unavailable(): ConcertatoError {
  return new ConcertatoError({ code: "store/unavailable", message: "Injected: the outcome of the call is unknown." });
}
