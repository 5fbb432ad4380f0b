/**
 * The suite finds faults: stores that each break one rule of the contract must fail it, and the one they are made from passes.
 */
import { describe, expect, test } from "vitest";
import type { Change, ChangeResult, NewRun, PruneQuery, RunRow, Store } from "concertato";
import { storeConformance, type StoreUnderTest } from "../src/index.ts";
import { MemoryStore } from "../../concertato/src/store/memory-store.ts";

interface Registered {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** The tests of the suite on stores that break a rule, by a runner that is made of two functions. */
function suiteOn(breaks: (store: MemoryStore) => Partial<Store>): Registered[] {
  const registered: Registered[] = [];
  storeConformance({
    name: "broken",
    describe: (_name, register) => register(),
    it: (name, run) => void registered.push({ name, run }),
    noSecondStore: "memory belongs to one process",
    open: async (): Promise<StoreUnderTest> => {
      const store = new MemoryStore();
      const broken = breaks(store);
      return {
        store: new Proxy<Store>(store, {
          get(target, name) {
            const value: unknown = Reflect.get(broken, name) ?? Reflect.get(target, name, target);
            return typeof value === "function" ? (value.bind(target) as unknown) : value;
          },
        }),
        deadOwner: () => {
          const owner = store.join();
          store.leave(owner);
          return owner;
        },
        dispose: async () => store.close(),
      };
    },
  });
  return registered;
}

async function failing(breaks: (store: MemoryStore) => Partial<Store>): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of suiteOn(breaks)) await run().catch(() => failed.push(name));
  return failed;
}

/** Every change of a batch as somebody makes it. */
const changed =
  (make: (change: Change, store: MemoryStore) => Change) =>
  (store: MemoryStore): Partial<Store> => ({
    commit: (changes) =>
      store.commit(
        changes.map((change) => make(change, store)),
        "normal",
      ),
  });

const created = (change: Change, run: (run: NewRun) => NewRun): Change =>
  change.kind === "create" ? { ...change, run: run(change.run) } : change;

/** The same asks under other paths. */
function asking(change: Change, pathOf: (path: string) => string): Change {
  if (change.kind !== "append" || change.holds === undefined) return change;
  const asks = change.holds.asks.map((ask) => ({ ...ask, path: ask.path.includes("/") ? pathOf(ask.path) : ask.path }));
  return { ...change, holds: { ...change.holds, asks } };
}

const faults: readonly { readonly rule: string; readonly breaks: (store: MemoryStore) => Partial<Store> }[] = [
  {
    rule: "only the owner of the present epoch appends",
    breaks: changed((change, store) =>
      change.kind === "append" ? { ...change, epoch: store.runByKey(change.run)?.epoch ?? 0 } : change,
    ),
  },
  {
    rule: "only at the present end of the journal",
    breaks: changed((change, store) =>
      change.kind === "append" ? { ...change, expectedSeq: store.runByKey(change.run)?.seq ?? 0 } : change,
    ),
  },
  {
    rule: "a refused change does not stop the others",
    breaks: (store) => ({
      commit: (changes) => {
        let stopped = false;
        return changes.map((change): ChangeResult => {
          const [result] = stopped ? [] : store.commit([change], "normal");
          if (result?.ok !== true) stopped = true;
          return result ?? { ok: false, reason: "stale" };
        });
      },
    }),
  },
  {
    rule: "start keys are a tenant's own",
    breaks: changed((change) => created(change, (run) => ({ ...run, tenant: "one" }))),
  },
  {
    rule: "a start key finds its run",
    breaks: changed((change) => created(change, (run) => ({ ...run, startKey: null }))),
  },
  {
    rule: "messages are delivered once",
    breaks: changed((change) =>
      change.kind === "send" ? { ...change, row: { ...change.row, n: Math.random() } } : change,
    ),
  },
  {
    rule: "what was consumed is gone",
    breaks: changed((change) => {
      if (change.kind !== "append") return change;
      const { consumed: _consumed, ...rest } = change;
      return rest;
    }),
  },
  {
    rule: "a claim raises the epoch",
    breaks: (store) => ({
      claim: (self, now, agents, limit, above): RunRow[] =>
        store.claim(self, now, agents, limit, above).map((row) => ({ ...row, epoch: row.epoch - 1 })),
    }),
  },
  {
    rule: "a claim takes what is due and not more",
    breaks: (store) => ({ claim: (self, _now, agents, limit) => store.claim(self, 1e15, agents, limit) }),
  },
  { rule: "whoever wrote to a run is noticed by its owner", breaks: () => ({ poked: () => [] }) },
  {
    rule: "pages have no gap",
    breaks: (store) => ({ entries: (run, after, limit) => store.entries(run, after + 1, limit) }),
  },
  { rule: "replay takes jumps", breaks: (store) => ({ replay: (run) => store.entries(run, 0, 1e9) }) },
  {
    rule: "messages come in order",
    breaks: (store) => ({ inbox: (run, limit) => store.inbox(run, limit).toReversed() }),
  },
  { rule: "letters that lie there are seen", breaks: () => ({ letters: () => [] }) },
  { rule: "the dead let go of their runs", breaks: () => ({ reap: () => 0 }) },
  { rule: "the first value of a name stays", breaks: () => ({ writeMetaOnce: (_name, value) => value }) },
  { rule: "the next wake is known", breaks: () => ({ nextWake: () => null }) },
  {
    rule: "young runs are not deleted",
    breaks: (store) => ({ prune: (query: PruneQuery) => store.prune({ ...query, endedBefore: 1e15 }) }),
  },
  {
    rule: "what an open fork was taken from is not deleted",
    breaks: (store) => ({
      commit: (changes, durability) =>
        store.commit(
          changes.map((change) => {
            if (change.kind !== "create") return change;
            const { forkOf: _forkOf, ...run } = change.run;
            return { ...change, run };
          }),
          durability,
        ),
    }),
  },
  {
    rule: "other agents' runs are not deleted",
    breaks: (store) => ({
      prune: (query: PruneQuery) => {
        const { agent: _agent, ...rest } = query;
        return store.prune(rest);
      },
    }),
  },
  {
    rule: "another letter under a key is refused",
    breaks: changed((change) => {
      if (change.kind !== "mail" || change.letter.keyed !== true) return change;
      const { keyed: _keyed, ...letter } = change.letter;
      return { ...change, letter };
    }),
  },
  {
    rule: "what another branch waits for closes no circle",
    breaks: changed((change) => asking(change, (path) => path.replace(/\/[xy]\/.*/, "") + path.length)),
  },
  {
    rule: "circles of one run are found by branches",
    breaks: changed((change) => asking(change, (path) => `0.${path.replaceAll(/[./]/g, "-")}`)),
  },
  {
    rule: "large payloads are kept",
    breaks: changed((change) => ("blobs" in change ? { ...change, blobs: [] } : change)),
  },
];

describe("the suite for stores", () => {
  test("passes on the store that the broken ones are made from", async () => {
    expect(await failing(() => ({}))).toEqual([]);
    expect(suiteOn(() => ({})).length).toBeGreaterThan(60);
  });

  test.each(faults)("fails where a store breaks the rule: $rule", async ({ breaks }) => {
    expect(await failing(breaks)).not.toEqual([]);
  });

  test("says what it does not test", () => {
    expect(suiteOn(() => ({})).map(({ name }) => name)).toContain(
      "two stores on the same data are not tested: memory belongs to one process",
    );
  });
});
