/** How alike two texts are, by their embeddings. */

/**
 * Cosine of two vectors: 1 for the same direction, 0 for nothing in common. Vectors of `miniLm` have length 1 already,
 * so this is their dot product; others are scaled.
 * @throws RangeError when the vectors have different dimensions: they come from different models
 */
export function similarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new RangeError(
      `Vectors of ${a.length} and ${b.length} dimensions cannot be compared: use one model for both.`,
    );
  }
  let dot = 0;
  let lengthA = 0;
  let lengthB = 0;
  for (let index = 0; index < a.length; index++) {
    const x = a[index] ?? 0;
    const y = b[index] ?? 0;
    dot += x * y;
    lengthA += x * x;
    lengthB += y * y;
  }
  return lengthA === 0 || lengthB === 0 ? 0 : dot / Math.sqrt(lengthA * lengthB);
}
