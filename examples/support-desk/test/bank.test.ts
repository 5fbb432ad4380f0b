/** The bank's promises: once per key, once per payment, every attempt on record. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Bank, BankRefusal, openBank } from "../src/services/bank.ts";

const order = { customerId: "c-101", paymentId: "p-2002", amountCents: 8400, creditedCents: 0 };
let folder = "";
let file = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "desk-bank-"));
  file = join(folder, "bank.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof BankRefusal) return error.code;
    throw error;
  }
  return "none";
}

function attempts(): unknown[] {
  using db = new DatabaseSync(file, { readOnly: true });
  return db
    .prepare("SELECT operation, key, subject, outcome FROM attempts ORDER BY n")
    .all()
    .map((row) => Object.values(row));
}

function refundBy(bank: Bank, key: string, change: Partial<typeof order> = {}): string {
  return refusalOf(() => bank.refund({ ...order, ...change }, key));
}

test("a refund under the same key pays once and answers the same receipt", () => {
  using bank = openBank(file);
  const receipt = bank.refund(order, "key-1");
  expect(bank.refund(order, "key-1")).toEqual(receipt);
  expect(bank.books()).toMatchObject({ refunds: 1, refundedCents: 8400, paidTwice: 0, repeatedRefundCalls: 1 });
});

test("a payment cannot be paid back again under another key, and the attempt is on record", () => {
  using bank = openBank(file);
  bank.refund(order, "key-1");
  expect(refundBy(bank, "key-2")).toBe("already-refunded");
  expect(bank.books()).toMatchObject({ refunds: 1, paidTwice: 0, repeatedRefundCalls: 1 });
  expect(attempts()).toEqual([
    ["refund", "key-1", "p-2002", "applied"],
    ["refund", "key-2", "p-2002", "already-refunded"],
  ]);
});

test("the bank pays the amount on record to the customer who paid, nothing else", () => {
  using bank = openBank(file);
  expect(refundBy(bank, "k1", { amountCents: 500_000 })).toBe("wrong-amount");
  expect(refundBy(bank, "k2", { customerId: "c-107" })).toBe("no-such-payment");
  expect(refundBy(bank, "k3", { paymentId: "p-9999" })).toBe("no-such-payment");
  expect(bank.books().refundedCents).toBe(0);
});

test("what was done is found by key after the bank is opened again; what was refused is not", () => {
  {
    using bank = openBank(file);
    bank.refund(order, "key-1");
    refundBy(bank, "key-2");
  }
  using again = openBank(file);
  expect(again.refundByKey("key-1")).toMatchObject({ paymentId: "p-2002", amountCents: 8400 });
  expect(again.refundByKey("key-2")).toBeNull();
  expect(again.payments("c-101").map(({ id, refunded }) => [id, refunded])).toContainEqual(["p-2002", true]);
});

test("tickets and card blocks are idempotent by key", () => {
  using bank = openBank(file);
  const request = {
    messageId: "m-03",
    customerId: "c-103",
    topic: "stolen card",
    priority: "urgent",
    note: "Send a new card.",
  };
  expect(bank.openTicket(request, "t-1")).toEqual(bank.openTicket(request, "t-1"));
  expect(bank.openTicket(request, "t-2")).toEqual({ number: 2 });
  expect(bank.blockCard("k-503", "b-1")).toEqual(bank.blockCard("k-503", "b-1"));
  expect(bank.customerByAddress("AYLA.DEMIR@example.com")?.cards).toEqual([
    { id: "k-503", last4: "8841", state: "blocked" },
  ]);
  expect(refusalOf(() => bank.blockCard("k-999", "b-2"))).toBe("no-such-card");
  expect(bank.books()).toMatchObject({ tickets: 2, blockedCards: 1 });
});

test("a payment that changed since it was shown is not paid back on the old word, and what is open is", () => {
  using bank = openBank(file);
  const shown = { customerId: "c-129", paymentId: "p-2152", amountCents: 18000, creditedCents: 0 };
  bank.bookCredit("s-1101", "c-161", "b-1");
  expect(refusalOf(() => bank.refund(shown, "r-1"))).toBe("changed-since-shown");
  expect(refusalOf(() => bank.refund({ ...shown, creditedCents: 4500 }, "r-2"))).toBe("wrong-amount");
  expect(bank.refund({ ...shown, amountCents: 13500, creditedCents: 4500 }, "r-3").amountCents).toBe(13500);
});

test("a shop's credit is booked once, at the amount it announced, for that shop alone", () => {
  using bank = openBank(file);
  expect(refusalOf(() => bank.bookCredit("s-1101", "c-129", "b-0"))).toBe("no-such-credit");
  const booked = bank.bookCredit("s-1101", "c-161", "b-1");
  expect(booked).toMatchObject({ amountCents: 4500, state: "booked" });
  expect(bank.bookCredit("s-1101", "c-161", "b-1")).toEqual(booked);
  expect(refusalOf(() => bank.bookCredit("s-1101", "c-161", "b-2"))).toBe("no-such-credit");
});

test("blocking a card releases what is only reserved on it, and says so again under the same key", () => {
  using bank = openBank(file);
  const blocked = bank.blockCard("k-552", "b-1");
  expect(blocked.released).toEqual([{ id: "p-2241", merchant: "Quay Kiosk", amountCents: 4480 }]);
  expect(bank.blockCard("k-552", "b-1")).toEqual(blocked);
  expect(bank.payments("c-152").map(({ state }) => state)).toEqual(["released"]);
});
