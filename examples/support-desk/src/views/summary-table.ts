/** The summary as a table and a line of totals, for people. */
import Table from "cli-table3";
import type { Work } from "../messages.ts";
import { euros } from "../money.ts";
import { orderOf, type Summary, type SummaryLine, type Totals } from "./summary.ts";
import { type Terminal, toMarks, type Tone, wrapWords } from "./terminal.ts";

const noBorders = {
  ...{
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
  },
  ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "" },
};

/** Of more messages than this, only those that are not answered are in the table. */
const wholeTable = 100;

export function printTable(terminal: Terminal, { lines }: Summary): void {
  const { paint, width } = terminal;
  const columns = [8, 14, 16];
  const last = Math.max(30, width - 2 - columns.reduce((sum, column) => sum + column, 0) - 12);
  const table = new Table({
    head: ["", "Id", "From", "Specialist", "Outcome", "Mail"].map((title) => paint("quiet", title)),
    chars: noBorders,
    colWidths: [4, ...columns, last, 8],
    wordWrap: true,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  const shown = lines.length <= wholeTable ? lines : lines.filter(({ status }) => status !== "answered").slice(0, 20);
  if (shown.length === 0) return;
  for (const line of shown) table.push(rowOf(terminal, line));
  for (const row of table.toString().split("\n")) terminal.line(`  ${row.trimEnd()}`);
}

function rowOf({ paint, marks }: Terminal, line: SummaryLine): string[] {
  const { message, status, answer } = line;
  const mark = {
    answered: paint("good", marks.done),
    waiting: paint("wait", marks.wait),
    failed: paint("bad", marks.bad),
    working: paint("quiet", marks.dot),
    cancelled: paint("quiet", marks.bad),
  }[status];
  const mail = answer === undefined ? paint("quiet", marks.dot) : "sent";
  return [
    mark,
    paint("quiet", message.id),
    message.name,
    answer?.works.map(({ specialist }) => specialist).join(" + ") ?? specialistSoFar(line),
    toMarks(outcomeOf(line), marks),
    mail,
  ];
}

function specialistSoFar({ steps }: SummaryLine): string {
  const routed = steps.find(({ agent }) => agent === "router")?.text;
  return /^→ ([\w-]+)/.exec(routed ?? "")?.[1] ?? "";
}

/** How a message stands, in a few words. */
export function outcomeOf({ status, answer, wait, held, failure }: SummaryLine): string {
  if (answer !== undefined) {
    return answer.works.map(workOutcome).join("; ");
  }
  if (wait !== undefined) {
    const order = orderOf(wait);
    return order === undefined
      ? `waits for ${wait.agent}`
      : `refund of ${euros(order.amountCents)} waits for the ${wait.agent}`;
  }
  if (held) return "waits until the customer's other message is done";
  if (status === "failed") return failure ?? "failed";
  return status === "cancelled" ? "cancelled" : "in work";
}

function workOutcome({ draft, settlement, ticket }: Work): string {
  const money = settlement.kind === "refunded" ? `, ${euros(settlement.receipt.amountCents)} paid back` : "";
  const no = settlement.kind === "declined" ? ", refund declined" : "";
  return `${draft.topic}${money}${no}${ticket === null ? "" : `, ticket ${ticket}`}`;
}

export function printTotals({ paint, marks, line, width }: Terminal, totals: Totals): void {
  const parts: readonly (readonly [Tone, string])[] = [
    ["plain", `${totals.answered} of ${totals.messages} answered`],
    ...(totals.waiting === 0 ? [] : [["wait", `${totals.waiting} waiting`] as const]),
    ...(totals.failed === 0 ? [] : [["bad", `${totals.failed} failed`] as const]),
    ["plain", `mails sent ${totals.mailsSent}`],
    ["plain", `payments made ${totals.paymentsMade} (${euros(totals.refundedCents)})`],
    ["plain", `drafts sent back ${totals.rejected}`],
    ["plain", `panels ${totals.panels}, dissents ${totals.dissents}`],
    [totals.repeated === 0 ? "good" : "bad", `repeated ${totals.repeated}`],
  ];
  const fits = parts.reduce((columns, [, text]) => columns + text.length + 3, 2) <= width;
  const between = fits ? paint("quiet", ` ${marks.dot} `) : "\n  ";
  line(`  ${parts.map(([tone, text]) => paint(tone, text)).join(between)}`);
}

/** How many messages went where, the most first. */
export function printRoutes({ paint, line, width }: Terminal, { routes }: Totals): void {
  const parts = Object.entries(routes).map(([place, count]) => `${place} ${count}`);
  if (parts.length > 0)
    for (const each of wrapWords(`routed: ${parts.join(", ")}`, width - 2)) line(`  ${paint("quiet", each)}`);
}

/** What was read, what was no message, and what the work took. */
export function printEffort({ paint, line, marks }: Terminal, { intake, effort, totals }: Summary): void {
  if (intake !== undefined && intake.setAside + intake.duplicates > 0) {
    const aside = intake.setAside === 0 ? [] : [`${intake.setAside} set aside in ${intake.setAsideFile ?? ""}`];
    const twice = intake.duplicates === 0 ? [] : [`${intake.duplicates} were there twice`];
    line(
      `  ${paint("wait", `${marks.wait} of the inbox: ${intake.messages} messages, ${[...aside, ...twice].join(", ")}`)}`,
    );
  }
  if (effort === undefined || effort.done === 0) return;
  // Of a small journal most is the log, which is as long for ten messages as for a thousand.
  const each = totals.messages < 1000 ? "" : `, ${Math.round(effort.storeBytes / totals.messages / 1024)} kB a message`;
  const facts = [
    `${effort.done} messages in ${effort.seconds.toFixed(1)} s`,
    `${effort.perSecond.toFixed(1)} a second`,
    `at most ${effort.peakMb} MB of memory`,
    `journal ${(effort.storeBytes / 1024 / 1024).toFixed(1)} MB${each}`,
  ];
  line(`  ${paint("quiet", facts.join(` ${marks.dot} `))}`);
}
