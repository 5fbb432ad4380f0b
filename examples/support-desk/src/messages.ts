/**
 * What crosses the edges of the desk: messages, enquiries, drafts, answers. Every agent names its input and output
 * with one of these, so a value of the wrong shape stops before the next agent sees it.
 */
import { z } from "zod";

/** The areas of the business; each has a specialist of its name. */
export const areaNames = [
  "cards",
  "payments",
  "transfers",
  "top-ups",
  "cash",
  "fees",
  "identity",
  "lost-or-stolen",
] as const;
export const areaName = z.enum(areaNames);
export type AreaName = z.infer<typeof areaName>;

/** Who can take a message: a specialist, or the front office for all that no specialist is sure about. */
const specialistName = z.enum([...areaNames, "fees-backup", "front-office"]);

/** The mail that a message came as, so that the answer stands in the same thread. */
export const thread = z.object({ messageId: z.string(), references: z.array(z.string()) });

/** A message as it came in. The mail gateway in front has proven the sender's address. */
export const message = z.object({
  id: z.string(),
  from: z.email(),
  /** Empty when nobody is named. */
  name: z.string(),
  /** Empty when the inbox does not say: then it counts as received when work on it begins. */
  receivedAt: z.string(),
  subject: z.string(),
  body: z.string(),
  thread: thread.optional(),
});
export type Message = z.infer<typeof message>;

export const wording = z.object({ subject: z.string(), body: z.string() });
export type Wording = z.infer<typeof wording>;

/** A message's words without personal data, and what was taken out. */
export const redacted = wording.extend({ hidden: z.record(z.string(), z.number()) });
export type Redacted = z.infer<typeof redacted>;

const card = z.object({ id: z.string(), last4: z.string(), state: z.string() });

/** A card that was blocked, and the payments that were only reserved on it. */
export const blockedCard = card.extend({
  released: z.array(z.object({ id: z.string(), merchant: z.string(), amountCents: z.number().int() })),
});

/** What a shop gives back of its own charge. */
export const shopCredit = z.object({
  id: z.string(),
  paymentId: z.string(),
  amountCents: z.number().int().positive(),
  state: z.string(),
  at: z.string(),
});
export type ShopCredit = z.infer<typeof shopCredit>;

export const customer = z.object({
  id: z.string(),
  name: z.string(),
  address: z.string(),
  /** "verified", "unverified" or "under review". */
  state: z.string(),
  cards: z.array(card),
});

/** How near a message is to an area: the similarity to the example nearest to it, from -1 to 1. */
export const candidate = z.object({ area: areaName, similarity: z.number(), nearest: z.string() });
export type Candidate = z.infer<typeof candidate>;

/** What kind of routing it is. All but `sure` and `doubtful` go to the front office. */
const routeKinds = ["sure", "doubtful", "out-of-scope", "thanks", "foreign-language", "empty"] as const;

/** A sentence that asks for something of an area by itself. */
export const wish = z.object({ area: areaName, text: z.string() });
export type Wish = z.infer<typeof wish>;

/** Who takes a message, how sure that is, and what in the words should make people careful. */
export const route = z.object({
  kind: z.enum(routeKinds),
  /** Who works on it, in this order; more than one when the message asks for several things. */
  plan: z.array(areaName),
  /** Which sentence asks for what, where one does by itself. */
  wishes: z.array(wish),
  /** The three nearest, best first. */
  candidates: z.array(candidate),
  /** Lead of the best over the second best. */
  margin: z.number(),
  urgent: z.boolean(),
  /** Attempts to give orders to the desk itself, quoted. */
  warnings: z.array(z.string()),
});
export type Route = z.infer<typeof route>;

/** What one specialist is to do, in the customer's words, and which areas must be done before. */
export const planStep = z.object({ area: areaName, wish: z.string(), after: z.array(areaName) });
export type PlanStep = z.infer<typeof planStep>;

export const plan = z.object({ steps: z.array(planStep) });
export type Plan = z.infer<typeof plan>;

/** Something that a step has settled, so that nobody needs to any more. */
export const settledThing = z.object({
  row: z.string(),
  merchant: z.string(),
  amountCents: z.number().int(),
  how: z.string(),
});
export type SettledThing = z.infer<typeof settledThing>;

/** A step that a result has made needless, and what that rests on. */
export const droppedStep = z.object({ area: areaName, because: z.string(), cites: z.array(z.string()) });
export type DroppedStep = z.infer<typeof droppedStep>;

export const revision = z.object({ kept: z.array(planStep), dropped: z.array(droppedStep) });
export type Revision = z.infer<typeof revision>;

/** Somebody went on for somebody else, who could not. */
export const takeover = z.object({ from: z.string(), to: z.string(), because: z.string() });
export type Takeover = z.infer<typeof takeover>;

/** A yes that no longer holds, because what was shown has changed. */
export const voidedApproval = z.object({ action: z.string(), about: z.string(), because: z.string() });
export type VoidedApproval = z.infer<typeof voidedApproval>;

/** One voice of the panel; without an area it abstains. */
export const vote = z.object({ member: z.string(), area: areaName.nullable(), why: z.string() });
export type Vote = z.infer<typeof vote>;

/** What the panel decided on a doubtful message; without a majority it goes to people. */
export const verdict = z.object({ area: areaName.nullable(), votes: z.array(vote), dissent: z.array(vote) });
export type Verdict = z.infer<typeof verdict>;

/** A clause of the policy that a draft breaks, and how. */
export const objection = z.object({ clause: z.string(), text: z.string() });
export type Objection = z.infer<typeof objection>;

/** What a specialist gets: no more personal data than the work needs. */
export const enquiry = z.object({
  messageId: z.string(),
  customerId: z.string(),
  receivedAt: z.string(),
  cards: z.array(card),
  words: wording,
  urgent: z.boolean(),
  warnings: z.array(z.string()),
  /** Why the validator sent an earlier draft back. */
  objections: z.array(objection),
});
export type Enquiry = z.infer<typeof enquiry>;

/** What the front office gets: why nobody else takes it. */
export const openEnquiry = z.object({
  known: z.boolean(),
  kind: z.enum([...routeKinds, "sent-back", "fault"]),
  urgent: z.boolean(),
});
export type OpenEnquiry = z.infer<typeof openEnquiry>;

/** A refund, with all that the person who approves it must see. */
export const refundOrder = z.object({
  customerId: z.string(),
  customerName: z.string(),
  paymentId: z.string(),
  merchant: z.string(),
  amountCents: z.number().int().positive(),
  /** What the shop had given back of it when this was shown: with another amount the yes is void. */
  creditedCents: z.number().int().nonnegative(),
  paidAt: z.string(),
  reason: z.string(),
});
export type RefundOrder = z.infer<typeof refundOrder>;

export const refundReceipt = z.object({ reference: z.string(), paymentId: z.string(), amountCents: z.number().int() });

export const ticketRequest = z.object({
  messageId: z.string(),
  customerId: z.string().nullable(),
  topic: z.string(),
  priority: z.enum(["normal", "high", "urgent"]),
  note: z.string(),
});

export const ticketReceipt = z.object({ number: z.number().int() });

/** Who chose the words: "rules", or the name of a model. */
const author = z.string();

/** What is said to the customer, and what it rests on: "policy 2.1", "payments p-2001". */
export const paragraph = z.object({ text: z.string(), cites: z.array(z.string()) });
export type Paragraph = z.infer<typeof paragraph>;

/** A specialist's work: what was found, what to say, what else must happen. */
export const draft = z.object({
  topic: z.string(),
  /** One sentence about what the records say; shown to people, never sent. */
  finding: z.string(),
  paragraphs: z.array(paragraph),
  refund: refundOrder.omit({ customerName: true }).optional(),
  ticket: ticketRequest.pick({ topic: true, priority: true, note: true }).optional(),
  /** What was settled on the way; steps about it are not needed any more. */
  settled: z.array(settledThing).optional(),
  composedBy: author,
});
export type Draft = z.infer<typeof draft>;

/** What the validator says of a draft. */
export const review = z.object({ accepted: z.boolean(), objections: z.array(objection), cites: z.array(z.string()) });
export type Review = z.infer<typeof review>;

/** A person's yes or no. */
export const decision = z.object({ approved: z.boolean(), by: z.string().optional(), note: z.string().optional() });
export type Decision = z.infer<typeof decision>;

export const outgoingMail = z.object({
  from: z.email(),
  to: z.email(),
  subject: z.string(),
  text: z.string(),
  /** The id of the message it answers: outside the desk, the ledger of mails is compared with the inbox by it. */
  answers: z.string(),
  thread: thread.optional(),
  composedBy: author,
});
export type OutgoingMail = z.infer<typeof outgoingMail>;

/** One paragraph of an answer: who said it, in whose words, and what it rests on. */
export const statement = paragraph.extend({ agent: z.string(), composedBy: author });
export type Statement = z.infer<typeof statement>;

/** A mail and where each paragraph of it comes from. */
export const letter = z.object({ mail: outgoingMail, statements: z.array(statement) });
export type Letter = z.infer<typeof letter>;

export const mailReceipt = z.object({ messageId: z.string() });

/** What became of the money a draft asked for. */
export const settlement = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  z.object({ kind: z.literal("refunded"), receipt: refundReceipt }),
  z.object({ kind: z.literal("declined"), order: refundOrder, reason: z.string() }),
]);
export type Settlement = z.infer<typeof settlement>;

/** What one member of the plan did for a message. */
export const work = z.object({ specialist: specialistName, draft, settlement, ticket: z.number().int().nullable() });
export type Work = z.infer<typeof work>;

/** How one message ended. */
export const answer = z.object({
  messageId: z.string(),
  name: z.string(),
  /** In the order of the plan; at least one. */
  works: z.array(work),
  /** Steps of the plan that a result made needless. */
  dropped: z.array(droppedStep),
  mail: mailReceipt,
  composedBy: author,
});
export type Answer = z.infer<typeof answer>;

/** How the router does on labelled messages that it was never tuned on. */
export const examResult = z.object({
  total: z.number().int(),
  right: z.number().int(),
  outOfScope: z.object({ total: z.number().int(), escalated: z.number().int() }),
  confusions: z.array(z.object({ id: z.string(), expected: z.string(), got: z.string(), similarity: z.number() })),
});
export type ExamResult = z.infer<typeof examResult>;
