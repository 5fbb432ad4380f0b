/** What a writer says over its pipe: each line at the moment it became true. And what the other processes are told. */
import { createHash } from "node:crypto";
import type { Effect, Entry, Durability } from "concertato";
import type { Assignment, PaceName } from "./load.ts";

/** An effect that has begun: the body of its tool was entered. */
export interface Begun {
  readonly runId: string;
  readonly path: string;
  readonly key: string;
  readonly effect: Effect;
}

export type WriterLine =
  /** The app is open. */
  | { readonly say: "ready" }
  /** `app.start` resolved. */
  | { readonly say: "start"; readonly runId: string; readonly input: Assignment }
  /** `events()` showed this entry. */
  | { readonly say: "entry"; readonly runId: string; readonly seq: number; readonly print: string }
  /** `outcome()` resolved. */
  | { readonly say: "outcome"; readonly runId: string; readonly print: string }
  /** `app.signal` resolved. */
  | { readonly say: "signal"; readonly runId: string }
  /** The effect begins now. */
  | ({ readonly say: "effect" } & Begun)
  /** A fault that belongs to no run. */
  | { readonly say: "report"; readonly code: string; readonly message: string };

export interface WriterOptions {
  /** The database. */
  readonly file: string;
  /** The pipe to say things on. */
  readonly pipe: string;
  /** JSON with the effects that had begun before: the world's memory. */
  readonly world: string;
  readonly name: string;
  readonly seed: string;
  readonly durability: Durability;
  readonly pace: PaceName;
  /** A client with a connection of its own looks on. */
  readonly observer: boolean;
}

export interface SurvivorOptions {
  readonly file: string;
  readonly world: string;
  /** Where to write what was found. */
  readonly result: string;
  readonly durability: Durability;
}

/** A run as it was found after the cut. */
export interface FoundRun {
  readonly runId: string;
  readonly input: Assignment;
  /** Fingerprints of its entries, from the first on. */
  readonly prints: readonly string[];
  /** Paths of the operations that have an intent. */
  readonly intents: readonly string[];
  /** Fingerprint of its outcome; null while it has not ended. */
  readonly outcome: string | null;
}

/** What a survivor found, and what became of it. */
export interface Found {
  /** Answer of `pragma integrity_check`. */
  readonly integrity: string;
  readonly runs: readonly FoundRun[];
  /** Runs that waited for a signal until the survivor sent it. */
  readonly unsignalled: readonly string[];
  /** Effects that began after the cut. */
  readonly begun: readonly Begun[];
  /** Doubts that a person had to resolve. */
  readonly doubts: number;
  /** Runs with another end than `completed`, and what they say of it. */
  readonly unfinished: readonly { readonly runId: string; readonly status: string }[];
  /** Runs whose entries from before read differently in the end. */
  readonly altered: readonly string[];
  /** Faults that the survivor reported. */
  readonly reports: readonly string[];
}

/** Two things read alike exactly when their fingerprints are the same. */
export function fingerprint(value: unknown): string {
  return createHash("sha1").update(JSON.stringify(value)).digest("base64");
}

export function entryFingerprint(entry: Entry): string {
  return fingerprint(entry);
}
