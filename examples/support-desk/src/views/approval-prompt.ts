/**
 * Asks the person at the terminal for a yes or no on one action, with exactly the arguments it will run with. Gives up
 * the question when it was answered elsewhere.
 */
import { userInfo } from "node:os";
import { createInterface } from "node:readline/promises";
import type { Decision } from "../messages.ts";
import { euros } from "../money.ts";
import { orderOf, type OpenWait } from "./summary.ts";
import type { Terminal } from "./terminal.ts";

/** A decision, or null for "later". */
export async function askApproval(
  terminal: Terminal,
  wait: OpenWait,
  answeredElsewhere: AbortSignal,
): Promise<Decision | null> {
  printRequest(terminal, wait);
  using questions = createInterface({ input: process.stdin, output: process.stdout });
  const later = new AbortController();
  questions.on("close", () => later.abort());
  answeredElsewhere.addEventListener("abort", () => terminal.line(terminal.paint("quiet", "answered elsewhere")), {
    once: true,
    signal: later.signal,
  });
  const signal = AbortSignal.any([answeredElsewhere, later.signal]);
  try {
    for (;;) {
      const reply = await questions.question(`  ${terminal.paint("strong", "Approve?")} yes / no / later: `, {
        signal,
      });
      const decision = decisionOf(reply.trim().toLowerCase());
      if (decision !== undefined) return decision;
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

function decisionOf(reply: string): Decision | null | undefined {
  if (reply === "y" || reply === "yes") return { approved: true, by: userName() };
  if (reply === "n" || reply === "no") return { approved: false, by: userName() };
  if (reply === "l" || reply === "later") return null;
  return undefined;
}

/** Who sits here, as far as the system knows; containers often do not. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "the person at the terminal";
  }
}

function printRequest({ paint, marks, line }: Terminal, wait: OpenWait): void {
  const order = orderOf(wait);
  line();
  line(`  ${paint("wait", `${marks.wait} The ${wait.agent} is asked`)}`);
  if (order === undefined) return line(`    ${JSON.stringify(wait.request)}`);
  const rows = [
    ["Pay", paint("strong", euros(order.amountCents))],
    ["to", `${order.customerName} (${order.customerId})`],
    ["for", `${order.merchant}, payment ${order.paymentId}`],
    ["because", order.reason],
  ];
  for (const [label = "", text = ""] of rows) line(`    ${paint("quiet", label.padEnd(9))}${text}`);
  line();
}
