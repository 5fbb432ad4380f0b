/** The specialist for cards that are there or on their way: orders, PIN, replacement. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry, type Enquiry } from "../messages.ts";
import type { Bank, CardOrder } from "../services/bank.ts";
import { examples } from "./examples.ts";
import { findCardOrders } from "./find-records.ts";
import { say } from "./say.ts";

export const cards = (bank: Bank) => {
  const find = findCardOrders(bank);
  return workflow(
    {
      name: "cards",
      version: 2,
      description: "Ordered cards, PIN, replacement and use of cards",
      capabilities: ["cards"],
      examples: examples.cards,
      input: enquiry,
      output: draft,
      uses: [find],
    },
    async (request, ctx): Promise<Draft> => {
      const text = `${request.words.subject} ${request.words.body}`;
      if (/\b(?:PIN|code)\b/i.test(text)) return pin;
      if (/\b(?:additional|second|another|extra) card\b/i.test(text)) return additional;
      const [latest] = await ctx.run(find, { customerId: request.customerId });
      return latest === undefined ? question(request) : ordered(latest);
    },
  );
};

const pin: Draft = {
  topic: "PIN",
  finding: "asks for the PIN, which nobody at the desk can see",
  paragraphs: [say("You find your PIN in the app, under Card and PIN. Nobody at the desk can see it.", "8.4", "1.5")],
  composedBy: "rules",
};

const additional: Draft = {
  topic: "additional card",
  finding: "wants one more card, which the app orders",
  paragraphs: [say("You order an additional card in the app, under Card and Order.", "8.5")],
  composedBy: "rules",
};

function ordered({ id, state, sent, expected }: CardOrder): Draft {
  const row = `card_orders ${id}`;
  if (state === "delivered")
    return {
      topic: "card order",
      finding: `the card of order ${id} was delivered`,
      paragraphs: [
        say(`Your card was sent on ${sent} and delivered. The first payment with PIN activates it.`, row, "8.6"),
      ],
      composedBy: "rules",
    };
  return {
    topic: "card order",
    finding: `order ${id} was sent on ${sent} and is ${state}`,
    paragraphs: [
      say(`Your card was sent on ${sent} and was due on ${expected}. It was ${state}.`, row),
      say("We send it again, free of charge; it takes up to three working days.", "8.2"),
    ],
    ticket: {
      topic: "card order",
      priority: "high",
      note: `Check the address and send the card of order ${id} again.`,
    },
    composedBy: "rules",
  };
}

function question({ customerId }: Enquiry): Draft {
  return {
    topic: "card question",
    finding: "a question about a card, no order on record",
    paragraphs: [
      say("A colleague who knows cards answers you within one working day.", "1.2", `customers ${customerId}`),
    ],
    ticket: { topic: "card question", priority: "normal", note: "Answer the customer's question about the card." },
    composedBy: "rules",
  };
}
