/**
 * The floor of everything durable: bare node:sqlite, and the row that Concertato writes for a step, inserted by hand.
 * `fenced` adds the one thing the kernel's rules ask for on top: comparing and setting epoch and sequence on the run's
 * row, so that a process which lost the run cannot write into it.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { assertEqual, type Cell } from "../cell.ts";
import { payload, stepped } from "../payload.ts";
import { mapAndSum, sumAfter } from "./loop.ts";

const tables = `
create table entry (ref integer primary key, prev integer not null, jump integer, seq integer not null, run integer not null,
  kind integer not null, scope integer not null, op text not null, name text not null, at integer not null, meta text, body any) strict;
create table run (key integer primary key, seq integer not null, head integer not null, epoch integer not null) strict;
`;

const meta = '{"verb":"run","agent":"step-5@1","effect":"read"}';
const runs = 100;

export interface HandOptions {
  /** `full`: SQLite syncs its log (fdatasync) at each commit. */
  readonly durability: "normal" | "full";
  readonly perTransaction: number;
  readonly rows: number;
  readonly fenced: boolean;
  /** What a unit is. Default 1 row. */
  readonly rowsPerUnit?: number;
}

/** A file with the two tables, written as fast as bare SQLite can. */
export class HandJournal {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #fence: StatementSync;
  readonly #fenced: boolean;
  readonly #perTransaction: number;
  readonly #seq = new Array<number>(runs).fill(0);
  readonly #head = new Array<number>(runs).fill(0);
  #written = 0;

  constructor(folder: string, options: Omit<HandOptions, "rows" | "rowsPerUnit">) {
    this.#path = join(folder, "hand.db");
    this.#db = new DatabaseSync(this.#path);
    // The log is checkpointed at the size Concertato does it, so that both write over the same stretch of disk.
    this.#db.exec(
      `pragma journal_mode = wal; pragma synchronous = ${options.durability}; pragma wal_autocheckpoint = 4096;`,
    );
    this.#db.exec(tables);
    this.#begin = this.#db.prepare("begin immediate");
    this.#commit = this.#db.prepare("commit");
    this.#insert = this.#db.prepare(
      "insert into entry (prev, jump, seq, run, kind, scope, op, name, at, meta, body) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#fence = this.#db.prepare("update run set seq = ?, head = ? where key = ? and epoch = ? and seq = ?");
    this.#fenced = options.fenced;
    this.#perTransaction = options.perTransaction;
    const insertRun = this.#db.prepare("insert into run (key, seq, head, epoch) values (?, 0, 0, 1)");
    for (let run = 0; run < runs; run++) insertRun.run(run);
  }

  /** Writes so many rows, committing after every `perTransaction`. */
  write(rows: number): void {
    const each = this.#perTransaction;
    for (let row = 0; row < rows; row += each) {
      this.#begin.run();
      for (let index = 0; index < each; index++) this.#writeRow((row + index) % runs);
      this.#commit.run();
    }
    this.#written += rows;
  }

  #writeRow(run: number): void {
    const before = this.#seq[run] ?? 0;
    const input = payload(before);
    // As Concertato stores a step of a chain: its input is the output before it, and is named.
    const body = `${JSON.stringify(stepped(input))}\n=${before}`;
    const seq = before + 1;
    const { lastInsertRowid } = this.#insert.run(
      this.#head[run] ?? 0,
      null,
      seq,
      run,
      6,
      1,
      "5",
      "step-5",
      Date.now(),
      meta,
      body,
    );
    const ref = Number(lastInsertRowid);
    if (this.#fenced) assertEqual(this.#fence.run(seq, ref, run, 1, before).changes, 1, "changed run rows");
    this.#seq[run] = seq;
    this.#head[run] = ref;
  }

  /** Closes, opens again, and counts what is there. */
  check(): { readonly entries: number; readonly keptBytes: number } {
    this.#db.close();
    const db = new DatabaseSync(this.#path, { readOnly: true });
    const found = db.prepare("select count(*) as rows, sum(length(body)) as bytes from entry").get();
    db.close();
    assertEqual(found?.["rows"], this.#written, "rows");
    return { entries: this.#written, keptBytes: statSync(this.#path).size };
  }
}

/** A unit is a row, or so many as said. */
export async function journalFloor(folder: string, options: HandOptions): Promise<Cell> {
  const journal = new HandJournal(folder, options);
  return {
    repeat: async () => {
      journal.write(options.rows);
      return options.rows / (options.rowsPerUnit ?? 1);
    },
    check: async () => journal.check(),
  };
}

/** A conversation: one message after the other, each in a transaction; a unit is the whole. */
export async function messagesFloor(
  folder: string,
  options: { readonly messages: number; readonly perTransaction: number },
): Promise<Cell> {
  const journal = new HandJournal(folder, {
    durability: "normal",
    perTransaction: options.perTransaction,
    fenced: false,
  });
  return {
    repeat: async () => {
      journal.write(options.messages);
      return 1;
    },
    check: async () => journal.check(),
  };
}

/** The map floor, and its results written in transactions of 100; a unit is the whole. */
export async function durableMapFloor(folder: string, options: { readonly items: number }): Promise<Cell> {
  const journal = new HandJournal(folder, { durability: "normal", perTransaction: 100, fenced: false });
  const items = Array.from({ length: options.items }, (_, index) => payload(index));
  return {
    repeat: async () => {
      assertEqual(await mapAndSum(items), sumAfter(options.items), "sum");
      journal.write(options.items);
      return 1;
    },
    check: async () => journal.check(),
  };
}
