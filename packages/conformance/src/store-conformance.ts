/**
 * What every Store must keep, as tests: one suite, run on every implementation.
 * It uses only the Store contract, so it says nothing about how rows lie on a disk.
 */
import type {
  Awaitable,
  Belongings,
  Cap,
  CapAsk,
  CapSpend,
  Change,
  ChangeResult,
  FinalStatus,
  HoldChange,
  InboxSend,
  Letter,
  NewBlob,
  NewRun,
  PauseTarget,
  PrunePage,
  PruneQuery,
  RunRow,
  StateWrite,
  Store,
  StoredEntry,
  Ticket,
  TicketState,
} from "concertato";
import { expect } from "./expect.ts";

/** An open store and what the suite needs around it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** A second store on the same data, as another process would open it. Absent: tests with two stores are skipped. */
  readonly another?: () => Promise<Store>;
  /** Id of an owner whose process is dead. */
  readonly deadOwner: () => Awaitable<number>;
  /** Closes what is still open and removes the data. */
  readonly dispose: () => Promise<void>;
}

/** What is tested, and with which test runner. `describe` and `it` are those of node:test, vitest, or alike. */
export interface ConformanceOptions {
  /** Of the implementation, for the report. */
  readonly name: string;
  /** An empty store; called for every test, whose `dispose` is called after it. */
  readonly open: () => Promise<StoreUnderTest>;
  /** Registers a group; may be called inside another. */
  readonly describe: (name: string, register: () => void) => void;
  /** Registers a test. Tests of one suite run one after the other. */
  readonly it: (name: string, run: () => Promise<void>) => void;
  /** Registers what is not tested. Default: `it` with a name that says so. */
  readonly skip?: (name: string) => void;
  /** Why tests with two stores on the same data cannot run here. */
  readonly noSecondStore?: string;
}

type Append = Extract<Change, { kind: "append" }>;

export function entry(seq: number, more: Partial<StoredEntry> = {}): StoredEntry {
  return {
    seq,
    kind: 6,
    scope: 1,
    op: String(seq),
    name: "look-up",
    at: 1000 + seq,
    meta: null,
    body: `{"n":${seq}}`,
    jump: null,
    ...more,
  };
}

export function entries(from: number, to: number): StoredEntry[] {
  return Array.from({ length: to - from + 1 }, (_, index) => entry(from + index));
}

export function newRun(id: string, more: Partial<NewRun> = {}): NewRun {
  return {
    id,
    agent: "desk@1",
    tenant: "acme",
    owner: null,
    startKey: null,
    inputHash: "h",
    parent: null,
    at: 1000,
    ...more,
  };
}

export function inboxSend(sender: string, n: number, more: Partial<InboxSend> = {}): InboxSend {
  return { sender, n, kind: "signal", name: "answer", body: `"${sender}${n}"`, at: 2000, ...more };
}

export function append(
  run: { readonly key: number; readonly epoch: number; readonly seq: number },
  more: Partial<Append> = {},
): Append {
  return {
    kind: "append",
    run: run.key,
    epoch: run.epoch,
    expectedSeq: run.seq,
    entries: [entry(run.seq + 1)],
    ...more,
  };
}

const create = (run: NewRun, first: readonly StoredEntry[] = [entry(1)]): Change => ({
  kind: "create",
  run,
  entries: first,
});
const cancel = (to: string, n = 1): Change => ({
  kind: "cancel",
  to,
  row: inboxSend("operator", n, { kind: "cancel" }),
});
const send = (to: string, row: InboxSend): Change => ({ kind: "send", to, row });
const evict = (run: RunRow, now: number, wake: number | null = null, parked = true): Change => ({
  kind: "evict",
  run: run.key,
  epoch: run.epoch,
  seq: run.seq,
  now,
  wake,
  parked,
});

/** Commits one change and answers its result. */
export async function commitOne(store: Store, change: Change): Promise<ChangeResult> {
  const [result] = await store.commit([change], "normal");
  if (result === undefined) throw new Error("The store answered nothing for a change.");
  return result;
}

/** Creates a run and reads it back. */
export async function made(
  store: Store,
  id: string,
  more: Partial<NewRun> = {},
  first?: readonly StoredEntry[],
): Promise<RunRow> {
  const result = await commitOne(store, create(newRun(id, more), first));
  if (!result.ok) throw new Error(`Run ${id} was refused: ${result.reason}`);
  return present(await store.runByKey(result.key));
}

export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("Expected a value.");
  return value;
}

const read = async (store: Store, id: string): Promise<RunRow> => present(await store.run(id));
const seqs = (list: readonly StoredEntry[]): number[] => list.map(({ seq }) => seq);
const reason = (result: ChangeResult): string => (result.ok ? "applied" : result.reason);

/**
 * Registers the suite for one implementation. A test fails by throwing.
 * @example
 * import { describe, it } from "node:test";
 * storeConformance({ name: "mine", describe, it, open: async () => ({ store, deadOwner, dispose }) });
 */
export function storeConformance(options: ConformanceOptions): void {
  const { noSecondStore } = options;
  let setUps: readonly (() => Promise<void>)[] = [];
  const describe = (name: string, register: () => void): void =>
    options.describe(name, () => {
      setUps = [];
      register();
    });
  /** Before each test of its group that stands behind it. */
  const beforeEach = (setUp: () => Promise<void>): void => {
    setUps = [...setUps, setUp];
  };
  describe(`store conformance: ${options.name}`, () => {
    let subject: StoreUnderTest;
    let store: Store;

    /** Each test has a store of its own. */
    const test = (name: string, body: () => Promise<void>): void => {
      const before = setUps;
      options.it(name, async () => {
        subject = await options.open();
        store = subject.store;
        try {
          for (const setUp of before) await setUp();
          await body();
        } finally {
          await subject.dispose();
        }
      });
    };

    describe("create", () => {
      test("a run that has ended already is nobody's, and never changes", async () => {
        const self = await store.join();
        const end = { status: "failed", note: "why", at: 99 } as const;
        const run = await made(store, "r1", { owner: self, at: 77, end }, entries(1, 3));
        expect(run).toMatchObject({ status: "failed", note: "why", owner: null, wake: null, seq: 3 });
        expect([run.createdAt, run.updatedAt]).toEqual([77, 99]);
        expect(await store.claim(self, 1_000, ["desk@1"], 9)).toEqual([]);
        expect(await commitOne(store, append(run))).toEqual({ ok: false, reason: "stale" });
        expect(reason(await commitOne(store, send("r1", inboxSend("s", 1))))).toBe("finished");
        expect(await store.entries(run.key, 0, 9)).toHaveLength(3);
      });

      test("a run that nobody owns is queued and due at once", async () => {
        const run = await made(store, "r1", { startKey: "k", parent: "p", at: 77 }, entries(1, 3));
        expect(run).toEqual({
          key: run.key,
          id: "r1",
          agent: "desk@1",
          tenant: "acme",
          status: "queued",
          owner: null,
          epoch: 1,
          seq: 3,
          wake: 0,
          parked: false,
          cancelling: false,
          startKey: "k",
          inputHash: "h",
          parent: "p",
          createdAt: 77,
          updatedAt: 77,
          note: null,
          priority: 5,
          needs: null,
          paused: null,
        } satisfies RunRow);
        expect(await store.run("r1")).toEqual(run);
      });

      test("a run with an owner is running and has no wake", async () => {
        const self = await store.join();
        expect(await made(store, "r1", { owner: self })).toMatchObject({
          status: "running",
          owner: self,
          wake: null,
          epoch: 1,
        });
      });

      test("the entries come back as they were written, references counting up from firstRef", async () => {
        const first: StoredEntry[] = [
          entry(1, { meta: '{"tenant":"acme"}', body: '{"text":"Grüße 👋 \\u0000"}' }),
          entry(2, { body: new Uint8Array([0, 255, 7]), op: "2/fast/0", name: "" }),
          entry(3, { body: null, kind: 999, scope: 2 ** 40, at: 1.7e12 }),
          entry(4, { body: "" }),
          entry(5, { body: new Uint8Array(0) }),
        ];
        const result = await commitOne(store, create(newRun("r1"), first));
        if (!result.ok) throw new Error(result.reason);
        const found = await store.entries(result.key, 0, 10);
        expect(found).toEqual(first.map((line, index) => ({ ...line, ref: result.firstRef + index })));
      });

      test("a run may be created without entries", async () => {
        await made(store, "other", {}, entries(1, 4));
        const run = await made(store, "r1", { owner: await store.join() }, []);
        expect(run.seq).toBe(0);
        expect(await store.entries(run.key, 0, 10)).toEqual([]);
        expect(await store.replay(run.key)).toEqual([]);
        expect(reason(await commitOne(store, append(run)))).toBe("applied");
        expect(seqs(await store.replay(run.key))).toEqual([1]);
      });

      test("an id that exists is refused with the run that has it, and nothing is written", async () => {
        const run = await made(store, "r1");
        const again = await commitOne(store, create(newRun("r1", { agent: "other@2" }), entries(1, 2)));
        expect(again).toEqual({ ok: false, reason: "exists", run });
        expect(seqs(await store.entries(run.key, 0, 10))).toEqual([1]);
      });

      test("a start key finds the run that has it, also when that run is finished", async () => {
        const run = await made(store, "r1", { startKey: "ticket-1", owner: await store.join() });
        expect(await commitOne(store, create(newRun("r2", { startKey: "ticket-1" })))).toEqual({
          ok: false,
          reason: "exists",
          run,
        });
        await commitOne(store, append(run, { patch: { status: "completed" } }));
        expect(await commitOne(store, create(newRun("r3", { startKey: "ticket-1" })))).toMatchObject({
          ok: false,
          reason: "exists",
          run: { id: "r1", status: "completed" },
        });
        expect(await store.run("r2")).toBeUndefined();
      });

      test("start keys are per tenant, and runs without one never collide", async () => {
        await made(store, "r1", { startKey: "k" });
        await made(store, "r2", { startKey: "k", tenant: "other" });
        await made(store, "r3");
        await made(store, "r4");
        expect((await store.runs({})).length).toBe(4);
      });
    });

    describe("append", () => {
      test("the owner's entries follow and the row advances", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const result = await commitOne(store, append(run, { entries: entries(2, 4) }));
        const found = await store.entries(run.key, 1, 10);
        expect(result).toEqual({ ok: true, key: run.key, firstRef: present(found[0]).ref });
        expect(found.map(({ ref }) => ref - present(found[0]).ref)).toEqual([0, 1, 2]);
        expect(await read(store, "r1")).toEqual({ ...run, seq: 4 });
      });

      test("a patch changes what it names and nothing else", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, append(run, { patch: { status: "waiting", note: "for mail", parked: true, at: 5 } }));
        const waiting = await read(store, "r1");
        expect(waiting).toEqual({ ...run, seq: 2, status: "waiting", note: "for mail", parked: true, updatedAt: 5 });
        await commitOne(store, append(waiting, { patch: { at: 9 } }));
        expect(await read(store, "r1")).toEqual({ ...waiting, seq: 3, updatedAt: 9 });
        await commitOne(store, append({ ...waiting, seq: 3 }, { patch: { note: null, parked: false } }));
        expect(await read(store, "r1")).toEqual({ ...waiting, seq: 4, updatedAt: 9, note: null, parked: false });
      });

      test("without entries only the row changes", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        expect(reason(await commitOne(store, append(run, { entries: [], patch: { note: "x" } })))).toBe("applied");
        expect(await read(store, "r1")).toEqual({ ...run, note: "x" });
        expect(reason(await commitOne(store, append(run)))).toBe("applied");
        expect(seqs(await store.replay(run.key))).toEqual([1, 2]);
      });

      test("a stale epoch or sequence is refused and leaves no trace", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const everything: Partial<Append> = {
          patch: { status: "failed", note: "x" },
          consumed: [1],
          sends: [{ to: "r2", row: inboxSend("r1", 1) }],
          creates: [{ run: newRun("child"), entries: [entry(1)] }],
        };
        const other = await made(store, "r2");
        for (const stale of [
          { epoch: 0 },
          { epoch: 2 },
          { expectedSeq: 0, entries: [entry(1)] },
          { expectedSeq: 2, entries: [entry(3)] },
        ]) {
          expect(await commitOne(store, append(run, { ...everything, ...stale }))).toEqual({
            ok: false,
            reason: "stale",
          });
        }
        expect(await read(store, "r1")).toEqual(run);
        expect(seqs(await store.replay(run.key))).toEqual([1]);
        expect(await store.inbox(other.key, 10)).toEqual([]);
        expect(await store.run("child")).toBeUndefined();
      });

      test("the second of two appends at the same sequence is refused, in one batch and in two", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const both = await store.commit(
          [append(run), append(run, { entries: [entry(2, { name: "lost" })] })],
          "normal",
        );
        expect(both.map(reason)).toEqual(["applied", "stale"]);
        expect(reason(await commitOne(store, append(run)))).toBe("stale");
        expect((await store.entries(run.key, 0, 10)).map(({ name: step }) => step)).toEqual(["look-up", "look-up"]);
      });

      test("an append to a run that does not exist is refused", async () => {
        expect((await commitOne(store, append({ key: 4711, epoch: 1, seq: 0 }))).ok).toBe(false);
      });

      test("a refused change does not stop the others of its batch", async () => {
        const self = await store.join();
        const [a, b, c] = [
          await made(store, "a", { owner: self }),
          await made(store, "b", { owner: self }),
          await made(store, "c", { owner: self }),
        ];
        const results = await store.commit(
          [
            append(a),
            append({ ...b, epoch: 9 }, { entries: entries(2, 90) }),
            append(c),
            create(newRun("a")),
            send("nobody", inboxSend("s", 1)),
            create(newRun("d")),
          ],
          "normal",
        );
        expect(results.map(reason)).toEqual(["applied", "stale", "applied", "exists", "missing", "applied"]);
        expect([(await read(store, "a")).seq, (await read(store, "b")).seq, (await read(store, "c")).seq]).toEqual([
          2, 1, 2,
        ]);
        expect(seqs(await store.replay(c.key))).toEqual([1, 2]);
        expect(reason(await commitOne(store, append(b, { entries: entries(2, 70) })))).toBe("applied");
        expect(seqs(await store.entries(b.key, 60, 5))).toEqual([61, 62, 63, 64, 65]);
      });

      test("appends of one batch to one run follow each other", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const results = await store.commit(
          [append(run), append({ ...run, seq: 2 }), append({ ...run, seq: 3 })],
          "normal",
        );
        expect(results.map(reason)).toEqual(["applied", "applied", "applied"]);
        expect(seqs(await store.replay(run.key))).toEqual([1, 2, 3, 4]);
      });
    });

    describe("finish", () => {
      test("a final status clears owner, wake and inbox, and never changes", async () => {
        for (const status of ["completed", "failed", "cancelled", "stopped"] as const) {
          const run = await made(store, status, { owner: await store.join() });
          await commitOne(store, send(status, inboxSend("s", 1)));
          await commitOne(store, append(run, { patch: { status, note: "end", at: 9 } }));
          const ended = await read(store, status);
          expect(ended).toEqual({ ...run, status, note: "end", seq: 2, owner: null, wake: null, updatedAt: 9 });
          expect(await store.inbox(run.key, 10)).toEqual([]);

          const late = await store.commit(
            [
              append(ended),
              append(ended, { patch: { status: "running" } }),
              send(status, inboxSend("s", 2)),
              cancel(status),
              evict(ended, 0),
            ],
            "normal",
          );
          expect(late.every(({ ok }) => !ok)).toBe(true);
          expect([reason(present(late[2])), reason(present(late[3]))]).toEqual(["finished", "finished"]);
          expect(await read(store, status)).toEqual(ended);
          expect(await store.claim(await store.join(), 1e15, ["desk@1"], 10)).toEqual([]);
        }
      });

      test("a run that ends while it consumes one of several messages has no wake left", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await store.commit([send("r1", inboxSend("s", 1)), send("r1", inboxSend("s", 2))], "normal");
        const consumed = (await store.inbox(run.key, 1)).map(({ rowId }) => rowId);
        await commitOne(store, append(run, { consumed, patch: { status: "completed" } }));
        expect(await read(store, "r1")).toMatchObject({ status: "completed", wake: null, owner: null });
        expect(await store.inbox(run.key, 9)).toEqual([]);
      });

      test("against a cancel the first commit wins", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const finish = append(run, { patch: { status: "completed" } });
        expect((await store.commit([cancel("r1"), finish], "normal")).map(reason)).toEqual(["applied", "stale"]);
        const second = await made(store, "r2", { owner: await store.join() });
        const results = await store.commit(
          [append(second, { patch: { status: "completed" } }), cancel("r2")],
          "normal",
        );
        expect(results.map(reason)).toEqual(["applied", "finished"]);
        expect(await read(store, "r2")).toMatchObject({ status: "completed", cancelling: false });
      });
    });

    describe("inbox", () => {
      test("a row wakes the run in the same commit and comes back as it was sent", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const rows = [
          inboxSend("s", 1),
          inboxSend("s", 2, { kind: "child-ended", body: new Uint8Array([1, 2]), name: "3" }),
          inboxSend("t", 1, { body: null }),
        ];
        expect(
          (
            await store.commit(
              rows.map((row) => send("r1", row)),
              "normal",
            )
          ).map(reason),
        ).toEqual(["applied", "applied", "applied"]);
        expect((await read(store, "r1")).wake).toBe(0);
        const inbox = await store.inbox(run.key, 10);
        expect(inbox).toEqual(rows.map((row, index) => ({ ...row, rowId: Number(inbox[index]?.rowId) })));
        expect(new Set(inbox.map(({ rowId }) => rowId)).size).toBe(3);
        expect((await store.inbox(run.key, 2)).length).toBe(2);
      });

      test("a row with the same sender and number counts as done", async () => {
        const run = await made(store, "r1");
        const twice = await store.commit(
          [send("r1", inboxSend("s", 1)), send("r1", inboxSend("s", 1, { body: "other" }))],
          "normal",
        );
        expect(twice.map(reason)).toEqual(["applied", "applied"]);
        expect((await store.inbox(run.key, 10)).map(({ body }) => body)).toEqual(['"s1"']);
      });

      test("the same sender and number may go to two runs", async () => {
        const [a, b] = [await made(store, "a"), await made(store, "b")];
        await store.commit([send("a", inboxSend("s", 1)), send("b", inboxSend("s", 1))], "normal");
        expect([(await store.inbox(a.key, 9)).length, (await store.inbox(b.key, 9)).length]).toEqual([1, 1]);
      });

      test("a message to a run that does not exist is refused as missing", async () => {
        expect(await commitOne(store, send("nobody", inboxSend("s", 1)))).toEqual({ ok: false, reason: "missing" });
        expect(await commitOne(store, cancel("nobody"))).toEqual({ ok: false, reason: "missing" });
      });

      test("an append that consumes every row clears the wake, one that leaves rows keeps it", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await store.commit(
          [1, 2, 3].map((n) => send("r1", inboxSend("s", n))),
          "normal",
        );
        const [first, second, third] = await store.inbox(run.key, 10);
        await commitOne(store, append(run, { consumed: [present(first).rowId] }));
        expect((await read(store, "r1")).wake).toBe(0);
        expect((await store.inbox(run.key, 10)).map(({ n }) => n)).toEqual([2, 3]);
        await commitOne(store, append({ ...run, seq: 2 }, { consumed: [present(second).rowId, present(third).rowId] }));
        expect((await read(store, "r1")).wake).toBeNull();
      });

      test("a row that arrives between reading and consuming keeps the run awake", async () => {
        const self = await store.join();
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, send("r1", inboxSend("s", 1)));
        const seen = await store.inbox(run.key, 10);
        await commitOne(store, send("r1", inboxSend("s", 2)));
        await commitOne(store, append(run, { consumed: seen.map(({ rowId }) => rowId) }));
        expect(await store.poked(self, 1, 10)).toEqual([{ key: run.key, priority: 5, paused: false }]);
      });

      test("an append that consumes nothing leaves the wake alone", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, send("r1", inboxSend("s", 1)));
        await commitOne(store, append(run));
        expect((await read(store, "r1")).wake).toBe(0);
      });

      test("consuming does not touch rows of other runs", async () => {
        const self = await store.join();
        const [a, b] = [await made(store, "a", { owner: self }), await made(store, "b", { owner: self })];
        await store.commit([send("a", inboxSend("s", 1)), send("b", inboxSend("s", 1))], "normal");
        const rows = [...(await store.inbox(a.key, 9)), ...(await store.inbox(b.key, 9))];
        await commitOne(store, append(a, { consumed: rows.map(({ rowId }) => rowId) }));
        expect((await store.inbox(b.key, 9)).length).toBe(1);
        expect((await read(store, "b")).wake).toBe(0);
      });

      test("the name of a consumed row is not taken by a later one", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, send("r1", inboxSend("s", 1)));
        const before = present((await store.inbox(run.key, 9))[0]).rowId;
        await commitOne(store, append(run, { consumed: [before] }));
        await commitOne(store, send("r1", inboxSend("s", 2)));
        expect(present((await store.inbox(run.key, 9))[0]).rowId).toBeGreaterThan(before);
      });
    });

    describe("sends and children of an append", () => {
      test("they are written with the entries; a send to a missing or finished run is dropped", async () => {
        const self = await store.join();
        const [run, target, ended] = [
          await made(store, "r1", { owner: self }),
          await made(store, "r2", { owner: self }),
          await made(store, "r3", { owner: self }),
        ];
        await commitOne(store, append(ended, { patch: { status: "completed" } }));
        const sends = ["r2", "r3", "nobody"].map((to) => ({ to, row: inboxSend("r1", 1) }));
        expect(reason(await commitOne(store, append(run, { sends })))).toBe("applied");
        expect((await store.inbox(target.key, 9)).length).toBe(1);
        expect(await store.inbox(ended.key, 9)).toEqual([]);
        expect(await store.poked(self, 0, 10)).toMatchObject([{ key: target.key }]);
      });

      test("a child that exists already is left as it is", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const child = { run: newRun("child", { parent: "r1" }), entries: [entry(1)] };
        await commitOne(store, append(run, { creates: [child] }));
        const first = await read(store, "child");
        expect(first).toMatchObject({ status: "queued", parent: "r1", seq: 1, wake: 0 });
        const again = { ...child, entries: entries(1, 3) };
        expect(reason(await commitOne(store, append({ ...run, seq: 2 }, { creates: [again] })))).toBe("applied");
        expect(await read(store, "child")).toEqual(first);
      });

      test("a message may go to a child made by the same append", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(
          store,
          append(run, {
            creates: [{ run: newRun("child"), entries: [entry(1)] }],
            sends: [{ to: "child", row: inboxSend("r1", 1) }],
          }),
        );
        expect((await store.inbox((await read(store, "child")).key, 9)).length).toBe(1);
      });

      test("a run that ends can still tell its parent", async () => {
        const self = await store.join();
        const [parent, child] = [
          await made(store, "parent", { owner: self }),
          await made(store, "child", { owner: self, parent: "parent" }),
        ];
        const tell = [{ to: "parent", row: inboxSend("child", 1, { kind: "child-ended", name: "0" }) }];
        await commitOne(store, append(child, { patch: { status: "completed" }, sends: tell }));
        expect(await store.inbox(parent.key, 9)).toMatchObject([{ sender: "child", kind: "child-ended", name: "0" }]);
      });
    });

    describe("mail", () => {
      let self = 0;
      beforeEach(async () => {
        self = await store.join();
      });

      const letter = (n: number, more: Partial<Letter> = {}): Letter => ({
        channel: "in",
        sender: "run_a>in",
        n,
        body: `"${n}"`,
        at: 3000,
        ...more,
      });
      const mail = (to: string, sent: Letter, limit = 10, waiter: string | null = null): Change => ({
        kind: "mail",
        to,
        tenant: "acme",
        letter: sent,
        limit,
        waiter,
      });
      const listen = async (run: RunRow, ...listens: string[]): Promise<RunRow> => {
        const result = await commitOne(store, append(run, { entries: [], listens }));
        if (!result.ok) throw new Error(result.reason);
        return read(store, run.id);
      };

      test("letters that lie there are seen, those of a channel in their order, and none that was handed over", async () => {
        const run = await made(store, "r1", { owner: self });
        const lying = [letter(1), letter(2), letter(1, { channel: "other", sender: "run_a>other", body: null })];
        for (const one of lying) await commitOne(store, mail("r1", one));
        const seen = await store.letters(run.key);
        expect(seen.filter(({ channel }) => channel === "in")).toEqual([letter(1), letter(2)]);
        expect(seen.filter(({ channel }) => channel === "other")).toEqual([lying[2]]);
        await listen(run, "in");
        expect((await store.letters(run.key)).map(({ channel, n }) => `${channel} ${n}`).toSorted()).toEqual([
          "in 2",
          "other 1",
        ]);
      });

      test("a run that comes from elsewhere brings its values, letters and messages, unless it is there already", async () => {
        const brings: Belongings = {
          states: [{ owner: "run/r1", name: "seats", body: "7", expected: null }],
          letters: [letter(1), letter(2)],
          messages: [inboxSend("key:a", 1)],
        };
        const come = (body: string): Change => ({
          kind: "create",
          run: newRun("r1"),
          entries: [entry(1)],
          brings: { ...brings, states: [{ owner: "run/r1", name: "seats", body, expected: null }] },
        });
        expect(reason(await commitOne(store, come("7")))).toBe("applied");
        expect(reason(await commitOne(store, come("8")))).toBe("exists");
        const run = await read(store, "r1");
        expect(await store.readState("run/r1", "seats")).toMatchObject({ body: "7" });
        expect((await store.letters(run.key)).map(({ n }) => n)).toEqual([1, 2]);
        expect((await store.inbox(run.key, 10)).map(({ sender }) => sender)).toEqual(["key:a"]);
        // Whoever repeats one of them finds it taken.
        expect(reason(await commitOne(store, mail("r1", letter(2))))).toBe("applied");
        expect((await store.letters(run.key)).length).toBe(2);
      });

      test("a letter lies there until a receive asks for it; then it is a message like any other", async () => {
        const run = await made(store, "r1", { owner: self });
        expect(reason(await commitOne(store, mail("r1", letter(1))))).toBe("applied");
        expect(await read(store, "r1")).toMatchObject({ wake: null });
        expect(await store.inbox(run.key, 10)).toEqual([]);
        await listen(run, "in");
        expect(await read(store, "r1")).toMatchObject({ wake: 0 });
        expect(await store.inbox(run.key, 10)).toMatchObject([
          { kind: "mail", name: "in", sender: "run_a>in", n: 1, body: `"1"`, at: 3000 },
        ]);
      });

      test("a receive that asked before is served by the letter that comes, once", async () => {
        const run = await made(store, "r1", { owner: self });
        await listen(run, "in", "other");
        await commitOne(store, mail("r1", letter(1)));
        await commitOne(store, mail("r1", letter(2)));
        expect((await store.inbox(run.key, 10)).map(({ n }) => n)).toEqual([1]);
        await listen(run, "in");
        expect((await store.inbox(run.key, 10)).map(({ n }) => n)).toEqual([1, 2]);
      });

      test("letters come out in the order they went in, by channel", async () => {
        const run = await made(store, "r1", { owner: self });
        for (const n of [1, 2, 3]) {
          await commitOne(store, mail("r1", letter(n)));
          await commitOne(store, mail("r1", letter(n, { channel: "b", sender: "run_a>b" })));
        }
        await listen(run, "b", "in", "b");
        expect((await store.inbox(run.key, 10)).map(({ name: channel, n }) => [channel, n])).toEqual([
          ["b", 1],
          ["in", 1],
          ["b", 2],
        ]);
      });

      test("a receive that was given up takes back what it asked for, not what has come", async () => {
        const run = await made(store, "r1", { owner: self });
        await listen(run, "in");
        await commitOne(store, append(run, { entries: [], ignores: ["in", "never"] }));
        await commitOne(store, mail("r1", letter(1)));
        expect(await store.inbox(run.key, 10)).toEqual([]);
        await listen(run, "in");
        await commitOne(store, append(run, { entries: [], ignores: ["in"] }));
        expect((await store.inbox(run.key, 10)).map(({ n }) => n)).toEqual([1]);
      });

      test("a number that was accepted before counts as done, however often it is sent and wherever it is now", async () => {
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, mail("r1", letter(5)));
        expect(reason(await commitOne(store, mail("r1", letter(5), 1)))).toBe("applied");
        const [lying] = await store.inbox((await listen(run, "in")).key, 10);
        await commitOne(store, append(run, { entries: [], consumed: [present(lying).rowId] }));
        for (const n of [5, 3]) expect(reason(await commitOne(store, mail("r1", letter(n))))).toBe("applied");
        await listen(run, "in");
        expect(await store.inbox(run.key, 10)).toEqual([]);
        await commitOne(store, mail("r1", letter(5, { sender: "run_b>in" })));
        expect(await store.inbox(run.key, 10)).toHaveLength(1);
      });

      test("a number that was accepted counts as done also when the run has ended since", async () => {
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, mail("r1", letter(1)));
        await commitOne(store, append(run, { patch: { status: "completed" } }));
        expect(reason(await commitOne(store, mail("r1", letter(1))))).toBe("applied");
        expect(reason(await commitOne(store, mail("r1", letter(2))))).toBe("finished");
      });

      test("a key is for one letter: the same again counts as done, another under it is refused, also when the run has ended", async () => {
        const run = await made(store, "r1", { owner: self });
        const keyed = (n: number, body: string) => letter(n, { sender: "mail-key:k", keyed: true, body });
        expect(reason(await commitOne(store, mail("r1", keyed(700, `"a"`))))).toBe("applied");
        for (const time of [1, 2]) {
          expect(reason(await commitOne(store, mail("r1", keyed(700, `"a"`), 1)))).toBe("applied");
          // Higher or lower: a fingerprint counts nothing.
          for (const n of [800, 600])
            expect(reason(await commitOne(store, mail("r1", keyed(n, `"b"`))))).toBe("conflict");
          if (time === 1) await listen(run, "in", "in");
        }
        expect(await store.inbox(run.key, 10)).toMatchObject([{ sender: "mail-key:k", n: 700, body: `"a"` }]);
        await commitOne(store, append(await read(store, "r1"), { patch: { status: "completed" } }));
        expect(reason(await commitOne(store, mail("r1", keyed(700, `"a"`))))).toBe("applied");
        expect(reason(await commitOne(store, mail("r1", keyed(800, `"b"`))))).toBe("conflict");
      });

      test("without a number every letter is one of its own", async () => {
        const run = await made(store, "r1", { owner: self });
        for (const sender of ["x", "y", "z"]) await commitOne(store, mail("r1", letter(0, { sender })));
        await listen(run, "in", "in", "in");
        expect((await store.inbox(run.key, 10)).map(({ sender }) => sender)).toEqual(["x", "y", "z"]);
      });

      test("a full channel refuses, and tells who waits when there is room, once", async () => {
        const run = await made(store, "r1", { owner: self });
        const waiter = await made(store, "r2", { owner: self });
        await commitOne(store, mail("r1", letter(1), 1, "r2"));
        for (const n of [2, 2]) expect(reason(await commitOne(store, mail("r1", letter(n), 1, "r2")))).toBe("full");
        expect(reason(await commitOne(store, mail("r1", letter(2, { channel: "b", sender: "run_a>b" }), 1)))).toBe(
          "applied",
        );
        expect(await store.inbox(waiter.key, 10)).toEqual([]);
        await listen(run, "in");
        expect(await store.inbox(waiter.key, 10)).toMatchObject([{ kind: "room", name: "in" }]);
        expect(await read(store, "r2")).toMatchObject({ wake: 0 });
        expect(reason(await commitOne(store, mail("r1", letter(2), 1, "r2")))).toBe("applied");
        await listen(await read(store, "r1"), "in");
        expect(await store.inbox(waiter.key, 10)).toHaveLength(1);
      });

      test("whoever waits for room hears that the run has ended; a waiter that has ended is nobody", async () => {
        const run = await made(store, "r1", { owner: self });
        const waiter = await made(store, "r2", { owner: self });
        const gone = await made(store, "r3", { owner: self });
        await commitOne(store, mail("r1", letter(1)));
        await commitOne(store, mail("r1", letter(2), 1, "r2"));
        await commitOne(store, mail("r1", letter(1, { sender: "run_c>in" }), 1, "r3"));
        await commitOne(store, append(gone, { patch: { status: "completed" } }));
        await commitOne(store, append(run, { patch: { status: "completed" }, listens: ["in"] }));
        expect(await store.inbox(waiter.key, 10)).toMatchObject([{ kind: "room", name: "in" }]);
        expect(await store.inbox(gone.key, 10)).toEqual([]);
        expect(reason(await commitOne(store, mail("r1", letter(2), 1, "r2")))).toBe("finished");
      });

      test("a letter to no run, or to one of another tenant, is refused as missing", async () => {
        await made(store, "r1", { owner: self, tenant: "other" });
        expect(reason(await commitOne(store, mail("none", letter(1))))).toBe("missing");
        expect(reason(await commitOne(store, mail("r1", letter(1))))).toBe("missing");
      });

      test("an append that is refused asks for nothing", async () => {
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, append(run, { epoch: 9, listens: ["in"] }));
        await commitOne(store, mail("r1", letter(1)));
        expect(await store.inbox(run.key, 10)).toEqual([]);
      });

      test("a run that waits for a letter may leave, and the letter wakes it for anybody", async () => {
        const run = await listen(await made(store, "r1", { owner: self }), "in");
        expect(reason(await commitOne(store, evict(run, 5000)))).toBe("applied");
        await commitOne(store, mail("r1", letter(1)));
        expect(await read(store, "r1")).toMatchObject({ owner: null, wake: 0 });
      });
    });

    describe("holds", () => {
      let self = 0;
      beforeEach(async () => {
        self = await store.join();
      });
      const hold = async (id: string, change: Partial<HoldChange>): Promise<void> => {
        const run = await read(store, id);
        const holds = { at: 5000, asks: [], releases: [], ...change };
        const result = await commitOne(store, append(run, { entries: [], holds }));
        if (!result.ok) throw new Error(result.reason);
      };
      const ask = (id: string, key: string, lease: number | null = null, at = 5000): Promise<void> =>
        hold(id, { at, asks: [{ key, path: `0.${key}`, lease }] });
      const grants = async (id: string): Promise<readonly string[]> => {
        const rows = await store.inbox((await read(store, id)).key, 10);
        return rows.filter(({ kind, n }) => kind === "grant" && n > 0).map(({ name: path }) => path);
      };
      const token = async (id: string): Promise<number> => {
        const [row] = await store.inbox((await read(store, id)).key, 10);
        return present(row).n;
      };
      const three = async (): Promise<void> => {
        for (const id of ["r1", "r2", "r3"]) await made(store, id, { owner: self });
      };

      test("the first to ask has the key, the others get it in the order of asking, with larger tokens", async () => {
        await three();
        for (const id of ["r1", "r2", "r3"]) await ask(id, "k");
        expect(await grants("r1")).toEqual(["0.k"]);
        expect(await read(store, "r1")).toMatchObject({ wake: 0 });
        expect(await grants("r2")).toEqual([]);
        await hold("r1", { releases: ["0.k"] });
        expect(await grants("r2")).toEqual(["0.k"]);
        await commitOne(store, append(await read(store, "r2"), { patch: { status: "completed", at: 6000 } }));
        expect(await grants("r3")).toEqual(["0.k"]);
        expect(await token("r3")).toBeGreaterThan(await token("r1"));
      });

      test("asking again by the same path, and releasing what is not held, change nothing", async () => {
        await three();
        for (const id of ["r1", "r1", "r2", "r2"]) await ask(id, "k");
        await hold("r3", { releases: ["0.k"] });
        expect(await grants("r1")).toEqual(["0.k"]);
        expect(await grants("r2")).toEqual([]);
        await hold("r1", { releases: ["0.k", "0.k"] });
        expect(await grants("r2")).toEqual(["0.k"]);
      });

      test("keys of two tenants are two", async () => {
        await made(store, "r1", { owner: self });
        await made(store, "r2", { owner: self, tenant: "other" });
        await ask("r1", "k");
        await ask("r2", "k");
        expect(await grants("r2")).toEqual(["0.k"]);
      });

      test("who leaves the queue is passed over", async () => {
        await three();
        for (const id of ["r1", "r2", "r3"]) await ask(id, "k");
        await hold("r2", { releases: ["0.k"] });
        await hold("r1", { releases: ["0.k"] });
        expect(await grants("r2")).toEqual([]);
        expect(await grants("r3")).toEqual(["0.k"]);
      });

      test("a lease counts once somebody waits, and ends when it is said to be over", async () => {
        await three();
        await ask("r1", "k", 100, 5000);
        expect(await store.nextLease()).toBeNull();
        await ask("r2", "k", 100, 5010);
        expect(await store.nextLease()).toBe(5100);
        await commitOne(store, { kind: "expire", now: 5099 });
        expect(await grants("r2")).toEqual([]);
        await commitOne(store, { kind: "expire", now: 5100 });
        expect(await grants("r2")).toEqual(["0.k"]);
        expect(await store.nextLease()).toBeNull();
        await hold("r1", { releases: ["0.k"] });
        await ask("r3", "k", null, 5200);
        expect(await grants("r3")).toEqual(["0.k"]);
      });

      test("a circle is refused to the one that would close it, with its runs named", async () => {
        await three();
        await ask("r1", "a");
        await ask("r2", "b");
        await ask("r3", "c");
        await ask("r1", "b");
        await ask("r2", "c");
        await ask("r3", "a");
        const rows = await store.inbox((await read(store, "r3")).key, 10);
        const refusal = present(rows.find(({ n }) => n === 0));
        expect(refusal).toMatchObject({ kind: "grant", name: "0.a" });
        expect(JSON.parse(String(refusal.body))).toEqual([
          { run: "r3", key: "a", holder: "r1" },
          { run: "r1", key: "b", holder: "r2" },
          { run: "r2", key: "c", holder: "r3" },
        ]);
        await commitOne(store, append(await read(store, "r3"), { patch: { status: "failed", at: 6000 } }));
        expect(await grants("r2")).toEqual(["0.b", "0.c"]);
      });

      test("a run that holds a key and asks for it again in another branch closes no circle", async () => {
        await three();
        await ask("r1", "k");
        await ask("r2", "k");
        await hold("r1", { asks: [{ key: "k", path: "0.again", lease: null }] });
        await hold("r1", { releases: ["0.k"] });
        await hold("r2", { releases: ["0.k"] });
        expect(await grants("r1")).toEqual(["0.k", "0.again"]);
      });

      const refusals = async (id: string): Promise<readonly string[]> => {
        const rows = await store.inbox((await read(store, id)).key, 10);
        return rows.filter(({ kind, n }) => kind === "grant" && n === 0).map(({ name: path }) => path);
      };
      const askAt = (id: string, key: string, path: string): Promise<void> =>
        hold(id, { asks: [{ key, path, lease: null }] });

      test("what another branch of the holder's run waits for closes no circle", async () => {
        await three();
        await askAt("r1", "a", "0.0/x/0");
        await ask("r2", "b");
        await askAt("r1", "b", "0.0/y/0");
        await ask("r2", "a");
        expect([await refusals("r1"), await refusals("r2")]).toEqual([[], []]);
        await hold("r1", { releases: ["0.0/x/0"] });
        expect(await grants("r2")).toEqual(["0.b", "0.a"]);
      });

      test("what the holder's branch calls, and waits for there, does", async () => {
        await three();
        await askAt("r1", "a", "0.1");
        await ask("r2", "b");
        await askAt("r1", "b", "0.2/x/1.0");
        await ask("r2", "a");
        expect(await refusals("r2")).toEqual(["0.a"]);
      });

      test("branches of one run that wait for each other in a circle are found", async () => {
        await three();
        await askAt("r1", "a", "0.0/x/0");
        await askAt("r1", "b", "0.0/y/0");
        await askAt("r1", "b", "0.0/x/1");
        await askAt("r1", "a", "0.0/y/1");
        expect(await refusals("r1")).toEqual(["0.0/y/1"]);
      });

      test("a key that is kept for the next body waits for all that this body asks for", async () => {
        await three();
        await askAt("r1", "a", "0.0");
        await hold("r1", { keeps: ["0.0"] });
        await ask("r2", "b");
        await askAt("r1", "b", "0~2.0");
        await ask("r2", "a");
        expect(await refusals("r2")).toEqual(["0.a"]);
      });

      test("a kept key stays the run's, and its next ask takes it over with the same token", async () => {
        await three();
        await ask("r1", "k");
        await ask("r2", "k");
        const before = await token("r1");
        const [row] = await store.inbox((await read(store, "r1")).key, 10);
        await commitOne(store, append(await read(store, "r1"), { entries: [], consumed: [present(row).rowId] }));
        await hold("r1", { keeps: ["0.k", "0.none"] });
        await hold("r1", { asks: [{ key: "k", path: "0~2.1", lease: null }] });
        expect(await grants("r1")).toEqual(["0~2.1"]);
        expect(await token("r1")).toBe(before);
        expect(await grants("r2")).toEqual([]);
        await hold("r1", { releases: ["0~2.1"] });
        expect(await grants("r2")).toEqual(["0.k"]);
      });

      test("an append that is refused, or ends its run, asks for nothing", async () => {
        await three();
        const holds = { at: 5000, asks: [{ key: "k", path: "0.k", lease: null }], releases: [] };
        await commitOne(store, append(await read(store, "r1"), { epoch: 9, holds }));
        await commitOne(store, append(await read(store, "r2"), { holds, patch: { status: "completed", at: 5000 } }));
        await ask("r3", "k");
        expect(await grants("r3")).toEqual(["0.k"]);
      });
    });

    describe("named values", () => {
      const write = (
        name: string,
        body: string,
        expected: number | null = null,
        owner = "tenant/acme",
      ): StateWrite => ({
        owner,
        name,
        body,
        expected,
      });
      const commitStates = async (id: string, ...states: readonly StateWrite[]): Promise<string> =>
        reason(await commitOne(store, append(await read(store, id), { states })));
      beforeEach(async () => {
        for (const id of ["r1", "r2"]) await made(store, id, { owner: await store.join() });
      });

      test("are what was written last, counted by version", async () => {
        expect(await store.readState("tenant/acme", "a")).toBeUndefined();
        await commitStates("r1", write("a", "1"), write("b", "2"));
        await commitStates("r2", write("a", "3"));
        expect(await store.readState("tenant/acme", "a")).toEqual({ version: 2, body: "3" });
        expect(await store.readState("tenant/acme", "b")).toEqual({ version: 1, body: "2" });
        expect(await store.readState("tenant/other", "a")).toBeUndefined();
      });

      test("a write at another version than expected refuses the whole append", async () => {
        expect(await commitStates("r1", write("a", "1", 0))).toBe("applied");
        const before = await read(store, "r1");
        for (const expected of [0, 2])
          expect(await commitStates("r1", write("b", "2"), write("a", "2", expected))).toBe("conflict");
        expect(await read(store, "r1")).toEqual(before);
        expect(await store.readState("tenant/acme", "b")).toBeUndefined();
        expect(await commitStates("r1", write("a", "2", 1), write("a", "3", 2))).toBe("applied");
        expect(await store.readState("tenant/acme", "a")).toEqual({ version: 3, body: "3" });
      });

      test("the second of two writes of one batch on the same version is refused", async () => {
        const changes = await Promise.all(
          ["r1", "r2"].map(async (id) => append(await read(store, id), { states: [write("a", id, 0)] })),
        );
        expect((await store.commit(changes, "normal")).map(reason)).toEqual(["applied", "conflict"]);
        expect(await store.readState("tenant/acme", "a")).toEqual({ version: 1, body: "r1" });
      });

      test("an append that is stale writes none", async () => {
        await commitOne(store, append(await read(store, "r1"), { epoch: 9, states: [write("a", "1")] }));
        expect(await store.readState("tenant/acme", "a")).toBeUndefined();
      });

      test("a run's own go when it ends, others stay", async () => {
        await commitStates("r1", write("a", "1", null, "run/r1"), write("a", "2"));
        await commitStates("r2", write("a", "3", null, "run/r2"));
        await commitOne(store, append(await read(store, "r1"), { patch: { status: "completed", at: 1 } }));
        expect(await store.readState("run/r1", "a")).toBeUndefined();
        expect(await store.readState("run/r2", "a")).toEqual({ version: 1, body: "3" });
        expect(await store.readState("tenant/acme", "a")).toEqual({ version: 1, body: "2" });
      });
    });

    describe("cancel", () => {
      test("it takes the run from its owner: no later entry of it is accepted", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        expect(reason(await commitOne(store, cancel("r1")))).toBe("applied");
        const cancelled = await read(store, "r1");
        expect(cancelled).toEqual({ ...run, epoch: cancelled.epoch, owner: null, wake: 0, cancelling: true });
        expect(cancelled.epoch).toBeGreaterThan(run.epoch);
        expect(await store.inbox(run.key, 9)).toMatchObject([{ kind: "cancel", sender: "operator" }]);
        expect(await commitOne(store, append(run))).toEqual({ ok: false, reason: "stale" });
        expect(await commitOne(store, evict(run, 0))).toEqual({ ok: false, reason: "stale" });
      });

      test("the next owner can end it", async () => {
        await made(store, "r1", { owner: await store.join() });
        await commitOne(store, cancel("r1"));
        const [claimed] = await store.claim(await store.join(), 1, ["desk@1"], 10);
        expect(claimed).toMatchObject({ id: "r1", cancelling: true });
        expect(reason(await commitOne(store, append(present(claimed), { patch: { status: "cancelled" } })))).toBe(
          "applied",
        );
        expect(await read(store, "r1")).toMatchObject({ status: "cancelled" });
      });
    });

    describe("evict", () => {
      test("a waiting run is given back with its wake", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        expect(reason(await commitOne(store, evict(run, 100, 500)))).toBe("applied");
        expect(await read(store, "r1")).toEqual({
          ...run,
          owner: null,
          epoch: run.epoch + 1,
          wake: 500,
          parked: true,
          status: "waiting",
        });
        expect(await commitOne(store, append(run))).toEqual({ ok: false, reason: "stale" });
        expect(await store.nextWake(100)).toBe(500);
      });

      test("`parked` is what the owner says", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, evict(run, 100, null, false));
        expect(await read(store, "r1")).toMatchObject({ parked: false, wake: null, owner: null });
      });

      test("a run with a message or a due wake is refused as busy and keeps its owner", async () => {
        const self = await store.join();
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, send("r1", inboxSend("s", 1)));
        expect(await commitOne(store, evict(run, 100))).toEqual({ ok: false, reason: "busy" });
        expect(await read(store, "r1")).toMatchObject({ owner: self, status: "running" });
        const [row] = await store.inbox(run.key, 9);
        await commitOne(store, append(run, { consumed: [present(row).rowId] }));
        expect(reason(await commitOne(store, evict({ ...run, seq: 2 }, 100)))).toBe("applied");
      });

      test("another epoch or sequence, no owner or no run is refused", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        expect(await commitOne(store, evict({ ...run, epoch: 7 }, 0))).toEqual({ ok: false, reason: "stale" });
        expect(await commitOne(store, evict({ ...run, seq: 0 }, 0))).toEqual({ ok: false, reason: "stale" });
        expect((await commitOne(store, evict({ ...run, key: 4711 }, 0))).ok).toBe(false);
        expect(await read(store, "r1")).toEqual(run);
        await commitOne(store, evict(run, 0));
        expect(await commitOne(store, evict(run, 0))).toEqual({ ok: false, reason: "stale" });
      });

      test("a diverged run stays diverged", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, append(run, { patch: { status: "diverged" } }));
        await commitOne(store, evict({ ...run, seq: 2 }, 0));
        expect(await read(store, "r1")).toMatchObject({ status: "diverged", owner: null });
      });

      test("after it, a message wakes the run for anybody", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, evict(run, 0, 9000));
        await commitOne(store, send("r1", inboxSend("s", 1)));
        const other = await store.join();
        expect(await store.claim(other, 1, ["desk@1"], 9)).toMatchObject([
          { id: "r1", owner: other, parked: true, status: "waiting" },
        ]);
      });
    });

    describe("cancelChildren", () => {
      const ends = (run: RunRow, again = false, status: "failed" | "running" = "failed"): Change =>
        append(run, {
          patch: { status },
          cancelChildren: { row: { ...inboxSend("parent:p", again ? 2 : 1), kind: "cancel" }, again },
        });

      test("cancels the open children in the same commit, names them, and leaves finished, detached and strange runs alone", async () => {
        const self = await store.join();
        const parent = await made(store, "p", { owner: self });
        const owned = await made(store, "owned", { owner: self, parent: "p" });
        const queued = await made(store, "queued", { parent: "p" });
        await made(store, "detached", { owner: self, parent: "p", detached: true });
        await made(store, "strange", { owner: self, parent: "q" });
        const over = await made(store, "over", { owner: self, parent: "p" });
        await commitOne(store, append(over, { patch: { status: "completed" } }));
        expect(await commitOne(store, ends(parent))).toMatchObject({ ok: true, cancelled: [owned.key, queued.key] });
        for (const { id } of [owned, queued])
          expect(await read(store, id)).toMatchObject({ cancelling: true, owner: null, wake: 0, epoch: 2 });
        for (const id of ["detached", "strange", "over"])
          expect(await read(store, id)).toMatchObject({ cancelling: false, epoch: 1 });
        expect(await store.inbox(owned.key, 9)).toMatchObject([{ sender: "parent:p", kind: "cancel" }]);
        expect(await commitOne(store, append(owned))).toEqual({ ok: false, reason: "stale" });
      });

      test("leaves those alone that are being cancelled, unless it says again; nothing to cancel is nothing named", async () => {
        const self = await store.join();
        const parent = await made(store, "p", { owner: self });
        const child = await made(store, "c", { owner: self, parent: "p" });
        await commitOne(store, cancel("c"));
        const [first] = await store.commit([ends(parent, false, "running")], "normal");
        expect(first).toMatchObject({ ok: true });
        expect(first).not.toHaveProperty("cancelled");
        expect((await read(store, "c")).epoch).toBe(2);
        const moved = { ...parent, seq: (await read(store, "p")).seq };
        expect(await commitOne(store, ends(moved, true))).toMatchObject({ cancelled: [child.key] });
        expect((await read(store, "c")).epoch).toBe(3);
      });

      test("a refused end cancels nothing", async () => {
        const self = await store.join();
        const parent = await made(store, "p", { owner: self });
        await made(store, "c", { owner: self, parent: "p" });
        expect(await commitOne(store, ends({ ...parent, epoch: 7 }))).toEqual({ ok: false, reason: "stale" });
        expect(await read(store, "c")).toMatchObject({ cancelling: false });
      });
    });

    describe("release", () => {
      const release = (run: RunRow, more: Partial<Extract<Change, { kind: "release" }>> = {}): Change => ({
        kind: "release",
        run: run.key,
        epoch: run.epoch,
        seq: run.seq,
        status: "queued",
        note: "later",
        wake: 0,
        parked: false,
        needs: null,
        at: 7000,
        ...more,
      });

      test("a cancelled run that is given back waits for its wake, and for the agent it needs; cancelled anew, for nobody", async () => {
        const self = await store.join();
        await made(store, "r1", { owner: self });
        await commitOne(store, cancel("r1"));
        const [taken] = await store.claim(self, 1, [], 9);
        const [row] = await store.inbox(present(taken).key, 9);
        await commitOne(store, append(present(taken), { consumed: [present(row).rowId] }));
        const undoing = { ...present(taken), seq: present(taken).seq + 1 };
        await commitOne(store, release(undoing, { status: "waiting", wake: 500, needs: "undo@1" }));
        expect(await store.nextWake(0)).toBe(500);
        expect(await store.claim(self, 499, ["undo@1"], 9)).toEqual([]);
        expect(await store.claim(self, 500, ["desk@1"], 9)).toEqual([]);
        const [again] = await store.claim(self, 500, ["undo@1"], 9);
        expect(again).toMatchObject({ id: "r1", cancelling: true, needs: null });
        await commitOne(store, release(present(again), { status: "waiting", wake: null, needs: "undo@1" }));
        await commitOne(store, cancel("r1"));
        expect(await store.claim(self, 500, [], 9)).toMatchObject([{ id: "r1", cancelling: true }]);
      });

      test("a run with work left is given back with what it says", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        expect(reason(await commitOne(store, release(run, { status: "waiting", needs: "tool@3" })))).toBe("applied");
        expect(await read(store, "r1")).toEqual({
          ...run,
          owner: null,
          epoch: run.epoch + 1,
          status: "waiting",
          note: "later",
          wake: 0,
          needs: "tool@3",
          updatedAt: 7000,
        });
        expect(await commitOne(store, append(run))).toEqual({ ok: false, reason: "stale" });
      });

      test("a diverged run stays so, unless it is to be tried anew", async () => {
        const self = await store.join();
        for (const [id, anew] of [
          ["r1", false],
          ["r2", true],
        ] as const) {
          const run = await made(store, id, { owner: self });
          await commitOne(store, append(run, { entries: [], patch: { status: "diverged", note: "wrong code" } }));
          await commitOne(store, release(run, { note: null, ...(anew ? { anew } : {}) }));
          expect(await read(store, id)).toMatchObject({ status: anew ? "queued" : "diverged", owner: null, wake: 0 });
        }
        expect(await store.claim(self, 1, ["desk@1"], 9)).toHaveLength(2);
      });

      test("a message keeps it due, and does not keep it from leaving", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, send("r1", inboxSend("s", 1)));
        expect(reason(await commitOne(store, release(run, { wake: 900 })))).toBe("applied");
        expect(await read(store, "r1")).toMatchObject({ owner: null, wake: 0 });
      });

      test("another epoch or sequence, no owner or no run is refused", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        for (const stale of [{ epoch: 9 }, { seq: 0 }, { run: 4711 }])
          expect(await commitOne(store, release(run, stale))).toEqual({ ok: false, reason: "stale" });
        expect(await read(store, "r1")).toEqual(run);
        await commitOne(store, release(run));
        expect(await commitOne(store, release(run))).toEqual({ ok: false, reason: "stale" });
      });

      test("a run that needs an agent goes to who has it and its own, and needs nothing then", async () => {
        const self = await store.join();
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, release(run, { needs: "tool@3" }));
        expect(await store.claim(self, 1, ["desk@1"], 9)).toEqual([]);
        expect(await store.claim(self, 1, ["tool@3"], 9)).toEqual([]);
        expect(await store.claim(self, 1, ["tool@3", "desk@1"], 9)).toMatchObject([{ id: "r1", needs: null }]);
      });
    });

    describe("whose turn it is", () => {
      const names = async (limit: number, above?: number): Promise<string[]> =>
        (await store.claim(await store.join(), 1e12, ["desk@1", "mail@1"], limit, above)).map(({ id }) => id);
      const queue = (id: string, tenant: string, more: Partial<NewRun> = {}) => create(newRun(id, { tenant, ...more }));

      test("higher priority first, whatever the tenant and however long due", async () => {
        await store.commit(
          [
            queue("a", "acme", { priority: 2 }),
            queue("b", "acme", { priority: 9 }),
            queue("c", "acme"),
            queue("d", "zeta", { priority: 7, agent: "mail@1" }),
          ],
          "normal",
        );
        expect(await names(9)).toEqual(["b", "d", "c", "a"]);
      });

      test("one run of each tenant in turn, the longest due first", async () => {
        for (const id of ["a1", "a2", "a3", "b1", "c1", "c2"])
          await commitOne(store, queue(id, `tenant ${id[0]}`, { agent: id === "c2" ? "mail@1" : "desk@1" }));
        expect(await names(9)).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
      });

      test("the turn goes on where the last claim stopped", async () => {
        for (const id of ["a1", "a2", "b1", "b2", "c1", "c2"]) await commitOne(store, queue(id, `tenant ${id[0]}`));
        const taken: string[] = [];
        for (let claim = 0; claim < 6; claim++) taken.push(...(await names(1)));
        expect(taken).toEqual(["a1", "b1", "c1", "a2", "b2", "c2"]);
      });

      test("a tenant with thousands of due runs delays another's one by one run", async () => {
        await store.commit(
          Array.from({ length: 3_000 }, (_, index) => queue(`flood${index}`, "flood")),
          "normal",
        );
        await commitOne(store, queue("one", "small"));
        await commitOne(store, queue("low", "other", { priority: 1 }));
        await commitOne(store, queue("urgent", "third", { priority: 8 }));
        expect(await names(4)).toEqual(["urgent", "flood0", "one", "flood1"]);
        expect(await names(64)).toHaveLength(64);
      });

      test("many tenants with many due runs each are served in turn", async () => {
        await store.commit(
          Array.from({ length: 2_000 }, (_, index) => queue(`r${index}`, `t${index % 200}`)),
          "normal",
        );
        const tenants = new Map<string, number>();
        for (let claim = 0; claim < 10; claim++) {
          for (const id of await names(64)) {
            const tenant = `t${Number(id.slice(1)) % 200}`;
            tenants.set(tenant, (tenants.get(tenant) ?? 0) + 1);
          }
        }
        expect(tenants.size).toBe(200);
        expect(Math.max(...tenants.values()) - Math.min(...tenants.values())).toBeLessThanOrEqual(1);
      });

      test("asked for what is above a priority, it hands out nothing else", async () => {
        await store.commit([queue("a", "acme", { priority: 5 }), queue("b", "acme", { priority: 6 })], "normal");
        expect(await names(9, 6)).toEqual([]);
        expect(await names(9, 5)).toEqual(["b"]);
      });

      test("a run's priority can change while it waits and while it is owned; its owner is told", async () => {
        const self = await store.join();
        await store.commit([queue("a", "acme"), queue("b", "acme")], "normal");
        const owned = await made(store, "c", { owner: self });
        const to = (id: string): Change => ({ kind: "prioritise", to: id, priority: 9 });
        expect((await store.commit([to("b"), to("c"), to("nobody")], "normal")).map(reason)).toEqual([
          "applied",
          "applied",
          "missing",
        ]);
        expect(await names(9)).toEqual(["b", "a"]);
        expect(await store.poked(self, 0, 9)).toEqual([{ key: owned.key, priority: 9, paused: false }]);
        await commitOne(store, append(owned, { entries: [], consumed: [] }));
        expect(await store.poked(self, 0, 9)).toEqual([]);
        await commitOne(store, append(owned, { patch: { status: "completed" } }));
        expect(reason(await commitOne(store, to("c")))).toBe("finished");
      });

      test("a cancelled run goes to whoever asks, whatever its agents", async () => {
        await made(store, "r1", { owner: await store.join(), agent: "nobody-has-it@1", priority: 0 });
        await commitOne(store, cancel("r1"));
        expect(await store.claim(await store.join(), 1, [], 9)).toMatchObject([{ id: "r1", cancelling: true }]);
      });
    });

    describe("pause", () => {
      const ada = { by: "ada", since: 3000 };
      const pause = (target: PauseTarget, by = ada): Change => ({ kind: "pause", target, pause: by });
      const resume = (target: PauseTarget): Change => ({ kind: "resume", target });

      test("a paused run is claimed by nobody until it is resumed; the first pause stands", async () => {
        const self = await store.join();
        await made(store, "r1");
        await commitOne(store, pause({ run: "r1" }));
        await commitOne(store, pause({ run: "r1" }, { by: "bob", since: 4000 }));
        expect(await read(store, "r1")).toMatchObject({ paused: ada, wake: 0 });
        expect(await store.claim(self, 1e9, ["desk@1"], 9)).toEqual([]);
        await commitOne(store, send("r1", inboxSend("s", 1)));
        expect(await store.claim(self, 1e9, ["desk@1"], 9)).toEqual([]);
        await commitOne(store, resume({ run: "r1" }));
        expect(await store.claim(self, 1e9, ["desk@1"], 9)).toMatchObject([{ id: "r1", paused: null }]);
      });

      test("its owner is told; its deadline is nobody's next wake", async () => {
        const self = await store.join();
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, pause({ run: "r1" }));
        expect(await store.poked(self, 0, 9)).toEqual([{ key: run.key, priority: 5, paused: true }]);
        await commitOne(store, append(run, { entries: [], consumed: [] }));
        await commitOne(store, evict(run, 0, 500));
        expect(await store.nextWake(0)).toBeNull();
        await commitOne(store, resume({ run: "r1" }));
        expect(await store.nextWake(0)).toBe(500);
      });

      test("a cancelled run is ended though it is paused", async () => {
        await made(store, "r1");
        await store.commit([pause({ run: "r1" }), cancel("r1")], "normal");
        expect(await store.claim(await store.join(), 1, [], 9)).toMatchObject([{ id: "r1" }]);
      });

      test("a run that is missing or finished is refused", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, append(run, { patch: { status: "completed" } }));
        const results = await store.commit(
          [pause({ run: "r1" }), resume({ run: "r1" }), pause({ run: "nobody" }), resume({ run: "nobody" })],
          "normal",
        );
        expect(results.map(reason)).toEqual(["finished", "finished", "missing", "missing"]);
      });

      test("runs of a paused agent are claimed by nobody: all versions, or the one that was named", async () => {
        const self = await store.join();
        const claim = async (): Promise<string[]> => {
          const claimed = await store.claim(self, 1, ["desk@1", "desk@2", "mail@1"], 9);
          for (const run of claimed)
            await commitOne(store, {
              ...{ kind: "release", run: run.key, epoch: run.epoch, seq: run.seq, status: "queued", note: null },
              ...{ wake: 0, parked: false, needs: null, at: 0 },
            });
          return claimed.map(({ agent }) => agent).toSorted();
        };
        for (const agent of ["desk@1", "desk@2", "mail@1"]) await made(store, agent, { agent });
        await commitOne(store, pause({ agent: "desk@2" }));
        await commitOne(store, pause({ agent: "desk@2" }, { by: "bob", since: 9 }));
        expect(await store.pauses()).toEqual([{ agent: "desk@2", ...ada }]);
        expect(await claim()).toEqual(["desk@1", "mail@1"]);
        await commitOne(store, pause({ agent: "desk" }));
        expect(await claim()).toEqual(["mail@1"]);
        await commitOne(store, resume({ agent: "desk" }));
        expect(await claim()).toEqual(["desk@1", "mail@1"]);
        await commitOne(store, resume({ agent: "desk@2" }));
        await commitOne(store, resume({ agent: "never-paused" }));
        expect(await claim()).toEqual(["desk@1", "desk@2", "mail@1"]);
        expect(await store.pauses()).toEqual([]);
      });
    });

    describe("taking over", () => {
      test("a run is taken from its owner, who can write no more; one that nobody owns stays as it is", async () => {
        const self = await store.join();
        const [run, other] = [await made(store, "r1", { owner: self }), await made(store, "r2", { owner: self })];
        const queued = await made(store, "queued");
        const to = (id: string): Change => ({ kind: "take-over", to: id });
        expect((await store.commit([to("r1"), to("queued"), to("nobody")], "normal")).map(reason)).toEqual([
          "applied",
          "applied",
          "missing",
        ]);
        expect(await read(store, "r1")).toEqual({ ...run, owner: null, epoch: run.epoch + 1, wake: 0 });
        expect(await read(store, "queued")).toEqual(queued);
        expect(await read(store, "r2")).toEqual(other);
        expect(await commitOne(store, append(run))).toEqual({ ok: false, reason: "stale" });
      });

      test("an owner is put out of all its runs and slots, and may take others afterwards", async () => {
        const [self, wedged] = [await store.join(), await store.join()];
        const lost = await made(store, "r1", { owner: wedged });
        const mine = await made(store, "r2", { owner: self });
        const one: Ticket = { slot: { name: "desk", limit: 1 }, rate: null, priority: 5, run: "r1" };
        await commitOne(store, { kind: "ticket", owner: wedged, n: 1, ticket: one, at: 0 });
        await commitOne(store, { kind: "put-out", owner: wedged });
        expect(await read(store, "r1")).toMatchObject({ owner: null, wake: 0, epoch: lost.epoch + 1 });
        expect(await read(store, "r2")).toEqual(mine);
        expect(await commitOne(store, { kind: "ticket", owner: self, n: 1, ticket: one, at: 0 })).toMatchObject({
          ticket: { granted: true },
        });
        expect((await store.owners()).some(({ id, alive }) => id === wedged && alive)).toBe(true);
        expect(await store.claim(wedged, 1, ["desk@1"], 9)).toMatchObject([{ id: "r1", owner: wedged }]);
      });
    });

    describe("tickets", () => {
      const ticket = (more: Partial<Ticket> = {}): Ticket => ({
        slot: { name: "desk", limit: 2 },
        rate: null,
        priority: 5,
        run: "r1",
        ...more,
      });
      const everySecond = { name: "mail", limit: 2, periodMs: 1_000, burst: 1 };
      const ask = async (owner: number, n: number, what: Ticket, at = 1_000): Promise<TicketState> => {
        const result = await commitOne(store, { kind: "ticket", owner, n, ticket: what, at });
        if (!result.ok) throw new Error(result.reason);
        return present(result.ticket);
      };
      const end = (owner: number, n: number, at = 1_000): Promise<ChangeResult> =>
        commitOne(store, { kind: "ticket-end", owner, n, at });
      const yes = { granted: true };
      const no = (retryAt: number | null = null) => ({ granted: false, retryAt });

      test("a slot is granted as often as its limit says, over all owners", async () => {
        const [self, other] = [await store.join(), await store.join()];
        expect(await ask(self, 1, ticket())).toEqual(yes);
        expect(await ask(other, 1, ticket())).toEqual(yes);
        expect(await ask(self, 2, ticket())).toEqual(no());
        expect(await ask(self, 3, ticket({ slot: { name: "other", limit: 1 } }))).toEqual(yes);
        expect([await store.granted(self), await store.granted(other)]).toEqual([[1, 3], [1]]);
        await end(other, 1);
        expect(await store.granted(self)).toEqual([1, 2, 3]);
      });

      test("asked again it answers how it stands, and takes no second slot", async () => {
        const self = await store.join();
        for (const _again of [1, 2, 3]) expect(await ask(self, 1, ticket())).toEqual(yes);
        expect(await ask(self, 2, ticket())).toEqual(yes);
        for (const _again of [1, 2]) expect(await ask(self, 3, ticket())).toEqual(no());
        await end(self, 1);
        await end(self, 1);
        expect(await ask(self, 3, ticket())).toEqual(yes);
        expect(await ask(self, 4, ticket())).toEqual(no());
      });

      test("the line is served by priority, then in the order of asking; a priority may change", async () => {
        const self = await store.join();
        const one = (priority = 5): Ticket => ticket({ slot: { name: "desk", limit: 1 }, priority });
        await ask(self, 1, one());
        for (const [n, priority] of [
          [2, 5],
          [3, 7],
          [4, 5],
          [5, 1],
        ] as const)
          await ask(self, n, one(priority));
        await ask(self, 5, one(6));
        const served: number[] = [];
        for (let last = 1; served.length < 4; ) {
          await end(self, last);
          last = present((await store.granted(self))[0]);
          served.push(last);
        }
        expect(served).toEqual([3, 5, 2, 4]);
      });

      test("one that waits and is given up leaves its place", async () => {
        const self = await store.join();
        const one = ticket({ slot: { name: "desk", limit: 1 } });
        for (const n of [1, 2, 3]) await ask(self, n, one);
        await end(self, 2);
        await end(self, 1);
        expect(await store.granted(self)).toEqual([3]);
      });

      test("a dead owner's slots are free when it is reaped", async () => {
        const self = await store.join();
        const dead = await subject.deadOwner();
        const one = ticket({ slot: { name: "desk", limit: 1 } });
        await ask(dead, 1, one);
        expect(await ask(self, 1, one)).toEqual(no());
        await store.reap(self);
        expect(await ask(self, 1, one)).toEqual(yes);
      });

      test("a rate grants a burst and then one per interval, and says when the next may come", async () => {
        const self = await store.join();
        const rate = (burst: number): Ticket =>
          ticket({ slot: null, rate: { ...everySecond, burst, name: `b${burst}` } });
        expect(await ask(self, 1, rate(1), 1_000)).toEqual(yes);
        expect(await ask(self, 2, rate(1), 1_000)).toEqual(no(1_500));
        expect(await ask(self, 3, rate(1), 1_400)).toEqual(no(1_500));
        expect(await ask(self, 3, rate(1), 1_500)).toEqual(no(2_000));
        expect(await store.granted(self)).toEqual([2]);
        expect(await ask(self, 4, rate(3), 1_000)).toEqual(yes);
        expect(await ask(self, 5, rate(3), 1_000)).toEqual(yes);
        expect(await ask(self, 6, rate(3), 1_000)).toEqual(yes);
        expect(await ask(self, 7, rate(3), 1_000)).toEqual(no(1_500));
        // After a long pause no more than the burst has gathered.
        expect(await ask(self, 7, rate(3), 90_000)).toEqual(yes);
        expect(await ask(self, 8, rate(3), 90_000)).toEqual(yes);
        expect(await ask(self, 9, rate(3), 90_000)).toEqual(yes);
        expect(await ask(self, 10, rate(3), 90_000)).toEqual(no(90_500));
      });

      test("a clock that was set back blocks a rate no longer than its burst takes", async () => {
        const self = await store.join();
        const rate = ticket({ slot: null, rate: { ...everySecond, burst: 2 } });
        expect(await ask(self, 1, rate, 1e12)).toEqual(yes);
        expect(await ask(self, 2, rate, 5_000)).toEqual(no(5_500));
        expect(await ask(self, 2, rate, 5_500)).toEqual(yes);
      });

      test("with both, a slot is taken only when the rate lets it, and others of the slot are not held up", async () => {
        const self = await store.join();
        const both = (key: string): Ticket => ticket({ rate: { ...everySecond, name: key } });
        expect(await ask(self, 1, both("a"), 1_000)).toEqual(yes);
        expect(await ask(self, 2, both("a"), 1_000)).toEqual(no(1_500));
        expect(await ask(self, 3, both("b"), 1_000)).toEqual(yes);
        await end(self, 1, 1_600);
        expect(await store.granted(self)).toEqual([2, 3]);
      });
    });

    describe("caps", () => {
      const noon = Date.UTC(2026, 10, 20, 12);
      const midnight = Date.UTC(2026, 10, 20);
      const scope = '["acme",null]';
      const cap = (more: Partial<Cap> = {}): Change => ({
        kind: "set-cap",
        cap: { scope, per: "day", limit: 1_000, onExhausted: "stop", ...more },
      });
      const lease = async (owner: number, ask: CapAsk, since = midnight): Promise<number | string> => {
        const result = await commitOne(store, { kind: "cap-lease", scope, since, owner, ask });
        return result.ok ? (result.leased ?? "nothing") : result.reason;
      };
      const needs = (need: number, held = 0): CapAsk => ({ held, least: need, need });
      const spend = (owner: number, used: number, since = midnight): CapSpend => ({ scope, since, owner, used });
      const used = async (now = noon): Promise<readonly number[]> => {
        const [row] = await store.caps(now);
        return [present(row).spent, present(row).leased];
      };

      test("a process gets a twentieth of what is left, or what it needs; what others hold it does not get", async () => {
        const [self, other] = [await store.join(), await store.join()];
        expect(await lease(self, needs(1))).toBe("missing");
        await commitOne(store, cap());
        expect(await lease(self, needs(1))).toBe(50);
        expect(await lease(other, needs(600))).toBe(600);
        expect(await lease(self, { held: 50, least: 310, need: 360 })).toBe(310);
        expect(await used()).toEqual([0, 960]);
        expect(await lease(other, needs(41, 600))).toBe("busy");
        expect(await lease(other, needs(1_001, 600))).toBe("exhausted");
        expect(await used()).toEqual([0, 960]);
      });

      test("what is held is what the process says: a grant whose answer was lost is granted again", async () => {
        const self = await store.join();
        await commitOne(store, cap());
        expect(await lease(self, needs(900))).toBe(900);
        expect(await lease(self, needs(900))).toBe(900);
        expect(await used()).toEqual([0, 900]);
      });

      test("what is used leaves the lease with the entries that tell it, and not when they are refused", async () => {
        const self = await store.join();
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, cap());
        await lease(self, needs(300));
        expect(reason(await commitOne(store, append(run, { epoch: 99, spends: [spend(self, 100)] })))).toBe("stale");
        expect(await used()).toEqual([0, 300]);
        await commitOne(store, append(run, { spends: [spend(self, 100), spend(self, 50)] }));
        expect(await used()).toEqual([150, 150]);
        await commitOne(store, append({ ...run, seq: run.seq + 1 }, { spends: [spend(self, 200)] }));
        expect(await used()).toEqual([350, 0]);
        expect(await lease(self, needs(651))).toBe("exhausted");
        expect(await lease(self, needs(650))).toBe(650);
      });

      test("what is given back others get; a dead owner's goes when it is reaped, and what it had settled is spent", async () => {
        const self = await store.join();
        const dead = await subject.deadOwner();
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, cap());
        await lease(dead, needs(500));
        await commitOne(store, append(run, { spends: [spend(dead, 100)] }));
        await lease(self, needs(500));
        expect(await lease(self, needs(501, 500))).toBe("busy");
        await store.reap(self);
        expect(await used()).toEqual([100, 500]);
        await commitOne(store, { kind: "cap-return", scope, since: midnight, owner: self });
        await commitOne(store, { kind: "cap-return", scope, since: midnight, owner: self });
        expect(await used()).toEqual([100, 0]);
      });

      test("each window counts for itself, also what is settled late; ever is one window", async () => {
        const self = await store.join();
        const run = await made(store, "r1", { owner: self });
        const tomorrow = Date.UTC(2026, 10, 21);
        await commitOne(store, cap());
        await lease(self, needs(1_000));
        expect(await lease(self, needs(1_000), tomorrow)).toBe(1_000);
        await commitOne(store, append(run, { spends: [spend(self, 700)] }));
        expect([await used(tomorrow - 1), await used(tomorrow)]).toEqual([
          [700, 300],
          [0, 1_000],
        ]);
        expect(await store.caps(noon)).toMatchObject([{ scope, per: "day", limit: 1_000, since: midnight }]);
        await commitOne(store, cap({ per: "month" }));
        expect(await store.caps(noon)).toMatchObject([{ since: Date.UTC(2026, 10, 1), spent: 0 }]);
        await commitOne(store, cap({ per: "ever" }));
        expect(await store.caps(noon)).toMatchObject([{ since: 0, spent: 0 }]);
      });

      test("a cap is changed with what it counted, and removed with it", async () => {
        const self = await store.join();
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, cap());
        await commitOne(store, cap({ scope: '[null,"desk"]', limit: 5, onExhausted: "wait" }));
        await lease(self, needs(300));
        await commitOne(store, append(run, { spends: [spend(self, 300)] }));
        await commitOne(store, cap({ limit: 200, onExhausted: "wait" }));
        expect(await store.caps(noon)).toMatchObject([
          { scope, limit: 200, onExhausted: "wait", spent: 300 },
          { scope: '[null,"desk"]', limit: 5, spent: 0 },
        ]);
        expect(await lease(self, needs(1))).toBe("exhausted");
        await commitOne(store, { kind: "remove-cap", scope });
        await commitOne(store, { kind: "remove-cap", scope });
        await commitOne(store, append({ ...run, seq: run.seq + 1 }, { spends: [spend(self, 100)] }));
        await commitOne(store, cap());
        expect(await used()).toEqual([0, 0]);
      });
    });

    describe("claim, poked, nextWake", () => {
      test("claim takes what is due, of the agents named, and raises the epoch", async () => {
        const self = await store.join();
        const due = await made(store, "due");
        await made(store, "other-agent", { agent: "desk@2" });
        const owned = await made(store, "owned", { owner: self });
        const later = await made(store, "later", { owner: self });
        await commitOne(store, evict(later, 0, 500));
        const claimed = await store.claim(self, 499, ["desk@1", "unknown@1"], 10);
        expect(claimed).toEqual([{ ...due, owner: self, epoch: 2, wake: null, status: "running" }]);
        expect(await read(store, "due")).toEqual(claimed[0]);
        expect((await read(store, "owned")).epoch).toBe(owned.epoch);
        expect((await store.claim(self, 500, ["desk@1"], 10)).map(({ id }) => id)).toEqual(["later"]);
        expect(await store.claim(self, 1e15, ["desk@1"], 10)).toEqual([]);
        expect(await store.claim(self, 1e15, [], 10)).toEqual([]);
      });

      test("pages hand out every run once", async () => {
        const self = await store.join();
        const changes = Array.from({ length: 25 }, (_, index) =>
          create(newRun(`r${index}`, { agent: `desk@${index % 3}` })),
        );
        await store.commit(changes, "normal");
        const taken: string[] = [];
        for (let page = 0; page < 4; page++) {
          const claimed = await store.claim(self, 0, ["desk@0", "desk@1", "desk@2"], 7);
          expect(claimed.length).toBe(page < 3 ? 7 : 4);
          taken.push(...claimed.map(({ id }) => id));
        }
        expect(new Set(taken).size).toBe(25);
      });

      test("poked names the owner's runs that somebody wrote to", async () => {
        const [self, other] = [await store.join(), await store.join()];
        const [a, b, c] = [
          await made(store, "a", { owner: self }),
          await made(store, "b", { owner: other }),
          await made(store, "c", { owner: self }),
        ];
        await made(store, "queued");
        await store.commit(
          ["a", "b", "c"].map((id) => send(id, inboxSend("s", 1))),
          "normal",
        );
        const keys = async (owner: number) => (await store.poked(owner, 0, 10)).map(({ key }) => key);
        expect(new Set(await keys(self))).toEqual(new Set([a.key, c.key]));
        expect(await keys(other)).toEqual([b.key]);
        expect((await store.poked(self, 0, 1)).length).toBe(1);
      });

      test("nextWake is the earliest wake to come of a run that nobody owns", async () => {
        const self = await store.join();
        expect(await store.nextWake(0)).toBeNull();
        for (const [id, wake] of [
          ["a", 900],
          ["b", 300],
          ["c", null],
          ["d", 600],
        ] as const) {
          await commitOne(store, evict(await made(store, id, { owner: self, agent: `${id}@1` }), 0, wake));
        }
        await made(store, "queued");
        expect(await store.nextWake(0)).toBe(300);
        expect(await store.nextWake(300)).toBe(600);
        expect(await store.nextWake(900)).toBeNull();
      });
    });

    describe("ownership", () => {
      test("owners have different ids", async () => {
        const ids = [await store.join(), await store.join(), await store.join()];
        expect(new Set(ids).size).toBe(3);
      });

      test("the store knows who lives, what they can run and how much they hold", async () => {
        const self = await store.join();
        await made(store, "mine", { owner: self });
        await store.announce(self, ["desk@1", "mail@2"]);
        const dead = await subject.deadOwner();
        const known = (await store.owners()).filter(({ alive }) => alive);
        expect(known).toMatchObject([{ id: self, agents: ["desk@1", "mail@2"], runs: 1 }]);
        expect(known.some(({ id }) => id === dead)).toBe(false);
      });

      test("reap releases the runs of the dead and of nobody else", async () => {
        const self = await store.join();
        const dead = await subject.deadOwner();
        const lost = [await made(store, "a", { owner: dead }), await made(store, "b", { owner: dead })];
        const mine = await made(store, "mine", { owner: self });
        expect(await store.reap(self)).toBe(2);
        for (const run of lost) {
          expect(await read(store, run.id)).toEqual({ ...run, owner: null, epoch: 2, wake: 0 });
          expect(await commitOne(store, append(run))).toEqual({ ok: false, reason: "stale" });
        }
        expect(await read(store, "mine")).toEqual(mine);
        expect(await store.reap(self)).toBe(0);
        expect((await store.claim(self, 0, ["desk@1"], 9)).length).toBe(2);
      });

      test("a dead owner's finished runs stay as they are", async () => {
        const self = await store.join();
        const dead = await subject.deadOwner();
        const run = await made(store, "a", { owner: dead });
        await commitOne(store, append(run, { patch: { status: "completed" } }));
        const before = await read(store, "a");
        expect(await store.reap(self)).toBe(0);
        expect(await read(store, "a")).toEqual(before);
      });
    });

    describe("journal", () => {
      test("entries pages forwards through 1 to 5,000 entries without gap or repeat", async () => {
        const self = await store.join();
        for (const [index, length] of [1, 2, 63, 64, 65, 128, 1000, 5000].entries()) {
          const run = await made(store, `r${index}`, { owner: self }, entries(1, Math.min(length, 10)));
          for (let seq = 10; seq < length; seq += 333) {
            await commitOne(store, append({ ...run, seq }, { entries: entries(seq + 1, Math.min(length, seq + 333)) }));
          }
          for (const limit of [1, 64, 100, 7000].filter((size) => length / size < 1200)) {
            const found: number[] = [];
            for (
              let page = await store.entries(run.key, 0, limit);
              page.length > 0;
              page = await store.entries(run.key, found.length, limit)
            ) {
              expect(page.length).toBe(Math.min(limit, length - found.length));
              found.push(...seqs(page));
            }
            expect(found).toEqual(seqs(entries(1, length)));
          }
          expect(seqs(await store.entries(run.key, length - 1, 50))).toEqual([length]);
          expect(await store.entries(run.key, length, 50)).toEqual([]);
          expect(await store.entries(run.key, length + 100, 50)).toEqual([]);
          expect(await store.entries(run.key, 0, 0)).toEqual([]);
          expect((await store.replay(run.key)).length).toBe(length);
        }
      });

      test("any page is the slice of the journal", async () => {
        const run = await made(store, "r1", { owner: await store.join() }, entries(1, 300));
        await made(store, "r2", {}, entries(1, 300));
        for (let index = 0; index < 200; index++) {
          // Spread over 0 to 310, both ends included.
          const [after, limit] = [(index * 37) % 311, (index * 101 + 310) % 311];
          expect(seqs(await store.entries(run.key, after, limit))).toEqual(
            seqs(entries(1, 300)).slice(after, after + limit),
          );
        }
      });

      test("replay takes jumps, entries do not", async () => {
        const run = await made(store, "r1", { owner: await store.join() }, entries(1, 5));
        const all = await store.entries(run.key, 0, 10);
        const second = present(all[1]).ref;
        await commitOne(store, append({ ...run, seq: 5 }, { entries: [entry(6, { jump: second }), entry(7)] }));
        expect(seqs(await store.replay(run.key))).toEqual([1, 2, 6, 7]);
        expect(seqs(await store.entries(run.key, 0, 10))).toEqual([1, 2, 3, 4, 5, 6, 7]);
        const replayed = await store.replay(run.key);
        expect(replayed).toEqual((await store.entries(run.key, 0, 10)).filter(({ seq }) => seq < 3 || seq > 5));
      });

      test("jumps within and over jumps: the way back is the one that was written", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        const ref = async (seq: number): Promise<number> => present((await store.entries(run.key, seq - 1, 1))[0]).ref;
        let seq = 1;
        const write = async (jump: number | null): Promise<void> => {
          await commitOne(store, append({ ...run, seq }, { entries: [entry(seq + 1, { jump })] }));
          seq++;
        };
        await write(null);
        await write(null);
        await write(await ref(2));
        await write(null);
        await write(await ref(4));
        await write(await ref(1));
        await write(null);
        expect(seqs(await store.replay(run.key))).toEqual([1, 7, 8]);
        await write(await ref(7));
        expect(seqs(await store.replay(run.key))).toEqual([1, 7, 9]);
      });

      test("runs that interleave do not mix", async () => {
        const self = await store.join();
        const runs = [
          await made(store, "a", { owner: self }),
          await made(store, "b", { owner: self }),
          await made(store, "c", { owner: self }),
        ];
        for (let seq = 1; seq < 200; seq++) {
          await store.commit(
            runs.map((run, index) => append({ ...run, seq }, { entries: [entry(seq + 1, { name: `${index}` })] })),
            "normal",
          );
        }
        for (const [index, run] of runs.entries()) {
          const found = await store.entries(run.key, 1, 500);
          expect(found.length).toBe(199);
          expect(found.every(({ name: step }) => step === `${index}`)).toBe(true);
        }
      });

      test("large payloads come back whole", async () => {
        const body = "ü".repeat(1_500_000);
        const bytes = new Uint8Array(1_000_000).map((_, index) => index % 251);
        const run = await made(store, "r1", {}, [entry(1, { body }), entry(2, { body: bytes })]);
        const [first, second] = await store.replay(run.key);
        expect(present(first).body === body).toBe(true);
        expect(Buffer.compare(Buffer.from(present(second).body as Uint8Array), Buffer.from(bytes))).toBe(0);
      });

      test("a run that does not exist has no entries", async () => {
        expect(await store.entries(4711, 0, 10)).toEqual([]);
        expect(await store.replay(4711)).toEqual([]);
        expect(await store.inbox(4711, 10)).toEqual([]);
        expect(await store.run("nobody")).toBeUndefined();
        expect(await store.runByKey(4711)).toBeUndefined();
      });
    });

    describe("large payloads by reference", () => {
      const blob = (hash: string, body: string | Uint8Array = `body of ${hash}`): NewBlob => ({ hash, body });
      const bodies = async (run: RunRow, ...hashes: string[]): Promise<unknown> =>
        Object.fromEntries(await store.blobs(run.key, hashes));

      test("come back as they were written, to the run that refers to them", async () => {
        const bytes = new Uint8Array([0, 255, 7]);
        const first = { run: newRun("r1", { owner: await store.join() }), entries: [entry(1)] };
        await commitOne(store, { kind: "create", ...first, blobs: [blob("a"), blob("b", bytes)] });
        const run = await read(store, "r1");
        await commitOne(store, append(run, { blobs: [blob("c", "")] }));
        const found = await store.blobs(run.key, ["a", "b", "c", "d"]);
        expect([found.get("a"), found.get("c"), found.size]).toEqual(["body of a", "", 3]);
        expect(Array.from(found.get("b") as Uint8Array)).toEqual(Array.from(bytes));
        expect(await bodies(run)).toEqual({});
      });

      test("are kept once per tenant: the first body stays, other runs may refer to it", async () => {
        const owner = await store.join();
        const one = await made(store, "r1", { owner });
        const two = await made(store, "r2", { owner });
        await commitOne(store, append(one, { blobs: [blob("a", "first")] }));
        expect(await bodies(two, "a")).toEqual({});
        await commitOne(store, append(two, { blobs: [blob("a", "second"), blob("a", "third")] }));
        expect([await bodies(one, "a"), await bodies(two, "a")]).toEqual([{ a: "first" }, { a: "first" }]);
        await commitOne(store, append({ ...one, seq: 2 }, { blobs: [blob("a", "again")] }));
        expect(await bodies(one, "a")).toEqual({ a: "first" });
      });

      test("are a tenant's own, under the same name too", async () => {
        const owner = await store.join();
        const acme = await made(store, "r1", { owner });
        const other = await made(store, "r2", { owner, tenant: "other" });
        await commitOne(store, append(acme, { blobs: [blob("a", "of acme")] }));
        await commitOne(store, append(other, { blobs: [blob("a", "of other")] }));
        expect([await bodies(acme, "a"), await bodies(other, "a")]).toEqual([{ a: "of acme" }, { a: "of other" }]);
      });

      test("of a child are the child's", async () => {
        const parent = await made(store, "r1", { owner: await store.join() });
        const child = { run: newRun("child"), entries: [entry(1)], blobs: [blob("a")] };
        await commitOne(store, append(parent, { creates: [child] }));
        expect(await bodies(await read(store, "child"), "a")).toEqual({ a: "body of a" });
        expect(await bodies(parent, "a")).toEqual({});
      });

      test("of a refused change leave no trace", async () => {
        const run = await made(store, "r1", { owner: await store.join() });
        await commitOne(store, append({ ...run, epoch: 9 }, { blobs: [blob("a", "refused")] }));
        await commitOne(store, {
          kind: "create",
          run: newRun("r1"),
          entries: [entry(1)],
          blobs: [blob("a", "refused")],
        });
        expect(await bodies(run, "a")).toEqual({});
        await commitOne(store, append(run, { blobs: [blob("a", "applied")] }));
        expect(await bodies(run, "a")).toEqual({ a: "applied" });
      });
    });

    describe("prune", () => {
      /** A finished run: created at `at`, ended a little later. */
      const finished = async (
        id: string,
        at: number,
        more: Partial<NewRun> = {},
        status: FinalStatus = "completed",
      ): Promise<RunRow> => {
        const run = await made(store, id, { at, owner: 1, ...more });
        await commitOne(store, append(run, { patch: { status, at: at + 10 } }));
        return read(store, id);
      };
      const query = (more: Partial<PruneQuery> = {}): PruneQuery => ({
        status: "completed",
        endedBefore: 1_000,
        after: 0,
        limit: 100,
        ...more,
      });
      const left = async (): Promise<string[]> => (await store.runs({})).map(({ id }) => id).reverse();
      const reclaimAll = async (): Promise<number> => {
        let slices = 0;
        while (await store.reclaim()) if (++slices > 10_000) throw new Error("There is no end of what is given back.");
        return slices;
      };

      test("deletes runs that ended long enough ago, whole, and nothing of others", async () => {
        const old = await finished("old", 100, { startKey: "ticket" });
        const young = await finished("young", 995);
        const open = await made(store, "open", { at: 1 });
        expect(await store.prune(query())).toEqual({ runs: 1, next: null });
        expect(await left()).toEqual(["young", "open"]);
        expect([await store.run("old"), await store.runByKey(old.key)]).toEqual([undefined, undefined]);
        expect([await store.entries(old.key, 0, 10), await store.replay(old.key)]).toEqual([[], []]);
        expect([await read(store, "young"), await read(store, "open")]).toEqual([young, open]);
        await reclaimAll();
        expect([await store.entries(old.key, 0, 10), await store.replay(old.key)]).toEqual([[], []]);
        expect([seqs(await store.replay(young.key)), seqs(await store.replay(open.key))]).toEqual([[1, 2], [1]]);
      });

      test("frees the id and the start key", async () => {
        const old = await finished("old", 100, { startKey: "ticket" });
        await store.prune(query());
        expect(await commitOne(store, send("old", inboxSend("s", 1)))).toEqual({ ok: false, reason: "missing" });
        const again = await made(store, "old", { startKey: "ticket" });
        expect(again.key).toBeGreaterThan(old.key);
        await reclaimAll();
        expect(seqs(await store.replay(again.key))).toEqual([1]);
      });

      test("takes one status, one agent, one tenant", async () => {
        await finished("failed", 100, {}, "failed");
        await finished("other-agent", 100, { agent: "clerk@1" });
        await finished("other-tenant", 100, { tenant: "other" });
        await finished("meant", 100);
        await finished("second-version", 100, { agent: "desk@2" });
        expect(await store.prune(query({ agent: "desk", tenant: "acme" }))).toEqual({ runs: 2, next: null });
        expect(await left()).toEqual(["failed", "other-agent", "other-tenant"]);
      });

      test("leaves a run whose parent is not finished, whatever became of the run", async () => {
        const owner = await store.join();
        const parent = await made(store, "parent", { at: 1, owner });
        await finished("child", 100, { parent: "parent" });
        await finished("orphan", 100, { parent: "gone" });
        expect((await store.prune(query())).runs).toBe(1);
        expect(await left()).toEqual(["parent", "child"]);
        await commitOne(store, append(parent, { patch: { status: "completed", at: 50 } }));
        expect((await store.prune(query())).runs).toBe(2);
      });

      test("leaves a run that an open one was forked from, and what that run started, until the fork has ended", async () => {
        const owner = await store.join();
        await finished("source", 100);
        await finished("started", 100, { parent: "source" });
        await finished("ended-fork", 100, { forkOf: "source" });
        await finished("other", 100);
        const fork = await made(store, "fork", { at: 200, owner, forkOf: "source" });
        expect((await store.prune(query())).runs).toBe(2);
        expect(await left()).toEqual(["source", "started", "fork"]);
        await commitOne(store, append(fork, { patch: { status: "stopped", at: 300 } }));
        expect((await store.prune(query())).runs).toBe(2);
        expect(await left()).toEqual(["fork"]);
      });

      test("goes in pages, from the oldest on, and stops where told", async () => {
        for (let index = 1; index <= 7; index++) await finished(`r${index}`, 100 + index);
        const stay = await read(store, "r6");
        const first = await store.prune(query({ limit: 2, keepFrom: stay.key }));
        expect([first.runs, await left()]).toEqual([2, ["r3", "r4", "r5", "r6", "r7"]]);
        const second = await store.prune(
          query({ limit: 10, after: present(first.next ?? undefined), keepFrom: stay.key }),
        );
        expect([second, await left()]).toEqual([{ runs: 3, next: null }, ["r6", "r7"]]);
      });

      test("looks past those it leaves, however many there are", async () => {
        const owner = await store.join();
        await made(store, "parent", { at: 1, owner });
        for (let index = 0; index < 450; index++) await finished(`child-${index}`, 100, { parent: "parent" });
        await finished("last", 100);
        let deleted = 0;
        for (let after: number | null = 0; after !== null; ) {
          const page: PrunePage = await store.prune(query({ after }));
          deleted += page.runs;
          after = page.next;
        }
        expect([deleted, await store.run("last")]).toEqual([1, undefined]);
      });

      test("frees large payloads with the last run that refers to them", async () => {
        const blob = (hash: string): NewBlob => ({ hash, body: `body of ${hash}` });
        const runs = [await made(store, "a", { at: 100, owner: await store.join() })];
        runs.push(await made(store, "b", { at: 100, owner: await store.join() }));
        for (const run of runs) {
          const blobs = [blob("shared"), blob(`only ${run.id}`)];
          await commitOne(
            store,
            append(run, { blobs, patch: { status: run.id === "a" ? "completed" : "failed", at: 100 } }),
          );
        }
        const [a, b] = [present(runs[0]), present(runs[1])];
        await store.prune(query());
        await reclaimAll();
        expect((await store.blobs(a.key, ["shared", "only a"])).size).toBe(0);
        expect(Object.fromEntries(await store.blobs(b.key, ["shared", "only b"]))).toEqual({
          shared: "body of shared",
          "only b": "body of only b",
        });
        // What nobody referred to is gone: the same name may stand for another body now.
        const next = await made(store, "c", { owner: await store.join() });
        await commitOne(store, append(next, { blobs: [{ hash: "only a", body: "new" }, blob("shared")] }));
        expect(Object.fromEntries(await store.blobs(next.key, ["only a", "shared"]))).toEqual({
          "only a": "new",
          shared: "body of shared",
        });
      });

      test("long journals go whole, and what is written meanwhile stays whole", async () => {
        const owner = await store.join();
        const long = await made(store, "long", { at: 100, owner }, entries(1, 1_000));
        const live = await made(store, "live", { owner });
        await commitOne(store, append(long, { patch: { status: "completed", at: 100 } }));
        expect((await store.prune(query())).runs).toBe(1);
        let { seq } = live;
        do {
          expect(reason(await commitOne(store, append({ ...live, seq })))).toBe("applied");
          seq++;
          expect(await store.entries(long.key, 0, 100)).toEqual([]);
        } while (await store.reclaim());
        expect(seqs(await store.replay(live.key))).toEqual(seqs(entries(1, seq)));
        expect(seqs(await store.entries(live.key, 0, 10_000))).toEqual(seqs(entries(1, seq)));
      });
    });

    describe("lists", () => {
      test("newest first, filtered, in pages", async () => {
        const self = await store.join();
        const wanted: RunRow[] = [];
        for (let index = 0; index < 12; index++) {
          const run = await made(store, `r${index}`, {
            owner: self,
            tenant: index % 2 === 0 ? "even" : "odd",
            agent: `${index % 3 === 0 ? "desk" : "@acme/desk"}@${index}`,
          });
          if (index >= 8)
            await commitOne(store, append(run, { patch: { status: index >= 10 ? "failed" : "waiting" } }));
          wanted.push(run);
        }
        const ids = async (query: Parameters<Store["runs"]>[0]): Promise<string[]> =>
          (await store.runs(query)).map(({ id }) => id.slice(1));
        expect(await ids({ limit: 3 })).toEqual(["11", "10", "9"]);
        expect(await ids({ limit: 3, before: present(wanted[9]).key })).toEqual(["8", "7", "6"]);
        expect(await ids({ status: ["failed", "waiting"] })).toEqual(["11", "10", "9", "8"]);
        expect(await ids({ status: ["failed", "waiting"], limit: 1, before: present(wanted[11]).key })).toEqual(["10"]);
        expect(await ids({ status: [] })).toEqual([]);
        expect(await ids({ tenant: "odd", limit: 2 })).toEqual(["11", "9"]);
        expect(await ids({ agent: "desk" })).toEqual(["9", "6", "3", "0"]);
        expect(await ids({ agent: "@acme/desk", tenant: "even", status: ["running"] })).toEqual(["4", "2"]);
      });

      test("a list without a limit has at most 50", async () => {
        await store.commit(
          Array.from({ length: 60 }, (_, index) => create(newRun(`r${index}`))),
          "normal",
        );
        expect((await store.runs({})).length).toBe(50);
      });
    });

    describe("meta", () => {
      test("the first value stays", async () => {
        expect(await store.readMeta("key")).toBeUndefined();
        expect([...(await store.writeMetaOnce("key", new Uint8Array([1, 2])))]).toEqual([1, 2]);
        expect([...(await store.writeMetaOnce("key", new Uint8Array([3])))]).toEqual([1, 2]);
        expect([...present(await store.readMeta("key"))]).toEqual([1, 2]);
      });
    });

    test("a commit asked to be `full` answers like any other", async () => {
      const run = await made(store, "r1", { owner: await store.join() });
      const results = await Promise.all([
        store.commit([append(run), create(newRun("r1"))], "full"),
        store.commit([append({ ...run, seq: 2 })], "full"),
        store.commit([append({ ...run, seq: 3 })], "normal"),
      ]);
      expect(results.map((list) => list.map(reason))).toEqual([["applied", "exists"], ["applied"], ["applied"]]);
      expect(await store.commit([], "full")).toEqual([]);
    });

    const twoStores = (): void => {
      const second = async (): Promise<Store> => present(await subject.another?.());

      test("one sees what the other wrote, and its change token says so", async () => {
        const other = await second();
        const before = other.changeToken();
        expect(other.changeToken()).toBe(before);
        const run = await made(store, "r1", {}, entries(1, 3));
        expect(other.changeToken()).not.toBe(before);
        expect(await other.run("r1")).toEqual(run);
        expect(await other.entries(run.key, 0, 9)).toEqual(await store.entries(run.key, 0, 9));
      });

      test("a run changes hands: the old owner is put out, the new one goes on", async () => {
        const other = await second();
        const [self, their] = [await store.join(), await other.join()];
        const run = await made(store, "r1", { owner: self });
        await commitOne(store, append(run));
        await commitOne(store, evict({ ...run, seq: 2 }, 0, 5));
        const [claimed] = await other.claim(their, 5, ["desk@1"], 9);
        expect(reason(await commitOne(other, append(present(claimed))))).toBe("applied");
        expect(await commitOne(store, append({ ...run, seq: 2 }))).toEqual({ ok: false, reason: "stale" });
        await commitOne(other, evict({ ...present(claimed), seq: 3 }, 5, 6));
        const [back] = await store.claim(self, 6, ["desk@1"], 9);
        expect(reason(await commitOne(store, append(present(back))))).toBe("applied");
        expect(seqs(await store.replay(run.key))).toEqual([1, 2, 3, 4]);
      });

      test("both are alive to each other; closing one gives its runs back", async () => {
        const other = await second();
        const [self, their] = [await store.join(), await other.join()];
        const [mine, theirs] = [
          await made(store, "mine", { owner: self }),
          await made(other, "theirs", { owner: their }),
        ];
        expect([await store.reap(self), await other.reap(their)]).toEqual([0, 0]);
        expect([await store.run("mine"), await store.run("theirs")]).toEqual([mine, theirs]);
        await other.close();
        expect(await store.run("theirs")).toMatchObject({ owner: null, epoch: 2, wake: 0 });
        expect(await store.reap(self)).toBe(0);
        expect(await store.run("mine")).toEqual(mine);
      });

      test("a claim by both hands every run to one of them", async () => {
        const other = await second();
        const [self, their] = [await store.join(), await other.join()];
        await store.commit(
          Array.from({ length: 40 }, (_, index) => create(newRun(`r${index}`))),
          "normal",
        );
        const claims = await Promise.all(
          Array.from({ length: 10 }, async (_, index) =>
            index % 2 === 0 ? store.claim(self, 0, ["desk@1"], 5) : other.claim(their, 0, ["desk@1"], 5),
          ),
        );
        const ids = claims.flat().map(({ id }) => id);
        expect([ids.length, new Set(ids).size]).toEqual([40, 40]);
      });

      test("commits of both at once are all kept", async () => {
        const other = await second();
        const [a, b] = [
          await made(store, "a", { owner: await store.join() }),
          await made(store, "b", { owner: await other.join() }),
        ];
        const write = async (on: Store, run: RunRow): Promise<void> => {
          for (let seq = 1; seq <= 100; seq++)
            expect(reason(await commitOne(on, append({ ...run, seq })))).toBe("applied");
        };
        await Promise.all([write(store, a), write(other, b)]);
        expect([(await store.replay(a.key)).length, (await store.replay(b.key)).length]).toEqual([101, 101]);
      });

      test("meta written by both at once has one value", async () => {
        const other = await second();
        const [x, y] = await Promise.all([
          store.writeMetaOnce("k", new Uint8Array([1])),
          other.writeMetaOnce("k", new Uint8Array([2])),
        ]);
        expect([...x]).toEqual([...y]);
      });
    };
    if (noSecondStore === undefined) describe("two stores on the same data", twoStores);
    else
      (options.skip ?? ((name) => test(name, async () => undefined)))(
        `two stores on the same data are not tested: ${noSecondStore}`,
      );

    test("a closed store refuses and closes again without harm", async () => {
      await store.join();
      await store.close();
      await store.close();
    });
  });
}
