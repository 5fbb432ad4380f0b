/** The sample inbox from beginning to end: every message ends, what policy forbids is sent back, and nothing leaks. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { expectationOf, isSound, prove } from "../src/chaos/proof.ts";
import { dataFolder } from "../src/data-folder.ts";
import { openInbox } from "../src/inbox/open-inbox.ts";
import { answer, examResult, statement, verdict } from "../src/messages.ts";
import { booksOf, decideAll, runDesk, stopMailServer, summaryOf } from "./processes.ts";

const sample = fileURLToPath(new URL("../inbox/messages.jsonl", import.meta.url));
const limitMs = 240_000;

const report = z.object({
  exam: examResult,
  totals: z.object({
    rejected: z.number(),
    panels: z.number(),
    dissents: z.number(),
    takeovers: z.number(),
    dropped: z.number(),
    voided: z.number(),
  }),
  lines: z.array(
    z.object({
      message: z.object({ id: z.string() }),
      answer: answer,
      verdict: verdict.optional(),
      steps: z.array(z.object({ agent: z.string(), text: z.string() })),
      provenance: z.object({
        statements: z.array(statement),
        rows: z.array(z.object({ source: z.string(), agent: z.string(), approvedBy: z.string().optional() })),
        approvals: z.array(z.object({ state: z.string(), by: z.string().optional() })),
        deeds: z.array(z.object({ agent: z.string(), attempts: z.number() })),
      }),
    }),
  ),
});

let folder = "";
let done: z.infer<typeof report>;
let printed = "";

beforeAll(async () => {
  folder = join(mkdtempSync(join(tmpdir(), "desk-sample-")), "data");
  const first = await runDesk(folder, "--inbox", sample, "--routing", "meaning", "--json");
  expect(summaryOf(first).totals).toMatchObject({ answered: 65, waiting: 2, failed: 0 });
  await decideAll(folder, summaryOf(first));
  // The shop gave something back while the manager thought: that yes is void, and the manager is asked again.
  const again = await runDesk(folder, "--inbox", sample, "--routing", "meaning", "--json");
  expect(summaryOf(again).totals).toMatchObject({ answered: 66, waiting: 1, failed: 0 });
  expect(booksOf(folder)).toMatchObject({ refunds: 4 });
  await decideAll(folder, summaryOf(again));
  const last = await runDesk(folder, "--inbox", sample, "--routing", "meaning", "--json");
  expect(summaryOf(last)).toMatchObject({ status: "completed", totals: { answered: 67, mailsSent: 67, repeated: 0 } });
  printed = first.output + again.output + last.output;
  done = report.parse(JSON.parse(readFileSync(join(folder, "report.json"), "utf8")));
}, limitMs);

afterAll(async () => {
  await stopMailServer(folder);
  rmSync(join(folder, ".."), { recursive: true, force: true, maxRetries: 5 });
});

function lineOf(id: string): z.infer<typeof report>["lines"][number] {
  const found = done.lines.find(({ message }) => message.id === id);
  if (found === undefined) throw new Error(`There is no message ${id}.`);
  return found;
}

function rejectionsOf(id: string): readonly string[] {
  return lineOf(id).steps.flatMap(({ agent, text }) =>
    agent === "validator" ? (/clause (\d\.\d)/.exec(text)?.[1] ?? []) : [],
  );
}

test("only what the records and the policy bear out is paid back, each once", () => {
  const paid = done.lines.flatMap(({ message: { id }, answer: { works } }) =>
    works.flatMap(({ settlement }) => (settlement.kind === "refunded" ? [[id, settlement.receipt.paymentId]] : [])),
  );
  expect(Object.fromEntries(paid)).toEqual({
    "m-01": "p-2002",
    "m-02": "p-2012",
    "m-14": "p-2112",
    "m-34": "p-2152",
    "m-53": "p-2182",
  });
  expect(booksOf(folder)).toMatchObject({ refunds: 5, paidTwice: 0, repeatedRefundCalls: 0 });
});

test("the validator sends back what the policy forbids, and the second draft leaves it to people", () => {
  expect(rejectionsOf("m-13")).toEqual(["2.4"]);
  expect(rejectionsOf("m-35")).toEqual(["7.3"]);
  expect(rejectionsOf("m-56")).toEqual(["1.3"]);
  for (const id of ["m-13", "m-35", "m-56"])
    expect(lineOf(id).answer.works[0]).toMatchObject({ ticket: expect.any(Number) });
  expect(done.totals.rejected).toBe(3);
});

test("a specialist whose service is out of order for this message's day is replaced by its backup", () => {
  const { answer, steps } = lineOf("m-19");
  expect(answer.works.map(({ specialist }) => specialist)).toEqual(["fees-backup"]);
  expect(answer.works[0]?.draft.paragraphs.flatMap(({ cites }) => cites)).toContain("rate_sheets rs-101");
  expect(steps.find(({ text }) => text.startsWith("fees → fees-backup"))?.text).toContain("503 for GBP on 2026-02-21");
  // The same specialist with days that the network knows.
  for (const id of ["m-06", "m-65"])
    expect(lineOf(id).answer.works.map(({ specialist }) => specialist)).toEqual(["fees"]);
  expect(done.totals.takeovers).toBe(1);
});

test("a step that a result has made needless is dropped from the plan; one that still has work is not", () => {
  expect(lineOf("m-66").answer).toMatchObject({
    works: [{ specialist: "lost-or-stolen" }],
    dropped: [{ area: "payments", cites: ["payments p-2241"] }],
  });
  expect(lineOf("m-58").answer).toMatchObject({
    works: [{ specialist: "lost-or-stolen" }, { specialist: "payments" }],
    dropped: [],
  });
  expect(done.totals.dropped).toBe(1);
});

test("a yes to a payment that changed meanwhile is void: the manager is asked again, and what is open is paid", () => {
  const [work] = lineOf("m-34").answer.works;
  expect(work?.settlement).toMatchObject({ kind: "refunded", receipt: { paymentId: "p-2152", amountCents: 13500 } });
  expect(lineOf("m-67").answer.works[0]?.draft.paragraphs[0]?.cites).toContain("shop_credits s-1101");
  expect(done.totals.voided).toBe(1);
});

test("a message with two wishes gets one mail with both answers", () => {
  expect(lineOf("m-12").answer.works.map(({ specialist }) => specialist)).toEqual(["top-ups", "transfers"]);
});

test("doubtful routings are settled by the panel, and a dissent is kept", () => {
  expect(done.totals.panels).toBeGreaterThan(0);
  const dissents = done.lines.flatMap((line) => line.verdict?.dissent ?? []);
  expect(dissents.length).toBeGreaterThan(0);
  expect(done.totals.dissents).toBe(dissents.length);
});

test("every paragraph of every answer cites a clause or a row", () => {
  const bare = done.lines.flatMap(({ message: { id }, answer: { works } }) =>
    works.flatMap(({ draft }) => draft.paragraphs.filter(({ cites }) => cites.length === 0).map(() => id)),
  );
  expect(bare).toEqual([]);
});

test("urgent messages come first, and one customer's messages are worked on one after the other", () => {
  expect(done.lines.slice(0, 3).map(({ message: { id } }) => id)).toContain("m-03");
  using db = new DatabaseSync(join(folder, "bank.db"), { readOnly: true });
  const tickets = db.prepare("SELECT message FROM tickets WHERE customer = 'c-115' ORDER BY number").all();
  expect([...new Set(tickets.map(({ message }) => message))]).toEqual(["m-15", "m-16", "m-17"]);
});

test("what is out of scope is a person's ticket, whoever wrote it", () => {
  for (const id of ["m-46", "m-48", "m-49", "m-50"])
    expect(lineOf(id).answer.works).toMatchObject([{ specialist: "front-office", ticket: expect.any(Number) }]);
});

test("the ledgers outside say the same: each message one mail, each payment ordered, nothing in clear in the journal", async () => {
  const found = prove(dataFolder(folder), await expectationOf(await openInbox(sample)));
  expect(found).toMatchObject({ messages: 67, mails: 67, payments: 5, waiting: [] });
  expect({ ...found, sound: isSound(found) }).toMatchObject({
    lost: [],
    repeated: [],
    unordered: [],
    leaked: [],
    sound: true,
  });
});

test("no personal data stands in clear in the store, the report or the output", () => {
  const files = readdirSync(folder).filter((file) => !file.startsWith("bank.db") && file !== "mails");
  const kept = [printed, ...files.map((file) => readFileSync(join(folder, file), "latin1"))].join("\n");
  const secrets = [
    "5500 0055 5555 5559",
    "C01X00T47",
    "12 May 1988",
    "DE02 1203 0000",
    "finn.home@example.org",
    "+49 151 5550 1442",
    "0171 5550 187",
  ];
  expect(secrets.filter((secret) => kept.includes(secret))).toEqual([]);
});

test("the report says how well the router does on held-out messages", () => {
  expect(done.exam.total).toBe(40);
  expect(done.exam.right / done.exam.total).toBeGreaterThanOrEqual(0.85);
  expect(done.exam.outOfScope.escalated).toBe(done.exam.outOfScope.total);
  expect(readFileSync(join(folder, "report.html"), "utf8")).toContain("Routing on held-out messages");
});

test("every source of every paragraph is a clause or a record that an agent of the same run read or wrote", () => {
  const missing = done.lines.flatMap(({ message: { id }, provenance: { statements, rows } }) => {
    const seen = new Set(rows.map(({ source }) => source));
    const cites = statements.flatMap((each) => each.cites);
    return cites.filter((cite) => !cite.startsWith("policy ") && !seen.has(cite)).map((cite) => `${id}: ${cite}`);
  });
  expect(missing).toEqual([]);
  expect(new Set(done.lines.flatMap(({ provenance }) => provenance.statements.map((each) => each.composedBy)))).toEqual(
    new Set(["rules"]),
  );
});

test("the report names the person whose yes moved money, and the yes that was void", () => {
  const { approvals, rows } = lineOf("m-34").provenance;
  expect(approvals.map(({ state }) => state)).toEqual(["void", "approved"]);
  const paid = rows.find(({ source }) => source.startsWith("refunds RF-"));
  expect(paid).toMatchObject({ agent: "refund", approvedBy: expect.any(String) });
  expect(lineOf("m-19").provenance.deeds.find(({ agent }) => agent === "network-rate")?.attempts).toBe(3);
});

test("the page stands alone: it asks nothing of the network, and its links lead somewhere", () => {
  const page = readFileSync(join(folder, "report.html"), "utf8");
  expect(page).not.toMatch(/(?:src|href)="(?!#)|url\(|@import|fetch\(/);
  const names = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, name]) => name));
  const dead = [...page.matchAll(/href="#([^"]+)"/g)].map(([, name]) => name).filter((name) => !names.has(name));
  expect(dead).toEqual([]);
});
