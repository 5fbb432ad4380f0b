/** The SQLite store: the common suite, and what only a real file, a real process and a real disk can show. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Change, Store } from "../../src/journal/store.ts";
import { ConcertatoError } from "../../src/kernel/errors.ts";
import { schemaVersion } from "../../src/store/sqlite-migrations.ts";
import { applicationId } from "../../src/store/sqlite-schema.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite-store.ts";
import {
  append,
  commitOne,
  entries,
  entry,
  made,
  newRun,
  present,
  type StoreUnderTest,
  storeConformance,
} from "../../../conformance/src/store-conformance.ts";

/** Ends the process's part in a test: whatever a test leaves open is closed behind it. */
let folder: string;
let opened: Store[];
let reports: unknown[];

function begin(): void {
  folder = mkdtempSync(join(tmpdir(), "concertato-store-"));
  opened = [];
  reports = [];
}

async function end(): Promise<void> {
  for (const store of opened) await store.close();
  rmSync(folder, { recursive: true, force: true });
}

async function open(more: Partial<SqliteStoreOptions> = {}): Promise<Store> {
  const store = await openSqliteStore({
    path: join(folder, "desk.db"),
    report: (error) => reports.push(error),
    ...more,
  });
  opened.push(store);
  return store;
}

/** An owner row whose lock nobody holds, as a killed process leaves it. */
function deadOwner(): number {
  const db = new DatabaseSync(join(folder, "desk.db"));
  try {
    return Number(db.prepare("insert into owner (process) values (0)").run().lastInsertRowid);
  } finally {
    db.close();
  }
}

storeConformance({
  name: "SQLite",
  describe,
  it: test,
  open: async (): Promise<StoreUnderTest> => {
    begin();
    return { store: await open(), another: () => open(), deadOwner, dispose: end };
  },
});

describe("SQLite store", () => {
  beforeEach(begin);
  afterEach(end);

  const rejection = async (attempt: Promise<unknown>): Promise<ConcertatoError> => {
    const error: unknown = await attempt.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!ConcertatoError.is(error)) throw new Error(`Expected a ConcertatoError, got ${String(error)}`);
    return error;
  };

  describe("the file", () => {
    test("keeps everything between openings and leaves nothing beside it", async () => {
      const first = await open();
      const run = await made(first, "r1", { owner: await first.join() }, entries(1, 200));
      await first.close();
      expect(readdirSync(folder)).toEqual(["desk.db"]);
      const second = await open();
      expect((await second.replay(run.key)).length).toBe(200);
      expect(await second.run("r1")).toMatchObject({ owner: null, epoch: 2, wake: 0 });
    });

    test("has the settings that cannot be changed later", async () => {
      const store = await open();
      await store.close();
      const db = new DatabaseSync(join(folder, "desk.db"));
      const value = (pragma: string): unknown => Object.values(present(db.prepare(`pragma ${pragma}`).get()))[0];
      expect([value("auto_vacuum"), value("journal_mode"), value("application_id"), value("user_version")]).toEqual([
        2,
        "wal",
        applicationId,
        schemaVersion,
      ]);
      expect(value("integrity_check")).toBe("ok");
      db.close();
    });

    test("of a newer version is refused and not touched", async () => {
      await (await open()).close();
      const db = new DatabaseSync(join(folder, "desk.db"));
      db.exec(`pragma user_version = ${schemaVersion + 1}`);
      db.close();
      const error = await rejection(open());
      expect(error.code).toBe("store/newer-schema");
      expect(error.message).toContain(String(schemaVersion + 1));
    });

    test("that is no database is refused", async () => {
      for (const content of ["hello", "x".repeat(10_000)]) {
        writeFileSync(join(folder, "desk.db"), content);
        expect((await rejection(open())).code).toBe("store/not-a-database");
      }
    });

    test("of another program is refused and keeps its journal mode", async () => {
      const path = join(folder, "desk.db");
      const foreign = new DatabaseSync(path);
      foreign.exec("create table t (x)");
      foreign.close();
      expect((await rejection(open())).code).toBe("store/not-a-database");
      const again = new DatabaseSync(path);
      expect(again.prepare("pragma journal_mode").get()).toMatchObject({ journal_mode: "delete" });
      again.close();
    });

    test("in a folder that does not exist says so", async () => {
      const error = await rejection(open({ path: join(folder, "none", "desk.db") }));
      expect(error.code).toBe("store/unavailable");
      expect(error.message).toContain("folder");
    });

    test("in memory is refused: a store must be a file", async () => {
      expect((await rejection(open({ path: ":memory:" }))).code).toBe("store/unavailable");
    });

    test("held by another program is waited for, then refused", async () => {
      await (await open()).close();
      const holder = new DatabaseSync(join(folder, "desk.db"));
      holder.exec("pragma locking_mode = exclusive; begin exclusive");
      expect((await rejection(open({ openTimeoutMs: 100 }))).code).toBe("store/locked");
      const waiting = open();
      holder.close();
      await waiting;
    });

    test("reached through a symbolic link is the same store", async () => {
      const store = await open();
      symlinkSync(join(folder, "desk.db"), join(folder, "link.db"));
      const other = await open({ path: join(folder, "link.db") });
      const [self, their] = [await store.join(), await other.join()];
      await made(other, "r1", { owner: their });
      expect(await store.reap(self)).toBe(0);
      await other.commit([{ kind: "create", run: newRun("r2"), entries: [entry(1)] }], "full");
      expect((await store.runs({})).length).toBe(2);
    });

    test("with rows missing under a journal is journal/damaged for that run, and for no other", async () => {
      const store = await open();
      const self = await store.join();
      const [run, other] = [
        await made(store, "r1", { owner: self }, entries(1, 100)),
        await made(store, "r2", { owner: self }, entries(1, 100)),
      ];
      const lost = present((await store.entries(run.key, 49, 1))[0]).ref;
      const vandal = new DatabaseSync(join(folder, "desk.db"));
      vandal.exec(`delete from entry where ref = ${lost}`);
      vandal.close();
      expect(() => store.replay(run.key)).toThrow(expect.objectContaining({ code: "journal/damaged" }));
      expect(() => store.entries(run.key, 0, 100)).toThrow(expect.objectContaining({ code: "journal/damaged" }));
      expect((await store.entries(run.key, 50, 100)).length).toBe(50);
      expect((await store.replay(other.key)).length).toBe(100);
    });

    test("many stores may open a new file at once", async () => {
      const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
      const owners = await Promise.all(stores.map(async (store) => store.join()));
      expect(new Set(owners).size).toBe(8);
    });
  });

  describe("commits", () => {
    test("answer in the same turn when nobody is in the way", async () => {
      const store = await open();
      expect(store.commit([{ kind: "create", run: newRun("r1"), entries: [entry(1)] }], "normal")).toBeInstanceOf(
        Array,
      );
    });

    test("wait for a writer in another connection without stopping the event loop, in order", async () => {
      const store = await open();
      const run = await made(store, "r1", { owner: await store.join() });
      const holder = new DatabaseSync(join(folder, "desk.db"));
      holder.exec("begin immediate");
      const order: number[] = [];
      const commits = Array.from({ length: 5 }, (_, index) =>
        Promise.resolve(store.commit([append({ ...run, seq: index + 1 })], "normal")).then(([result]) => {
          expect(present(result).ok).toBe(true);
          order.push(index);
        }),
      );
      expect(await store.run("r1")).toMatchObject({ seq: 1 });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(order).toEqual([]);
      holder.exec("commit");
      await Promise.all(commits);
      expect(order).toEqual([0, 1, 2, 3, 4]);
      holder.close();
    });

    test("a batch that fails in the middle is undone whole, and the store goes on", async () => {
      const store = await open();
      const run = await made(store, "r1", { owner: await store.join() });
      const broken: Change = append({ ...run, seq: 2 }, { entries: [entry(3), entry(5)] });
      expect(() => store.commit([append(run), broken], "normal")).toThrow("Entry 5");
      expect(await store.run("r1")).toEqual(run);
      expect(await commitOne(store, append(run))).toMatchObject({ ok: true });
      expect((await store.replay(run.key)).map(({ seq }) => seq)).toEqual([1, 2]);
    });

    test("are refused after close", async () => {
      const store = await open();
      await store.close();
      expect(() => store.commit([], "normal")).toThrow(expect.objectContaining({ code: "runtime/closed" }));
      expect(() => store.run("r1")).toThrow(expect.objectContaining({ code: "runtime/closed" }));
    });

    test("in flight when the store closes are answered", async () => {
      const store = await open();
      const holder = new DatabaseSync(join(folder, "desk.db"));
      holder.exec("begin immediate");
      const commit = store.commit([{ kind: "create", run: newRun("r1"), entries: [entry(1)] }], "full");
      const closing = store.close();
      holder.exec("commit");
      holder.close();
      expect(await commit).toMatchObject([{ ok: true }]);
      await closing;
    });
  });

  describe("full durability", () => {
    test("one sync that began after the commits serves them all", async () => {
      const syncs: (() => void)[] = [];
      const store = await open({ dataSync: (_fd, done) => syncs.push(() => done(null)) });
      const create = (id: string): Promise<unknown> =>
        Promise.resolve(store.commit([{ kind: "create", run: newRun(id), entries: [entry(1)] }], "full"));
      const settled: string[] = [];
      const first = ["a", "b", "c"].map((id) => create(id).then(() => settled.push(id)));
      await expect.poll(() => syncs.length).toBe(1);
      const later = create("d").then(() => settled.push("d"));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect([syncs.length, settled]).toEqual([1, []]);
      present(syncs[0])();
      await Promise.all(first);
      expect(settled).toEqual(["a", "b", "c"]);
      expect(syncs.length).toBe(2);
      present(syncs[1])();
      await later;
    });

    test("after a failed sync nothing is accepted until the file was opened again; the sync is not repeated", async () => {
      let calls = 0;
      const store = await open({
        dataSync: (_fd, done) => {
          calls++;
          setImmediate(() =>
            done(calls === 1 ? Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }) : null),
          );
        },
      });
      const run = await made(store, "r1", { owner: await store.join() });
      const failing = Promise.resolve(store.commit([append(run)], "full"));
      expect((await rejection(failing)).code).toBe("store/unavailable");
      expect(() => store.commit([append({ ...run, seq: 2 })], "normal")).toThrow(
        expect.objectContaining({ code: "store/unavailable", retryable: true }),
      );
      expect(() => store.run("r1")).toThrow(expect.objectContaining({ code: "store/unavailable" }));
      await expect
        .poll(
          async () => {
            try {
              return (await store.run("r1"))?.seq;
            } catch {
              return "down";
            }
          },
          { timeout: 5000 },
        )
        .toBe(2);
      expect(calls).toBe(1);
      expect(reports.length).toBe(1);
      expect((await store.commit([append({ ...run, seq: 2 })], "full"))[0]).toMatchObject({ ok: true });
      expect(calls).toBe(2);
    });

    test("a store may be closed while its disk is away", async () => {
      const store = await open({ dataSync: (_fd, done) => setImmediate(() => done(new Error("EIO"))) });
      await rejection(Promise.resolve(store.commit([], "full")));
      await store.close();
    });
  });

  describe("checkpoints", () => {
    test("keep the log short under steady writing, and readers and writers go on", async () => {
      const store = await open();
      const run = await made(store, "r1", { owner: await store.join() });
      const body = "x".repeat(4000);
      for (let seq = 1, turn = 0; turn < 300; turn++) {
        const batch = Array.from({ length: 100 }, (_, index) => entry(seq + 1 + index, { body }));
        expect((await store.commit([append({ ...run, seq }, { entries: batch })], "normal"))[0]).toMatchObject({
          ok: true,
        });
        seq += 100;
        await new Promise(setImmediate);
      }
      // 123 MB were written. The log turns over at 16 MB; writers faster than the disk wait at 80 MB.
      expect(statSync(join(folder, "desk.db-wal")).size).toBeLessThan(90e6);
      expect(reports).toEqual([]);
      expect((await store.entries(run.key, 29_990, 20)).length).toBe(11);
    });
  });

  describe("processes", () => {
    const child = fileURLToPath(new URL("./store-process.ts", import.meta.url));
    let children: ChildProcess[] = [];

    /** Starts a real process on the file; the answer yields what it prints. */
    function start(...args: string[]): { readonly lines: AsyncIterator<string>; readonly process: ChildProcess } {
      const started = spawn(
        process.execPath,
        ["--disable-warning=ExperimentalWarning", child, join(folder, "desk.db"), ...args],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      children.push(started);
      return {
        lines: createInterface({ input: present(started.stdout ?? undefined) })[Symbol.asyncIterator](),
        process: started,
      };
    }

    afterEach(() => {
      for (const started of children) started.kill("SIGKILL");
      children = [];
    });

    test("kill -9: acknowledged entries are there, the run is free again", async () => {
      const store = await open();
      const self = await store.join();
      for (const durability of ["normal", "full"]) {
        const writer = start("write", durability);
        let acknowledged = 0;
        while (acknowledged < 500) acknowledged = Number((await writer.lines.next()).value);
        const alive = present(await store.run(durability));
        expect(await store.reap(self)).toBe(0);
        writer.process.kill("SIGKILL");
        for (let line = await writer.lines.next(); line.done !== true; line = await writer.lines.next())
          acknowledged = Number(line.value) || acknowledged;
        await once(writer.process, "exit").catch(() => undefined);
        expect(await store.reap(self)).toBe(1);
        const run = present(await store.run(durability));
        expect(run.seq).toBeGreaterThanOrEqual(acknowledged);
        expect(run).toMatchObject({ owner: null, epoch: alive.epoch + 1, wake: 0 });
        expect((await store.replay(run.key)).map(({ seq }) => seq)).toEqual(
          Array.from({ length: run.seq }, (_, index) => index + 1),
        );
        expect(await store.reap(self)).toBe(0);
      }
      expect(readdirSync(folder).filter((name) => name.includes("-owner-"))).toEqual([`desk.db-owner-${self}`]);
    }, 60_000);

    test("two processes and this one write to one file: nothing is lost, nobody starves", async () => {
      const store = await open();
      const run = await made(store, "here", { owner: await store.join() });
      const others = [start("race", "one", "400"), start("race", "two", "400")];
      for (let seq = 1; seq <= 400; seq++) {
        expect((await store.commit([append({ ...run, seq })], "normal"))[0]).toMatchObject({ ok: true });
        if (seq % 10 === 0) await new Promise(setImmediate);
      }
      for (const other of others) expect((await other.lines.next()).value).toBe("done");
      for (const id of ["here", "one", "two"]) {
        const found = present(await store.run(id));
        expect(found.seq).toBe(401);
        expect((await store.replay(found.key)).length).toBe(401);
      }
    }, 60_000);

    test("an open idle store does not keep its process alive", async () => {
      const idle = start("idle");
      expect((await idle.lines.next()).value).toBe("open");
      const [code] = (await once(idle.process, "exit")) as [number];
      expect(code).toBe(0);
    });
  });

  describe("a full disk", () => {
    const mounted = mountSmallDisk();
    if (mounted.reason !== undefined)
      console.warn(`SKIPPED: the full-disk tests of the SQLite store, because ${mounted.reason}.`);

    test.skipIf(mounted.reason !== undefined)(
      "is store/full, the batch is undone, and work goes on when there is room",
      async () => {
        const disk = mounted.mount(folder);
        try {
          const store = await open({ path: join(disk, "desk.db") });
          const run = await made(store, "r1", { owner: await store.join() });
          writeFileSync(join(disk, "ballast"), new Uint8Array(1 << 20));
          let seq = 1;
          const write = async (): Promise<void> => {
            await store.commit(
              [append({ ...run, seq }, { entries: [entry(seq + 1, { body: "x".repeat(100_000) })] })],
              "normal",
            );
            seq++;
          };
          const fill = async (): Promise<void> => {
            for (;;) await write();
          };
          const error = await rejection(fill());
          expect([error.code, error.retryable]).toEqual(["store/full", true]);
          expect(seq).toBeGreaterThan(3);
          rmSync(join(disk, "ballast"));
          expect(await store.run("r1")).toMatchObject({ seq });
          await write();
          expect((await store.replay(run.key)).length).toBe(seq);
          await store.close();
        } finally {
          mounted.unmount(disk);
        }
      },
    );
  });
});

/** A file system of 4 MB in memory, where this process may mount one. */
function mountSmallDisk(): {
  readonly reason: string | undefined;
  readonly mount: (base: string) => string;
  readonly unmount: (disk: string) => void;
} {
  const mount = (base: string): string => {
    const disk = mkdtempSync(join(base, "disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], { stdio: "pipe" });
    return disk;
  };
  const unmount = (disk: string): void => {
    execFileSync("umount", [disk], { stdio: "pipe" });
  };
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return { reason: "mounting needs Linux and root", mount, unmount };
  const base = mkdtempSync(join(tmpdir(), "concertato-mount-"));
  try {
    unmount(mount(base));
    return { reason: undefined, mount, unmount };
  } catch (error) {
    return { reason: `mounting failed (${String(error).split("\n")[0]})`, mount, unmount };
  } finally {
    if (existsSync(base)) rmSync(base, { recursive: true, force: true });
  }
}
