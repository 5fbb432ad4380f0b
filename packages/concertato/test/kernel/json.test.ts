/** The codec: what it takes comes back as it was, and what would not come back is refused with where it is. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConcertatoError } from "../../src/kernel/errors.ts";
import { decodeJson, encodeJson } from "../../src/kernel/json.ts";

const roundTrip = (value: unknown): unknown => decodeJson(encodeJson(value, "value"));

/** The refusal of a value. */
function refusal(value: unknown): ConcertatoError {
  try {
    encodeJson(value, "output of tool pay");
  } catch (error) {
    if (ConcertatoError.is(error)) return error;
    throw error;
  }
  throw new Error("It was taken.");
}

const nested = (depth: number): unknown => (depth === 0 ? 1 : { in: nested(depth - 1) });

class Money {
  readonly usd = 5;
}

describe("what is taken", () => {
  test("comes back equal, whatever JSON it is", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        // JSON has one zero.
        expect(roundTrip(value)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });

  test("comes back the same the second time", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = encodeJson(value, "value");
        expect(encodeJson(decodeJson(text), "value")).toBe(text);
      }),
    );
  });

  test("is one line of text, so that a second line can follow it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(encodeJson(value, "value")).not.toMatch(/[\n\r]/);
      }),
    );
  });

  test("is what JSON takes or refused: never another value", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withSparseArray: true,
          withTypedArray: true,
          withNullPrototype: true,
        }),
        (value) => {
          let text: string | null;
          try {
            text = encodeJson(value, "value");
          } catch (error) {
            expect(ConcertatoError.is(error, "codec/unstorable")).toBe(true);
            return;
          }
          expect(text).toBe(value === undefined ? null : JSON.stringify(value));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("nothing at all is no text", () => {
    expect(encodeJson(undefined, "value")).toBeNull();
    expect(decodeJson(null)).toBeUndefined();
  });

  test("keys without a value are left out", () => {
    expect(roundTrip({ a: undefined, b: 1 })).toEqual({ b: 1 });
  });

  test("nothing inside a list is null, as JSON has it", () => {
    expect(roundTrip([1, undefined, [undefined]])).toEqual([1, null, [null]]);
  });

  test("what turns itself into JSON is stored as that", () => {
    expect(roundTrip({ when: new Date(0) })).toEqual({ when: "1970-01-01T00:00:00.000Z" });
    expect(roundTrip(new URL("https://example.org/a"))).toBe("https://example.org/a");
  });

  test("objects without a prototype, lone surrogates and odd keys survive", () => {
    const odd = { ["__proto__x"]: 1, "": 2, "a.b": "\ud800", "line\nbreak": "\u2028" };
    expect(roundTrip(Object.assign(Object.create(null), odd))).toEqual(odd);
  });

  test("64 levels are not too deep", () => {
    expect(roundTrip(nested(64))).toEqual(nested(64));
  });
});

describe("what is refused", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const cyclicList: unknown[] = [];
  cyclicList.push([cyclicList]);

  test.each([
    ["a function", () => 1, "a function"],
    ["a symbol", Symbol("s"), "a symbol"],
    ["a BigInt", 1n, "a bigint"],
    ["not a number", Number.NaN, "the number NaN"],
    ["infinity", Number.POSITIVE_INFINITY, "the number Infinity"],
    ["an instance of a class", new Money(), "an instance of Money"],
    ["a map", new Map(), "an instance of Map"],
    ["bytes", new Uint8Array(2), "an instance of Uint8Array"],
    ["an error", new Error("x"), "an instance of Error"],
    ["a promise", Promise.resolve(1), "an instance of Promise"],
    ["a cycle", cycle, "a cycle"],
    ["a cycle through lists", cyclicList, "a cycle"],
    ["what is too deep", nested(66), "nesting deeper than 64"],
  ])("%s", (_what, value, says) => {
    const error = refusal(value);
    expect(error.code).toBe("codec/unstorable");
    expect(error.message).toContain("output of tool pay");
    expect(error.message).toContain(says);
  });

  test("is named with its place", () => {
    expect(refusal({ order: { lines: [1, { price: Number.NaN }] } }).message).toContain("at order.lines[1].price");
    expect(refusal([[() => 1]]).message).toContain("at [0][0]");
  });

  // Finding F15.
  test.each([
    ["nothing", undefined],
    ["a BigInt", 1n],
    ["a function", () => 1],
    ["not a number", Number.NaN],
    ["what is too deep", nested(80)],
  ])("what turns itself into %s", (_what, made) => {
    class Sly {
      toJSON(): unknown {
        return made;
      }
    }
    expect(refusal(new Sly()).code).toBe("codec/unstorable");
  });

  const limit = 64 * 1024 * 1024;

  test("over 64 Mi characters, with both sizes", () => {
    const error = refusal("x".repeat(limit - 1));
    expect(error).toMatchObject({ code: "codec/too-large", details: { limit, length: limit + 1 } });
    expect(encodeJson("x".repeat(limit - 2), "input")?.length).toBe(limit);
  });

  test("of a gigabyte, without making a text of it", () => {
    // The longest string there can be; a text of four of them can not be made at all.
    const half = "x".repeat(2 ** 29 - 24);
    expect(refusal(half).code).toBe("codec/too-large");
    expect(refusal([half, half, { half, again: half }]).code).toBe("codec/too-large");
    expect(refusal({ list: new Array<number>(limit).fill(1) }).code).toBe("codec/too-large");
  });

  test("whose text is longer than any string, where that shows only when it is made", () => {
    const part = "x".repeat(2 ** 28);
    const sly = {
      toJSON: () => [part, part, part],
    };
    expect(refusal(Object.assign(Object.create({ sly: true }), sly)).code).toBe("codec/too-large");
    expect(refusal("\u0001".repeat(30 * 1024 * 1024)).code).toBe("codec/too-large");
  });
});
