/** Which messages cannot wait. One that gives the desk orders gains nothing by calling itself urgent. */
import type { Wording } from "../messages.ts";
import { ordersIn } from "./orders.ts";

const urgentWords = /\b(?:urgent|at once|immediately|stolen|lost my card|fraud|did not (?:take|make))\b/i;

export function isUrgent({ subject, body }: Wording): boolean {
  const text = `${subject}\n${body}`;
  return urgentWords.test(text) && ordersIn(text).length === 0;
}
