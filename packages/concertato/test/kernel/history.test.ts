/** An append-only list: what it holds is what a journal stores, and a value once made never changes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type History, history } from "../../src/index.ts";

describe("a history", () => {
  test("holds what was appended, in order", () => {
    const three = history<number>().append(1).append(2).append(3);
    expect([...three]).toEqual([1, 2, 3]);
    expect(three).toHaveLength(3);
    expect([three.at(0), three.at(-1), three.at(3), three.at(-4)]).toEqual([1, 3, undefined, undefined]);
  });

  test("stays as it is when something is appended to it, also twice", () => {
    const one = history(["a"]);
    const left = one.append("b");
    const right = one.append("c");
    expect([[...one], [...left], [...right]]).toEqual([["a"], ["a", "b"], ["a", "c"]]);
  });

  test("gives its items back as they are stored", () => {
    const items = history<unknown>()
      .append({ when: new Date(0), no: undefined })
      .append(undefined);
    expect([...items]).toEqual([{ when: "1970-01-01T00:00:00.000Z" }, null]);
  });

  test("freezes its items with all inside, and not what it was given", () => {
    const given = { parts: [{ text: "a" }] };
    const item = history([given]).at(0);
    expect(() => item?.parts.push({ text: "b" })).toThrow(TypeError);
    expect(Object.isFrozen(item?.parts[0])).toBe(true);
    given.parts.push({ text: "b" });
    expect(item?.parts).toHaveLength(1);
  });

  test("refuses what no journal can store, at once", () => {
    expect(() => history<unknown>().append(() => 1)).toThrow(expect.objectContaining({ code: "codec/unstorable" }));
  });

  test("is a plain list as JSON, whoever else has gone on from it", () => {
    const one = history(["a"]);
    one.append("b");
    expect(JSON.stringify({ one })).toBe('{"one":["a"]}');
  });

  test("any tree of appends leaves every value as it was made", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.integer()), { maxLength: 60 }), (steps) => {
        const made: { readonly value: History<number>; readonly items: readonly number[] }[] = [
          { value: history<number>(), items: [] },
        ];
        for (const [pick, item] of steps) {
          const from = made[pick % made.length];
          if (from !== undefined) made.push({ value: from.value.append(item), items: [...from.items, item] });
        }
        for (const { value, items } of made) expect([...value]).toEqual(items);
      }),
    );
  });
});
