/** Attempts to give orders to the desk itself, quoted. They are told to people and never followed. */
const orders = [
  /\bignore (?:all |your |the )*(?:previous |earlier )?(?:rules|instructions)[^.!?\n]*/i,
  /\byou are now\b[^.!?\n]*/i,
  /\bdo not ask (?:a|any) (?:human|person|manager)[^.!?\n]*/i,
  /\b(?:manager|human) has already approved\b[^.!?\n]*/i,
  /\bapprove every\b[^.!?\n]*/i,
];

export function ordersIn(text: string): string[] {
  return orders.flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
}
