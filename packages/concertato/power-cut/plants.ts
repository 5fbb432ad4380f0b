/**
 * Planted faults: each takes one sync away, by a small patch of a copy of the source, and the rule named must notice.
 * A cut that nothing can fail proves nothing.
 */
import type { Durability } from "concertato";
import type { PaceName } from "./load.ts";

interface Plant {
  readonly what: string;
  /** Rules of which one must notice. */
  readonly rules: readonly string[];
  /** The store in which it shows, and the load under which it does. */
  readonly durability: Durability;
  readonly pace: PaceName;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

const lossRules = ["start-durable", "entry-durable", "outcome-durable", "signal-durable"];

export const plants = {
  "no-sync": {
    what: "a full commit is acknowledged without a sync",
    rules: lossRules,
    durability: "full",
    pace: "busy",
    edits: [
      {
        file: "store/full-sync.ts",
        find: "this.#dataSync(this.#fd, (error) => this.#end(served, error));",
        replace: "void this.#dataSync;\n    setImmediate(() => this.#end(served, null));",
      },
    ],
  },
  "shared-sync": {
    what: "a commit shares a sync that began before it",
    rules: lossRules,
    durability: "full",
    pace: "busy",
    edits: [
      {
        file: "store/full-sync.ts",
        find: "    if (this.#waiting === undefined) {",
        replace: "    if (this.#running !== undefined) return this.#running;\n    if (this.#waiting === undefined) {",
      },
    ],
  },
  "normal-intent": {
    what: "an intent is committed like any other entry",
    rules: ["effect-intent"],
    durability: "normal",
    pace: "busy",
    edits: [{ file: "runtime/outside-work.ts", find: "  scope.run.needsFull = true;", replace: "" }],
  },
  "unsynced-checkpoint": {
    what: "a checkpoint does not sync what it copied before the log begins anew",
    rules: [...lossRules, "integrity", "process", "entry-immutable", "effect-intent"],
    durability: "full",
    pace: "bulky",
    edits: [
      {
        file: "store/sqlite-checkpoint-worker.ts",
        find: "pragma synchronous = normal;",
        replace: "pragma synchronous = off;",
      },
    ],
  },
} as const satisfies Record<string, Plant>;

export type PlantName = keyof typeof plants;

export function isPlant(name: string): name is PlantName {
  return Object.hasOwn(plants, name);
}

export function plantOf(name: PlantName): Plant {
  return plants[name];
}
