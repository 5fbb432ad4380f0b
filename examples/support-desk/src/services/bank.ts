/**
 * The business database of the desk: a real SQLite file of its own, apart from the journal.
 * Every operation that changes something is idempotent by key, applied in one durable transaction with a row in
 * `attempts`, and a payment can be paid back once only, whatever the key. It decides nothing about who may ask.
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { euros } from "../money.ts";
import { bankRows } from "./bank-seed.ts";
import { bankTables } from "./bank-tables.ts";

export interface Card {
  readonly id: string;
  readonly last4: string;
  readonly state: string;
}

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly cards: readonly Card[];
}

export interface Payment {
  readonly id: string;
  readonly merchant: string;
  readonly amountCents: number;
  readonly feeCents: number;
  readonly foreignAmount: string | null;
  readonly last4: string;
  readonly at: string;
  readonly state: string;
  readonly refunded: boolean;
  /** What the shop itself has given back of it. */
  readonly creditedCents: number;
}

/** What a shop gives back of one of its own charges. */
export interface ShopCredit {
  readonly id: string;
  readonly paymentId: string;
  readonly amountCents: number;
  /** "announced" or "booked". */
  readonly state: string;
  readonly at: string;
}

/** The rate of a currency in a week, in EUR for one unit, as the bank keeps it from the card network's paper. */
export interface RateSheet {
  readonly id: string;
  readonly currency: string;
  readonly firstDay: string;
  readonly lastDay: string;
  readonly rate: string;
}

/** A blocked card, and the payments that were only reserved on it and are released by that. */
export interface BlockedCard extends Card {
  readonly released: readonly { readonly id: string; readonly merchant: string; readonly amountCents: number }[];
}

export interface Transfer {
  readonly id: string;
  readonly payee: string;
  readonly amountCents: number;
  readonly state: string;
  readonly expected: string;
  readonly at: string;
}

export interface TopUp {
  readonly id: string;
  readonly amountCents: number;
  readonly state: string;
  readonly reason: string;
  readonly limitCents: number;
  readonly usedCents: number;
  readonly renews: string;
  readonly at: string;
}

export interface Withdrawal {
  readonly id: string;
  readonly machine: string;
  readonly amountCents: number;
  readonly paidOutCents: number;
  readonly state: string;
  readonly at: string;
}

export interface AccountFee {
  readonly id: string;
  readonly kind: string;
  readonly amountCents: number;
  readonly at: string;
}

export interface CardOrder {
  readonly id: string;
  readonly state: string;
  readonly sent: string;
  readonly expected: string;
}

export interface IdentityCheck {
  readonly id: string;
  readonly document: string;
  readonly state: string;
  readonly reason: string;
  readonly at: string;
}

/** An earlier contact with the desk. */
export interface Contact {
  readonly id: string;
  readonly area: string;
  readonly summary: string;
  readonly at: string;
}

export interface RefundOrder {
  readonly customerId: string;
  readonly paymentId: string;
  /** What is paid: the amount on record less what the shop has given back. */
  readonly amountCents: number;
  /** What the shop had given back when this order was shown to whoever approved it. */
  readonly creditedCents: number;
}

export interface RefundReceipt {
  readonly reference: string;
  readonly paymentId: string;
  readonly amountCents: number;
}

export interface TicketRequest {
  readonly messageId: string;
  readonly customerId: string | null;
  readonly topic: string;
  readonly priority: string;
  readonly note: string;
}

export interface TicketReceipt {
  readonly number: number;
}

/** What the ledgers say happened, for the summary and for outside checkers. */
export interface Books {
  readonly refunds: number;
  readonly refundedCents: number;
  /** Money movements beyond the first for the same payment. */
  readonly paidTwice: number;
  readonly tickets: number;
  readonly blockedCards: number;
  /** Calls that would have repeated a refund: same payment again, under the same key or another. */
  readonly repeatedRefundCalls: number;
}

export type BankRefusalCode =
  | "no-such-payment"
  | "wrong-amount"
  | "already-refunded"
  | "changed-since-shown"
  | "no-such-card"
  | "no-such-credit";

/** The bank said no, with the reason; nothing was changed. */
export class BankRefusal extends Error {
  readonly code: BankRefusalCode;

  constructor(code: BankRefusalCode, message: string) {
    super(message);
    this.name = "BankRefusal";
    this.code = code;
  }
}

export interface Bank extends Disposable {
  readonly customerByAddress: (address: string) => Customer | null;
  readonly payments: (customerId: string) => readonly Payment[];
  readonly transfers: (customerId: string) => readonly Transfer[];
  readonly topUps: (customerId: string) => readonly TopUp[];
  readonly withdrawals: (customerId: string) => readonly Withdrawal[];
  readonly accountFees: (customerId: string) => readonly AccountFee[];
  readonly cardOrders: (customerId: string) => readonly CardOrder[];
  readonly identityChecks: (customerId: string) => readonly IdentityCheck[];
  readonly contacts: (customerId: string) => readonly Contact[];
  readonly shopCredits: (customerId: string) => readonly ShopCredit[];
  /** The sheet of the week that a day lies in. */
  readonly rateSheet: (currency: string, day: string) => RateSheet | null;
  /**
   * Pays a payment back.
   * @throws BankRefusal when it does not exist, has another amount, was paid back already or changed since it was shown
   */
  readonly refund: (order: RefundOrder, key: string) => RefundReceipt;
  readonly refundByKey: (key: string) => RefundReceipt | null;
  readonly blockCard: (cardId: string, key: string) => BlockedCard;
  /** Books what a shop announced to give back of its own charge. @throws BankRefusal when it announced nothing like it */
  readonly bookCredit: (creditId: string, customerId: string, key: string) => ShopCredit;
  readonly openTicket: (request: TicketRequest, key: string) => TicketReceipt;
  readonly books: () => Books;
}

/** Opens the bank's file and seeds it when it is new. @param now the bank's own clock */
export function openBank(file: string, now: () => Date = () => new Date()): Bank {
  const db = new DatabaseSync(file, { timeout: 5000 });
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  atomically(db, () => seed(db, now()));
  const ledger: Ledger = { db, at: () => now().toISOString() };
  return {
    customerByAddress: (address) => customerByAddress(db, address),
    payments: (customerId) => payments(db, customerId),
    transfers: (customerId) => all<Transfer>(db, transferQuery, customerId),
    topUps: (customerId) => all<TopUp>(db, topUpQuery, customerId),
    withdrawals: (customerId) => all<Withdrawal>(db, withdrawalQuery, customerId),
    accountFees: (customerId) => all<AccountFee>(db, accountFeeQuery, customerId),
    cardOrders: (customerId) => all<CardOrder>(db, cardOrderQuery, customerId),
    identityChecks: (customerId) => all<IdentityCheck>(db, identityCheckQuery, customerId),
    contacts: (customerId) => all<Contact>(db, contactQuery, customerId),
    shopCredits: (customerId) => all<ShopCredit>(db, shopCreditQuery, customerId),
    rateSheet: (currency, day) => one<RateSheet>(db, rateSheetQuery, currency, day, day) ?? null,
    refund: (order, key) => refund(ledger, order, key),
    refundByKey: (key) => one<RefundReceipt>(db, refundQuery, key) ?? null,
    blockCard: (cardId, key) => blockCard(ledger, cardId, key),
    bookCredit: (creditId, customerId, key) => bookCredit(ledger, creditId, customerId, key),
    openTicket: (request, key) => openTicket(ledger, request, key),
    books: () => books(db),
    [Symbol.dispose]: () => db.close(),
  };
}

interface Ledger {
  readonly db: DatabaseSync;
  readonly at: () => string;
}

const cardQuery = "SELECT id, last4, state FROM cards WHERE customer = ? ORDER BY id";
const transferQuery =
  "SELECT id, payee, amount_cents AS amountCents, state, expected, at FROM transfers WHERE customer = ? ORDER BY at DESC";
const topUpQuery = `SELECT id, amount_cents AS amountCents, state, reason, limit_cents AS limitCents, used_cents AS usedCents, renews, at
  FROM top_ups WHERE customer = ? ORDER BY at DESC`;
const withdrawalQuery = `SELECT id, machine, amount_cents AS amountCents, paid_out_cents AS paidOutCents, state, at
  FROM withdrawals WHERE customer = ? ORDER BY at DESC`;
const accountFeeQuery =
  "SELECT id, kind, amount_cents AS amountCents, at FROM account_fees WHERE customer = ? ORDER BY at DESC";
const cardOrderQuery = "SELECT id, state, sent, expected FROM card_orders WHERE customer = ? ORDER BY sent DESC";
const identityCheckQuery =
  "SELECT id, document, state, reason, at FROM identity_checks WHERE customer = ? ORDER BY at DESC";
const contactQuery = "SELECT id, area, summary, at FROM contacts WHERE customer = ? ORDER BY at DESC, id";
const shopCreditQuery = `SELECT id, payment AS paymentId, amount_cents AS amountCents, state, at
  FROM shop_credits WHERE customer = ? ORDER BY at DESC`;
const rateSheetQuery = `SELECT id, currency, first_day AS firstDay, last_day AS lastDay, rate
  FROM rate_sheets WHERE currency = ? AND first_day <= ? AND last_day >= ?`;
const refundQuery = "SELECT reference, payment AS paymentId, amount_cents AS amountCents FROM refunds WHERE key = ?";
const paymentQuery = `SELECT p.id, p.merchant, p.amount_cents AS amountCents, p.fee_cents AS feeCents, p.foreign_amount AS foreignAmount,
  k.last4, p.at, p.state, EXISTS (SELECT 1 FROM refunds r WHERE r.payment = p.id) AS refunded,
  (SELECT coalesce(sum(s.amount_cents), 0) FROM shop_credits s WHERE s.payment = p.id AND s.state = 'booked') AS creditedCents
  FROM payments p JOIN cards k ON k.id = p.card WHERE p.customer = ? ORDER BY p.at, p.id`;

/** Raised with the tables. */
const bankVersion = 3;

function seed(db: DatabaseSync, today: Date): void {
  const version = one<{ user_version: number }>(db, "PRAGMA user_version")?.user_version;
  if (version === bankVersion) return;
  if (version !== 0)
    throw new Error("The bank's file was made by another version of the desk. Start afresh with --fresh.");
  db.exec(bankTables);
  for (const [table, rows] of Object.entries(bankRows)) {
    for (const row of rows)
      db.prepare(`INSERT INTO ${table} VALUES (${row.map(() => "?").join(", ")})`).run(
        ...row.map((cell) => dated(cell, today)),
      );
  }
  db.exec(`PRAGMA user_version = ${bankVersion}`);
}

const dayMs = 24 * 60 * 60 * 1000;

/** "yesterday 06:40" as a time. */
function dated(cell: string | number | null, today: Date): string | number | null {
  const time = typeof cell === "string" ? /^yesterday (\d\d:\d\d)$/.exec(cell)?.[1] : undefined;
  if (time === undefined) return cell;
  return `${new Date(today.getTime() - dayMs).toISOString().slice(0, 10)}T${time}:00Z`;
}

function customerByAddress(db: DatabaseSync, address: string): Customer | null {
  const found = one<Omit<Customer, "cards">>(
    db,
    "SELECT id, name, address, state FROM customers WHERE address = ? COLLATE NOCASE",
    address,
  );
  return found === undefined ? null : { ...found, cards: all<Card>(db, cardQuery, found.id) };
}

function payments(db: DatabaseSync, customerId: string): readonly Payment[] {
  const rows = all<Omit<Payment, "refunded"> & { readonly refunded: number }>(db, paymentQuery, customerId);
  return rows.map((row) => ({ ...row, refunded: row.refunded === 1 }));
}

function refund(ledger: Ledger, order: RefundOrder, key: string): RefundReceipt {
  const { db } = ledger;
  const answer = atomically(db, () => {
    const earlier = one<RefundReceipt>(db, refundQuery, key);
    const refusal = earlier === undefined ? refusalOf(db, order) : undefined;
    record(ledger, "refund", key, order.paymentId, earlier !== undefined ? "repeated" : (refusal?.code ?? "applied"));
    return earlier ?? refusal ?? payBack(ledger, order, key);
  });
  if (answer instanceof BankRefusal) throw answer;
  return answer;
}

function refusalOf(db: DatabaseSync, order: RefundOrder): BankRefusal | undefined {
  const payment = payments(db, order.customerId).find(({ id }) => id === order.paymentId);
  if (payment === undefined) {
    return new BankRefusal(
      "no-such-payment",
      `Customer ${order.customerId} has no payment ${order.paymentId}. Look the payment up again.`,
    );
  }
  if (payment.refunded) {
    return new BankRefusal("already-refunded", `Payment ${order.paymentId} was paid back before. Nothing was moved.`);
  }
  if (payment.creditedCents !== order.creditedCents) {
    const shown = `the shop had given ${euros(order.creditedCents)} of it back then and ${euros(payment.creditedCents)} now`;
    return new BankRefusal(
      "changed-since-shown",
      `Payment ${order.paymentId} changed since it was shown: ${shown}. Look again and ask again.`,
    );
  }
  const open = payment.amountCents - payment.creditedCents;
  if (open !== order.amountCents) {
    const said = `${order.amountCents} cents were asked for, ${open} are on record`;
    return new BankRefusal("wrong-amount", `Payment ${order.paymentId}: ${said}. Ask for the amount on record.`);
  }
  return undefined;
}

function payBack({ db, at }: Ledger, order: RefundOrder, key: string): RefundReceipt {
  const count = one<{ n: number }>(db, "SELECT count(*) AS n FROM refunds")?.n ?? 0;
  const receipt = { reference: `RF-${7001 + count}`, paymentId: order.paymentId, amountCents: order.amountCents };
  db.prepare("INSERT INTO refunds (key, payment, amount_cents, reference, at) VALUES (?, ?, ?, ?, ?)").run(
    key,
    receipt.paymentId,
    receipt.amountCents,
    receipt.reference,
    at(),
  );
  db.prepare("INSERT INTO movements (payment, amount_cents, reference, at) VALUES (?, ?, ?, ?)").run(
    receipt.paymentId,
    receipt.amountCents,
    receipt.reference,
    at(),
  );
  return receipt;
}

function blockCard(ledger: Ledger, cardId: string, key: string): BlockedCard {
  const { db, at } = ledger;
  const card = atomically(db, () => {
    const earlier = one(db, "SELECT key FROM blocks WHERE key = ?", key) !== undefined;
    const changed = db.prepare("UPDATE cards SET state = 'blocked' WHERE id = ?").run(cardId).changes > 0;
    record(ledger, "block-card", key, cardId, earlier ? "repeated" : changed ? "applied" : "no-such-card");
    if (changed && !earlier) {
      db.prepare("INSERT INTO blocks VALUES (?, ?, ?)").run(key, cardId, at());
      release(ledger, cardId, key);
    }
    const blocked = one<Card>(db, "SELECT id, last4, state FROM cards WHERE id = ?", cardId);
    return blocked && { ...blocked, released: all<BlockedCard["released"][number]>(db, releaseQuery, key) };
  });
  if (card === undefined)
    throw new BankRefusal("no-such-card", `There is no card ${cardId}. Look the customer up again.`);
  return card;
}

const releaseQuery = `SELECT p.id, p.merchant, p.amount_cents AS amountCents
  FROM releases r JOIN payments p ON p.id = r.payment WHERE r.key = ? ORDER BY p.id`;

/** What is only reserved on a card is not booked any more once it is blocked. */
function release({ db, at }: Ledger, cardId: string, key: string): void {
  const reserved = all<Pick<Payment, "id" | "amountCents">>(
    db,
    "SELECT id, amount_cents AS amountCents FROM payments WHERE card = ? AND state = 'pending'",
    cardId,
  );
  for (const { id, amountCents } of reserved) {
    db.prepare("UPDATE payments SET state = 'released' WHERE id = ?").run(id);
    db.prepare("INSERT INTO releases VALUES (?, ?, ?, ?)").run(key, id, amountCents, at());
  }
}

function bookCredit(ledger: Ledger, creditId: string, customerId: string, key: string): ShopCredit {
  const { db, at } = ledger;
  const booked = atomically(db, () => {
    const credit = all<ShopCredit>(db, shopCreditQuery, customerId).find(({ id }) => id === creditId);
    const earlier = one(db, "SELECT key FROM bookings WHERE key = ?", key) !== undefined;
    const fits = credit?.state === "announced";
    record(ledger, "book-credit", key, creditId, earlier ? "repeated" : fits ? "applied" : "no-such-credit");
    if (earlier || !fits) return earlier ? credit : undefined;
    db.prepare("UPDATE shop_credits SET state = 'booked' WHERE id = ?").run(creditId);
    db.prepare("INSERT INTO bookings VALUES (?, ?, ?)").run(key, creditId, at());
    return { ...credit, state: "booked" };
  });
  if (booked === undefined)
    throw new BankRefusal("no-such-credit", `The shop has announced no credit ${creditId}. Look it up again.`);
  return booked;
}

function openTicket(ledger: Ledger, request: TicketRequest, key: string): TicketReceipt {
  const { db, at } = ledger;
  return atomically(db, () => {
    const earlier = one<TicketReceipt>(db, "SELECT number FROM tickets WHERE key = ?", key);
    record(ledger, "open-ticket", key, request.messageId, earlier === undefined ? "applied" : "repeated");
    if (earlier !== undefined) return earlier;
    const added = db
      .prepare("INSERT INTO tickets (key, message, customer, topic, priority, note, at) VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(key, request.messageId, request.customerId, request.topic, request.priority, request.note, at());
    return { number: Number(added.lastInsertRowid) };
  });
}

function books(db: DatabaseSync): Books {
  const count = (query: string): number => one<{ n: number }>(db, query)?.n ?? 0;
  return {
    refunds: count("SELECT count(*) AS n FROM refunds"),
    refundedCents: count("SELECT coalesce(sum(amount_cents), 0) AS n FROM movements"),
    paidTwice: count("SELECT count(*) - count(DISTINCT payment) AS n FROM movements"),
    tickets: count("SELECT count(*) AS n FROM tickets"),
    blockedCards: count("SELECT count(*) AS n FROM cards WHERE state = 'blocked'"),
    repeatedRefundCalls: count(
      "SELECT count(*) AS n FROM attempts WHERE operation = 'refund' AND outcome IN ('repeated', 'already-refunded')",
    ),
  };
}

function record({ db, at }: Ledger, operation: string, key: string, subject: string, outcome: string): void {
  db.prepare("INSERT INTO attempts (operation, key, subject, outcome, at) VALUES (?, ?, ?, ?, ?)").run(
    operation,
    key,
    subject,
    outcome,
    at(),
  );
}

function atomically<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

/** Rows as plain objects. The cast holds because each query names exactly the columns of its type. */
function all<Row>(db: DatabaseSync, query: string, ...values: SQLInputValue[]): readonly Row[] {
  return db
    .prepare(query)
    .all(...values)
    .map((row) => ({ ...row }) as Row);
}

function one<Row>(db: DatabaseSync, query: string, ...values: SQLInputValue[]): Row | undefined {
  return all<Row>(db, query, ...values)[0];
}
