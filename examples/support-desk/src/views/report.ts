/**
 * The report: one HTML page that needs nothing else, light and dark, and the same facts as JSON. Written whole or not
 * at all. Everything that came from a message is escaped.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { euros } from "../money.ts";
import { orderOf, type Summary, type SummaryLine, type Totals } from "./summary.ts";
import type { Sentence } from "./sentences.ts";
import { outcomeOf } from "./summary-table.ts";

export interface ReportFiles {
  readonly html: string;
  readonly json: string;
}

export interface ReportFrame {
  readonly writtenAt: Date;
  /** The command that approves what waits. */
  readonly approveCommand: string;
}

/** Writes report.html and report.json into a folder and says where. */
export function writeReport(directory: string, summary: Summary, frame: ReportFrame): ReportFiles {
  const files = { html: join(directory, "report.html"), json: join(directory, "report.json") };
  replaceFile(files.html, renderReport(summary, frame));
  replaceFile(files.json, `${JSON.stringify({ writtenAt: frame.writtenAt.toISOString(), ...summary }, null, 2)}\n`);
  return files;
}

/** The page. Pure. */
function renderReport(summary: Summary, frame: ReportFrame): string {
  const style = readFileSync(new URL("report.css", import.meta.url), "utf8");
  const when = frame.writtenAt.toISOString().slice(0, 16).replace("T", " ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Support desk · ${summary.totals.answered} of ${summary.totals.messages} answered</title>
<style>
${style}</style>
</head>
<body>
<main>
<h1>Support desk</h1>
<p class="under">Run <span class="mono">${escapeHtml(summary.runId)}</span> · ${escapeHtml(summary.status)} · ${when} UTC · composed by rules</p>
${renderTotals(summary.totals)}
${summary.lines.map((line) => renderQuestion(line, frame)).join("")}
${summary.lines.map(renderLine).join("\n")}
<footer>Mails and payments are counted by the mail server's folder and the bank's books, not by the run itself.</footer>
</main>
</body>
</html>
`;
}

function renderTotals(totals: Totals): string {
  const tiles: readonly (readonly [string, string, string])[] = [
    ["Answered", `${totals.answered}`, `of ${totals.messages} messages`],
    ["Waiting", `${totals.waiting}`, totals.waiting === 0 ? "for nobody" : "for a person"],
    ["Mails sent", `${totals.mailsSent}`, "accepted and on disk"],
    ["Payments made", `${totals.paymentsMade}`, euros(totals.refundedCents)],
    ["Tickets", `${totals.tickets}`, "opened for people"],
    ["Repeated", `${totals.repeated}`, totals.repeated === 0 ? "nothing happened twice" : "look into it"],
  ];
  return `<dl class="totals">${tiles.map(([name, value, note]) => `<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`).join("")}</dl>`;
}

function renderQuestion({ wait, message }: SummaryLine, { approveCommand }: ReportFrame): string {
  if (wait === undefined) return "";
  const order = orderOf(wait);
  const who = wait.kind === "in-doubt" ? `Did ${wait.agent} happen?` : `The ${wait.agent} is asked.`;
  const what =
    order === undefined || wait.kind === "in-doubt"
      ? `Message ${message.id} waits for a person's word.`
      : `Pay ${euros(order.amountCents)} to ${order.customerName} for ${order.merchant}, payment ${order.paymentId}. ${order.reason}.`;
  const command = wait.kind === "in-doubt" ? "" : `<code>${escapeHtml(approveCommand)}</code>`;
  return `<section class="ask"><strong>${escapeHtml(who)}</strong> ${escapeHtml(what)}${command}</section>\n`;
}

function renderLine(line: SummaryLine): string {
  const { message, status, steps, mail } = line;
  const letters = [
    renderLetter("The message", `${message.subject}\n\n${message.body}`),
    ...(mail === undefined ? [] : [renderLetter("The answer", `${mail.subject}\n\n${mail.text}`)]),
  ];
  return `<article>
<header><h2>${escapeHtml(message.subject)}</h2><span class="from">${escapeHtml(message.name)} · ${escapeHtml(message.id)}</span><span class="end ${status}">${escapeHtml(outcomeOf(line))}</span></header>
<ol class="steps">${steps.map(renderStep).join("")}</ol>
<div class="letters">${letters.join("")}</div>
</article>`;
}

function renderStep({ agent, tone, text }: Sentence): string {
  return `<li class="${tone}"><span class="agent">${escapeHtml(agent)}</span><span>${escapeHtml(text)}</span></li>`;
}

function renderLetter(title: string, text: string): string {
  return `<details><summary>${title}</summary><pre>${escapeHtml(text)}</pre></details>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function replaceFile(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}
