/** Puts the drafts and what became of them into the one mail that goes out, with its sources. Pure; says that rules wrote it. */
import type { Message, OutgoingMail, Settlement, Work } from "../messages.ts";
import { euros } from "../money.ts";

const sender = "support@larkfield.test";

/** The mail for one message, whose subject is already redacted: it is quoted. A promise in it rests on a settlement or a ticket that exists. */
export function composeMail(message: Message, works: readonly Work[]): OutgoingMail {
  const firstName = message.name.split(" ", 1)[0] ?? message.name;
  const tickets = works.flatMap(({ ticket }) => ticket ?? []);
  const paragraphs = [
    firstName === "" ? "Hello," : `Hello ${firstName},`,
    ...(works.length > 1 ? [`You asked about ${works.length} things; here is our answer to each.`] : []),
    ...works.flatMap(({ draft, settlement }, index) => [
      ...(works.length > 1 ? [`${index + 1}. ${capitalised(draft.topic)}`] : []),
      ...draft.paragraphs.map(({ text }) => text),
      ...settlementLines(settlement),
    ]),
    ...(tickets.length === 0
      ? []
      : [
          tickets.length === 1
            ? `Your ticket number is ${tickets[0]}.`
            : `Your ticket numbers are ${tickets.join(", ")}.`,
        ]),
    `This answer rests on: ${sourcesOf(works).join(", ")}.`,
    "Your Larkfield support desk",
    "-- \nComposed by rules. Reply to this mail to reach a person.",
  ];
  const subject = message.subject.trim() === "" ? "Re: your message" : `Re: ${message.subject}`;
  return {
    from: sender,
    to: message.from,
    subject,
    text: `${paragraphs.join("\n\n")}\n`,
    answers: message.id,
    ...(message.thread === undefined ? {} : { thread: message.thread }),
  };
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

function settlementLines(settlement: Settlement): readonly string[] {
  switch (settlement.kind) {
    case "none":
      return [];
    case "refunded": {
      const { amountCents, reference } = settlement.receipt;
      return [
        `We have paid ${euros(amountCents)} back to your card (reference ${reference}). It appears on your statement within two working days.`,
      ];
    }
    case "declined":
      return [
        "We have looked into the refund and cannot pay it yet. A colleague will write to you about the reason and the next step.",
      ];
  }
}
