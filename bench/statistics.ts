/** The few figures that are made of others. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** How time grows with size: 1 is linear, 2 quadratic. */
export function growthExponent(smallTime: number, largeTime: number, timesLarger: number): number {
  return Math.log(largeTime / smallTime) / Math.log(timesLarger);
}
