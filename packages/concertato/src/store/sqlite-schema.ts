/**
 * Layout of a store file, and how a connection to one is opened. Why the journal is a chain of references and not an
 * index over (run, seq): docs/decisions/0003-store-layout.md.
 */
import { DatabaseSync } from "node:sqlite";
import { ConcertatoError } from "../kernel/errors.ts";
import { notADatabase } from "./sqlite-errors.ts";

/** "Cnct" in ASCII, kept in the header of the file. */
export const applicationId = 0x436e6374;

/** Version of the tables below, kept as `user_version`. A file with a larger one is refused. */
export const schemaVersion = 1;

/** Every so many entries of a run have a row in `mark`, from which a reader walks back. */
export const markEvery = 64;

/**
 * Columns that every append touches or that a walk reads come first, so SQLite does not parse what lies behind them.
 * `run.key`, `inbox.id` and `owner.id` are never used twice, because processes remember them.
 */
const tables = `
create table agent (
  id integer primary key,
  label text not null unique,          -- name@version
  name text not null
) strict;

create table run (
  key integer primary key autoincrement,
  seq integer not null,
  head integer not null,               -- entry.ref of the last entry, 0 when there is none
  epoch integer not null,
  status integer not null,
  owner integer,
  wake integer,
  parked integer not null,
  cancelling integer not null,
  agent integer not null,
  created_at integer not null,
  updated_at integer not null,
  note text,
  id text not null unique,
  tenant text not null,
  start_key text,
  input_hash text not null,
  parent text
) strict;
create unique index run_start_key on run (tenant, start_key) where start_key is not null;
create index run_due on run (agent, wake) where owner is null and wake is not null;
create index run_owned on run (owner, wake) where owner is not null;
create index run_status on run (status);

create table entry (
  ref integer primary key,
  prev integer not null,               -- ref of the run's previous entry, 0 for the first
  jump integer,
  seq integer not null,
  run integer not null,
  kind integer not null,
  scope integer not null,
  op text not null,
  name text not null,
  at integer not null,
  meta text,
  body any
) strict;

create table mark (
  run integer not null,
  seq integer not null,
  ref integer not null,
  primary key (run, seq)
) strict, without rowid;

create table inbox (
  id integer primary key autoincrement,
  run integer not null,
  sender text not null,
  n integer not null,
  kind integer not null,
  name text not null,
  at integer not null,
  body any,
  unique (run, sender, n)
) strict;

create table owner (
  id integer primary key autoincrement,
  process integer not null             -- process id, for people
) strict;

create table meta (
  name text primary key,
  value blob not null
) strict, without rowid;
`;

/**
 * Opens a connection and makes sure that the file is a store of this version; a new or empty file becomes one.
 * One attempt: throws SQLite's busy error when others are in the way, and the caller tries again.
 * If the process dies in here the file is empty, or complete: the tables come in one transaction.
 * @throws ConcertatoError `store/newer-schema`, `store/not-a-database`
 */
export function openConnection(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false });
  try {
    // Looked at before anything is changed: a foreign file must not become a write-ahead-log file because of us.
    const isNew = assertOurs(db, path);
    // Takes effect only while the file is empty, so it stands before the first write.
    if (isNew) db.exec("pragma auto_vacuum = incremental");
    enterWal(db, path);
    db.exec(connectionSettings);
    if (isNew) createTables(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * `synchronous = normal`: a commit writes the log and does not wait for the disk (`full-sync.ts` does where asked).
 * `wal_autocheckpoint = 0`: checkpoints belong to `sqlite-checkpoint.ts`; inside a commit they would stop the event loop.
 */
const connectionSettings = `
pragma busy_timeout = 0;
pragma synchronous = normal;
pragma wal_autocheckpoint = 0;
pragma secure_delete = on;
pragma temp_store = memory;
pragma cache_size = -32000;
`;

function enterWal(db: DatabaseSync, path: string): void {
  const mode = db.prepare("pragma journal_mode = wal").get()?.["journal_mode"];
  if (mode === "wal") return;
  throw new ConcertatoError({
    code: "store/unavailable",
    retryable: false,
    message: `The place of ${path} cannot hold a write-ahead log (SQLite stays in mode "${String(mode)}"). Use a file on a local disk.`,
  });
}

/** True when the file is empty. Throws when it belongs to somebody else or to a newer version. */
function assertOurs(db: DatabaseSync, path: string): boolean {
  const mark = headerNumber(db, "application_id");
  const version = headerNumber(db, "user_version");
  if (mark === 0 && version === 0 && tableCount(db) === 0) return true;
  if (mark !== applicationId) throw notADatabase(path, "it is a SQLite database of another program");
  if (version > schemaVersion) {
    throw new ConcertatoError({
      code: "store/newer-schema",
      message: `The file ${path} has schema ${version}; this version of Concertato reads up to ${schemaVersion}. Upgrade Concertato.`,
      details: { found: version, supported: schemaVersion },
    });
  }
  return false;
}

/** Another process may have created the tables since we looked, so the question is asked again under the write lock. */
function createTables(db: DatabaseSync, path: string): void {
  db.exec("begin immediate");
  try {
    if (assertOurs(db, path)) {
      db.exec(tables);
      db.exec(`pragma application_id = ${applicationId}; pragma user_version = ${schemaVersion}`);
    }
    db.exec("commit");
  } catch (error) {
    if (db.isTransaction) db.exec("rollback");
    throw error;
  }
}

function headerNumber(db: DatabaseSync, name: "application_id" | "user_version"): number {
  return Number(db.prepare(`pragma ${name}`).get()?.[name] ?? 0);
}

function tableCount(db: DatabaseSync): number {
  return Number(db.prepare("select count(*) as n from sqlite_schema").get()?.["n"] ?? 0);
}
