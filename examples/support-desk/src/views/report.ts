/**
 * The report: one HTML page that needs nothing else, light and dark, on screen and on paper, and the same facts as JSON.
 * A verdict first, three stories, then everything. Written whole or not at all.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { euros } from "../money.ts";
import type { ExamResult } from "../messages.ts";
import { policy } from "../services/policy.ts";
import { anchor, cost, escapeHtml, many, percent } from "./html.ts";
import { renderInside, renderMessage } from "./report-message.ts";
import type { Sentence } from "./sentences.ts";
import { orderOf, type Summary, type SummaryLine, type Totals } from "./summary.ts";
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

/** The page. Pure but for its style and script, which are read from beside this file. */
function renderReport(summary: Summary, frame: ReportFrame): string {
  const style = readFileSync(new URL("report.css", import.meta.url), "utf8");
  const script = readFileSync(new URL("report.js", import.meta.url), "utf8");
  const { totals, lines, exam } = summary;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Support desk · ${totals.answered} of ${totals.messages} answered</title>
<style>
${style}</style>
</head>
<body>
<a class="skip" href="#messages">To the messages</a>
<main>
${renderVerdict(summary, frame)}
${lines.map((line) => renderQuestion(line, frame)).join("")}
${renderTotals(totals)}
${renderStories(lines)}
${renderInterplay(lines)}
${exam === undefined ? "" : renderExam(exam)}
${renderMessages(lines, totals)}
${renderPolicy()}
<footer>Mails and payments are counted by the mail server's folder and the bank's books, which know nothing of the journal. Everything else on this page is read from the journal. Personal data in messages is replaced by tokens.</footer>
</main>
<script>
${script}</script>
</body>
</html>
`;
}

/** What somebody wants to know who reads nothing else. */
function renderVerdict({ totals, exam, effort, lines }: Summary, { writtenAt }: ReportFrame): string {
  const { answered, messages, waiting, failed, repeated } = totals;
  const rest = [
    ...(waiting === 0 ? [] : [`${waiting === 1 ? "one waits" : `${waiting} wait`} for a person`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
  ];
  const first =
    answered === messages
      ? `All ${messages} messages are answered.`
      : `${answered} of ${messages} messages are answered${rest.length === 0 ? "" : `, ${rest.join(" and ")}`}.`;
  const twice =
    repeated === 0 ? "Nothing was sent or paid twice." : `${repeated} things happened twice: look into it at once.`;
  const authors = new Set(lines.flatMap(({ provenance }) => provenance.statements.map(({ composedBy }) => composedBy)));
  authors.delete("rules");
  const writers =
    authors.size === 0
      ? "Composed by rules; no model was asked."
      : `Written by ${[...authors].join(", ")} within rules.`;
  const facts = [
    ...(exam === undefined ? [] : [`Routing is right on ${percent(exam.right, exam.total)} of held-out messages.`]),
    `${many(totals.paymentsMade, "payment")} paid back, ${euros(totals.refundedCents)}.`,
    writers,
    ...(effort === undefined || effort.done < totals.messages
      ? []
      : [`${many(effort.done, "message")} in ${effort.seconds.toFixed(1)} s${costText(lines)}.`]),
  ];
  const when = writtenAt.toISOString().slice(0, 16).replace("T", " ");
  return `<header class="verdict ${failed + repeated > 0 ? "bad" : waiting > 0 ? "wait" : "good"}">
<p class="kicker">Larkfield support desk · ${when} UTC</p>
<h1>${escapeHtml(first)} ${escapeHtml(twice)}</h1>
<p class="under">${facts.map(escapeHtml).join(" ")}</p>
</header>`;
}

function costText(lines: readonly SummaryLine[]): string {
  const costs = lines.map(({ provenance }) => provenance.usd).filter((usd) => usd !== undefined);
  if (costs.length === 0) return "";
  const known = costs.filter((usd) => usd !== null);
  return `, ${known.length < costs.length ? "cost unknown" : cost(known.reduce((sum, usd) => sum + usd, 0))}`;
}

function renderTotals(totals: Totals): string {
  const tiles: readonly (readonly [string, string, string])[] = [
    ["Answered", `${totals.answered}`, `of ${totals.messages} messages`],
    ["Waiting", `${totals.waiting}`, totals.waiting === 0 ? "for nobody" : "for a person"],
    ["Mails sent", `${totals.mailsSent}`, "accepted and on disk"],
    ["Paid back", euros(totals.refundedCents), many(totals.paymentsMade, "payment")],
    ["Tickets", `${totals.tickets}`, "opened for people"],
    ["Sent back", `${totals.rejected}`, "drafts, by the validator"],
    ["Taken over", `${totals.takeovers}`, "from a specialist that failed"],
    ["Dropped", `${totals.dropped}`, "steps that became needless"],
    ["Void", `${totals.voided}`, "approvals of what had changed"],
    ["Dissents", `${totals.dissents}`, `in ${many(totals.panels, "panel")}`],
    ["Failed", `${totals.failed}`, totals.failed === 0 ? "none" : "look into them"],
    ["Repeated", `${totals.repeated}`, totals.repeated === 0 ? "nothing happened twice" : "look into it"],
  ];
  return `<dl class="totals">${tiles.map(([name, value, note]) => `<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`).join("")}</dl>`;
}

interface Story {
  readonly kind: string;
  readonly why: string;
  readonly line: SummaryLine;
}

/** Three that show how the team works: the one that took most, one that was sent back, one that gave orders. */
function storiesOf(lines: readonly SummaryLine[]): readonly Story[] {
  const attacked = ({ route }: SummaryLine): boolean => (route?.warnings.length ?? 0) > 0;
  const effort = ({ steps }: SummaryLine): number => eventsOf(steps).length * 100 + steps.length;
  const hardest = lines.filter((line) => !attacked(line)).toSorted((a, b) => effort(b) - effort(a))[0];
  const rejected = lines.find(
    (line) => line !== hardest && !attacked(line) && line.steps.some(({ event }) => event === "rejection"),
  );
  const attack =
    lines.find((line) => attacked(line) && line.steps.some(({ event }) => event === "rejection")) ??
    lines.find(attacked);
  const stories: readonly (readonly [string, string, SummaryLine | undefined])[] = [
    ["The hardest", "took the most agents and decisions", hardest],
    ["Rejected", "its first draft broke the policy", rejected],
    ["Attacked", "the message gave the desk orders", attack],
  ];
  return stories.flatMap(([kind, why, line]) => (line === undefined ? [] : [{ kind, why, line }]));
}

function renderStories(lines: readonly SummaryLine[]): string {
  const stories = storiesOf(lines).map(({ kind, why, line }, index) => {
    const { message, status } = line;
    return `<article class="story"><header><p class="kicker">${kind} <span>· ${why}</span></p>
<h3><a href="#${anchor(message.id)}">${escapeHtml(message.subject)}</a></h3>
<p class="under">${escapeHtml(message.name)} · ${escapeHtml(message.id)} · <span class="end ${status}">${escapeHtml(outcomeOf(line))}</span></p></header>
${renderInside(line, anchor("story", String(index + 1)))}</article>`;
  });
  return stories.length === 0 ? "" : `<section><h2>Three stories</h2>${stories.join("\n")}</section>`;
}

function eventsOf(steps: readonly Sentence[]): readonly Sentence[] {
  return steps.filter(({ event }) => event !== undefined);
}

/** Every place where one agent changed what another was to do. */
function renderInterplay(lines: readonly SummaryLine[]): string {
  const rows = lines.flatMap(({ message, steps }) =>
    eventsOf(steps)
      .filter(({ event }) => event !== "question")
      .map(
        ({ agent, event = "", text }) =>
          `<tr><td><span class="tag">${escapeHtml(event)}</span></td><td><a class="mono" href="#${anchor(message.id)}">${escapeHtml(message.id)}</a></td><th>${escapeHtml(agent)}</th><td>${escapeHtml(text)}</td></tr>`,
      ),
  );
  if (rows.length === 0) return "";
  return `<section><h2>What changed between the agents</h2><div class="wide"><table class="interplay"><tbody>${rows.join("")}</tbody></table></div></section>`;
}

/** How the router does on messages it was never tuned on. */
function renderExam({ total, right, outOfScope, confusions }: ExamResult): string {
  const rows = confusions.map(
    ({ id, expected, got, similarity }) =>
      `<tr><td class="mono">${escapeHtml(id)}</td><td>${escapeHtml(expected)}</td><td>${escapeHtml(got)}</td><td class="number">${similarity.toFixed(3)}</td></tr>`,
  );
  return `<section class="exam"><h2>Routing on held-out messages</h2>
<p><strong>${percent(right, total)}</strong> right, ${right} of ${total}. Out of scope: ${outOfScope.escalated} of ${outOfScope.total} escalated to a person. They were written before the specialists' example phrases, and nothing was tuned on them.</p>
<div class="meter" role="img" aria-label="${right} of ${total} right"><span style="width:${((100 * right) / total).toFixed(1)}%"></span></div>
${rows.length === 0 ? "" : `<div class="wide"><table><thead><tr><th>Confused</th><th>belongs to</th><th>went to</th><th>similarity</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`}</section>`;
}

function renderMessages(lines: readonly SummaryLine[], { messages }: Totals): string {
  const fewer =
    lines.length < messages
      ? ` <small>${lines.length} of ${messages} are shown, the rest is in outcomes.jsonl</small>`
      : "";
  return `<section id="messages"><h2>All messages${fewer}</h2>
<p class="find"><label>Find <input type="search" id="find" placeholder="a name, an agent, a word" autocomplete="off"></label> <span class="quiet" id="found" role="status"></span><span class="quiet keys"><kbd>/</kbd> find <kbd>j</kbd> <kbd>k</kbd> next, previous <kbd>Enter</kbd> open</span></p>
<div class="messages">
${lines.map(renderMessage).join("\n")}
</div></section>`;
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
  return `<section class="ask"><strong>${escapeHtml(who)}</strong> ${escapeHtml(what)} <a href="#${anchor(message.id)}">${escapeHtml(message.id)}</a>${command}</section>\n`;
}

function replaceFile(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}
