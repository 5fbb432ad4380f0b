/** The last lines: the table, the totals, who is asked and how to answer, where report and mails lie. */
import type { ExamResult } from "../messages.ts";
import { euros } from "../money.ts";
import { orderOf, type Summary, type SummaryLine } from "./summary.ts";
import { printEffort, printRoutes, printTable, printTotals } from "./summary-table.ts";
import type { ReportFiles } from "./report.ts";
import type { Terminal } from "./terminal.ts";

export interface EndFrame {
  readonly files: ReportFiles;
  readonly mails: string;
  /** The command for a verb on a run. */
  readonly command: (verb: string, runId: string) => string;
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
  printRoutes(terminal, summary.totals);
  printEffort(terminal, summary);
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

/** So many questions are printed. */
const mostAsked = 20;

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
  if (status === "waiting" || status === "working") return;
  const all = totals.answered === totals.messages;
  const rest = totals.cancelled > 0 ? `${totals.cancelled} cancelled.` : `${totals.failed} failed.`;
  const end = all
    ? paint("good", totals.messages === 0 ? "The inbox holds no message." : "All answered.")
    : paint("bad", rest);
  line(`  ${end} ${paint("quiet", `To start afresh: ${again}${again.includes(" -- ") ? "" : " --"} --fresh`)}`);
}

function printQuestions(
  { line, paint, marks }: Terminal,
  waiting: readonly SummaryLine[],
  { command, again }: EndFrame,
): void {
  for (const { wait, message, runId } of waiting.slice(0, mostAsked)) {
    const order = wait === undefined ? undefined : orderOf(wait);
    const what = order === undefined ? `message ${message.id}` : `${euros(order.amountCents)} to ${order.customerName}`;
    line(`  ${paint("wait", `${marks.wait} Waiting for the ${wait?.agent}`)}: ${what}`);
    if (order !== undefined)
      line(`    ${paint("quiet", `${order.merchant}, payment ${order.paymentId}. ${order.reason}`)}`);
    line(`    ${paint("quiet", "approve")}  ${command("approve", runId)}`);
    line(`    ${paint("quiet", "reject")}   ${command("reject", runId)}`);
  }
  if (waiting.length > mostAsked)
    line(`  ${paint("wait", `and ${waiting.length - mostAsked} more, all in the report`)}`);
  line();
  line(`    ${paint("quiet", "go on")}    ${again}`);
  line();
}

/** After a look at the bank or the mails, a person says what happened. */
function printDoubts({ line, paint, marks }: Terminal, doubtful: readonly SummaryLine[], { command }: EndFrame): void {
  for (const { wait, message, runId } of doubtful.slice(0, mostAsked)) {
    line(
      `  ${paint("wait", `${marks.wait} Did it happen?`)} ${wait?.agent} for message ${message.id} was interrupted. Look, then say so:`,
    );
    line(`    ${command("answer", runId)} ${wait?.waitId} '{"happened":false}'`);
  }
  line();
}
