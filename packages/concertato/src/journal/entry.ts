/**
 * Entry v1: the format of a journal. Golden journals replay for ever, so a field here is never renamed or re-used.
 *
 * A run's journal is one sequence. Entry 1 starts the run and carries what holds for all of it (tenant, principal,
 * on-behalf-of, grant, labels); `scope-started` carries what holds for one scope (agent@version and its owner). An
 * entry repeats none of it: readers inherit from the scope, then the run (`EntryMeta`).
 *
 *   operation of a body            entries it writes, in order
 *   read or pure step, leaf agent  result
 *   write, irreversible            intent (durable before the body), [in-doubt], result
 *   sleep, until                   timer-set, result
 *   waitFor, human                 wait-opened, [signal-refused]*, result
 *   run of a workflow              [scope-started, inner entries], scope-ended
 *   map                            [map-started, items as above], result
 *   start                          child-started, (later, for its outcome) result
 *   loop                           [inner entries, loop-advanced]*; its end is a pure function of what was delivered
 *   receive                        wait-opened, [signal-refused]*, result
 *   claim                          wait-opened, result
 *   release                        result
 *   state                          result (with the value)
 *   send                           send-opened, result
 *   emit, log                      emitted
 *   continueAs                     continued (the run begins anew; a replay reads nothing before it but entry 1)
 *   compensate                     compensation-registered
 *   any of them, lost a race       op-cancelled
 *   none: somebody paused it, resumed it or changed its priority    steered
 *   a failing scope, a cancelled run with something registered: compensating, [scope-started, inner entries], scope-ended
 *
 * `patched` is no operation: it takes no number, so that code can ask for it where a journal has nothing. Its `op` is
 * the loop's turn that asked ("0/3"), or "" for the body itself.
 *
 * A fork begins with entries of another run (those up to `forked`); what follows `forked` is its own.
 */
import type { CapPeriod } from "./cap.ts";
/** Numbers are what stores keep; they are never re-used. */
export const entryKinds = {
  "run-started": 1,
  "run-ended": 2,
  "scope-started": 3,
  "scope-ended": 4,
  intent: 5,
  result: 6,
  "attempt-failed": 7,
  "in-doubt": 8,
  "timer-set": 9,
  "wait-opened": 10,
  signal: 11,
  "signal-refused": 12,
  "map-started": 13,
  "child-started": 14,
  "loop-advanced": 15,
  "op-cancelled": 16,
  diverged: 17,
  emitted: 18,
  patched: 19,
  forked: 22,
  "budget-exhausted": 24,
  "budget-raised": 25,
  "at-risk": 26,
  "compensation-registered": 28,
  compensating: 29,
  "send-opened": 20,
  continued: 21,
  steered: 30,
} as const;

export type EntryKind = keyof typeof entryKinds;

const kindNames = new Map<number, EntryKind>(
  Object.entries(entryKinds).map(([name, value]) => [value, name as EntryKind]),
);

/** Every kind of entry, by name. */
export const entryKindNames: readonly EntryKind[] = [...kindNames.values()];

/** The name of a stored kind; `undefined` for one a newer version wrote. */
export function entryKindName(kind: number): EntryKind | undefined {
  return kindNames.get(kind);
}

/** What a call of a model or tool used, or the sum of many. Unknown cost is absent, never zero. */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** The cost that was told. Exact: whole billionths of the unit. */
  readonly cost?: { readonly amount: number; readonly currency: string };
  /** So many attempts told tokens and no cost: what they cost is not in `cost`. */
  readonly unpriced?: number;
  /** Attempts at outside work; counted under a budget only. */
  readonly steps?: number;
  /** Turns of loops; counted under a budget only. */
  readonly turns?: number;
}

/** Limits on what something and all inside it may use, as the journal has them. */
export interface Limits {
  readonly usd?: number;
  readonly tokens?: number;
  readonly turns?: number;
  readonly steps?: number;
  /** In ms from its start; where that is known, `deadline` says it. */
  readonly time?: number;
  /** Wall clock, in ms. */
  readonly deadline?: number;
  /** Levels of calls below it. */
  readonly depth?: number;
  /** When it is used up, a person is asked to raise it. */
  readonly ask?: true;
  /** Share of the time after which it is at risk. Absent: 0.8. */
  readonly atRisk?: number;
  /** Names of the tools that may be used, in order. Absent: those that the limits around it leave. */
  readonly tools?: readonly string[];
}

/** A part of a budget that a run lent to one that it started. */
export interface Slice {
  /** Address of the start, in the run that lent it. */
  readonly path: string;
  readonly of: Usage;
  /** When it ended: what it had used of it. */
  readonly used?: Usage;
}

/** How the states of a loop came so far: see loop-progress.ts. */
export interface LoopProgress {
  /** Fingerprint of the last state. */
  readonly last: string;
  /** So many turns in a row left it as it was. */
  readonly same: number;
  /** The state that is kept to compare with, how long it is kept, and for how long it has been. */
  readonly kept: string;
  readonly keptFor: number;
  readonly since: number;
  /** So often the kept state came again. */
  readonly rounds: number;
}

/** Why something was stopped. */
export type StopReason = "budget" | "steps" | "time" | "depth" | "no-progress" | "loop" | "cap";

/** What a limit came to: what it was, what was used, by whom, and what is left open. */
export interface StopReport {
  readonly reason: StopReason;
  /** Whose limit it is: the address of a scope or operation; "0" is the run. */
  readonly path: string;
  readonly limit: Limits;
  readonly spent: Usage;
  /** Reserved by work that was under way. */
  readonly reserved?: Usage;
  /** Given to runs of their own, and not given back. */
  readonly lent?: Usage;
  /** Who used most of it, by address, most first. */
  readonly top: readonly { readonly path: string; readonly usage: Usage }[];
  /** Addresses of what had begun, or was about to, and has no result; at most 20. */
  readonly open: readonly string[];
  /** With `cap`: whose cap it is, over all runs, and where its window ends (ms); null: never. */
  readonly cap?: {
    readonly tenant?: string;
    readonly agent?: string;
    readonly per: CapPeriod;
    readonly until: number | null;
  };
}

/** Who, why and what may be seen: the fields of an entry that are not its payload. Never encrypted, so never personal data. */
export interface EntryMeta {
  /** On `run-started`: who owns the data. */
  readonly tenant?: string;
  /** On `run-started`: who asked. */
  readonly principal?: string;
  /** On `run-started`: for whom it is done. */
  readonly onBehalfOf?: string;
  /** `name@version` of the agent that acts from here on, in this scope or for this operation. */
  readonly agent?: string;
  /** The person who answers for that agent. */
  readonly agentOwner?: string;
  /** Grant under which the operation ran. */
  readonly grant?: string;
  /** Data labels that this entry adds. */
  readonly labels?: readonly string[];
  /** Ids of what caused it outside its own run: a parent run, a message, an inbox row's sender. */
  readonly causes?: readonly string[];
  readonly effect?: Effect;
  /**
   * On an entry of outside work: what its attempts used since its entry before. On one that ends a scope, a map or a run: the
   * sum of all inside. On `loop-advanced`: the sum of its scope up to there.
   */
  readonly usage?: Usage;
  /** Size of the payload before sealing, in characters; absent when the body is small and in clear. */
  readonly size?: number;
  /** Payloads kept elsewhere, by keyed hash. */
  readonly blobs?: readonly string[];
  /** Which try of the operation this was, from 1; absent for the first. */
  readonly attempt?: number;
  /** Wall-clock deadline (ms): of a timer, a wait, the next attempt. */
  readonly until?: number;
  /** `started - at`: how long the attempt ran, in ms. */
  readonly took?: number;
  /** The result is a failure (`body` is a FailureRecord). */
  readonly failed?: true;
  /** `[sender, n]` of the inbox row this entry admitted. */
  readonly from?: readonly [sender: string, n: number];
  /** Final status, on `run-ended`; `stopped` also on `scope-ended`; on `compensating`, the one that follows. */
  readonly status?: FinalStatus;
  /** How the operation appears to its caller: which of the ctx verbs. On issue and result entries. */
  readonly verb?: Verb;
  /** `child-started`: the end of this run does not concern the new one. */
  readonly detached?: true;
  /** `map-started`: how many items; `loop-advanced`: which iteration begins; `continued`: which generation. */
  readonly count?: number;
  /**
   * `loop-advanced`: properties of the state that are histories. The body has their items from this index on; those before
   * stand in the turns before. "" is the state itself.
   */
  readonly appends?: Readonly<Record<string, number>>;
  /** Opening of a claim: its lease in ms, where it has one. */
  readonly lease?: number;
  /** Result of a release: the operation whose claim it frees. */
  readonly claim?: string;
  /** `continued`: highest number that was admitted, by sender. */
  readonly marks?: Readonly<Record<string, number>>;
  /** `send-opened`: the run it goes to. */
  readonly to?: string;
  /** `map-started`: at most so many at once; `send-opened`: so many letters may lie in the channel. */
  readonly limit?: number;
  /** `map-started`: what decides the map. */
  readonly join?: "all" | "settle" | "any" | "first" | "count";
  /** `map-started`, join `count`: so many items must succeed. */
  readonly need?: number;
  /**
   * `run-started`, `scope-started`, `map-started` (for each item) and entries of limited outside work: what it may use.
   * `budget-raised`: how much more.
   */
  readonly limits?: Limits;
  /** `run-started`: what was lent to it, by the run that started it. `child-started`: what was lent. */
  readonly slice?: Slice;
  /** On the entry that admits the end of a run: what comes back of what was lent to it. */
  readonly refund?: Slice;
  /** Beside `usage`, on entries that tell a sum: what was lent and not given back, and what ended runs used of it. */
  readonly lent?: Usage;
  /** Seed of the run's derived randomness and ids, on `run-started`. */
  readonly seed?: string;
  /** Start of a scope or run, or end of a scope that has no start: revision of the library code it began under. Absent: 1. */
  readonly revision?: number;
  /** `scope-started`, `map-started`: what `ctx.now()` says at the start of the scope, in ms. */
  readonly startedAt?: number;
  /** `loop-advanced`: how its states came so far, where that is watched. */
  readonly progress?: LoopProgress;
  /** `loop-advanced`: flags that earlier turns found patched. */
  readonly flags?: readonly string[];
  /** What is registered to be undone in the entry's scope once the entry counts: how many, and the entries that lead to them. */
  readonly undo?: CompensationChain;
  /** Result of a wait: seq of the `signal` entry, admitted before the wait, that it consumes. */
  readonly signal?: number;
  /** `compensation-registered`: the tools that the body which registered it may use, where they are limited. */
  readonly tools?: readonly string[];
  /** On `run-started` of a fork: the run it was forked from, and the seq of the last entry taken over. */
  readonly fork?: { readonly run: string; readonly at: number };
  /** On results of a fork: seq of the result in the run it was forked from that was taken over, without doing anything. */
  readonly recorded?: number;
  /** On results of a fork: the value was given with the fork, without doing anything. */
  readonly stubbed?: true;
  /** On `run-started` of a run that came from another store: the last entry that was written there. */
  readonly imported?: number;
  /** On entries that a fork took over: the payload was changed by whoever forked. */
  readonly edited?: true;
}

/**
 * Registered compensations as a chain of entries: each `compensation-registered` names those before it, so that a scope
 * needs to know only the last ones, and a replay that passes over finished stretches still finds all.
 */
export interface CompensationChain {
  readonly count: number;
  /** Seqs of entries: a `compensation-registered`, or one that names further ones in its own `undo`. */
  readonly heads: readonly number[];
}

/** What an operation does to the outside world. `irreversible` is the default when nothing is declared. */
export type Effect = "pure" | "read" | "write" | "irreversible";

/** The verbs of ctx that make an operation. */
export type Verb =
  | "run"
  | "step"
  | "sleep"
  | "until"
  | "wait"
  | "emit"
  | "send"
  | "receive"
  | "claim"
  | "release"
  | "state"
  | "log"
  | "map"
  | "start"
  | "outcome"
  | "loop"
  | "group"
  | "compensate";

/** Ends of a run. */
export type FinalStatus = "completed" | "failed" | "cancelled" | "stopped";

/** One line of a journal, payload decoded. */
export interface Entry {
  readonly v: 1;
  /** 1, 2, 3 … without gaps, within its run. */
  readonly seq: number;
  readonly kind: EntryKind;
  /** Seq of the `scope-started` or `continued` entry whose body issued the operation; 1 is the run's own first body. */
  readonly scope: number;
  /** Address of the operation in its scope: "0", "3", "2/fast/0"; "" when the entry concerns the scope as a whole. */
  readonly op: string;
  /** Name of the step, agent, signal or timer. */
  readonly name: string;
  /** Wall clock at which the owner decided it, in ms; never decreases within a journal. */
  readonly at: number;
  readonly meta: EntryMeta;
  /** Payload; `undefined` where the kind has none. */
  readonly body: unknown;
  /** On results: the input the operation was called with, unless an entry of the operation before this one has it. */
  readonly input?: unknown;
  /** Seq of the entry whose body that input is, where it was stored there and not a second time. */
  readonly inputOf?: number;
}

/** An entry as a store keeps it: kind as number, meta and body as text or sealed bytes. */
export interface StoredEntry {
  readonly seq: number;
  readonly kind: number;
  readonly scope: number;
  readonly op: string;
  readonly name: string;
  readonly at: number;
  /** JSON of EntryMeta, or null when empty. */
  readonly meta: string | null;
  /**
   * Payload as JSON text, or sealed bytes, or nothing. A result may have a second line: the JSON of the input it was
   * called with (JSON text never holds a line break), or "=" and the seq of an earlier entry of the run whose first line
   * is that text. Replay needs no input of what has ended, so it does not matter whether a jump passes over that entry.
   */
  readonly body: string | Uint8Array | null;
  /**
   * Replay may go straight from this entry (an end) back to the entry with this reference, passing over everything
   * between: it belongs to a scope or iterations that are finished. Null: go to the previous entry.
   */
  readonly jump: number | null;
}
