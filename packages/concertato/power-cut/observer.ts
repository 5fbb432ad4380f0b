/** Somebody else who looks on: a client with a connection of its own, who takes what `events()` shows for a fact. */
import { setTimeout } from "node:timers/promises";
import { type Durability, type Entry, open } from "concertato";

/** Between two looks at the newest runs, in ms. */
const beat = 5;

/** Runs looked at each time. */
const newest = 30;

export interface ObserverOptions {
  readonly file: string;
  readonly durability: Durability;
  readonly seen: (runId: string, entry: Entry) => void;
  readonly report: (error: unknown) => void;
}

/** Looks for as long as the process lives. */
export async function observe({ file, durability, seen, report }: ObserverOptions): Promise<never> {
  const app = await open(file, { role: "client", durability, onReport: report });
  const known = new Map<string, number>();
  for (;;) {
    for (const { runId, entries } of await app.runs({ limit: newest })) {
      const after = known.get(runId) ?? 0;
      if (entries <= after) continue;
      known.set(runId, entries);
      for await (const entry of app.job(runId).events({ live: false, after })) seen(runId, entry);
    }
    await setTimeout(beat);
  }
}
