/** W7: a model's answer, streamed through an agent to somebody who reads it as it comes. */
import { agent, open } from "concertato";
import { assertEqual, type Cell } from "../cell.ts";
import { median } from "../statistics.ts";
import { chunkText, streamingModel } from "../talkative-model.ts";

export interface StreamingOptions {
  readonly chunks: number;
  /** Answers in one repetition, one after the other. */
  readonly streams: number;
}

/** A unit is a chunk. `firstMs` is the time from the start of the run to its first word. */
export async function streamingCell(_folder: string, { chunks, streams }: StreamingOptions): Promise<Cell> {
  const speaker = agent({
    name: "speaker",
    description: "Speaks at length",
    instructions: "Speak.",
    model: streamingModel(chunks),
  });
  let app = await open();
  const first: number[] = [];
  let pieces = 0;
  const once = async (): Promise<void> => {
    const began = performance.now();
    const job = await app.start(speaker, "Speak, please.");
    let length = 0;
    for await (const piece of job.text()) {
      if (length === 0) first.push(performance.now() - began);
      length += piece.length;
      pieces++;
    }
    assertEqual(length, chunks * chunkText.length, "characters");
    assertEqual(((await job.result()) as string).length, chunks * chunkText.length, "characters of the answer");
  };
  return {
    prepare: async () => {
      await app.close();
      app = await open();
      first.length = 0;
    },
    repeat: async () => {
      for (let stream = 0; stream < streams; stream++) await once();
      return chunks * streams;
    },
    check: async () => {
      await app.close();
      return { entries: pieces };
    },
    figures: async () => ({ firstMs: median(first) }),
  };
}
