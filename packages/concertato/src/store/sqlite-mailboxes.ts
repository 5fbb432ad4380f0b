/**
 * Mail between runs: letters lie here until a receive asks for one, then they are inbox rows like any message. Runs inside
 * the transaction that the store has begun.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { InboxSend, Letter } from "../journal/store.ts";
import { rows } from "./sqlite-rows.ts";

/** Puts a row into a run's inbox and wakes the run. */
type Deliver = (run: number, row: InboxSend) => void;

type LetterCells = readonly [id: number, sender: string, n: number, at: number, body: string | Uint8Array | null];

export class Mailboxes {
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #deliver: Deliver;

  constructor(db: DatabaseSync, deliver: Deliver) {
    this.#sql = prepareAll(db);
    this.#deliver = deliver;
  }

  /** It was taken before: whoever sends it again need not know what became of it, or of the run. */
  accepted(run: number, { sender, n, keyed }: Letter): boolean {
    const [accepted] = n > 0 ? rows<readonly [number]>(this.#sql.accepted, run, sender) : [];
    return accepted !== undefined && (keyed === true ? n === accepted[0] : n <= accepted[0]);
  }

  /** Its key was used for another letter. */
  conflicts(run: number, { sender, n, keyed }: Letter): boolean {
    if (keyed !== true) return false;
    const [accepted] = rows<readonly [number]>(this.#sql.accepted, run, sender);
    return accepted !== undefined && accepted[0] !== n;
  }

  /** False when the channel holds `limit` letters; `waiter` is told when there is room. */
  offer(run: number, letter: Letter, limit: number, waiter: string | null): boolean {
    const { channel, sender, n, at, body } = letter;
    if (this.accepted(run, letter)) return true;
    this.#sql.linkRun.run(run);
    const [lying] = rows<readonly [number]>(this.#sql.count, run, channel);
    if ((lying?.[0] ?? 0) >= limit) {
      if (waiter !== null) this.#wait(run, channel, waiter);
      return false;
    }
    if (n > 0) this.#sql.accept.run(run, sender, n);
    if (this.#sql.takeAsked.run(run, channel).changes === 1) this.#deliver(run, asRow(letter));
    else this.#sql.insert.run(run, channel, sender, n, at, body);
    return true;
  }

  /** A receive asks for one letter: the oldest that lies here, or the next to come. */
  listen(run: number, channel: string): void {
    const [oldest] = rows<LetterCells>(this.#sql.oldest, run, channel);
    if (oldest === undefined) {
      this.#sql.linkRun.run(run);
      this.#sql.ask.run(run, channel);
      return;
    }
    const [id, sender, n, at, body] = oldest;
    this.#sql.remove.run(id);
    this.#deliver(run, asRow({ channel, sender, n, at, body }));
    this.#tellWaiters(run, channel);
  }

  /** A receive was given up; one that has its letter already keeps it. */
  ignore(run: number, channel: string): void {
    this.#sql.takeAsked.run(run, channel);
  }

  /** The run ended: its mail goes, what was accepted stays known, and whoever waits for room tries again and hears of it. */
  close(run: number): void {
    for (const [channel] of rows<readonly [string]>(this.#sql.waitedFor, run)) this.#tellWaiters(run, channel);
    for (const statement of this.#sql.clear) statement.run(run);
  }

  #wait(run: number, channel: string, waiter: string): void {
    const [found] = rows<readonly [number]>(this.#sql.keyOf, waiter);
    if (found === undefined) return;
    this.#sql.linkRun.run(found[0]);
    this.#sql.wait.run(run, channel, found[0]);
  }

  #tellWaiters(run: number, channel: string): void {
    for (const [id, waiter, at] of rows<readonly [number, number, number]>(this.#sql.waiters, run, channel)) {
      this.#sql.removeWaiter.run(id);
      this.#deliver(waiter, { sender: `room:${id}`, n: 1, kind: "room", name: channel, body: null, at });
    }
  }
}

function asRow({ channel, sender, n, body, at }: Letter): InboxSend {
  return { sender, n, kind: "mail", name: channel, body, at };
}

function prepareAll(db: DatabaseSync) {
  const statement = (sql: string): StatementSync => db.prepare(sql);
  const query = (sql: string): StatementSync => {
    const prepared = db.prepare(sql);
    prepared.setReturnArrays(true);
    return prepared;
  };
  return {
    accepted: query(`select n from mail_accepted where run = ? and sender = ?`),
    accept: statement(
      `insert into mail_accepted (run, sender, n) values (?, ?, ?) on conflict (run, sender) do update set n = excluded.n`,
    ),
    count: query(`select count(*) from mail where run = ? and channel = ?`),
    insert: statement(`insert into mail (run, channel, sender, n, at, body) values (?, ?, ?, ?, ?, ?)`),
    oldest: query(`select id, sender, n, at, body from mail where run = ? and channel = ? order by id limit 1`),
    remove: statement(`delete from mail where id = ?`),
    ask: statement(
      `insert into mail_asked (run, channel, count) values (?, ?, 1)
       on conflict (run, channel) do update set count = count + 1`,
    ),
    takeAsked: statement(`update mail_asked set count = count - 1 where run = ? and channel = ? and count > 0`),
    keyOf: query(`select key from run where id = ?`),
    wait: statement(`insert into mail_waiter (run, channel, waiter) values (?, ?, ?) on conflict do nothing`),
    // A waiter that has ended is passed over: its rows go with it.
    waiters: query(
      `select w.id, w.waiter, r.updated_at from mail_waiter w join run r on r.key = w.waiter
       where w.run = ? and w.channel = ? order by w.id`,
    ),
    waitedFor: query(`select distinct channel from mail_waiter where run = ?`),
    removeWaiter: statement(`delete from mail_waiter where id = ?`),
    linkRun: statement(`update run set linked = 1 where key = ? and linked = 0`),
    clear: [
      statement(`delete from mail where run = ?`),
      statement(`delete from mail_asked where run = ?`),
      statement(`delete from mail_waiter where waiter = ?`),
    ],
  };
}
