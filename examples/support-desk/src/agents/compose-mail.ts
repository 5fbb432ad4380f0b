/**
 * Puts the drafts and what became of them into the one mail that goes out, and keeps for each paragraph who said it, in
 * whose words, and what it rests on. It adds no claim of its own beyond what a settlement or a ticket bears out. Pure.
 */
import { tool } from "concertato";
import { z } from "zod";
import { type Letter, letter, type Settlement, type Statement, thread, type Work, work } from "../messages.ts";
import { euros } from "../money.ts";

const sender = "support@larkfield.test";

const toAnswer = z.object({
  messageId: z.string(),
  thread: thread.optional(),
  to: z.email(),
  name: z.string(),
  /** Already without personal data: it is quoted. */
  subject: z.string(),
  customerId: z.string().nullable(),
  works: z.array(work),
});
export type Answered = z.infer<typeof toAnswer>;

export function letterFor({ messageId, thread: answered, to, name, subject, customerId, works }: Answered): Letter {
  const firstName = name.split(" ", 1)[0] ?? name;
  const composedBy = authorOf(works);
  const greeting = frame(
    firstName === "" ? "Hello," : `Hello ${firstName},`,
    ...(customerId === null ? [] : [`customers ${customerId}`]),
  );
  const statements = [
    greeting,
    ...(works.length > 1 ? [frame(`You asked about ${works.length} things; here is our answer to each.`)] : []),
    ...works.flatMap((each, index) => [
      ...(works.length > 1 ? [frame(`${index + 1}. ${capitalised(each.draft.topic)}`)] : []),
      ...statementsOf(each),
    ]),
    ...ticketLines(works),
  ];
  const text = [
    ...statements.map((each) => each.text),
    `This answer rests on: ${sourcesOf(works).join(", ")}.`,
    "Your Larkfield support desk",
    `-- \n${composedBy === "rules" ? "Composed by rules" : `Written by ${composedBy}`}. Reply to this mail to reach a person.`,
  ];
  const title = subject.trim() === "" ? "Re: your message" : `Re: ${subject}`;
  const mail = {
    from: sender,
    to,
    subject: title,
    text: `${text.join("\n\n")}\n`,
    composedBy,
    answers: messageId,
    ...(answered === undefined ? {} : { thread: answered }),
  };
  return { mail, statements };
}

export const composeMail = tool({
  name: "compose-mail",
  description: "Puts what the specialists say into one answer",
  input: toAnswer,
  output: letter,
  effect: "pure",
  execute: letterFor,
});

/** A model, where one wrote any of it. */
export function authorOf(works: readonly Work[]): string {
  return works.map(({ draft }) => draft.composedBy).find((author) => author !== "rules") ?? "rules";
}

/** What the desk says by itself, around the drafts. */
function frame(text: string, ...cites: readonly string[]): Statement {
  return { text, cites: [...cites], agent: "compose-mail", composedBy: "rules" };
}

function statementsOf({ specialist, draft, settlement }: Work): Statement[] {
  const { composedBy } = draft;
  return [
    ...draft.paragraphs.map((each) => ({ ...each, agent: specialist, composedBy })),
    ...settlementLines(settlement),
  ];
}

/** Every source once, clauses of the policy first. */
function sourcesOf(works: readonly Work[]): readonly string[] {
  const cites = new Set(works.flatMap(({ draft }) => draft.paragraphs.flatMap((each) => each.cites)));
  return [...cites].sort(
    (a, b) => Number(b.startsWith("policy ")) - Number(a.startsWith("policy ")) || (a < b ? -1 : 1),
  );
}

function capitalised(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function ticketLines(works: readonly Work[]): Statement[] {
  const tickets = works.flatMap(({ ticket }) => ticket ?? []);
  if (tickets.length === 0) return [];
  const [first] = tickets;
  const text =
    tickets.length === 1 ? `Your ticket number is ${first}.` : `Your ticket numbers are ${tickets.join(", ")}.`;
  return [frame(text, ...tickets.map((number) => `tickets ${number}`))];
}

function settlementLines(settlement: Settlement): Statement[] {
  switch (settlement.kind) {
    case "none":
      return [];
    case "refunded": {
      const { amountCents, reference } = settlement.receipt;
      const text = `We have paid ${euros(amountCents)} back to your card (reference ${reference}). It appears on your statement within two working days.`;
      return [frame(text, `refunds ${reference}`)];
    }
    case "declined":
      return [
        frame(
          "We have looked into the refund and cannot pay it yet. A colleague will write to you about the reason and the next step.",
          `payments ${settlement.order.paymentId}`,
        ),
      ];
  }
}
