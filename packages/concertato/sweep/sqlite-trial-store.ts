/** A real SQLite file for one trial, in a temporary folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../src/store/sqlite-store.ts";
import type { TrialStore } from "./trial.ts";

export interface SqliteTrialStore extends TrialStore {
  readonly drop: () => Promise<void>;
}

/** Ways that one process can survive: the death of one takes a process of its own, which torture does. */
export const survivable = ["lost", "late", "busy", "full"] as const;

export async function sqliteTrialStore(report: (error: unknown) => void): Promise<SqliteTrialStore> {
  const folder = await mkdtemp(join(tmpdir(), "concertato-sweep-"));
  const store = await openSqliteStore({ path: join(folder, "sweep.db"), durability: "normal", report });
  return {
    store,
    leave: () => undefined,
    // Syncs of the disk take real time.
    breathe: () => new Promise((resolve) => setTimeout(resolve, 1)),
    drop: async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
