/**
 * Jumps: a replay may pass over a stretch of a journal only when all of it lies inside what has ended. Random trees of
 * nested stretches write in any interleaving; every jump that is offered is compared with who wrote what.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Container } from "../../src/runtime/container.ts";

/** A stretch of the journal and those around it. */
interface Stretch {
  readonly container: Container;
  readonly parent: Stretch | null;
}

interface Line {
  readonly seq: number;
  readonly stretch: Stretch | null;
  /** Reference of the entry to which replay goes from here; null: the one before. */
  readonly jump: number | null;
}

type Command =
  | { readonly do: "write"; readonly which: number }
  | { readonly do: "nest"; readonly which: number }
  | { readonly do: "end"; readonly which: number }
  | { readonly do: "pin"; readonly which: number };

/** References count entries of all runs, so they are not sequence numbers. */
const refOf = (seq: number): number => 1_000 + 7 * seq;

const which = fc.nat(20);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("write" as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("nest" as const), which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("end" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pin" as const), which }) },
);

class Journal {
  readonly lines: Line[] = [{ seq: 1, stretch: null, jump: null }];
  readonly pinned = new Set<Stretch>();
  #open: Stretch[] = [];

  apply({ do: what, which: index }: Command): void {
    const stretch = this.#open[index % Math.max(1, this.#open.length)] ?? null;
    switch (what) {
      case "write":
        return this.#write(stretch, null);
      case "nest":
        this.#open.push({ container: new Container(stretch?.container ?? null), parent: stretch });
        return;
      case "end":
        return this.#end(stretch);
      case "pin":
        if (stretch === null) return;
        Container.pin(stretch.container);
        for (let around: Stretch | null = stretch; around !== null; around = around.parent) this.pinned.add(around);
        return;
    }
  }

  #write(stretch: Stretch | null, jump: number | null): void {
    const seq = this.lines.length + 1;
    const container = stretch?.container ?? null;
    Container.count(container, seq);
    Container.locate(container, seq, refOf(seq - 1));
    this.lines.push({ seq, stretch, jump });
  }

  /** A stretch ends with one entry of the stretch around it, which may jump over it. */
  #end(stretch: Stretch | null): void {
    if (stretch === null) return;
    this.#open = this.#open.filter((open) => !isInside(open, stretch));
    const jump = stretch.container.jumpFrom(this.lines.length + 1);
    if (jump !== null) this.#check(stretch, jump);
    this.#write(stretch.parent, jump);
  }

  /** All that is passed over was written inside the stretch, and nothing of it is kept for its marks. */
  #check(stretch: Stretch, jump: number): void {
    const target = (jump - 1_000) / 7;
    expect(Number.isInteger(target) && target >= 1 && target < this.lines.length).toBe(true);
    const passed = this.lines.filter(({ seq }) => seq > target);
    expect(passed.filter((line) => !isInside(line.stretch, stretch))).toEqual([]);
    expect(this.pinned.has(stretch)).toBe(false);
  }
}

function isInside(stretch: Stretch | null, around: Stretch): boolean {
  for (let at = stretch; at !== null; at = at.parent) if (at === around) return true;
  return false;
}

test("no jump ever passes over an entry of anybody else", () => {
  let jumps = 0;
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const journal = new Journal();
      for (const step of commands) journal.apply(step);
      jumps += journal.lines.filter(({ jump }) => jump !== null).length;
    }),
    { numRuns: 2_000 },
  );
  expect(jumps).toBeGreaterThan(100);
});

test("a stretch that nobody else wrote in is passed over whole", () => {
  const journal = new Journal();
  const commands: Command[] = [
    { do: "nest", which: 0 },
    ...Array.from({ length: 5 }, () => ({ do: "write", which: 0 }) as const),
    { do: "end", which: 0 },
  ];
  for (const step of commands) journal.apply(step);
  expect(journal.lines.at(-1)).toMatchObject({ seq: 7, jump: refOf(1) });
});

test("a stretch that was read back with jumps counts what they covered", () => {
  const outer = new Container(null);
  Container.count(outer, 9, 6);
  Container.locate(outer, 4, refOf(3));
  Container.count(outer, 10);
  expect(outer.jumpFrom(11)).toBe(refOf(3));
  expect(outer.jumpFrom(12)).toBeNull();
});
