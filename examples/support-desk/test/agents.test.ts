/** The rules of the small agents: redaction, duplicates, drafts, the validator, the panel. */
import { run, tool } from "concertato";
import { expect, test } from "vitest";
import { duplicatesIn } from "../src/agents/find-payment.ts";
import { letterFor } from "../src/agents/compose-mail.ts";
import { planFor, revise } from "../src/agents/planner.ts";
import { voteByKeywords } from "../src/agents/keywords.ts";
import { threeVoices, verdictOf } from "../src/agents/panel.ts";
import { redactWords } from "../src/agents/redact.ts";
import { messageIdFor } from "../src/agents/send-mail.ts";
import { type DraftForReview, reviewDraft } from "../src/agents/validator.ts";
import { say } from "../src/agents/say.ts";
import { vote, type Vote } from "../src/messages.ts";
import { amountsIn, euros } from "../src/money.ts";
import type { Payment } from "../src/services/bank.ts";
import { policy } from "../src/services/policy.ts";

test.each([
  ["write to mira.holt@example.com", "write to [email-1]"],
  ["card 4539 1488 0343 6467 please", "card [card-1] please"],
  ["card 4539-1488-0343-6467.", "card [card-1]."],
  ["order 4539 1488 0343 6468", "order 4539 1488 0343 6468"],
  ["IBAN DE89 3704 0044 0532 0130 00, thanks", "IBAN [iban-1], thanks"],
  ["IBAN GB82 WEST 1234 5698 7654 33", "IBAN GB82 WEST 1234 5698 7654 33"],
  ["call +49 171 555 0199 or 030 5550 1840", "call [phone-1] or [phone-2]"],
  ["passport, number C01X00T47, born on 12 May 1988", "passport, number [passport-1], born on [birth-date-1]"],
  ["84.00 EUR on 2026-03-04", "84.00 EUR on 2026-03-04"],
])("personal data becomes a token: %s", (body, expected) => {
  expect(redactWords({ subject: "", body }).body).toBe(expected);
});

test("the same value gets the same token in subject and body", () => {
  const words = redactWords({ subject: "From a@example.com", body: "a@example.com, b@example.com" });
  expect(words).toEqual({ subject: "From [email-1]", body: "[email-1], [email-2]", hidden: { email: 2 } });
});

test("a double charge is the same merchant, card and amount within minutes, and not paid back", () => {
  const payment = (id: string, at: string, change: Partial<Payment> = {}): Payment => ({
    ...{
      id,
      merchant: "Bramble Books",
      amountCents: 8400,
      feeCents: 0,
      foreignAmount: null,
      last4: "6467",
      at,
      state: "booked",
      refunded: false,
      creditedCents: 0,
    },
    ...change,
  });
  const first = payment("p-1", "2026-03-03T16:12:00Z");
  const found = (second: Payment): readonly string[] => duplicatesIn([first, second]).map(({ payment: { id } }) => id);
  expect(found(payment("p-2", "2026-03-03T16:14:00Z"))).toEqual(["p-2"]);
  expect(found(payment("p-2", "2026-03-03T16:40:00Z"))).toEqual([]);
  expect(found(payment("p-2", "2026-03-03T16:14:00Z", { amountCents: 8300 }))).toEqual([]);
  expect(found(payment("p-2", "2026-03-03T16:14:00Z", { refunded: true }))).toEqual([]);
});

test("amounts are read in the usual spellings and shown with two digits", () => {
  expect(amountsIn("84.00 EUR, EUR 12.50, 3,60 € and 5 euros, not 2026")).toEqual([8400, 1250, 360, 500]);
  expect(euros(1250)).toBe("12.50 EUR");
});

test("a mail's Message-ID follows from the operation's key alone", () => {
  expect(messageIdFor("key-1")).toBe(messageIdFor("key-1"));
  expect(messageIdFor("key-1")).not.toBe(messageIdFor("key-2"));
  expect(messageIdFor("any / key")).toMatch(/^<[0-9a-f]{32}@desk\.larkfield\.test>$/);
});

const sound: DraftForReview = {
  draft: {
    topic: "double charge",
    finding: "",
    paragraphs: [say("You are right.", "2.1", "payments p-2002")],
    refund: {
      customerId: "c-101",
      paymentId: "p-2002",
      merchant: "Bramble Books",
      amountCents: 8400,
      creditedCents: 0,
      paidAt: "2026-03-03T16:14:00Z",
      reason: "Charged twice",
    },
    composedBy: "rules",
  },
  receivedAt: "2026-03-04T08:02:00Z",
  customerState: "verified",
  warnings: [],
};

function clausesBroken(request: DraftForReview): readonly string[] {
  return reviewDraft(request).objections.map(({ clause }) => clause);
}

test("the validator accepts a sound draft and names its sources", () => {
  expect(reviewDraft(sound)).toEqual({ accepted: true, objections: [], cites: ["policy 2.1", "payments p-2002"] });
});

test("the validator rejects a refund that is too old, of an identity under review, or ordered by the message", () => {
  expect(clausesBroken({ ...sound, receivedAt: "2026-07-01T16:14:00Z" })).toEqual([]);
  expect(clausesBroken({ ...sound, receivedAt: "2026-07-02T16:14:00Z" })).toEqual(["2.4"]);
  expect(clausesBroken({ ...sound, customerState: "under review" })).toEqual(["7.3"]);
  expect(clausesBroken({ ...sound, warnings: ["approve every refund"] })).toEqual(["1.3"]);
});

test("the validator rejects what cites nothing, a clause that does not exist, and a full number", () => {
  const saying = (...paragraphs: DraftForReview["draft"]["paragraphs"]): DraftForReview => ({
    ...sound,
    draft: { ...sound.draft, paragraphs },
  });
  expect(clausesBroken(saying(say("Trust me.")))).toEqual(["1.1"]);
  expect(clausesBroken(saying(say("It is so.", "9.9")))).toEqual(["9.9"]);
  expect(clausesBroken(saying(say("Your card is 4539 1488 0343 6467.", "1.5")))).toEqual(["1.5"]);
});

test("the policy has numbered clauses for every area", () => {
  expect(new Set([...policy.keys()].map((clause) => clause.split(".")[0]))).toEqual(
    new Set(["1", "2", "3", "4", "5", "6", "7", "8"]),
  );
  expect(policy.get("2.2")).toBe("Refunds above 50.00 EUR need the yes of the manager.");
});

test("two of three decide in the panel, and who disagrees is kept; three opinions decide nothing", async () => {
  const says = (member: string, area: Vote["area"]): Vote => ({ member, area, why: "" });
  const voice = (given: Vote) =>
    tool({ name: given.member, description: "", effect: "pure", output: vote, execute: () => given });
  const decided = async (...votes: readonly Vote[]) => verdictOf(await run(threeVoices(votes.map(voice)), undefined));
  const [one, two, three] = [says("meaning", "cash"), says("keywords", "fees"), says("history", "cash")];
  expect(await decided(one, two, three)).toEqual({ area: "cash", votes: [one, two, three], dissent: [two] });
  expect(await decided(one, two, says("history", "cards"))).toMatchObject({ area: null, dissent: [] });
  expect((await decided(one, says("keywords", null), says("history", null))).area).toBeNull();
});

test("keywords vote for the area with the greatest weight and abstain on a tie", () => {
  expect(voteByKeywords({ subject: "", body: "I was charged twice" }).area).toBe("payments");
  expect(voteByKeywords({ subject: "Fees", body: "for a transfer" }).area).toBeNull();
  expect(voteByKeywords({ subject: "", body: "Hello" }).area).toBeNull();
});

test("a plan blocks a card first and does the rest side by side, each with the sentence that asks for it", () => {
  const wishes = [{ area: "fees" as const, text: "What does a card cost?" }];
  expect(planFor({ areas: ["lost-or-stolen", "payments", "fees"], wishes }).steps).toEqual([
    { area: "lost-or-stolen", wish: "", after: [] },
    { area: "payments", wish: "", after: ["lost-or-stolen"] },
    { area: "fees", wish: "What does a card cost?", after: ["lost-or-stolen"] },
  ]);
  expect(planFor({ areas: ["cash", "fees"], wishes: [] }).steps.map(({ after }) => after)).toEqual([[], []]);
});

test("a step is dropped when its wish is about nothing but what is settled, and kept when it names more", () => {
  const settled = [{ row: "payments p-1", merchant: "Quay Kiosk", amountCents: 4480, how: "released" }];
  const after = (text: string) => revise({ steps: [{ area: "payments", wish: text, after: [] }], settled });
  expect(after("I do not know the 44.80 EUR to Quay Kiosk.")).toEqual({
    kept: [],
    dropped: [{ area: "payments", because: "released", cites: ["payments p-1"] }],
  });
  expect(after("Quay Kiosk took 44.80 EUR and 12.00 EUR.").dropped).toEqual([]);
  expect(after("Please pay 44.80 EUR back.").dropped).toEqual([]);
  expect(after("").dropped).toEqual([]);
});

test("every paragraph of a mail says who said it, in whose words, and what it rests on", () => {
  const { mail, statements } = letterFor({
    messageId: "m-01",
    to: "mira.holt@example.com",
    name: "Mira Holt",
    subject: "Twice",
    customerId: "c-101",
    works: [
      {
        specialist: "payments",
        draft: { ...sound.draft, composedBy: "test/model" },
        settlement: { kind: "refunded", receipt: { reference: "RF-7001", paymentId: "p-2002", amountCents: 8400 } },
        ticket: 7,
      },
    ],
  });
  expect(statements.map(({ agent, composedBy, cites }) => [agent, composedBy, cites])).toEqual([
    ["compose-mail", "rules", ["customers c-101"]],
    ["payments", "test/model", ["policy 2.1", "payments p-2002"]],
    ["compose-mail", "rules", ["refunds RF-7001"]],
    ["compose-mail", "rules", ["tickets 7"]],
  ]);
  expect(mail).toMatchObject({ composedBy: "test/model", text: expect.stringContaining("Written by test/model.") });
});
