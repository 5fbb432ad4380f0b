/** Seeded randomness of a simulation: mulberry32, so that a seed repeats bit for bit. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x6d2b79f5) >>> 0;
    for (let warm = 0; warm < 3; warm++) this.next();
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    // Callers pass non-empty lists.
    return items[this.below(items.length)] as T;
  }
}
