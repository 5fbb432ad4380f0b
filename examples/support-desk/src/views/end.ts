/** The last lines: the table, the totals, who is asked and how to answer, where report and mails lie. */
import type { ExamResult } from "../messages.ts";
import { euros } from "../money.ts";
import { orderOf, type Summary, type SummaryLine } from "./summary.ts";
import { printTable, printTotals } from "./summary-table.ts";
import type { ReportFiles } from "./report.ts";
import type { Terminal } from "./terminal.ts";

export interface EndFrame {
  readonly files: ReportFiles;
  readonly mails: string;
  /** The command for a verb on this run. */
  readonly command: (verb: string) => string;
  /** The command that goes on. */
  readonly again: string;
  /** A path as short as it can be said. */
  readonly near: (path: string) => string;
}

export function printEnd(terminal: Terminal, summary: Summary, frame: EndFrame): void {
  const { line, paint } = terminal;
  line();
  printTable(terminal, summary);
  line();
  printTotals(terminal, summary.totals);
  if (summary.exam !== undefined) printExam(terminal, summary.exam);
  line();
  const waiting = summary.lines.filter(({ wait }) => wait?.kind === "question");
  if (waiting.length > 0) printQuestions(terminal, waiting, frame);
  const doubtful = summary.lines.filter(({ wait }) => wait?.kind === "in-doubt");
  if (doubtful.length > 0) printDoubts(terminal, doubtful, frame);
  printStatus(terminal, summary, frame.again);
  line(`  ${paint("quiet", "report")}  ${frame.near(frame.files.html)}`);
  line(`  ${paint("quiet", "mails")}   ${frame.near(frame.mails)}`);
}

/** How the router does on messages it was never tuned on, with what it confused. */
function printExam({ line, paint }: Terminal, { total, right, outOfScope, confusions }: ExamResult): void {
  const share = ((100 * right) / total).toFixed(1);
  line(
    `  routing ${share} % right on ${total} held-out messages, ${outOfScope.escalated} of ${outOfScope.total} out of scope escalated`,
  );
  const confused = confusions.map(({ id, expected, got }) => `${id} ${expected} as ${got}`);
  if (confused.length > 0) line(`  ${paint("quiet", `confused: ${confused.join(", ")}`)}`);
}

function printStatus({ line, paint }: Terminal, { status, totals }: Summary, again: string): void {
  if (status === "waiting" || status === "running" || status === "queued") return;
  const all = totals.answered === totals.messages;
  const end = all ? paint("good", "All answered.") : paint("bad", `The run is ${status}.`);
  line(`  ${end} ${paint("quiet", `To start afresh: ${again}${again.includes(" -- ") ? "" : " --"} --fresh`)}`);
}

function printQuestions(
  { line, paint, marks }: Terminal,
  waiting: readonly SummaryLine[],
  { command, again }: EndFrame,
): void {
  for (const { wait, message } of waiting) {
    const order = wait === undefined ? undefined : orderOf(wait);
    const what = order === undefined ? `message ${message.id}` : `${euros(order.amountCents)} to ${order.customerName}`;
    line(`  ${paint("wait", `${marks.wait} Waiting for the ${wait?.agent}`)}: ${what}`);
    if (order !== undefined)
      line(`    ${paint("quiet", `${order.merchant}, payment ${order.paymentId}. ${order.reason}`)}`);
    if (waiting.length > 1) line(`    ${command("approve")} ${wait?.waitId}`);
  }
  line();
  if (waiting.length === 1) line(`    ${paint("quiet", "approve")}  ${command("approve")}`);
  line(`    ${paint("quiet", "reject")}   ${command("reject")}${waiting.length > 1 ? " WAIT" : ""}`);
  line(`    ${paint("quiet", "go on")}    ${again}`);
  line();
}

/** After a look at the bank or the mails, a person says what happened. */
function printDoubts({ line, paint, marks }: Terminal, doubtful: readonly SummaryLine[], { command }: EndFrame): void {
  for (const { wait, message } of doubtful) {
    line(
      `  ${paint("wait", `${marks.wait} Did it happen?`)} ${wait?.agent} for message ${message.id} was interrupted. Look, then say so:`,
    );
    line(`    ${command("answer")} ${wait?.waitId} '{"happened":false}'`);
  }
  line();
}
