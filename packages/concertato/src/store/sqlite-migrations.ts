/**
 * How a store file of an older schema becomes one of today, when it is opened.
 *
 *   adding a table:   a constant of its own in `sqlite-tables.ts`, named in `tables` there and in the step here
 *   adding a column:  in its table in `sqlite-tables.ts`, and `alter table … add column` in the step here, with a
 *                     default where it is `not null`. The place of a column may differ; statements name their columns.
 *   A step that was released never changes; what comes after is the next step. `migrations.test.ts` compares a migrated
 *   file with a fresh one and ends a process at every statement.
 *
 * Nobody else may have the file open meanwhile: an older process would go on writing the old layout. Leaving the
 * write-ahead log is what proves that, because SQLite does it only for the one connection there is. So:
 *
 *   log left -> transaction over the whole file -> steps, version -> commit (synced) -> the opener enters the log again
 *
 * If the process dies anywhere in it, the rollback journal takes the file back to the old version whole, or the new
 * version is there whole; a file that was left outside the log is one that the next opener takes back into it.
 */
import type { DatabaseSync } from "node:sqlite";
import { ConcertatoError } from "../kernel/errors.ts";
import { isBusy } from "./sqlite-errors.ts";
import {
  blobTables,
  capTables,
  childIndex,
  deletedRunTable,
  dueIndexes,
  forkIndex,
  holdTable,
  mailTables,
  stateTable,
  pauseTable,
  ticketTables,
} from "./sqlite-tables.ts";

/** From the version before to version `to`. */
interface Step {
  readonly to: number;
  readonly statements: readonly string[];
}

/** In order, without gaps. */
const steps: readonly Step[] = [
  {
    to: 2,
    statements: [
      `alter table run add column priority integer not null default 5`,
      `alter table run add column paused text`,
      `alter table run add column needs integer not null default 0`,
      `alter table run add column detached integer not null default 0`,
      `alter table owner add column agents text not null default '[]'`,
      `drop index run_due`,
      dueIndexes,
      blobTables,
      deletedRunTable,
      `alter table run add column linked integer not null default 0`,
      mailTables,
      childIndex,
      holdTable,
      stateTable,
      ticketTables,
      pauseTable,
      capTables,
    ],
  },
  {
    to: 3,
    statements: [
      `alter table run add column fork_of text`,
      // Forks of before say where they come from in their first entry alone.
      `update run set fork_of = f.source
         from (select run, json_extract(meta, '$.fork.run') as source from entry where seq = 1 and meta like '%"fork":%') f
         where f.run = run.key`,
      forkIndex,
    ],
  },
];

/** Version of the tables, kept as `user_version`. A file with a larger one is refused. */
export const schemaVersion = 3;

/** Told of every statement before it runs. */
export type StatementHook = (statement: string) => void;

/**
 * Brings the file up to `schemaVersion`; does nothing when it is there already.
 * @throws ConcertatoError `store/upgrade-blocked` when another connection has the file open
 */
export function migrate(db: DatabaseSync, path: string, onStatement: StatementHook = () => undefined): void {
  const run = (statement: string): void => {
    onStatement(statement);
    db.exec(statement);
  };
  try {
    run("pragma locking_mode = exclusive");
    run("pragma journal_mode = delete");
    run("pragma synchronous = full");
    run("begin exclusive");
    // An older process may have come in between the two and taken the file back into its log.
    if (journalMode(db) === "wal") throw upgradeBlocked(path);
    const found = fileVersion(db);
    for (const step of steps) if (step.to > found) for (const sql of step.statements) split(sql).forEach(run);
    if (found < schemaVersion) run(`pragma user_version = ${schemaVersion}`);
    run("commit");
    run("pragma locking_mode = normal");
  } catch (error) {
    if (db.isTransaction) db.exec("rollback");
    throw isBusy(error) ? upgradeBlocked(path, error) : error;
  }
}

/** One statement at a time: each ends with a semicolon at the end of a line. */
function split(sql: string): string[] {
  return sql.split(/(?<=;)\s*\n/).filter((statement) => statement.trim() !== "");
}

function fileVersion(db: DatabaseSync): number {
  return Number(db.prepare("pragma user_version").get()?.["user_version"]);
}

function journalMode(db: DatabaseSync): unknown {
  return db.prepare("pragma journal_mode").get()?.["journal_mode"];
}

/** The file is of an older schema and in use. The same attempt may succeed when the others have closed it. */
export function upgradeBlocked(path: string, cause?: unknown): ConcertatoError {
  return new ConcertatoError({
    code: "store/upgrade-blocked",
    message: `The file ${path} was made by an older version of Concertato and must be brought up to date, which cannot be done while other processes have it open. Close them, then open it again.`,
    details: { to: schemaVersion },
    cause,
  });
}
