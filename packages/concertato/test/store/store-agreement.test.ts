/**
 * Two stores, one meaning: any sequence of calls gets the same answers from the memory store and from SQLite.
 * Keys and references are each store's own, so runs are compared by id and jumps by the entry they lead to.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { StoredEntry } from "../../src/journal/entry.ts";
import type { Change, ChangeResult, RunRow, RunStatus, Store } from "../../src/journal/store.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { entry, inboxSend, newRun } from "../../../conformance/src/store-conformance.ts";

const ids = ["a", "b", "c", "d"] as const;
const statuses: readonly RunStatus[] = ["running", "waiting", "diverged", "completed", "cancelled"];
const agents = ["desk@1", "desk@2"] as const;

/** One change, in words that mean the same in every store. */
type Word =
  | {
      readonly kind: "create";
      readonly id: string;
      readonly key: string | null;
      readonly owned: boolean;
      readonly agent: string;
      readonly size: number;
    }
  | {
      readonly kind: "append";
      readonly id: string;
      readonly size: number;
      readonly epochOff: number;
      readonly seqOff: number;
      readonly jumpTo: number;
      readonly consume: number;
      readonly status: RunStatus | undefined;
      readonly parked: boolean | undefined;
      readonly to: string | undefined;
      readonly child: string | undefined;
      readonly n: number;
    }
  | { readonly kind: "send" | "cancel"; readonly id: string; readonly n: number }
  | {
      readonly kind: "evict";
      readonly id: string;
      readonly epochOff: number;
      readonly now: number;
      readonly wake: number | null;
      readonly parked: boolean;
    }
  | { readonly kind: "release"; readonly id: string; readonly epochOff: number; readonly needs: string | null }
  | { readonly kind: "prioritise"; readonly id: string; readonly priority: number }
  | { readonly kind: "pause" | "resume"; readonly id: string; readonly agent: string | null };

type Call =
  | { readonly kind: "commit"; readonly words: readonly Word[] }
  | { readonly kind: "claim"; readonly now: number; readonly agents: readonly string[] }
  | { readonly kind: "reap" };

const id = fc.constantFrom(...ids);
const off = fc.constantFrom(0, 0, 0, 0, 0, 1, -1);
const word: fc.Arbitrary<Word> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      id,
      key: fc.constantFrom(null, "k1", "k2"),
      owned: fc.boolean(),
      agent: fc.constantFrom(...agents),
      size: fc.nat(3),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      id,
      size: fc.constantFrom(0, 1, 1, 2, 70),
      epochOff: off,
      seqOff: off,
      jumpTo: fc.nat(6),
      consume: fc.nat(3),
      status: fc.constantFrom(undefined, undefined, ...statuses),
      parked: fc.constantFrom(undefined, true, false),
      to: fc.constantFrom(undefined, ...ids, "nobody"),
      child: fc.constantFrom(undefined, undefined, ...ids),
      n: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("send" as const, "send" as const, "cancel" as const),
      id: fc.constantFrom(...ids, "nobody"),
      n: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("release" as const),
      id,
      epochOff: off,
      needs: fc.constantFrom(null, null, "other@1"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("pause" as const, "resume" as const),
      id,
      agent: fc.constantFrom(null, null, "desk", ...agents),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("prioritise" as const), id, priority: fc.nat(9) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("evict" as const),
      id,
      epochOff: off,
      now: fc.nat(20),
      wake: fc.option(fc.nat(30), { nil: null }),
      parked: fc.boolean(),
    }),
  },
);
const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      words: fc.array(word, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("claim" as const),
      now: fc.nat(30),
      agents: fc.subarray([...agents, "other@1"]),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "reap" as const }) },
);

/** One store with the owner that acts in it. */
class Side {
  readonly store: Store;
  readonly self: number;

  constructor(store: Store, self: number) {
    this.store = store;
    this.self = self;
  }

  async say({ kind, ...rest }: Call): Promise<unknown> {
    const told = { kind, ...rest } as Call;
    switch (told.kind) {
      case "commit": {
        const changes: Change[] = [];
        for (const one of told.words) changes.push(await this.#change(one));
        return (await this.store.commit(changes, "normal")).map((result) => this.#result(result));
      }
      case "claim":
        return (await this.store.claim(this.self, told.now, told.agents, 100)).map((row) => this.#row(row));
      case "reap":
        return this.store.reap(this.self);
    }
  }

  async #change(told: Word): Promise<Change> {
    const row = await this.store.run(told.id);
    const run = row?.key ?? 4711;
    switch (told.kind) {
      case "create": {
        const owner = told.owned ? this.self : null;
        return {
          kind: "create",
          run: newRun(told.id, { startKey: told.key, owner, agent: told.agent }),
          entries: lines(0, told.size, null),
        };
      }
      case "send":
        return { kind: "send", to: told.id, row: inboxSend("s", told.n) };
      case "cancel":
        return { kind: "cancel", to: told.id, row: inboxSend("s", told.n, { kind: "cancel" }) };
      case "evict":
        return {
          kind: "evict",
          run,
          epoch: (row?.epoch ?? 0) + told.epochOff,
          seq: row?.seq ?? 0,
          now: told.now,
          wake: told.wake,
          parked: told.parked,
        };
      case "release":
        return {
          kind: "release",
          run,
          epoch: (row?.epoch ?? 0) + told.epochOff,
          seq: row?.seq ?? 0,
          status: "queued",
          note: null,
          wake: 7,
          parked: false,
          needs: told.needs,
          at: 3000,
        };
      case "pause":
      case "resume": {
        const target = told.agent === null ? { run: told.id } : { agent: told.agent };
        if (told.kind === "resume") return { kind: "resume", target };
        return { kind: "pause", target, pause: { by: "ada", since: 1 } };
      }
      case "prioritise":
        return { kind: "prioritise", to: told.id, priority: told.priority };
      case "append": {
        const seq = (row?.seq ?? 0) + told.seqOff;
        const consumed = (await this.store.inbox(run, told.consume)).map(({ rowId }) => rowId);
        return {
          kind: "append",
          run,
          epoch: (row?.epoch ?? 0) + told.epochOff,
          expectedSeq: seq,
          entries: lines(seq, told.size, await this.#ref(run, told.jumpTo)),
          patch: {
            at: seq,
            ...(told.status === undefined ? {} : { status: told.status }),
            ...(told.parked === undefined ? {} : { parked: told.parked }),
          },
          consumed,
          sends: told.to === undefined ? [] : [{ to: told.to, row: inboxSend(told.id, told.n) }],
          creates:
            told.child === undefined
              ? []
              : [{ run: newRun(told.child, { parent: told.id }), entries: lines(0, 1, null) }],
        };
      }
    }
  }

  async #ref(run: number, seq: number): Promise<number | null> {
    if (seq === 0) return null;
    return (await this.store.entries(run, seq - 1, 1))[0]?.ref ?? null;
  }

  #row(row: RunRow): Omit<RunRow, "key"> {
    const { key: _key, ...rest } = row;
    return rest;
  }

  #result(result: ChangeResult): unknown {
    if (result.ok) return "applied";
    return result.run === undefined ? result.reason : [result.reason, this.#row(result.run)];
  }

  /** Everything that can be read, without what is this store's own. */
  async state(): Promise<unknown> {
    const all = await this.store.runs({ limit: 100 });
    const runs = [];
    for (const row of all.toSorted(byId)) {
      const entries = await this.store.entries(row.key, 0, 1000);
      const seqOf = new Map(entries.map(({ ref, seq }) => [ref, seq]));
      runs.push({
        row: this.#row(row),
        entries: entries.map((line) => ({ ...line, ref: 0, jump: line.jump === null ? null : seqOf.get(line.jump) })),
        page: (await this.store.entries(row.key, 60, 9)).map(({ seq }) => seq),
        replay: (await this.store.replay(row.key)).map(({ seq }) => seq),
        inbox: (await this.store.inbox(row.key, 100)).map((line) => ({ ...line, rowId: 0 })),
      });
    }
    const poked = await Promise.all(
      (await this.store.poked(this.self, 15, 100)).map(async ({ key }) => (await this.store.runByKey(key))?.id),
    );
    const waiting = (await this.store.runs({ status: ["waiting", "failed"], limit: 3 })).map((row) => row.id);
    return { runs, poked: new Set(poked), waiting, nextWake: await this.store.nextWake(10) };
  }
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id.localeCompare(b.id);
}

function lines(after: number, size: number, jump: number | null): StoredEntry[] {
  return Array.from({ length: size }, (_, index) => entry(after + 1 + index, index === size - 1 ? { jump } : {}));
}

test("any sequence of calls gets the same answers from memory and from SQLite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "concertato-agreement-"));
  let count = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
        const memory = new MemoryStore();
        const sqlite = await openSqliteStore({ path: join(folder, `${count++}.db`), report: () => undefined });
        try {
          const sides = [new Side(memory, memory.join()), new Side(sqlite, await sqlite.join())] as const;
          for (const one of calls) {
            expect(await sides[1].say(one)).toEqual(await sides[0].say(one));
            expect(await sides[1].state()).toEqual(await sides[0].state());
          }
        } finally {
          await sqlite.close();
        }
      }),
      { numRuns: Number(process.env["STORE_AGREEMENT_RUNS"] ?? 60) },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 300_000);
