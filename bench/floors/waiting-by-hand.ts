/** The floor of W5: a row that waits, and a row that has ended, in transactions of 100 with bare node:sqlite. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { assertEqual, type Cell } from "../cell.ts";
import { payload } from "../payload.ts";

class WaitingRows {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #finish: StatementSync;
  #rows = 0;

  constructor(folder: string) {
    this.#path = join(folder, "hand.db");
    this.#db = new DatabaseSync(this.#path);
    this.#db.exec("pragma journal_mode = wal; pragma synchronous = normal; pragma wal_autocheckpoint = 4096;");
    this.#db.exec(
      "create table run (id text primary key, status integer not null, question text not null, answer text) strict",
    );
    this.#insert = this.#db.prepare("insert into run (id, status, question) values (?, 0, ?)");
    this.#finish = this.#db.prepare("update run set status = 1, answer = ? where id = ? and status = 0");
  }

  #inTransactions(count: number, each: (index: number) => void): void {
    for (let from = 0; from < count; from += 100) {
      this.#db.exec("begin immediate");
      for (let index = from; index < Math.min(count, from + 100); index++) each(index);
      this.#db.exec("commit");
    }
  }

  start(count: number): void {
    this.#inTransactions(
      count,
      (index) => void this.#insert.run(idOf(this.#rows + index), JSON.stringify(payload(index))),
    );
    this.#rows += count;
  }

  finish(from: number, count: number): void {
    this.#inTransactions(count, (index) => {
      assertEqual(this.#finish.run(JSON.stringify(payload(index + 1)), idOf(from + index)).changes, 1, "changed rows");
    });
  }

  check(status: number): { readonly entries: number; readonly keptBytes: number } {
    this.#db.close();
    const db = new DatabaseSync(this.#path, { readOnly: true });
    const found = db.prepare("select count(*) as rows from run where status = ?").get(status);
    db.close();
    return { entries: Number(found?.["rows"]), keptBytes: statSync(this.#path).size };
  }
}

/** Ordered in time, as ids of runs are. */
function idOf(row: number): string {
  return `run_0mwor3k8t12rcl2n0dgi4jt${row.toString(36).padStart(9, "0")}`;
}

/** A unit is a row. */
export async function startingFloor(folder: string, options: { readonly runs: number }): Promise<Cell> {
  const rows = new WaitingRows(folder);
  return {
    repeat: async () => {
      rows.start(options.runs);
      return options.runs;
    },
    check: async () => rows.check(0),
  };
}

/** A unit is a row. */
export async function resumingFloor(
  folder: string,
  options: { readonly runs: number; readonly batches: number },
): Promise<Cell> {
  const rows = new WaitingRows(folder);
  rows.start(options.runs * options.batches);
  let done = 0;
  return {
    repeat: async () => {
      rows.finish(done, options.runs);
      done += options.runs;
      return options.runs;
    },
    check: async () => ({ entries: rows.check(1).entries }),
  };
}
