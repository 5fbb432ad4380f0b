/** W3: one run maps many sub-agents over its items and adds their answers up. */
import { type App, tool, workflow } from "concertato";
import { assertEqual, type Cell } from "../cell.ts";
import { sumAfter } from "../floors/loop.ts";
import { type Payload, payload, payloadSchema, stepped } from "../payload.ts";
import { nextApp, openBenchApp, readBack, type StoreKind } from "./bench-app.ts";

export interface FanOutOptions {
  readonly store: StoreKind;
  readonly items: number;
  /** At most so many at once; absent: what `ctx.map` does by itself. */
  readonly concurrency?: number;
}

function makeFanOut(concurrency: number | undefined) {
  const worker = tool({
    name: "worker",
    description: "Counts one up",
    input: payloadSchema,
    output: payloadSchema,
    effect: "read",
    execute: async (value) => stepped(value),
  });
  const options = concurrency === undefined ? {} : { concurrency };
  return workflow({ name: "fan-out", uses: [worker] }, async (input, ctx) => {
    const { items } = input as { readonly items: number };
    const inputs = Array.from({ length: items }, (_, index) => payload(index));
    const outputs: readonly Payload[] = await ctx.map(inputs, worker, options);
    return outputs.reduce((sum, output) => sum + output.n, 0);
  });
}

/** A unit is a whole run. The checker reads what is kept: all runs of a file, those of the last repetition in memory. */
export async function fanOutCell(folder: string, options: FanOutOptions): Promise<Cell> {
  const fanOut = makeFanOut(options.concurrency);
  const started: string[] = [];
  let app = await openBenchApp(folder, options.store);
  let checked = 0;
  const once = async (): Promise<void> => {
    const job = await app.start(fanOut, { items: options.items });
    started.push(job.runId);
    assertEqual(await job.result(), sumAfter(options.items), "sum");
  };
  return {
    prepare: async () => {
      const next = await nextApp(app, options.store);
      if (next !== app) started.length = 0;
      app = next;
    },
    repeat: async () => {
      await once();
      return 1;
    },
    check: async () => {
      const keptBytes = await readBack(app, folder, options.store, async (reader) => {
        for (const runId of started) checked += await checkRun(reader, runId, options.items);
      });
      return keptBytes === undefined ? { entries: checked } : { entries: checked, keptBytes };
    },
  };
}

/** Reads the journal: no gap, every item's answer there once, the join and the sum right. */
async function checkRun(app: App, runId: string, items: number): Promise<number> {
  let seq = 0;
  const left = new Set(Array.from({ length: items }, (_, index) => index + 1));
  for await (const entry of app.job(runId).events({ live: false })) {
    assertEqual(entry.seq, ++seq, "sequence number");
    if (entry.kind === "result" && entry.op.includes("/"))
      assertEqual(left.delete((entry.body as Payload).n), true, "item's answer new:");
    if (entry.kind === "result" && !entry.op.includes("/"))
      assertEqual((entry.body as readonly Payload[]).length, items, "joined outputs");
    if (entry.kind === "run-ended") assertEqual(entry.body, sumAfter(items), "sum");
  }
  assertEqual(left.size, 0, "missing answers");
  // Start, map started, items, join, end.
  assertEqual(seq, items + 4, "entries");
  return seq;
}
