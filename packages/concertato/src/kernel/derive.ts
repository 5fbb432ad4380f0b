/** Values derived from text: hashes for comparing (never for secrets), and the repeatable randomness of a scope. */

/** 53-bit hash of a text (cyrb53 by bryc, public domain). */
function hash53(text: string, seed: number): number {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** A short fingerprint of a text, to notice that it changed. Not collision-proof against an adversary. */
export function fingerprint(text: string): string {
  return hash53(text, 0).toString(36) + hash53(text, 0x9e3779b9).toString(36);
}

/** A whole number from 1 on, made of a text: the same for the same text. */
export function numberOf(text: string): number {
  return Math.max(1, hash53(text, 0x85ebca6b));
}

/** The `count`-th random number of a scope, in [0, 1): the same whenever it is asked. */
export function derivedRandom(seed: string, path: string, count: number): number {
  return hash53(`${seed}|${path}|${count}`, 0x51ed270b) / 2 ** 53;
}

/** The `count`-th id of a scope: unique where the seed is. */
export function derivedId(seed: string, path: string, count: number): string {
  return fingerprint(`${seed}|${path}|${count}`);
}
