/** W1 and W2: a workflow that calls one function agent after another, each with a schema at both ends. */
import { type App, type Job, tool, workflow } from "concertato";
import { assertEqual, type Cell, type Verdict } from "../cell.ts";
import { type Payload, payload, payloadSchema, stepped } from "../payload.ts";
import { nextApp, openBenchApp, readBack, type StoreKind } from "./bench-app.ts";

export interface SequenceOptions {
  readonly store: StoreKind;
  readonly steps: number;
  /** Runs at the same time; the next ones start when all of them have ended. */
  readonly together: number;
  /** Runs in one repetition. */
  readonly runs: number;
  /** Somebody reads every run's events as they are committed. */
  readonly subscribed: boolean;
}

function makeSequence(count: number) {
  const steps = Array.from({ length: count }, (_, index) =>
    tool({
      name: `step-${index}`,
      description: "Counts one up",
      input: payloadSchema,
      output: payloadSchema,
      effect: "read",
      execute: async (value) => stepped(value),
    }),
  );
  return workflow(
    { name: "sequence", input: payloadSchema, output: payloadSchema, uses: steps },
    async (input, ctx) => {
      let value: Payload = input;
      for (const step of steps) value = await ctx.run(step, value);
      return value;
    },
  );
}

/** A unit is a step. The checker reads what is kept: all runs of a file, those of the last repetition in memory. */
export async function sequenceCell(folder: string, options: SequenceOptions): Promise<Cell> {
  let app = await openBenchApp(folder, options.store);
  const sequence = makeSequence(options.steps);
  const started: string[] = [];
  let seen = 0;
  const watch = async (job: Job<Payload>): Promise<void> => {
    for await (const _entry of job.events()) seen++;
  };
  const once = async (): Promise<void> => {
    const job = await app.start(sequence, payload(1000));
    started.push(job.runId);
    const watching = options.subscribed ? watch(job) : undefined;
    const output = await job.result();
    await watching;
    assertEqual(output.n, 1000 + options.steps, "output");
  };
  return {
    prepare: async () => {
      const next = await nextApp(app, options.store);
      if (next === app) return;
      app = next;
      started.length = 0;
      seen = 0;
    },
    repeat: async () => {
      for (let run = 0; run < options.runs; run += options.together) {
        if (options.together === 1) await once();
        else await Promise.all(Array.from({ length: options.together }, once));
      }
      return options.runs * options.steps;
    },
    check: async () => {
      const entries = started.length * (options.steps + 2);
      if (options.subscribed) assertEqual(seen, entries, "events");
      return checkAll(app, folder, options, started, entries);
    },
  };
}

async function checkAll(
  app: App,
  folder: string,
  options: SequenceOptions,
  started: readonly string[],
  entries: number,
): Promise<Verdict> {
  let found = 0;
  const keptBytes = await readBack(app, folder, options.store, async (reader) => {
    for (const runId of started) found += await checkRun(reader, runId, options.steps);
  });
  assertEqual(found, entries, "entries");
  return keptBytes === undefined ? { entries } : { entries, keptBytes };
}

/** Reads one journal: no gap, every step's output right and in order. Answers how many entries it has. */
async function checkRun(app: App, runId: string, steps: number): Promise<number> {
  let seq = 0;
  let n = 1000;
  for await (const entry of app.job(runId).events({ live: false })) {
    assertEqual(entry.seq, ++seq, "sequence number");
    assertEqual(entry.kind, kindAt(seq, steps), "kind");
    if (entry.kind === "result") n++;
    assertEqual((entry.body as Payload).n, n, "output");
  }
  assertEqual(n, 1000 + steps, "last output");
  return seq;
}

function kindAt(seq: number, steps: number): string {
  if (seq === 1) return "run-started";
  return seq === steps + 2 ? "run-ended" : "result";
}
