import { miniLm, similarity } from "@concertato/models-local";
import { afterAll, beforeAll, expect, test } from "vitest";

let model: ReturnType<typeof miniLm>;

beforeAll(() => {
  model = miniLm({ threads: 1 });
});

afterAll(() => model.close());

test("similarities are those published for the model", async () => {
  // The example of the model's own page: 0.695, 0.943, 0.257.
  const [person, dog, very, sunny] = await model.embed([
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
  ]);
  const found = [dog, very, sunny].map((other) => similarity(person ?? [], other ?? []));
  expect(found[0]).toBeCloseTo(0.695, 2);
  expect(found[1]).toBeCloseTo(0.943, 2);
  expect(found[2]).toBeCloseTo(0.257, 2);
  expect(person).toHaveLength(model.dimensions);
});

test("what means the same is closer than what shares words", async () => {
  const [stolen, taken, top] = await model.embed([
    "My card was stolen",
    "Somebody took my debit card out of my pocket",
    "How do I top up my card?",
  ]);
  expect(similarity(stolen ?? [], taken ?? [])).toBeGreaterThan(similarity(stolen ?? [], top ?? []));
});

test("a text is computed once, also when it is asked for many times at once, and every caller gets its own order", async () => {
  const texts = ["a", "b", "a", "c", "b", "a"];
  const vectors = await model.embed(texts);
  expect(vectors).toHaveLength(6);
  expect(vectors[0]).toBe(vectors[2]);
  expect(vectors[1]).toBe(vectors[4]);
  expect(vectors[0]).not.toEqual(vectors[1]);
});

test("empty, huge and foreign texts have vectors too", async () => {
  const vectors = await model.embed(["", "x ".repeat(50_000), "Ich habe meine Karte verloren 😀", "\u0000\ud800"]);
  for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 3);
});

test("it speaks the AI SDK's contract", async () => {
  expect(model).toMatchObject({
    specificationVersion: "v4",
    provider: "concertato.local",
    modelId: "all-MiniLM-L6-v2",
  });
  const { embeddings, warnings } = await model.doEmbed({ values: ["hello", "world"] });
  expect(embeddings.map((vector) => vector.length)).toEqual([384, 384]);
  expect(warnings).toEqual([]);
  await expect(model.doEmbed({ values: ["x"], abortSignal: AbortSignal.abort() })).rejects.toThrow(/abort/);
});

test("a closed model says so, and refuses what was waiting", async () => {
  const other = miniLm({ threads: 1 });
  const waiting = other.embed(["one", "two"]);
  await other.close();
  await expect(waiting).rejects.toThrow(/closed|ended/);
  await expect(other.embed(["three"])).rejects.toThrow(/closed/);
});

test("vectors of different models are not compared", () => {
  expect(() => similarity([1, 0], [1, 0, 0])).toThrow(/2 and 3 dimensions/);
});
