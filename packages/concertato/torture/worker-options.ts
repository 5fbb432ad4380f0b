/** What the supervisor tells a worker when it starts it, and what the worker says back: one line each. */
import type { PlantName } from "./plants.ts";
import type { Plan } from "./plan.ts";

export interface WorkerOptions {
  readonly name: string;
  /** The database. */
  readonly file: string;
  readonly ledgerPort: number;
  readonly seed: string;
  /** Payloads are stored under this key (hex). */
  readonly key: string | null;
  /** It starts runs of its own. */
  readonly starts: boolean;
  readonly plant: PlantName | null;
}

/** Lines of a worker, as JSON. */
export type WorkerLine =
  /** About to open the app. */
  | { readonly say: "opening" }
  /** The app is open; recovery has begun. */
  | { readonly say: "ready" }
  /** It is going to start a run of its own. */
  | { readonly say: "invoke"; readonly key: string; readonly plan: Plan }
  /** The start was acknowledged. */
  | { readonly say: "ok"; readonly key: string; readonly runId: string }
  /** A fault that belongs to no run. */
  | { readonly say: "report"; readonly code: string; readonly message: string };
