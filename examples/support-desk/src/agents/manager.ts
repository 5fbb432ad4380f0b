/** The person who answers for money that leaves the house. */
import { human } from "concertato";
import { decision } from "../messages.ts";

export const manager = human({
  name: "manager",
  description: "Approves refunds above the limit",
  output: decision,
});
