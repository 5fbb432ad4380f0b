/**
 * Planted faults: each takes one sync away, by a small patch of a copy of the source, and the rule named must notice.
 * A cut that nothing can fail proves nothing.
 */
import type { Durability } from "concertato";
import type { Edit } from "./edited-copy.ts";
import type { PaceName } from "./load.ts";

/**
 * No fault: every sync begins later and answers later than it could, by up to 20 ms each, as on a slow disk. What lies
 * between a commit and the end of its sync becomes long enough for cuts to meet it.
 */
export const slowSyncs: readonly Edit[] = [
  {
    file: "store/full-sync.ts",
    find: "dataSync: DataSync = fdatasync)",
    replace: "dataSync: DataSync = slowDataSync)",
  },
  {
    file: "store/full-sync.ts",
    find: "const closeFile = promisify(close);",
    replace: `const closeFile = promisify(close);
const late = (act: () => void): unknown => setTimeout(act, Math.random() * 20);
const slowDataSync: DataSync = (fd, done) => late(() => fdatasync(fd, (error) => late(() => done(error))));`,
  },
];

interface Plant {
  readonly what: string;
  /** Rules of which one must notice. */
  readonly rules: readonly string[];
  /** The store in which it shows, and the load under which it does. */
  readonly durability: Durability;
  readonly pace: PaceName;
  readonly edits: readonly Edit[];
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
