/** W4: one run that goes round and round; each turn calls an agent and adds its message to a history that only grows. */
import { type App, done, type History, history, next, tool, workflow } from "concertato";
import { assertEqual, type Cell } from "../cell.ts";
import { type Payload, payload, payloadSchema, stepped } from "../payload.ts";
import { openBenchApp, readBack } from "./bench-app.ts";

export interface CyclicOptions {
  readonly turns: number;
}

const speak = tool({
  name: "speak",
  description: "Says the next message",
  input: payloadSchema,
  output: payloadSchema,
  effect: "read",
  execute: async (last) => stepped(last),
});

const conversation = workflow({ name: "conversation", uses: [speak] }, (input, ctx) => {
  const { turns } = input as { readonly turns: number };
  return ctx.loop<{ messages: History<Payload> }, number>({ messages: history() }, async ({ messages }, turn) => {
    if (messages.length === turns) return done(messages.length);
    const message = await turn.run(speak, messages.at(-1) ?? payload(0));
    return next({ messages: messages.append(message) });
  });
});

/** A unit is a whole run. The checker reads every run's journal: each turn's message once, in order. */
export async function cyclicCell(folder: string, options: CyclicOptions): Promise<Cell> {
  const app = await openBenchApp(folder, "normal");
  const started: string[] = [];
  let checked = 0;
  return {
    repeat: async () => {
      const job = await app.start(conversation, { turns: options.turns });
      started.push(job.runId);
      assertEqual(await job.result(), options.turns, "turns");
      return 1;
    },
    check: async () => {
      const keptBytes = await readBack(app, folder, "normal", async (reader) => {
        for (const runId of started) checked += await checkRun(reader, runId, options.turns);
      });
      return keptBytes === undefined ? { entries: checked } : { entries: checked, keptBytes };
    },
  };
}

async function checkRun(app: App, runId: string, turns: number): Promise<number> {
  let seq = 0;
  let turn = 0;
  for await (const entry of app.job(runId).events({ live: false })) {
    assertEqual(entry.seq, ++seq, "sequence number");
    if (entry.kind !== "loop-advanced") continue;
    const { messages } = entry.body as { readonly messages: readonly Payload[] };
    assertEqual(messages.length, 1, "messages of a turn");
    assertEqual(messages[0]?.n, ++turn, "message");
  }
  assertEqual(turn, turns, "turns");
  assertEqual(seq, 2 * turns + 2, "entries");
  return seq;
}
