/**
 * A file of schema 1 is brought up to date when it is opened. `files/schema-1.db` was made by the version before
 * schema 2 through the public API: a finished run, one that waits for an answer with a signal in its inbox, a queued one.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConcertatoError } from "../../src/kernel/errors.ts";
import { open } from "../../src/open.ts";
import { schemaVersion } from "../../src/store/sqlite-migrations.ts";
import { openConnection } from "../../src/store/sqlite-schema.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { approve, greet } from "./files/agents.ts";

const schema1 = fileURLToPath(new URL("./files/schema-1.db", import.meta.url));

type Row = Readonly<Record<string, unknown>>;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "concertato-migration-"));
  file = join(folder, "desk.db");
  copyFileSync(schema1, file);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Looks at the file as it lies there, without migrating it. */
function look<T>(path: string, read: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path);
  try {
    return read(db);
  } finally {
    db.close();
  }
}

function version(path: string): number {
  return look(path, (db) => Number(db.prepare("pragma user_version").get()?.["user_version"]));
}

function all(db: DatabaseSync, sql: string): Row[] {
  return db.prepare(sql).all() as Row[];
}

/** What tables and indexes a file has, apart from the place of a column and the wording of the SQL. */
function layout(db: DatabaseSync): unknown {
  const tables = all(db, "select name, type, wr, strict from pragma_table_list where schema = 'main' order by name");
  return tables.map((table) => {
    const name = String(table["name"]);
    const sql = String(all(db, `select sql from sqlite_schema where name = '${name}'`)[0]?.["sql"] ?? "");
    return {
      ...table,
      keysAreNeverReused: /autoincrement/i.test(sql),
      columns: all(
        db,
        `select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo('${name}') order by name`,
      ),
      indexes: all(db, `select name, "unique", origin, partial from pragma_index_list('${name}') order by name`).map(
        (index) => ({
          ...index,
          where: condition(db, String(index["name"])),
          columns: all(
            db,
            `select seqno, name, desc, coll, key from pragma_index_xinfo('${String(index["name"])}') where key = 1`,
          ),
        }),
      ),
    };
  });
}

/** The condition of a partial index: SQLite tells it only in the index's own text. */
function condition(db: DatabaseSync, index: string): string | undefined {
  const sql = String(all(db, `select sql from sqlite_schema where name = '${index}'`)[0]?.["sql"] ?? "");
  return / where (.*)$/is.exec(sql)?.[1];
}

/** The tables of schema 1 and their columns; later ones may have come beside them. */
const columns = look(schema1, (db) =>
  ["agent", "run", "entry", "mark", "inbox", "meta"].map((table) => {
    const names = all(db, `select name from pragma_table_info('${table}')`).map(({ name }) => String(name));
    return `select ${names.join(", ")} from ${table}`;
  }),
);

/** All that schema 1 says. */
function content(path: string): unknown {
  return look(path, (db) => columns.map((query) => all(db, query)));
}

function thrown(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function codeOf(error: unknown): string | undefined {
  return ConcertatoError.is(error) ? error.code : undefined;
}

/** Statements of the migration, in order. */
function statements(): string[] {
  const copy = join(folder, "statements.db");
  copyFileSync(schema1, copy);
  const found: string[] = [];
  openConnection(copy, (statement) => found.push(statement)).close();
  return found;
}

describe("a file of schema 1", () => {
  test("is brought up to date, and its runs go on where they were", async () => {
    expect(version(file)).toBe(1);
    await using app = await open(file, { agents: [greet, approve] });
    expect(version(file)).toBe(schemaVersion);
    const finished = await app.start(greet, "hello", { key: "greeting" });
    expect(await finished.outcome()).toEqual({ status: "completed", output: "HELLO ABC" });
    const queued = await app.start(greet, "queued", { key: "queued" });
    expect(await queued.result()).toBe("QUEUED ABC");
    const waiting = await app.start(approve, "may we", { key: "approval" });
    const [question] = await app.waiting();
    expect(question).toMatchObject({ runId: waiting.runId, request: "MAY WE", name: "ask" });
    await app.answer(waiting.runId, question?.waitId ?? "", "yes");
    expect(await waiting.result()).toBe("MAY WE: yes 1");
    expect((await app.runs()).map((run) => run.status)).toEqual(["completed", "completed", "completed"]);
  });

  test("has the layout of a fresh file afterwards", () => {
    openConnection(file).close();
    const fresh = join(folder, "fresh.db");
    openConnection(fresh).close();
    expect(look(file, layout)).toEqual(look(fresh, layout));
    const settings = (db: DatabaseSync): unknown[] =>
      ["auto_vacuum", "journal_mode", "application_id", "user_version", "integrity_check"].map((name) =>
        Object.values(db.prepare(`pragma ${name}`).get() ?? {}),
      );
    expect(look(file, settings)).toEqual(look(fresh, settings));
  });

  test("is not touched while another process has it open", async () => {
    const before = content(file);
    const other = new DatabaseSync(file);
    other.prepare("select count(*) from run").get();
    const report = (): undefined => undefined;
    const refused: unknown = await openSqliteStore({ path: file, report, openTimeoutMs: 50 }).catch(
      (error: unknown) => error,
    );
    expect(codeOf(refused)).toBe("store/upgrade-blocked");
    expect(String(refused)).toContain("Close them");
    other.exec("update run set updated_at = updated_at");
    expect([version(file), content(file)]).toEqual([1, before]);
    const waiting = openSqliteStore({ path: file, report });
    other.close();
    await (await waiting).close();
    expect(version(file)).toBe(schemaVersion);
  });

  test("that was left outside its log is not touched when an older process takes it back in between", () => {
    look(file, (db) => db.exec("pragma journal_mode = delete"));
    const before = content(file);
    let other: DatabaseSync | undefined;
    const takeBack = (statement: string): void => {
      if (statement !== "begin exclusive") return;
      other = new DatabaseSync(file);
      other.exec("pragma journal_mode = wal");
      other.prepare("select count(*) from run").get();
    };
    expect(codeOf(thrown(() => openConnection(file, takeBack)))).toBe("store/upgrade-blocked");
    expect([version(file), content(file)]).toEqual([1, before]);
    other?.close();
    openConnection(file).close();
    expect([version(file), content(file)]).toEqual([schemaVersion, before]);
  });

  test("can be opened by several processes at once; one of them migrates it", async () => {
    const stores = await Promise.all(
      [1, 2, 3].map(() => openSqliteStore({ path: file, report: (error) => expect(error).toBeUndefined() })),
    );
    const rows = await Promise.all(stores.map(async (store) => (await store.runs({})).length));
    expect(rows).toEqual([3, 3, 3]);
    for (const store of stores) await store.close();
  });

  test("is whole, of the old or the new version, whichever statement of the migration fails", () => {
    const before = content(file);
    for (const [index, failing] of statements().entries()) {
      const copy = join(folder, `fails-${index}.db`);
      copyFileSync(file, copy);
      let at = 0;
      const fault = thrown(() =>
        openConnection(copy, () => {
          if (at++ === index) throw new Error("The disk is gone.");
        }),
      );
      expect(String(fault), failing).toContain("The disk is gone.");
      expect([1, schemaVersion], failing).toContain(version(copy));
      expect(content(copy), failing).toEqual(before);
      openConnection(copy).close();
      expect([version(copy), look(copy, layout)], failing).toEqual([
        schemaVersion,
        look(join(folder, "statements.db"), layout),
      ]);
    }
  });

  test("is whole, of the old or the new version, wherever the process is killed", () => {
    const migrated = statements();
    const program = fileURLToPath(new URL("./migration-process.ts", import.meta.url));
    const outcomes: string[] = [];
    for (let at = 1; at <= migrated.length + 1; at++) {
      const copy = join(folder, `killed-${at}.db`);
      const before = killedWhileWriting(copy);
      const { stdout, signal } = spawnSync(
        process.execPath,
        ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning", program, copy, String(at)],
        { encoding: "utf8" },
      );
      outcomes.push(signal ?? stdout.trim());
      const found = version(copy);
      expect([1, schemaVersion], migrated[at - 1]).toContain(found);
      expect(look(copy, (db) => all(db, "pragma integrity_check"))).toEqual([{ integrity_check: "ok" }]);
      expect(content(copy), migrated[at - 1]).toEqual(before);
      openConnection(copy).close();
      expect([version(copy), content(copy)]).toMatchObject([schemaVersion, before]);
    }
    expect(outcomes).toEqual([...migrated.map(() => "SIGKILL"), "migrated"]);
  });
});

/** A file whose last commits are still in its log, as a killed process leaves it. Answers what is in both. */
function killedWhileWriting(copy: string): unknown {
  const db = new DatabaseSync(file);
  db.exec("pragma journal_mode = wal; pragma wal_autocheckpoint = 0; update run set note = 'in the log'");
  for (const part of ["", "-wal"]) if (existsSync(file + part)) copyFileSync(file + part, copy + part);
  const rows = content(file);
  db.close();
  return rows;
}
