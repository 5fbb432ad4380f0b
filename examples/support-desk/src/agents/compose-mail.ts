/** Puts a draft and what became of it into the mail that goes out. Pure; says that rules wrote it. */
import type { Draft, Message, OutgoingMail, Settlement } from "../messages.ts";
import { euros } from "../money.ts";

const sender = "support@larkfield.test";

/** The mail for one message. A promise in it rests on a settlement or a ticket that exists. */
export function composeMail(
  message: Message,
  draft: Draft,
  settlement: Settlement,
  ticket: number | null,
): OutgoingMail {
  const firstName = message.name.split(" ", 1)[0] ?? message.name;
  const paragraphs = [
    `Hello ${firstName},`,
    ...draft.paragraphs,
    ...settlementLines(settlement),
    ...(ticket === null ? [] : [`Your ticket number is ${ticket}.`]),
    "Your Larkfield support desk",
    "-- \nComposed by rules. Reply to this mail to reach a person.",
  ];
  return { from: sender, to: message.from, subject: `Re: ${message.subject}`, text: `${paragraphs.join("\n\n")}\n` };
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
