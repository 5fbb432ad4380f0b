/**
 * How near a text is to the areas of the desk: by meaning, with a sentence-embedding model and the example phrases of the
 * areas; or by keywords alone, where no model is wanted (--routing keywords).
 */
import { type MiniLm, similarity } from "@concertato/models-local";
import { type AreaName, areaNames, type Candidate } from "../messages.ts";
import { examples } from "./examples.ts";
import { weighted } from "./keywords.ts";

/** How near texts are to the areas, best first; from -1 to 1. */
export type Compare = (texts: readonly string[]) => Promise<readonly (readonly Candidate[])[]>;

/** Compares with the examples, which are embedded once, when the first text comes. */
export function byMeaning(model: MiniLm): Compare {
  let known: Promise<readonly Example[]> | undefined;
  return async (texts) => {
    known ??= embedExamples(model);
    const [vectors, all] = await Promise.all([model.embed(texts), known]);
    return vectors.map((vector) => nearestByArea(vector, all));
  };
}

/** The same scale for keywords: a weight of 2 is 0.4, of 5 is 0.625. */
export const byKeywords: Compare = (texts) =>
  Promise.resolve(
    texts.map((text) =>
      weighted(text).map(({ area, weight, words }) => ({
        area,
        similarity: rounded(weight / (weight + 3)),
        nearest: words.join(", "),
      })),
    ),
  );

interface Example {
  readonly area: AreaName;
  readonly phrase: string;
  readonly vector: Float32Array;
}

async function embedExamples(model: MiniLm): Promise<readonly Example[]> {
  const phrases = areaNames.flatMap((area) => examples[area].map((phrase) => ({ area, phrase })));
  const vectors = await model.embed(phrases.map(({ phrase }) => phrase));
  return phrases.flatMap((each, index) => {
    const vector = vectors[index];
    return vector === undefined ? [] : [{ ...each, vector }];
  });
}

function nearestByArea(vector: Float32Array, all: readonly Example[]): readonly Candidate[] {
  const best = new Map<AreaName, Candidate>();
  for (const { area, phrase, vector: example } of all) {
    const found = similarity(vector, example);
    if (found > (best.get(area)?.similarity ?? -1)) best.set(area, { area, similarity: found, nearest: phrase });
  }
  return [...best.values()]
    .map((each) => ({ ...each, similarity: rounded(each.similarity) }))
    .sort((a, b) => b.similarity - a.similarity);
}

/** Three digits: what people read, and the same on machines whose last bits differ. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
