/** The floor of W7: the model's stream, read by hand. */
import { assertEqual, type Cell } from "../cell.ts";
import { chunkStream, chunkText } from "../talkative-model.ts";

/** A unit is a chunk. */
export async function streamFloor(options: { readonly chunks: number; readonly streams: number }): Promise<Cell> {
  let checked = 0;
  const once = async (): Promise<void> => {
    let text = "";
    const reader = chunkStream(options.chunks).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (value.type === "text-delta") text += value.delta;
    }
    assertEqual(text.length, options.chunks * chunkText.length, "characters");
    checked++;
  };
  return {
    repeat: async () => {
      for (let stream = 0; stream < options.streams; stream++) await once();
      return options.chunks * options.streams;
    },
    check: async () => ({ entries: checked }),
  };
}
