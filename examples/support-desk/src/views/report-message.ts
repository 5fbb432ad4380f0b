/** One message in the report: its route, what each agent did, the answer with its sources, approvals, work, the letters. */
import { euros } from "../money.ts";
import type { Route, Verdict } from "../messages.ts";
import { anchor, cost, escapeHtml, lasted, many } from "./html.ts";
import type { Approval, Deed } from "./provenance.ts";
import { renderAnswer } from "./report-answer.ts";
import type { Sentence } from "./sentences.ts";
import type { SummaryLine } from "./summary.ts";
import { outcomeOf } from "./summary-table.ts";

/** A line of the list that opens. */
export function renderMessage(line: SummaryLine): string {
  const { message, status, answer, provenance, runId } = line;
  const who = answer?.works.map(({ specialist }) => specialist).join(" + ") ?? line.route?.plan.join(" + ") ?? "";
  const subject =
    message.subject.trim() === "" ? message.body.slice(0, 60).trim() || "(nothing written)" : message.subject;
  return `<details class="message" id="${anchor(message.id)}"><summary>
<span class="mono id">${escapeHtml(message.id)}</span><span class="subject">${escapeHtml(subject)}<small>${escapeHtml(message.name)}</small></span><span class="who">${escapeHtml(who)}</span><span class="end ${status}">${escapeHtml(outcomeOf(line))}</span><span class="time">${lasted(provenance.ms)}</span>
</summary><div class="inside">
${renderInside(line, anchor(message.id, "all"))}
<p class="quiet mono">${escapeHtml(runId)}</p>
</div></details>`;
}

/** All that is known of it; in the stories too. @param place begins the names of the links inside */
export function renderInside(line: SummaryLine, place: string): string {
  const { message, mail, provenance } = line;
  const text = `${message.subject}\n\n${message.body}`.trim();
  return [
    `<blockquote>${escapeHtml(shortened(text))}</blockquote>`,
    section("What happened", renderSteps(line.steps)),
    section("The answer, and what it rests on", renderAnswer(line, place)),
    renderApprovals(provenance.approvals, place),
    line.route === undefined ? "" : renderRoute(line.route, line.verdict),
    renderDeeds(provenance.deeds, provenance.ms, provenance.usd),
    mail === undefined
      ? ""
      : folded("The mail as it was sent", `<pre>${escapeHtml(`${mail.subject}\n\n${mail.text}`)}</pre>`),
  ].join("\n");
}

const longestQuote = 700;

function shortened(text: string): string {
  return text.length <= longestQuote ? text : `${text.slice(0, longestQuote)} … (${text.length} characters)`;
}

function section(title: string, inside: string): string {
  return inside === "" ? "" : `<h4>${title}</h4>${inside}`;
}

function folded(title: string, inside: string): string {
  return `<details class="more"><summary>${title}</summary>${inside}</details>`;
}

function renderSteps(steps: readonly Sentence[]): string {
  const items = steps.map(
    ({ agent, tone, text, event }) =>
      `<li class="${tone}${event === undefined ? "" : " event"}"><span class="agent">${escapeHtml(agent)}</span><span>${escapeHtml(text)}</span></li>`,
  );
  return `<ol class="steps">${items.join("")}</ol>`;
}

/** Who could take it, with similarities and margin, and how a doubt was settled. */
function renderRoute({ kind, candidates, margin }: Route, verdict: Verdict | undefined): string {
  if (candidates.length === 0) return "";
  const near = candidates.map(
    ({ area, similarity, nearest }) =>
      `<tr><th>${escapeHtml(area)}</th><td class="bar"><span style="width:${Math.max(0, Math.round(100 * similarity))}%"></span></td><td class="number">${similarity.toFixed(3)}</td><td class="quiet">like “${escapeHtml(nearest)}”</td></tr>`,
  );
  const panel = verdict === undefined ? "" : renderVotes(verdict);
  return folded(
    `Route: ${kind}, ${margin.toFixed(3)} ahead`,
    `<table class="route"><tbody>${near.join("")}</tbody></table>${panel}`,
  );
}

function renderVotes({ votes, dissent }: Verdict): string {
  const outvoted = new Set(dissent.map(({ member }) => member));
  const rows = votes.map(
    ({ member, area, why }) =>
      `<li><b>${escapeHtml(member)}</b> ${escapeHtml(area ?? "nobody")}${outvoted.has(member) ? ' <span class="wait">dissents</span>' : ""} <span class="quiet">${escapeHtml(why)}</span></li>`,
  );
  return `<p class="quiet">The panel, with its dissent:</p><ul class="plain">${rows.join("")}</ul>`;
}

const stateWords: Readonly<Record<Approval["state"], string>> = {
  open: "is asked",
  approved: "said yes",
  declined: "said no",
  void: "said yes, and it was void: what was shown had changed",
};

function renderApprovals(approvals: readonly Approval[], place: string): string {
  if (approvals.length === 0) return "";
  const items = approvals.map(({ agent, order, state, by, note, waitedMs, path }) => {
    const what =
      order === undefined ? "" : `: ${euros(order.amountCents)} to ${order.customerName} for ${order.paymentId}`;
    const who = by === undefined ? `The ${agent}` : `${by}, as ${agent},`;
    const why = note === undefined ? "" : ` (${note})`;
    const waited = waitedMs === undefined ? "" : `, after ${lasted(waitedMs)}`;
    return `<li class="${state === "approved" ? "" : "wait"}">${escapeHtml(`${who} ${stateWords[state]}${what}${why}${waited}`)} <span class="by">${escapeHtml(path)}</span></li>`;
  });
  return `<div id="${anchor(place, "approvals")}">${section("Approvals", `<ul class="plain">${items.join("")}</ul>`)}</div>`;
}

/** Every agent and tool that did something itself: how long, how often, at what cost. */
function renderDeeds(deeds: readonly Deed[], ms: number | undefined, usd: number | null | undefined): string {
  if (deeds.length === 0) return "";
  const rows = deeds.map(
    (deed) =>
      `<tr class="${deed.status === "failed" ? "bad" : ""}"><td class="mono quiet">${escapeHtml(deed.path)}</td><th>${escapeHtml(deed.agent)}</th><td>${escapeHtml(deed.status)}${deed.attempts > 1 ? `, ${many(deed.attempts, "attempt")}` : ""}</td><td class="number">${lasted(deed.ms)}</td><td class="number">${cost(deed.usd)}</td></tr>`,
  );
  const total = [many(deeds.length, "act"), lasted(ms), cost(usd) || "no model was asked"].filter(
    (part) => part !== "",
  );
  return folded(
    `Work: ${total.join(", ")}`,
    `<div class="wide"><table class="deeds"><tbody>${rows.join("")}</tbody></table></div>`,
  );
}
