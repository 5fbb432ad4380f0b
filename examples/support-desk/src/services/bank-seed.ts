/**
 * The bank's tables and the fictional business they start with: the same rows on every machine.
 * Amounts are whole cents. Nothing here is decided at run time.
 */

/** Tables of the business database. `attempts` and `movements` are ledgers: rows are only ever added. */
export const bankTables = `
  CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE cards (id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, last4 TEXT NOT NULL, state TEXT NOT NULL) STRICT;
  CREATE TABLE payments (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, card TEXT NOT NULL REFERENCES cards,
    merchant TEXT NOT NULL, amount_cents INTEGER NOT NULL, fee_cents INTEGER NOT NULL, foreign_amount TEXT, at TEXT NOT NULL) STRICT;
  CREATE TABLE transfers (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, payee TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    state TEXT NOT NULL, expected TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE top_ups (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, amount_cents INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, limit_cents INTEGER NOT NULL, used_cents INTEGER NOT NULL, renews TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE refunds (
    key TEXT PRIMARY KEY, payment TEXT NOT NULL UNIQUE REFERENCES payments, amount_cents INTEGER NOT NULL, reference TEXT NOT NULL UNIQUE, at TEXT NOT NULL) STRICT;
  CREATE TABLE blocks (key TEXT PRIMARY KEY, card TEXT NOT NULL REFERENCES cards, at TEXT NOT NULL) STRICT;
  CREATE TABLE tickets (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, message TEXT NOT NULL, customer TEXT, topic TEXT NOT NULL,
    priority TEXT NOT NULL, note TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE movements (n INTEGER PRIMARY KEY AUTOINCREMENT, payment TEXT NOT NULL, amount_cents INTEGER NOT NULL, reference TEXT NOT NULL, at TEXT NOT NULL) STRICT;
  CREATE TABLE attempts (
    n INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT NOT NULL, key TEXT NOT NULL, subject TEXT NOT NULL, outcome TEXT NOT NULL, at TEXT NOT NULL) STRICT;
`;

type Cell = string | number | null;

/** Rows by table, in the order of the columns. */
export const bankRows: Readonly<Record<string, readonly (readonly Cell[])[]>> = {
  customers: [
    ["c-101", "Mira Holt", "mira.holt@example.com"],
    ["c-102", "Jonas Feld", "jonas.feld@example.com"],
    ["c-103", "Ayla Demir", "ayla.demir@example.com"],
    ["c-104", "Tom Reyes", "tom.reyes@example.com"],
    ["c-105", "Priya Nair", "priya.nair@example.com"],
    ["c-106", "Lukas Brandt", "lukas.brandt@example.com"],
    ["c-107", "Dana Voss", "dana.voss@example.com"],
    ["c-108", "Ines Costa", "ines.costa@example.com"],
  ],
  cards: [
    ["k-501", "c-101", "6467", "active"],
    ["k-502", "c-102", "2210", "active"],
    ["k-503", "c-103", "8841", "active"],
    ["k-504", "c-104", "1179", "active"],
    ["k-505", "c-105", "5026", "active"],
    ["k-506", "c-106", "3398", "active"],
    ["k-507", "c-107", "7754", "active"],
    ["k-508", "c-108", "4402", "active"],
  ],
  payments: [
    ["p-2001", "c-101", "k-501", "Bramble Books", 8400, 0, null, "2026-03-03T16:12:00Z"],
    ["p-2002", "c-101", "k-501", "Bramble Books", 8400, 0, null, "2026-03-03T16:14:00Z"],
    ["p-2003", "c-101", "k-501", "Corner Market", 2315, 0, null, "2026-03-03T18:40:00Z"],
    ["p-2011", "c-102", "k-502", "Harbour Coffee", 1250, 0, null, "2026-03-04T07:31:00Z"],
    ["p-2012", "c-102", "k-502", "Harbour Coffee", 1250, 0, null, "2026-03-04T07:32:00Z"],
    ["p-2031", "c-103", "k-503", "City Tram", 320, 0, null, "2026-03-04T07:50:00Z"],
    ["p-2061", "c-106", "k-506", "Osaka Garden Hotel", 24000, 360, "38,880 JPY", "2026-02-27T11:05:00Z"],
    ["p-2071", "c-107", "k-507", "Vela Travel", 31200, 0, null, "2026-03-01T10:00:00Z"],
  ],
  transfers: [
    [
      "t-3001",
      "c-105",
      "Meadow Housing",
      65000,
      "held by the receiving bank for a routine check",
      "2026-03-06",
      "2026-03-02T09:30:00Z",
    ],
  ],
  top_ups: [
    ["u-4001", "c-104", 20000, "declined", "monthly limit", 100000, 95000, "2026-04-01", "2026-03-04T07:01:00Z"],
    ["u-4002", "c-104", 20000, "declined", "monthly limit", 100000, 95000, "2026-04-01", "2026-03-04T07:03:00Z"],
    ["u-4003", "c-104", 20000, "declined", "monthly limit", 100000, 95000, "2026-04-01", "2026-03-04T07:20:00Z"],
  ],
};
