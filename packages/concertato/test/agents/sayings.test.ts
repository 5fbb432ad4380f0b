/** What a listener of `job.text()` gets when it does not keep up, or comes late: all of it, in order, once. */
import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { expect, test } from "vitest";
import { agent, open } from "../../src/index.ts";

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** Streams numbered words; after `pauseAfter` of them it waits until it is told to go on. */
function speaker(words: number, pauseAfter = -1) {
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let next = 0;
  const stream = () =>
    new ReadableStream<LanguageModelV4StreamPart>({
      async pull(controller) {
        if (next === pauseAfter) {
          reached.resolve();
          await goOn.promise;
        }
        if (next < words) return controller.enqueue({ type: "text-delta", id: "0", delta: `${next++} ` });
        controller.enqueue({ type: "finish", finishReason: { unified: "stop", raw: undefined }, usage });
        controller.close();
      },
    });
  const model: LanguageModelV4 = {
    specificationVersion: "v4",
    provider: "test",
    modelId: "speaker",
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error("somebody listens")),
    doStream: () => Promise.resolve({ stream: stream() }),
  };
  return { model, reached: reached.promise, goOn: goOn.resolve };
}

const whole = (words: number) => Array.from({ length: words }, (_, index) => `${index} `).join("");

const speaking = (model: LanguageModelV4) => agent({ name: "speaker", description: "", instructions: "", model });

test("a listener that looks away while more is said than is kept for it gets the rest from the journal", async () => {
  await using app = await open();
  const { model } = speaker(25_000);
  const job = await app.start(speaking(model), "x");
  let text = "";
  for await (const piece of job.text()) {
    if (text === "") await job.result();
    text += piece;
  }
  expect(text).toBe(whole(25_000));
});

test("a listener that comes in the middle of an answer gets its beginning too", async () => {
  await using app = await open();
  const { model, reached, goOn } = speaker(20, 10);
  const job = await app.start(speaking(model), "x");
  const first = job.text();
  const firstPiece = first.next();
  await reached;
  const late: string[] = [];
  const listening = (async () => {
    for await (const piece of app.job(job.runId).text()) late.push(piece);
  })();
  await firstPiece;
  goOn();
  await listening;
  expect(late.join("")).toBe(whole(20));
  let text = String((await firstPiece).value);
  for await (const piece of first) text += piece;
  expect(text).toBe(whole(20));
});
