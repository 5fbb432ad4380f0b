/**
 * What the ledgers outside the desk say about an inbox: the mail server's folder and the bank's books, which know nothing
 * of the journal. Every message must have one mail or wait for a person; every payment must be ordered by an answer and
 * made once; and no name, card, address or phone number may stand in clear in the journal's files.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { personalDataIn } from "../agents/redact.ts";
import type { DataFolder } from "../data-folder.ts";
import type { Inbox } from "../inbox/open-inbox.ts";
import { answersOf, readMailFolder } from "../services/mail-folder.ts";

export interface Proof {
  /** Messages of the inbox. */
  readonly messages: number;
  /** Mails that the mail server has. */
  readonly mails: number;
  /** Payments that the bank has made. */
  readonly payments: number;
  /** Messages that wait for a person, or behind one that does. */
  readonly waiting: readonly string[];
  /** Messages with neither a mail nor a person who is asked, and payments that an answer speaks of and nobody made. */
  readonly lost: readonly string[];
  /** Mails, payments and tickets that are there more than once. */
  readonly repeated: readonly string[];
  /** Payments that no answer ordered, or that a message with orders to the desk moved. */
  readonly unordered: readonly string[];
  /** Personal data in clear in a file of the journal. */
  readonly leaked: readonly string[];
}

/** True when nothing is lost, repeated, unordered or leaked. */
export function isSound({ lost, repeated, unordered, leaked }: Proof): boolean {
  return [lost, repeated, unordered, leaked].every(({ length }) => length === 0);
}

/** The desk's own word on each message, one line each. */
const outcome = z.object({
  id: z.string(),
  status: z.enum(["answered", "waiting", "failed", "cancelled", "working"]),
  refunds: z.array(z.string()).default([]),
  warned: z.boolean(),
});
type Outcome = z.infer<typeof outcome>;

/** What an inbox asks for. */
export interface Expectation {
  /** Ids of the messages. */
  readonly ids: ReadonlySet<string>;
  /** Names, addresses and numbers that must not stand in the journal in clear. */
  readonly secrets: ReadonlySet<string>;
}

/** Holds what was asked for against the ledgers. */
export function prove(folder: DataFolder, { ids, secrets }: Expectation): Proof {
  const outcomes = readOutcomes(folder);
  const answered = countBy(mailAnswers(folder.mails));
  const bank = readBank(folder.bank);
  const stated = new Map(outcomes.map((each) => [each.id, each]));
  const waiting = [...ids].filter((id) => stated.get(id)?.status === "waiting");
  const ordered = outcomes.flatMap(({ refunds }) => refunds);
  const attacked = outcomes.flatMap(({ warned, refunds }) => (warned ? refunds : []));
  const paid = new Set(bank.movements);
  return {
    messages: ids.size,
    mails: [...answered.values()].reduce((sum, count) => sum + count, 0),
    payments: bank.movements.length,
    waiting,
    lost: [
      ...[...ids].filter((id) => !answered.has(id) && stated.get(id)?.status !== "waiting"),
      ...ordered.filter((payment) => !paid.has(payment)).map((payment) => `payment ${payment}`),
    ],
    repeated: [
      ...twice(answered).map((id) => `mail to ${id}`),
      ...twice(countBy(bank.movements)).map((payment) => `payment ${payment}`),
      ...twice(countBy(bank.tickets)).map((ticket) => `ticket ${ticket}`),
    ],
    unordered: [
      ...[...paid].filter((payment) => !ordered.includes(payment)),
      ...attacked.map((payment) => `${payment}, by a message with orders`),
    ],
    leaked: leaksIn(folder, [...secrets, ...bank.people]),
  };
}

/**
 * Personal data in clear in the journal's files, its log included.
 * @param secrets names, addresses and numbers to look for
 */
export function leaksIn({ directory }: DataFolder, secrets: Iterable<string>): readonly string[] {
  const values = [...secrets].filter((secret) => secret.length >= shortestSecret);
  const files = readdirSync(directory).filter((file) => file.startsWith("desk.db"));
  return files.flatMap((file) => {
    const bytes = readFileSync(join(directory, file));
    return values.filter((secret) => bytes.includes(secret)).map((secret) => `“${secret}” in ${file}`);
  });
}

/** Shorter texts stand in any ten million random bytes. */
const shortestSecret = 6;

/** So many messages are searched for personal data: each value is looked for in every byte. */
const mostSearched = 500;

/** Reads an inbox. @param limit so many messages are handed in at most */
export async function expectationOf(inbox: Inbox, limit = Number.POSITIVE_INFINITY): Promise<Expectation> {
  const ids = new Set<string>();
  const secrets = new Set<string>();
  for await (const record of inbox.records()) {
    if (ids.size >= limit) break;
    if (record.kind !== "message") continue;
    const { id, from, name, subject, body } = record.message;
    if (ids.size < mostSearched)
      for (const secret of [from, name, ...personalDataIn(`${subject}\n${body}`)])
        if (secret !== "") secrets.add(secret);
    ids.add(id);
  }
  return { ids, secrets };
}

function readOutcomes({ directory }: DataFolder): readonly Outcome[] {
  const lines = readFileSync(join(directory, "outcomes.jsonl"), "utf8").split("\n");
  return lines.flatMap((line) => (line === "" ? [] : [outcome.parse(JSON.parse(line))]));
}

/** For each mail, the message it answers. */
function mailAnswers(directory: string): readonly string[] {
  const mails = readMailFolder(directory);
  return mails.list().map((file) => answersOf(readFileSync(join(mails.directory, file))) ?? `nobody, ${file}`);
}

interface BankLedger {
  /** The payment of each movement of money. */
  readonly movements: readonly string[];
  /** Message, topic and note of each ticket. */
  readonly tickets: readonly string[];
  /** Names and addresses of all customers. */
  readonly people: readonly string[];
}

function readBank(file: string): BankLedger {
  using db = new DatabaseSync(file, { readOnly: true });
  const texts = (query: string): readonly string[] =>
    db
      .prepare(query)
      .all()
      .map((row) => String(row["text"]));
  return {
    movements: texts("SELECT payment AS text FROM movements"),
    tickets: texts("SELECT message || ', ' || topic || ', ' || note AS text FROM tickets"),
    people: texts("SELECT name AS text FROM customers UNION SELECT address FROM customers"),
  };
}

function countBy(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

function twice(counts: ReadonlyMap<string, number>): readonly string[] {
  return [...counts].flatMap(([text, count]) => (count > 1 ? [text] : []));
}
