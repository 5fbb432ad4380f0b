/** The specialist for lost and stolen cards: blocks first, asks later. Composed by rules. */
import { workflow } from "concertato";
import { type Draft, draft, enquiry } from "../messages.ts";
import { euros } from "../money.ts";
import type { Bank, BlockedCard } from "../services/bank.ts";
import { blockCard } from "./block-card.ts";
import { examples } from "./examples.ts";
import { say } from "./say.ts";

export const lostOrStolen = (bank: Bank) => {
  const block = blockCard(bank);
  return workflow(
    {
      name: "lost-or-stolen",
      version: 2,
      description: "Cards that are lost or stolen",
      capabilities: ["lost-or-stolen"],
      examples: examples["lost-or-stolen"],
      input: enquiry,
      output: draft,
      uses: [block],
    },
    async ({ cards: held, customerId }, ctx): Promise<Draft> => {
      const active = held.filter(({ state }) => state === "active");
      const blocked = await ctx.map(
        active.map(({ id }) => ({ cardId: id })),
        block,
      );
      return blocked.length === 0 ? nothingToBlock(customerId) : cardGone(blocked);
    },
  );
};

function nothingToBlock(customerId: string): Draft {
  return {
    topic: "stolen card",
    finding: "reported as gone, and no card of this customer is active",
    paragraphs: [
      say("All your cards are blocked already, so nobody can pay with them.", "8.1", `customers ${customerId}`),
    ],
    ticket: { topic: "stolen card", priority: "high", note: "Check which card is meant and send a new one." },
    composedBy: "rules",
  };
}

function cardGone(blocked: readonly BlockedCard[]): Draft {
  const last4 = blocked.map((card) => card.last4).join(" and ");
  const rows = blocked.map(({ id }) => `cards ${id}`);
  const released = blocked.flatMap((card) => card.released);
  const [cards, them] = blocked.length > 1 ? ["cards", "them"] : ["card", "it"];
  return {
    topic: "stolen card",
    finding: `reported as gone; ${cards} ending in ${last4} blocked`,
    paragraphs: [
      say(`We have blocked your ${cards} ending in ${last4}. Nobody can pay with ${them} any more.`, "8.1", ...rows),
      ...released.map(({ id, merchant, amountCents }) =>
        say(
          `Your payment of ${euros(amountCents)} to ${merchant} was only reserved. Blocking the card has released it, so nothing is charged and there is nothing to pay back.`,
          "8.7",
          `payments ${id}`,
        ),
      ),
      say("A replacement is on its way and should reach you within three working days.", "8.2"),
      say(
        "Payments you did not make will be paid back once a colleague has seen them; please send us a list of them.",
        "8.3",
      ),
    ],
    ticket: {
      topic: "stolen card",
      priority: "urgent",
      note: `Replace the ${cards} ending in ${last4}; look for payments after the theft.`,
    },
    settled: released.map(({ id, merchant, amountCents }) => ({
      row: `payments ${id}`,
      merchant,
      amountCents,
      how: `${euros(amountCents)} to ${merchant} (${id}) was released when the card was blocked`,
    })),
    composedBy: "rules",
  };
}
