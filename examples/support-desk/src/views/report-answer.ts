/** An answer, paragraph by paragraph, each with the clause, row or person that it rests on and who chose its words. */
import { policy } from "../services/policy.ts";
import { anchor, escapeHtml } from "./html.ts";
import type { RowSeen } from "./provenance.ts";
import type { SummaryLine } from "./summary.ts";

/** @param place the part of the report that this is in: a record's link stays inside it */
export function renderAnswer(line: SummaryLine, place: string): string {
  const { statements, rows } = line.provenance;
  if (statements.length === 0) return "";
  const said = statements.map(({ text, cites, agent, composedBy }) => {
    const sources = cites.map((cite) => renderSource(cite, rows, place)).join("");
    const people = cites.map((cite) => renderPerson(cite, rows, place)).join("");
    const by = composedBy === "rules" ? "composed by rules" : `written by ${composedBy}`;
    return `<li><p>${escapeHtml(text)}</p><div class="sources">${sources}${people}<span class="by">${escapeHtml(`${agent}, ${by}`)}</span></div></li>`;
  });
  return `<ol class="answer">${said.join("")}</ol>${renderRows(rows, place)}`;
}

function renderSource(cite: string, rows: readonly RowSeen[], place: string): string {
  const clause = /^policy (.+)$/.exec(cite)?.[1];
  if (clause !== undefined)
    return `<a class="chip clause" href="#policy-${escapeHtml(clause)}" title="${escapeHtml(policy.get(clause) ?? "")}">clause ${escapeHtml(clause)}</a>`;
  if (!rows.some(({ source }) => source === cite)) return `<span class="chip">${escapeHtml(cite)}</span>`;
  return `<a class="chip row" href="#${anchor(place, cite)}">${escapeHtml(cite)}</a>`;
}

function renderPerson(cite: string, rows: readonly RowSeen[], place: string): string {
  const by = rows.find(({ source }) => source === cite)?.approvedBy;
  return by === undefined
    ? ""
    : `<a class="chip person" href="#${anchor(place, "approvals")}">yes of ${escapeHtml(by)}</a>`;
}

/** The rows as they were when they were read, by whom. */
function renderRows(rows: readonly RowSeen[], place: string): string {
  if (rows.length === 0) return "";
  const items = rows.map(({ source, fields, agent, path }) => {
    const cells = Object.entries(fields).map(
      ([name, value]) => `<span><i>${escapeHtml(name)}</i> ${escapeHtml(value)}</span>`,
    );
    return `<li id="${anchor(place, source)}"><b class="mono">${escapeHtml(source)}</b><span class="fields">${cells.join("")}</span><span class="by">${escapeHtml(agent)} at ${escapeHtml(path)}</span></li>`;
  });
  return `<details class="rows" open><summary>${rows.length === 1 ? "The record" : `The ${rows.length} records`} behind it</summary><ul>${items.join("")}</ul></details>`;
}
