/** Opens a ticket for people to follow up. The bank's key makes a repeat answer the same ticket. */
import { tool } from "concertato";
import { ticketReceipt, ticketRequest } from "../messages.ts";
import type { Bank } from "../services/bank.ts";

export const ticket = (bank: Bank) =>
  tool({
    name: "ticket",
    description: "Opens a ticket for the people of the desk",
    input: ticketRequest,
    output: ticketReceipt,
    effect: "write",
    execute: (request, { idempotencyKey }) => bank.openTicket(request, idempotencyKey),
  });
