/**
 * The report: one HTML page that needs nothing else, light and dark, and the same facts as JSON. Written whole or not
 * at all. Everything that came from a message is escaped.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { euros } from "../money.ts";
import type { ExamResult, Verdict, Work } from "../messages.ts";
import { policy } from "../services/policy.ts";
import { orderOf, type Summary, type SummaryLine, type Totals } from "./summary.ts";
import type { Sentence } from "./sentences.ts";
import { outcomeOf } from "./summary-table.ts";

export interface ReportFiles {
  readonly html: string;
  readonly json: string;
}

export interface ReportFrame {
  readonly writtenAt: Date;
  /** The command for a verb on a run. */
  readonly command: (verb: string, runId: string) => string;
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
<p class="under">${escapeHtml(summary.status)} · ${when} UTC · composed by rules</p>
${renderTotals(summary.totals)}
${summary.lines.map((line) => renderQuestion(line, frame)).join("")}
${renderStories(summary.lines)}
${summary.exam === undefined ? "" : renderExam(summary.exam)}
${summary.lines.map(renderLine).join("\n")}
${renderPolicy()}
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
    ["Sent back", `${totals.rejected}`, "drafts, by the validator"],
    ["Dissents", `${totals.dissents}`, `in ${totals.panels} panels`],
    ["Repeated", `${totals.repeated}`, totals.repeated === 0 ? "nothing happened twice" : "look into it"],
  ];
  return `<dl class="totals">${tiles.map(([name, value, note]) => `<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`).join("")}</dl>`;
}

/** Where to look first: the message that took most, one that was sent back, one that gave orders. */
function renderStories(lines: readonly SummaryLine[]): string {
  const answered = lines.filter(({ answer }) => answer !== undefined);
  const sentBack = ({ steps }: SummaryLine): boolean =>
    steps.some(({ agent, text }) => agent === "validator" && text.startsWith("sends it back"));
  const stories = [
    ["The hardest", answered.toSorted((a, b) => b.steps.length - a.steps.length)[0]],
    ["Sent back by the validator", answered.find((line) => sentBack(line) && line.route?.warnings.length === 0)],
    ["Attacked", answered.find(({ route }) => (route?.warnings.length ?? 0) > 0)],
  ] as const;
  const items = stories.flatMap(([title, line]) =>
    line === undefined
      ? []
      : [
          `<li>${title}: <a href="#${escapeHtml(line.message.id)}">${escapeHtml(line.message.subject)}</a>, ${escapeHtml(outcomeOf(line))}</li>`,
        ],
  );
  return items.length === 0
    ? ""
    : `<section class="exam"><h2>Where to look first</h2><ul>${items.join("")}</ul></section>`;
}

/** How the router does on messages it was never tuned on. */
function renderExam({ total, right, outOfScope, confusions }: ExamResult): string {
  const rows = confusions.map(
    ({ id, expected, got, similarity }) =>
      `<tr><td class="mono">${escapeHtml(id)}</td><td>${escapeHtml(expected)}</td><td>${escapeHtml(got)}</td><td>${similarity}</td></tr>`,
  );
  return `<section class="exam"><h2>Routing on held-out messages: ${percent(right, total)} (${right} of ${total})</h2>
<p>Written before the specialists' example phrases. Out of scope: ${outOfScope.escalated} of ${outOfScope.total} escalated to a person.</p>
<table><thead><tr><th>Confused</th><th>belongs to</th><th>went to</th><th>similarity</th></tr></thead><tbody>${rows.join("")}</tbody></table></section>`;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

/** The clauses that the answers cite. */
function renderPolicy(): string {
  const clauses = [...policy].map(
    ([clause, text]) => `<li id="policy-${clause}"><span class="mono">${clause}</span> ${escapeHtml(text)}</li>`,
  );
  return `<section class="policy"><h2>The policy</h2><ul>${clauses.join("")}</ul></section>`;
}

function renderQuestion({ wait, message, runId }: SummaryLine, { command: commandFor }: ReportFrame): string {
  if (wait === undefined) return "";
  const order = orderOf(wait);
  const who = wait.kind === "in-doubt" ? `Did ${wait.agent} happen?` : `The ${wait.agent} is asked.`;
  const what =
    order === undefined || wait.kind === "in-doubt"
      ? `Message ${message.id} waits for a person's word.`
      : `Pay ${euros(order.amountCents)} to ${order.customerName} for ${order.merchant}, payment ${order.paymentId}. ${order.reason}.`;
  const command = wait.kind === "in-doubt" ? "" : `<code>${escapeHtml(commandFor("approve", runId))}</code>`;
  return `<section class="ask"><strong>${escapeHtml(who)}</strong> ${escapeHtml(what)}${command}</section>\n`;
}

function renderLine(line: SummaryLine): string {
  const { message, status, steps, mail } = line;
  const letters = [
    renderLetter("The message", `${message.subject}\n\n${message.body}`),
    ...(mail === undefined ? [] : [renderLetter("The answer", `${mail.subject}\n\n${mail.text}`)]),
  ];
  return `<article id="${escapeHtml(message.id)}">
<header><h2>${escapeHtml(message.subject)}</h2><span class="from">${escapeHtml(message.name)} · ${escapeHtml(message.id)}</span><span class="end ${status}">${escapeHtml(outcomeOf(line))}</span></header>
<ol class="steps">${steps.map(renderStep).join("")}</ol>
${renderRoute(line)}
${(line.answer?.works ?? []).map(renderWork).join("")}
<div class="letters">${letters.join("")}</div>
</article>`;
}

/** Who could take it, with similarities and margin, and how a doubt was settled. */
function renderRoute({ route, verdict }: SummaryLine): string {
  if (route === undefined || route.candidates.length === 0) return "";
  const near = route.candidates.map(
    ({ area, similarity, nearest }) => `<li>${area} <strong>${similarity}</strong> like “${escapeHtml(nearest)}”</li>`,
  );
  const votes = verdict === undefined ? "" : renderVotes(verdict);
  return `<details><summary>Route: ${route.kind}, margin ${route.margin}${verdict === undefined ? "" : `, ${verdict.dissent.length} dissents`}</summary><ul>${near.join("")}</ul>${votes}</details>`;
}

function renderVotes({ votes, dissent }: Verdict): string {
  const outvoted = new Set(dissent.map(({ member }) => member));
  const rows = votes.map(
    ({ member, area, why }) =>
      `<li>${member}: ${area ?? "nobody"}${outvoted.has(member) ? " (dissent)" : ""}, ${escapeHtml(why)}</li>`,
  );
  return `<p>The panel</p><ul>${rows.join("")}</ul>`;
}

/** Every paragraph of an answer with what it rests on. */
function renderWork({ specialist, draft }: Work): string {
  const said = draft.paragraphs.map(
    ({ text, cites }) => `<li>${escapeHtml(text)} <span class="cites">${cites.map(renderCite).join(" ")}</span></li>`,
  );
  return `<details><summary>${specialist}: ${escapeHtml(draft.topic)}, with sources</summary><ul>${said.join("")}</ul><p class="cites">composed by ${draft.composedBy}</p></details>`;
}

function renderCite(cite: string): string {
  const clause = /^policy (.+)$/.exec(cite)?.[1];
  if (clause === undefined) return `<span class="mono">${escapeHtml(cite)}</span>`;
  return `<a href="#policy-${escapeHtml(clause)}" title="${escapeHtml(policy.get(clause) ?? "")}">policy ${escapeHtml(clause)}</a>`;
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
