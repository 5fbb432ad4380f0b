/** What the checkers hold against the kernel: until when a run may sleep, told from its journal alone. */
import { describe, expect, test } from "vitest";
import { openDeadline } from "../../sim/open-deadline.ts";
import { type EntryKind, entryKinds, type StoredEntry } from "../../src/journal/entry.ts";

function journal(...lines: readonly (readonly [kind: EntryKind, op: string, until?: number, scope?: number])[]) {
  return lines.map(
    ([kind, op, until, scope = 1], index): StoredEntry => ({
      seq: index + 1,
      kind: entryKinds[kind],
      scope,
      op,
      name: "",
      at: 0,
      meta: until === undefined ? null : JSON.stringify({ verb: "run", until }),
      body: null,
      jump: null,
    }),
  );
}

describe("a run sleeps until", () => {
  test("the first of its timers, waits and retries", () => {
    expect(openDeadline(journal(["timer-set", "0", 30], ["attempt-failed", "1", 20], ["wait-opened", "2", 40]))).toBe(
      20,
    );
  });

  test("no deadline of what has ended, was given up, or is under way again", () => {
    const entries = journal(["timer-set", "0", 30], ["attempt-failed", "1", 20], ["wait-opened", "2", 40]);
    expect(openDeadline([...entries, ...journal(["result", "0"], ["op-cancelled", "2"], ["intent", "1"])])).toBe(null);
  });

  test("no deadline inside what has ended: a scope, the turn of a loop", () => {
    const inside = journal(
      ["run-started", ""],
      ["scope-started", "0"],
      ["timer-set", "0", 30, 2],
      ["timer-set", "1/0/2", 40],
    );
    expect(openDeadline(inside)).toBe(30);
    expect(openDeadline([...inside, ...journal(["scope-ended", "0"])])).toBe(40);
    expect(openDeadline([...inside, ...journal(["scope-ended", "0"], ["op-cancelled", "1"])])).toBe(null);
  });

  test("as a fork, not to the next attempt of its original; to its own, and to timers that it took over", () => {
    const taken = journal(["attempt-failed", "0", 20], ["timer-set", "1", 30], ["forked", ""]);
    expect(openDeadline(taken)).toBe(30);
    expect(openDeadline([...taken, { ...journal(["attempt-failed", "0", 25])[0], seq: 4 } as StoredEntry])).toBe(25);
  });
});
