/**
 * What the cockpit and its worker say to each other. The worker does the work and can be killed at any moment; the cockpit
 * shows it and is all that knows of the terminal. Both are processes of this program, so the values are taken as they are.
 */
import type { Decision, Message } from "../messages.ts";
import type { ReportFiles } from "../views/report.ts";
import type { Sentence } from "../views/sentences.ts";
import type { OpenWait, Summary } from "../views/summary.ts";

/** A committed entry, as far as it is shown. */
export interface Heard {
  readonly id: string;
  readonly name: string;
  readonly seq: number;
  /** An agent that begins or ends with it. */
  readonly begins?: string;
  readonly ends?: string;
  /** An agent that waits from now on. */
  readonly waits?: string;
  readonly told?: Sentence;
  /** Set by the last entry of a run: what its models cost in US dollars, null when nobody knows. */
  readonly usd?: number | null;
  readonly last: boolean;
}

/** What the bank and the mail folder count, which know nothing of the journal. */
export interface Ledger {
  readonly mails: number;
  readonly payments: number;
  readonly repeated: number;
}

export interface Asked {
  readonly runId: string;
  readonly wait: OpenWait;
}

export type FromWorker =
  | { readonly kind: "opened"; readonly facts: readonly (readonly [string, string])[] }
  /** A message has a run, whose journal has so many entries. */
  | { readonly kind: "found"; readonly id: string; readonly entries: number; readonly ended: boolean }
  | { readonly kind: "heard"; readonly entries: readonly Heard[] }
  | { readonly kind: "ledger"; readonly ledger: Ledger }
  | { readonly kind: "notice"; readonly text: string }
  | { readonly kind: "asked"; readonly question: Asked | null }
  /** Nothing moves by itself any more; the report is written. */
  | { readonly kind: "rested"; readonly summary: Summary; readonly files: ReportFiles }
  /** What was typed has a run. */
  | { readonly kind: "taken"; readonly id: string };

export type ToWorker =
  | { readonly kind: "answer"; readonly waitId: string; readonly decision: Decision | null }
  | { readonly kind: "typed"; readonly message: Message }
  | { readonly kind: "leave" };
