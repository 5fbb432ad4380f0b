/**
 * Measures layouts of the journal in SQLite, for docs/decisions/0003-store-layout.md. Stands alone: it builds its own
 * tables and imports nothing of Concertato, so that the losers stay measurable.
 *
 *   node bench/layout.ts [rows, default 200000]
 *
 * Every layout gets the same entries: commits of 100, each entry for another of 100 or of 10,000 runs, payload 200 bytes.
 * The run row is compared and set where the layout says so; a checkpoint runs every 16 MB of log, outside the times.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";

interface Layout {
  readonly name: string;
  readonly tables: string;
  /** Compares and sets the run row with each entry. */
  readonly fence: boolean;
  /** Entries point at the previous one of their run. */
  readonly chain: boolean;
  /** A row in `mark` for every so many entries; 0 for none. */
  readonly markEvery: number;
  /** All entries of run ?1, in either order. */
  readonly replay: string;
  /** At most ?3 entries of run ?1 after seq ?2, in either order. */
  readonly page: string;
}

const columns = "seq, kind, scope, op, name, at, meta, body, jump";
const fields = `prev integer not null, jump integer, seq integer not null, run integer not null, kind integer not null,
  scope integer not null, op text not null, name text not null, at integer not null, meta text, body any`;
const chained = `create table entry (ref integer primary key, ${fields}) strict;`;
const marks = `create table mark (run integer not null, seq integer not null, ref integer not null, primary key (run, seq)) strict, without rowid;`;

/** Walks back from `start`, an expression over ?1 and the last wanted seq, to the entry after ?2. */
const walkPage = (start: string): string => `
  with recursive walk (ref) as (
    select ${start}
    union all
    select e.prev from walk cross join entry e on e.ref = walk.ref where e.seq > ?2 + 1 and e.prev > 0)
  select ${columns} from walk cross join entry e on e.ref = walk.ref where e.seq > ?2 and e.seq <= ?2 + ?3`;

const walkAll = `
  with recursive walk (ref) as (
    select head from run where key = ?1
    union all
    select coalesce(e.jump, e.prev) from walk cross join entry e on e.ref = walk.ref where e.prev > 0)
  select ${columns} from walk cross join entry e on e.ref = walk.ref`;

const indexed = {
  replay: `select ${columns} from entry where run = ?1 order by seq`,
  page: `select ${columns} from entry where run = ?1 and seq > ?2 order by seq limit ?3`,
};
const headOf = "(select head from run where key = ?1)";

const layouts: readonly Layout[] = [
  {
    name: "index (run, seq), no fence",
    fence: false,
    chain: false,
    markEvery: 0,
    ...indexed,
    tables: `${chained} create unique index entry_seq on entry (run, seq);`,
  },
  {
    name: "index (run, seq) + fence",
    fence: true,
    chain: false,
    markEvery: 0,
    ...indexed,
    tables: `${chained} create unique index entry_seq on entry (run, seq);`,
  },
  {
    name: "clustered (run, seq) + fence",
    fence: true,
    chain: false,
    markEvery: 0,
    ...indexed,
    tables: `create table entry (${fields}, primary key (run, seq)) strict, without rowid;`,
  },
  {
    name: "chain + fence",
    fence: true,
    chain: true,
    markEvery: 0,
    tables: chained,
    replay: walkAll,
    page: walkPage(headOf),
  },
  {
    name: "chain + fence + mark every 64",
    fence: true,
    chain: true,
    markEvery: 64,
    tables: chained + marks,
    replay: walkAll,
    page: walkPage(
      `coalesce((select ref from mark where run = ?1 and seq >= ?2 + ?3 order by seq limit 1), ${headOf})`,
    ),
  },
];

const body = JSON.stringify({ text: "x".repeat(189) });
const perCommit = 100;
const restartBytes = 16e6;

/** One layout, filled with entries of so many interleaved runs. */
class Bench {
  readonly layout: Layout;
  readonly runs: number;
  readonly folder: string = mkdtempSync(join(tmpdir(), "concertato-layout-"));
  readonly file: string = join(this.folder, "bench.db");
  readonly db: DatabaseSync = new DatabaseSync(this.file);
  readonly seq: Int32Array;
  readonly head: Float64Array;
  #logBytes = 0;
  #next = 0;

  constructor(layout: Layout, runs: number) {
    this.layout = layout;
    this.runs = runs;
    this.seq = new Int32Array(runs);
    this.head = new Float64Array(runs);
    this.db.exec(`pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma synchronous = normal;
      pragma wal_autocheckpoint = 0; pragma secure_delete = on; pragma cache_size = -32000;
      create table run (key integer primary key, seq integer not null, head integer not null, epoch integer not null,
        status integer not null, id text not null, tenant text not null, agent integer not null, input_hash text not null) strict;
      ${layout.tables}`);
    const insert = this.db.prepare("insert into run values (?, 0, 0, 1, 1, ?, 'acme', 1, ?)");
    this.db.exec("begin");
    for (let key = 0; key < runs; key++) insert.run(key, `0190f5a2-7c3b-7def-8a1b-${key}`, "h".repeat(24));
    this.db.exec("commit");
    this.restartLog();
  }

  restartLog(): void {
    this.#logBytes += this.#frames() * 4120;
    this.db.exec("pragma wal_checkpoint(restart); begin immediate; pragma user_version = 1; commit");
  }

  /** `noop` (SQLite 3.51) only looks; anything else would let the next commit begin the log anew and lose the count. */
  #frames(): number {
    return Number(this.db.prepare("pragma wal_checkpoint(noop)").get()?.["log"]);
  }

  /** Microseconds per entry, median over rounds, and the bytes of log per entry. */
  write(rows: number): { readonly time: number; readonly log: number } {
    const insert = this.db.prepare(
      "insert into entry (prev, jump, seq, run, kind, scope, op, name, at, meta, body) values (?, null, ?, ?, 6, 1, '0/3', 'look-up', ?, null, ?)",
    );
    const fence = this.db.prepare(
      "update run set seq = ?, head = ? where key = ? and epoch = ? and seq = ? and status < 4",
    );
    const mark = this.layout.markEvery > 0 ? this.db.prepare("insert into mark values (?, ?, ?)") : undefined;
    const begin = this.db.prepare("begin immediate");
    const commit = this.db.prepare("commit");
    const rounds = 10;
    const times: number[] = [];
    this.#logBytes = 0;
    for (let round = 0; round < rounds; round++) {
      let elapsed = 0;
      for (let done = 0; done < rows / rounds; done += perCommit) {
        const started = performance.now();
        begin.run();
        for (let index = 0; index < perCommit; index++) this.#entry(insert, fence, mark);
        commit.run();
        elapsed += performance.now() - started;
        if (done % 1000 === 0 && this.#frames() * 4120 > restartBytes) this.restartLog();
      }
      times.push((elapsed * 1000) / (rows / rounds));
    }
    this.restartLog();
    return { time: median(times), log: this.#logBytes / rows };
  }

  #entry(insert: StatementSync, fence: StatementSync, mark: StatementSync | undefined): void {
    const { layout, seq, head } = this;
    this.#next = (this.#next + 7919) % this.runs;
    const run = this.#next;
    const before = seq[run] ?? 0;
    const ref = Number(
      insert.run(layout.chain ? (head[run] ?? 0) : 0, before + 1, run, 1.7e12 + before, body).lastInsertRowid,
    );
    if (layout.fence && fence.run(before + 1, ref, run, 1, before).changes !== 1) throw new Error("The fence refused.");
    if (mark !== undefined && (before + 1) % layout.markEvery === 0) mark.run(run, before + 1, ref);
    seq[run] = before + 1;
    head[run] = ref;
  }

  #query(sql: string): StatementSync {
    const prepared = this.db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  }

  /** Microseconds per entry over some runs read whole. */
  replay(): number {
    const all = this.#query(this.layout.replay);
    return perEntry(sample(this.runs), (run) => all.all(run).length);
  }

  /** Microseconds for the last 50 entries of a run. */
  tail(): number {
    const page = this.#query(this.layout.page);
    const runs = sample(this.runs);
    const started = performance.now();
    for (const run of runs) page.all(run, Math.max(0, (this.seq[run] ?? 0) - 50), 50);
    return ((performance.now() - started) * 1000) / runs.length;
  }

  /** Microseconds per entry when runs are read forwards in pages of 200, and the slowest page in milliseconds. */
  pages(): { readonly time: number; readonly slowest: number } {
    const page = this.#query(this.layout.page);
    let slowest = 0;
    const time = perEntry(sample(this.runs), (run) => {
      let after = 0;
      for (;;) {
        const started = performance.now();
        const found = page.all(run, after, 200).length;
        slowest = Math.max(slowest, performance.now() - started);
        after += found;
        if (found === 0) return after;
      }
    });
    return { time, slowest };
  }

  bytesPerRow(rows: number): number {
    return statSync(this.file).size / rows;
  }

  close(): void {
    this.db.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function sample(runs: number): number[] {
  const step = Math.max(1, Math.floor(runs / 20));
  return Array.from({ length: Math.min(20, runs) }, (_, index) => index * step);
}

/** The second of two passes, so that all layouts are read with a warm cache. */
function perEntry(runs: readonly number[], read: (run: number) => number): number {
  let time = 0;
  for (let pass = 0; pass < 2; pass++) {
    const started = performance.now();
    let count = 0;
    for (const run of runs) count += read(run);
    time = ((performance.now() - started) * 1000) / count;
  }
  return time;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

const rows = Number(process.argv[2] ?? 200_000);
console.log(`Node ${process.version}, ${rows} entries each, commits of ${perCommit}, payload ${body.length} bytes`);
console.log(
  "| layout | runs | write µs/row | log B/row | disk B/row | replay µs/entry | last 50 µs | pages µs/entry | slowest page ms |",
);
console.log("|---|---|---|---|---|---|---|---|---|");
for (const runs of [1, 100, 10_000]) {
  for (const layout of layouts) {
    const bench = new Bench(layout, runs);
    const { time, log } = bench.write(rows);
    const replay = bench.replay();
    const tail = bench.tail();
    const pages = bench.pages();
    const cells = [
      time.toFixed(2),
      log.toFixed(0),
      bench.bytesPerRow(rows).toFixed(0),
      replay.toFixed(2),
      tail.toFixed(0),
      pages.time.toFixed(2),
      pages.slowest.toFixed(1),
    ];
    console.log(`| ${layout.name} | ${runs} | ${cells.join(" | ")} |`);
    bench.close();
  }
}
