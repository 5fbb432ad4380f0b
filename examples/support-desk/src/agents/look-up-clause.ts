/** Reads a clause of the policy: all that a model may look up by itself. Pure. */
import { tool } from "concertato";
import { z } from "zod";
import { policy } from "../services/policy.ts";

export const lookUpClause = tool({
  name: "look-up-clause",
  description: "Reads a clause of the policy by its number, such as 2.1",
  input: z.object({ clause: z.string() }),
  output: z.object({ clause: z.string(), text: z.string().nullable() }),
  effect: "pure",
  execute: ({ clause }) => ({ clause, text: policy.get(clause) ?? null }),
});
