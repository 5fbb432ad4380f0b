/**
 * What the suites say about values: a few matchers on `node:assert`, so that they run under any test runner.
 * Properties that are undefined count as absent, and bytes are compared by content, whatever class holds them.
 */
import assert from "node:assert/strict";

interface Matchers {
  /** The same value, or for objects the same object. */
  toBe(expected: unknown): void;
  /** Equal in content. */
  toEqual(expected: unknown): void;
  /** Has what `expected` has; lists have the same length. */
  toMatchObject(expected: unknown): void;
  toBeNull(): void;
  toBeUndefined(): void;
  toHaveLength(expected: number): void;
  toBeGreaterThan(expected: number): void;
  toBeLessThanOrEqual(expected: number): void;
}

export function expect(actual: unknown): Matchers & { readonly not: Negated } {
  return {
    toBe: (expected) => assert.strictEqual(actual, expected),
    toEqual: (expected) => assert.deepStrictEqual(plain(actual), plain(expected)),
    toMatchObject: (expected) => assert.deepStrictEqual(partOf(plain(actual), plain(expected)), plain(expected)),
    toBeNull: () => assert.strictEqual(actual, null),
    toBeUndefined: () => assert.strictEqual(actual, undefined),
    toHaveLength: (expected) => assert.strictEqual((actual as ArrayLike<unknown>).length, expected),
    toBeGreaterThan: (expected) => assert.ok(Number(actual) > expected, `${String(actual)} is not above ${expected}`),
    toBeLessThanOrEqual: (expected) => assert.ok(Number(actual) <= expected, `${String(actual)} is above ${expected}`),
    not: {
      toBe: (expected) => assert.notStrictEqual(actual, expected),
      toHaveProperty: (name) => assert.ok(!(name in Object(actual)), `There is a property ${name}.`),
    },
  };
}

interface Negated {
  toBe(expected: unknown): void;
  toHaveProperty(name: string): void;
}

/** Objects without class and without what is undefined. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Array.from(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.map(([name, each]) => [name, plain(each)]));
}

/** What of `actual` is spoken of in `expected`. */
function partOf(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(actual) && Array.isArray(expected))
    return actual.map((each: unknown, index) => (index < expected.length ? partOf(each, expected[index]) : each));
  if (!isObject(actual) || !isObject(expected)) return actual;
  const named = Object.keys(actual).filter((name) => name in expected);
  return Object.fromEntries(named.map((name) => [name, partOf(actual[name], expected[name])]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
