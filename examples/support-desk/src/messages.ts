/**
 * What crosses the edges of the desk: messages, enquiries, drafts, answers. Every agent names its input and output
 * with one of these, so a value of the wrong shape stops before the next agent sees it.
 */
import { z } from "zod";

/** The specialists a message can be routed to. */
const specialistNames = ["cards", "payments", "transfers", "top-ups", "fees", "front-office"] as const;
export const specialistName = z.enum(specialistNames);
export type SpecialistName = z.infer<typeof specialistName>;

/** A message as it came in. The mail gateway in front has proven the sender's address. */
export const message = z.object({
  id: z.string(),
  from: z.email(),
  name: z.string(),
  receivedAt: z.string(),
  subject: z.string(),
  body: z.string(),
});
export type Message = z.infer<typeof message>;

export const wording = z.object({ subject: z.string(), body: z.string() });
export type Wording = z.infer<typeof wording>;

/** A message's words without personal data, and what was taken out. */
export const redacted = wording.extend({ hidden: z.record(z.string(), z.number()) });
export type Redacted = z.infer<typeof redacted>;

export const card = z.object({ id: z.string(), last4: z.string(), state: z.string() });

export const customer = z.object({ id: z.string(), name: z.string(), address: z.string(), cards: z.array(card) });

export const candidate = z.object({ specialist: specialistName, score: z.number(), because: z.array(z.string()) });
export type Candidate = z.infer<typeof candidate>;

/** Who takes a message, how sure that is, and what in the words should make people careful. */
export const route = z.object({
  specialist: specialistName,
  score: z.number(),
  /** Lead over the second best; small means doubtful. */
  margin: z.number(),
  because: z.array(z.string()),
  candidates: z.array(candidate),
  urgent: z.boolean(),
  /** Attempts to give orders to the desk itself, quoted. */
  warnings: z.array(z.string()),
});
export type Route = z.infer<typeof route>;

/** What a specialist gets: no more personal data than the work needs. */
export const enquiry = z.object({
  messageId: z.string(),
  customerId: z.string(),
  cards: z.array(card),
  words: wording,
  urgent: z.boolean(),
  warnings: z.array(z.string()),
});
export type Enquiry = z.infer<typeof enquiry>;

/** The same from somebody the bank may not know. */
export const openEnquiry = enquiry.extend({ customerId: z.string().nullable() });

/** A refund, with all that the person who approves it must see. */
export const refundOrder = z.object({
  customerId: z.string(),
  customerName: z.string(),
  paymentId: z.string(),
  merchant: z.string(),
  amountCents: z.number().int().positive(),
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

/** A specialist's work: what was found, what to say, what else must happen. */
export const draft = z.object({
  topic: z.string(),
  /** One sentence about what the records say; shown to people, never sent. */
  finding: z.string(),
  paragraphs: z.array(z.string()),
  refund: refundOrder.omit({ customerName: true }).optional(),
  ticket: ticketRequest.pick({ topic: true, priority: true, note: true }).optional(),
  composedBy: z.literal("rules"),
});
export type Draft = z.infer<typeof draft>;

/** A person's yes or no. */
export const decision = z.object({ approved: z.boolean(), by: z.string().optional(), note: z.string().optional() });
export type Decision = z.infer<typeof decision>;

export const outgoingMail = z.object({ from: z.email(), to: z.email(), subject: z.string(), text: z.string() });
export type OutgoingMail = z.infer<typeof outgoingMail>;

export const mailReceipt = z.object({ messageId: z.string() });

/** What became of the money a draft asked for. */
export const settlement = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  z.object({ kind: z.literal("refunded"), receipt: refundReceipt }),
  z.object({ kind: z.literal("declined"), order: refundOrder, reason: z.string() }),
]);
export type Settlement = z.infer<typeof settlement>;

/** How one message ended. */
export const answer = z.object({
  messageId: z.string(),
  name: z.string(),
  specialist: specialistName,
  topic: z.string(),
  finding: z.string(),
  settlement,
  ticket: z.number().int().nullable(),
  mail: mailReceipt,
  composedBy: z.literal("rules"),
});
export type Answer = z.infer<typeof answer>;
