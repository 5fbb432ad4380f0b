/** Blocks a card. Blocking it again under the same key changes nothing, so a repeat after a crash is safe. */
import { tool } from "concertato";
import { z } from "zod";
import { blockedCard } from "../messages.ts";
import type { Bank } from "../services/bank.ts";

export const blockCard = (bank: Bank) =>
  tool({
    name: "block-card",
    description: "Blocks a card at once",
    input: z.object({ cardId: z.string() }),
    output: blockedCard,
    effect: "write",
    execute: ({ cardId }, { idempotencyKey }) => {
      const blocked = bank.blockCard(cardId, idempotencyKey);
      return { ...blocked, released: [...blocked.released] };
    },
  });
