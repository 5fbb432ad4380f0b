/** Blocks a card. Blocking it again under the same key changes nothing, so a repeat after a crash is safe. */
import { tool } from "concertato";
import { z } from "zod";
import { card } from "../messages.ts";
import type { Bank } from "../services/bank.ts";

export const blockCard = (bank: Bank) =>
  tool({
    name: "block-card",
    description: "Blocks a card at once",
    input: z.object({ cardId: z.string() }),
    output: card,
    effect: "write",
    execute: ({ cardId }, { idempotencyKey }) => bank.blockCard(cardId, idempotencyKey),
  });
