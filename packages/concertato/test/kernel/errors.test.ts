/** The one tree of errors: recognised across copies of the library, recorded without loss. */
import { describe, expect, test } from "vitest";
import { errorCodes } from "../../src/kernel/error-codes.ts";
import { AgentFailure, ConcertatoError, type FailureRecord, toFailureRecord } from "../../src/kernel/errors.ts";

const timeout = new ConcertatoError({ code: "agent/timeout", message: "Too late.", details: { after: 5 } });

describe("ConcertatoError", () => {
  test("takes from the table whether a retry can help, unless it is told", () => {
    expect(timeout.retryable).toBe(true);
    expect(new ConcertatoError({ code: "agent/timeout", message: "", retryable: false }).retryable).toBe(false);
    expect(new ConcertatoError({ code: "run/not-found", message: "" }).retryable).toBe(false);
  });

  test("names its page", () => {
    expect(timeout.docs).toBe("docs/errors/agent-timeout.md");
  });

  test("keeps its cause", () => {
    const cause = new Error("below");
    expect(new ConcertatoError({ code: "agent/failed", message: "above", cause }).cause).toBe(cause);
    expect("cause" in timeout).toBe(false);
  });

  test("is recognised, by code too", () => {
    expect(ConcertatoError.is(timeout)).toBe(true);
    expect(ConcertatoError.is(timeout, "agent/timeout")).toBe(true);
    expect(ConcertatoError.is(timeout, "run/not-found")).toBe(false);
  });

  test("is recognised when it comes from another copy of the library", async () => {
    const again = "../../src/kernel/errors.ts?another-copy";
    const copy = (await import(/* @vite-ignore */ again)) as typeof import("../../src/kernel/errors.ts");
    const foreign = new copy.ConcertatoError({ code: "run/not-found", message: "There." });
    expect(copy.ConcertatoError).not.toBe(ConcertatoError);
    expect(foreign).not.toBeInstanceOf(ConcertatoError);
    expect(ConcertatoError.is(foreign, "run/not-found")).toBe(true);
    expect(toFailureRecord(foreign)).toMatchObject({ code: "run/not-found", message: "There." });
  });

  test.each([null, undefined, 1, "text", {}, new Error("x"), { code: "agent/failed" }])("is not %j", (value) => {
    expect(ConcertatoError.is(value)).toBe(false);
  });

  test("its brand does not show when it is printed or stored", () => {
    expect(Object.keys(timeout)).not.toContain("Symbol(concertato.error)");
    expect(Object.getOwnPropertySymbols({ ...timeout })).toEqual([]);
  });
});

describe("a failure record", () => {
  test("of an error of ours keeps code, message, details and whether a retry can help", () => {
    expect(toFailureRecord(timeout, "0.2")).toEqual({
      code: "agent/timeout",
      message: "Too late.",
      retryable: true,
      details: { after: 5 },
      path: "0.2",
    });
  });

  test("of a foreign error keeps its name, its code and its causes", () => {
    const below = Object.assign(new TypeError("below"), { code: "EPIPE" });
    expect(toFailureRecord(new Error("above", { cause: below }), "0")).toEqual({
      code: "agent/failed",
      message: "above",
      retryable: false,
      details: { name: "Error" },
      path: "0",
      cause: {
        code: "agent/failed",
        message: "below",
        retryable: false,
        details: { name: "TypeError", code: "EPIPE" },
      },
    });
  });

  test.each(["text", 7, null, undefined, Symbol("s"), { odd: true }])(
    "of %s thrown by itself is its text",
    (thrown) => {
      expect(toFailureRecord(thrown)).toEqual({ code: "agent/failed", message: String(thrown), retryable: false });
    },
  );

  test("of a failure that crosses a scope keeps the address where it began", () => {
    const record: FailureRecord = { code: "agent/failed", message: "m", path: "0.1.2", details: { name: "Error" } };
    expect(toFailureRecord(new AgentFailure(record), "0.1")).toEqual(record);
  });

  test("can be stored, thrown and recorded again without change", () => {
    const record = toFailureRecord(new Error("a", { cause: new Error("b") }), "0.3");
    const stored = JSON.parse(JSON.stringify(record)) as FailureRecord;
    expect(toFailureRecord(new AgentFailure(stored), "0")).toEqual(record);
  });

  // Finding F21.
  test("of a cause that leads back to itself ends", () => {
    const loop = new Error("loop");
    loop.cause = new Error("between", { cause: loop });
    expect(toFailureRecord(loop)).toMatchObject({ message: "loop" });
    expect(JSON.stringify(toFailureRecord(loop)).length).toBeLessThan(10_000);
  });

  // Finding F21.
  test("can be made of whatever was thrown", () => {
    const hostile = new Proxy(new Error("x"), {
      get: () => {
        throw new Error("no entry");
      },
    });
    for (const thrown of [
      Object.create(null),
      hostile,
      { toString: () => 5 },
      Object.assign(new Error("y"), { message: 7 }),
    ])
      expect(typeof toFailureRecord(thrown).message).toBe("string");
  });

  test("with a code that this version does not know is still a failure", () => {
    const failure = new AgentFailure({ code: "future/thing", message: "m" });
    expect(failure.code).toBe("agent/failed");
    expect(failure.record.code).toBe("future/thing");
  });
});

test("every code of the table is an area and a word, with a remedy that is a sentence", () => {
  for (const [code, { remedy }] of Object.entries(errorCodes)) {
    expect(code).toMatch(/^[a-z]+\/[a-z-]+$/);
    expect(remedy).toMatch(/^[A-Z].*\.$/);
  }
});
