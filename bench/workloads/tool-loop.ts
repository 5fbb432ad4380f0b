/** W6: a model agent that calls a tool in every turn and answers in the last. */
import { agent, type App, tool } from "concertato";
import { assertEqual, type Cell } from "../cell.ts";
import { payloadSchema, stepped } from "../payload.ts";
import { loopingModel } from "../talkative-model.ts";
import { nextApp, openBenchApp, readBack, type StoreKind } from "./bench-app.ts";

export interface ToolLoopOptions {
  readonly store: StoreKind;
  /** Calls of the model in a run; all but the last also call the tool. */
  readonly turns: number;
  /** Runs in one repetition, one after the other. */
  readonly runs: number;
}

const jsonSchema = {
  type: "object",
  properties: { n: { type: "number" }, text: { type: "string" } },
  required: ["n", "text"],
} as const;

/** The payload's schema, told to models as well. */
const toolInput = {
  "~standard": { ...payloadSchema["~standard"], jsonSchema: { input: () => jsonSchema, output: () => jsonSchema } },
};

const step = tool({
  name: "step",
  description: "Counts one up",
  input: toolInput,
  output: payloadSchema,
  effect: "read",
  execute: async (value) => stepped(value),
});

/** A unit is a turn. The checker reads the journals of the last repetition, or of all in a file. */
export async function toolLoopCell(folder: string, options: ToolLoopOptions): Promise<Cell> {
  let app = await openBenchApp(folder, options.store);
  const counter = agent({
    name: "counter",
    description: "Counts with a tool",
    instructions: "Count.",
    tools: [step],
    model: loopingModel(options.turns),
    budget: { turns: options.turns + 1 },
  });
  const started: string[] = [];
  return {
    prepare: async () => {
      const next = await nextApp(app, options.store);
      if (next === app) return;
      app = next;
      started.length = 0;
    },
    repeat: async () => {
      for (let run = 0; run < options.runs; run++) {
        const job = await app.start(counter, "Count, please.");
        started.push(job.runId);
        assertEqual(await job.result(), "That was it.", "answer");
      }
      return options.runs * options.turns;
    },
    check: async () => {
      let entries = 0;
      const keptBytes = await readBack(app, folder, options.store, async (reader) => {
        for (const runId of started) entries += await checkRun(reader, runId, options.turns);
      });
      return keptBytes === undefined ? { entries } : { entries, keptBytes };
    },
  };
}

/** Every turn has its answer, every turn but the last its tool's result. */
async function checkRun(app: App, runId: string, turns: number): Promise<number> {
  let seq = 0;
  let answers = 0;
  let results = 0;
  for await (const entry of app.job(runId).events({ live: false })) {
    assertEqual(entry.seq, ++seq, "sequence number");
    if (entry.kind !== "result") continue;
    if (entry.name === "model") answers++;
    if (entry.name === "step") results++;
  }
  assertEqual(answers, turns, "answers of the model");
  assertEqual(results, turns - 1, "results of the tool");
  return seq;
}
