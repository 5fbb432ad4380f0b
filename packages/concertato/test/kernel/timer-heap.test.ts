/** The heap of deadlines against a sorted list: the same entries come out, in the same order, none early. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type TimerEntry, TimerHeap } from "../../src/runtime/timer-heap.ts";

/** What the model knows of an entry. */
interface Expected {
  readonly due: number;
  readonly order: number;
  readonly entry: TimerEntry;
}

type Command =
  | { readonly do: "add"; readonly due: number }
  | { readonly do: "stop"; readonly which: number }
  | { readonly do: "take"; readonly at: number };

const moment = fc.nat(30);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("add" as const), due: moment }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("stop" as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("take" as const), at: moment }) },
);

const byDue = (left: Expected, right: Expected): number => left.due - right.due || left.order - right.order;

class Model {
  readonly heap = new TimerHeap();
  #entries: Expected[] = [];
  #order = 0;

  apply(step: Command): void {
    switch (step.do) {
      case "add":
        this.#entries.push({ due: step.due, order: this.#order++, entry: this.heap.add(step.due, () => undefined) });
        break;
      case "stop":
        this.#stop(step.which);
        break;
      case "take":
        this.#take(step.at);
        break;
    }
    this.#entries.sort(byDue);
    expect(this.heap.peek()).toBe(this.#entries[0]?.entry);
  }

  #stop(which: number): void {
    const [stopped] = this.#entries.splice(which % Math.max(1, this.#entries.length), 1);
    if (stopped !== undefined) stopped.entry.fire = null;
  }

  #take(at: number): void {
    const first = this.#entries[0];
    const expected = first !== undefined && first.due <= at ? this.#entries.shift()?.entry : undefined;
    expect(this.heap.takeDue(at)).toBe(expected);
  }
}

test("entries come out by deadline and then by arrival, stopped ones never", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const model = new Model();
      for (const step of commands) model.apply(step);
    }),
    { numRuns: 300 },
  );
});

test("nothing is due a moment before its deadline", () => {
  const heap = new TimerHeap();
  heap.add(10, () => undefined);
  expect(heap.takeDue(9.999)).toBeUndefined();
  expect(heap.takeDue(10)).toMatchObject({ dueMonotonic: 10 });
  expect(heap.peek()).toBeUndefined();
});

test("deadlines far away that were stopped do not pile up, and the others keep their order", () => {
  const heap = new TimerHeap();
  const kept: number[] = [];
  // Steps with a long timeout that end soon, and now and then one that goes on.
  for (let step = 0; step < 100_000; step++) {
    const entry = heap.add(1_000_000 - step, () => undefined);
    if (step % 1_000 === 0) kept.push(entry.dueMonotonic);
    else entry.fire = null;
    expect(heap.held).toBeLessThan(3_000);
  }
  const served: number[] = [];
  for (let due = heap.takeDue(2_000_000); due !== undefined; due = heap.takeDue(2_000_000))
    served.push(due.dueMonotonic);
  expect(served).toEqual(kept.sort((a, b) => a - b));
});
