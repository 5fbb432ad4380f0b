/**
 * Layout of a store file, and how a connection to one is opened. Why the journal is a chain of references and not an
 * index over (run, seq): docs/decisions/0003-store-layout.md.
 */
import { DatabaseSync } from "node:sqlite";
import { ConcertatoError } from "../kernel/errors.ts";
import { notADatabase } from "./sqlite-errors.ts";
import { migrate, schemaVersion, type StatementHook, upgradeBlocked } from "./sqlite-migrations.ts";
import { tables } from "./sqlite-tables.ts";

/** "Cnct" in ASCII, kept in the header of the file. */
export const applicationId = 0x436e6374;

/** Every so many entries of a run have a row in `mark`, from which a reader walks back. */
export const markEvery = 64;

/**
 * Opens a connection and makes sure that the file is a store of this version: a new or empty file becomes one, an older
 * one is migrated. One attempt: throws a busy error when others are in the way, and the caller tries again.
 * If the process dies in here the file is empty, or complete: the tables come in one transaction, and so does what a
 * migration changes.
 * @param onStatement called before every statement of a migration, for tests that end the process there
 * @throws ConcertatoError `store/newer-schema`, `store/not-a-database`, `store/upgrade-blocked`
 */
export function openConnection(path: string, onStatement?: StatementHook): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false });
  try {
    // Looked at before anything is changed: a foreign file must not become a write-ahead-log file because of us.
    const version = versionOf(db, path);
    // Takes effect only while the file is empty, so it stands before the first write.
    if (version === 0) db.exec("pragma auto_vacuum = incremental");
    else if (version < schemaVersion) migrate(db, path, onStatement);
    enterWal(db, path);
    db.exec(connectionSettings);
    if (version === 0) createTables(db, path);
    // From the first read in this mode until it is closed, a connection keeps every migration away. So this look, unlike
    // the one above, holds for as long as the connection does; another process may have made or migrated the file between.
    if (versionOf(db, path) !== schemaVersion) throw upgradeBlocked(path);
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

/** The file's schema; 0 when it is empty. Throws when it belongs to somebody else or to a newer version. */
function versionOf(db: DatabaseSync, path: string): number {
  const mark = headerNumber(db, "application_id");
  const version = headerNumber(db, "user_version");
  if (mark === 0 && version === 0 && tableCount(db) === 0) return 0;
  if (mark !== applicationId) throw notADatabase(path, "it is a SQLite database of another program");
  if (version > schemaVersion) {
    throw new ConcertatoError({
      code: "store/newer-schema",
      message: `The file ${path} has schema ${version}; this version of Concertato reads up to ${schemaVersion}. Upgrade Concertato.`,
      details: { found: version, supported: schemaVersion },
    });
  }
  return version;
}

/** Another process may have created the tables since we looked, so the question is asked again under the write lock. */
function createTables(db: DatabaseSync, path: string): void {
  db.exec("begin immediate");
  try {
    if (versionOf(db, path) === 0) {
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
