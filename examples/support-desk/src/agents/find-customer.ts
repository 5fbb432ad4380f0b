/** Looks a sender up in the bank. An unknown sender is an answer too. */
import { tool } from "concertato";
import { z } from "zod";
import { customer } from "../messages.ts";
import type { Bank } from "../services/bank.ts";

export const findCustomer = (bank: Bank) =>
  tool({
    name: "find-customer",
    description: "Finds the customer who writes from an address",
    input: z.object({ address: z.email() }),
    output: customer.nullable(),
    effect: "read",
    execute: ({ address }) => {
      const found = bank.customerByAddress(address);
      return found === null ? null : { ...found, cards: [...found.cards] };
    },
  });
