/** The bank's tables. Amounts are whole cents, times are ISO texts in UTC. */

/** Tables of the business database. `attempts` and `movements` are ledgers: rows are only ever added. */
export const bankTables = `
  CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL UNIQUE, state TEXT NOT NULL) STRICT;
  CREATE TABLE cards (id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, last4 TEXT NOT NULL, state TEXT NOT NULL) STRICT;
  CREATE TABLE payments (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, card TEXT NOT NULL REFERENCES cards,
    merchant TEXT NOT NULL, amount_cents INTEGER NOT NULL, fee_cents INTEGER NOT NULL, foreign_amount TEXT, at TEXT NOT NULL, state TEXT NOT NULL) STRICT;
  CREATE TABLE transfers (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, payee TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    state TEXT NOT NULL, expected TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE top_ups (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, amount_cents INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, limit_cents INTEGER NOT NULL, used_cents INTEGER NOT NULL, renews TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE withdrawals (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, machine TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    paid_out_cents INTEGER NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE account_fees (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, kind TEXT NOT NULL, amount_cents INTEGER NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE card_orders (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, state TEXT NOT NULL, sent TEXT NOT NULL, expected TEXT NOT NULL) STRICT;
  CREATE TABLE identity_checks (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, document TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE shop_credits (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, payment TEXT NOT NULL REFERENCES payments,
    amount_cents INTEGER NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE rate_sheets (
    id TEXT PRIMARY KEY, currency TEXT NOT NULL, first_day TEXT NOT NULL, last_day TEXT NOT NULL, rate TEXT NOT NULL) STRICT;
  CREATE TABLE contacts (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, area TEXT NOT NULL, summary TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE refunds (
    key TEXT PRIMARY KEY, payment TEXT NOT NULL UNIQUE REFERENCES payments, amount_cents INTEGER NOT NULL, reference TEXT NOT NULL UNIQUE, at TEXT NOT NULL) STRICT;
  CREATE TABLE releases (key TEXT NOT NULL, payment TEXT PRIMARY KEY REFERENCES payments, amount_cents INTEGER NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE bookings (key TEXT PRIMARY KEY, credit TEXT NOT NULL UNIQUE REFERENCES shop_credits, at TEXT NOT NULL) STRICT;
  CREATE TABLE blocks (key TEXT PRIMARY KEY, card TEXT NOT NULL REFERENCES cards, at TEXT NOT NULL) STRICT;
  CREATE TABLE tickets (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, message TEXT NOT NULL, customer TEXT, topic TEXT NOT NULL,
    priority TEXT NOT NULL, note TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE movements (n INTEGER PRIMARY KEY AUTOINCREMENT, payment TEXT NOT NULL, amount_cents INTEGER NOT NULL, reference TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE attempts (
    n INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT NOT NULL, key TEXT NOT NULL, subject TEXT NOT NULL, outcome TEXT NOT NULL, at TEXT NOT NULL) STRICT;
`;
